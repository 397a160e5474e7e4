//! Trees of files for tests.

use pcore::dataset::Listing;
use tempfile::TempDir;

/// A folder with these files, each empty: listing does not open images.
pub(crate) fn tree(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    folder
}

pub(crate) fn names(listing: &Listing) -> Vec<&str> {
    listing.samples.iter().map(|sample| sample.name.as_str()).collect()
}

pub(crate) const MVTEC: &[&str] = &[
    "train/good/000.png",
    "train/good/001.png",
    "test/good/000.png",
    "test/scratch/000.png",
    "test/scratch/001.png",
    "test/bent/000.png",
    "test/bent/001.png",
    "ground_truth/scratch/000_mask.png",
    "ground_truth/scratch/001.png",
    "ground_truth/bent/000_mask.tif",
    "readme.txt",
];

pub(crate) const HDMAP: &[&str] = &[
    "domain_A/train/good/000000.tiff",
    "domain_A/test/good/000000.tiff",
    "domain_A/test/fault/000000.tiff",
    "domain_C/train/good/000000.tiff",
    "domain_C/train/good/000001.tiff",
    "domain_C/test/good/000000.tiff",
    "domain_C/test/fault/000000.tiff",
    "domain_C/ground_truth/fault/000000.png",
];
