//! The layouts that are known, by name.

use std::fmt;
use std::path::PathBuf;

/// How the files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Images, files and folders without a recognised meaning.
    Flat,
    /// A folder with `good/`, and perhaps one folder per defect.
    Good,
    /// `train/good`, `test/good`, `test/DEFECT`.
    Mvtec,
    /// `train/good`, `test_public/{good,bad}`, masks inside `test_public`.
    MvtecAd2,
    /// As MVTec, each folder with `rgb`, `xyz` and `gt`.
    Mvtec3d,
    /// As MVTec, a folder of masks for each image.
    Loco,
    /// As MVTec, inside one `domain_X`.
    Hdmap,
    /// `train/ok`, `test/{ok,ko}`.
    Btad,
    /// `Data/Images/{Normal,Anomaly}`, `Data/Masks`.
    Visa,
    /// A folder of normal images beside one of anomalous images, and perhaps one of masks.
    Folder,
    /// A mask beside each image, black for a normal one.
    Kolektor,
    /// `train` and `test`, a mask beside each image, black for a normal one.
    Kolektor2,
    /// `OK/SAMPLE`, `NG/DEFECT/SAMPLE`, masks beside the images.
    RealIad,
    /// `Train`, `Test`, in each `Label` with the masks of the anomalous images.
    Dagm,
    /// A folder for each product, each with `train` and `test`.
    Products,
    /// Folders that were named.
    Named,
    /// A table says it of each image.
    Split,
}

/// Name for the command line, name for people, and what must be there.
const NAMES: [(Layout, &str, &str, &str); 15] = [
    (Layout::Flat, "flat", "flat", "images"),
    (Layout::Good, "good", "good/", "a folder good"),
    (Layout::Mvtec, "mvtec", "MVTec AD", "train/good, test/good and test/DEFECT"),
    (Layout::MvtecAd2, "mvtec-ad2", "MVTec AD 2", "train/good, test_public/good and test_public/bad"),
    (Layout::Mvtec3d, "mvtec-3d", "MVTec 3D-AD", "train/good/rgb and test/DEFECT/rgb"),
    (Layout::Loco, "mvtec-loco", "MVTec LOCO AD", "train/good, test/logical_anomalies and test/structural_anomalies"),
    (Layout::Hdmap, "hdmap", "HDMAP", "domain_X/train/good and domain_X/test"),
    (Layout::Btad, "btad", "BTAD", "train/ok, test/ok and test/ko"),
    (Layout::Visa, "visa", "VisA", "Data/Images/Normal and Data/Images/Anomaly"),
    (Layout::Folder, "folder", "anomalib Folder", "a folder normal, good or ok"),
    (Layout::Kolektor, "kolektor", "KolektorSDD", "a mask such as Part0_label.bmp beside each image"),
    (Layout::Kolektor2, "kolektor2", "KolektorSDD 2", "train and test, a mask such as 10000_GT.png beside each image"),
    (Layout::RealIad, "real-iad", "Real-IAD", "OK/S0001 and NG/DEFECT/S0001"),
    (Layout::Dagm, "dagm", "DAGM", "Train, Train/Label, Test and Test/Label"),
    (Layout::Products, "products", "product tree", "two or more folders with train and test in each"),
];

impl Layout {
    /// What must be there for it, in words.
    pub(super) fn expected(self) -> &'static str {
        NAMES.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.3)
    }

    /// The one that [`Layout::from_str`](std::str::FromStr::from_str) calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|entry| entry.1 == name).map(|entry| entry.0)
    }

    /// The names that [`Layout::from_str`](std::str::FromStr::from_str) takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|entry| entry.1)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|entry| entry.0 == *self);
        f.write_str(match self {
            Layout::Named => "folders as named",
            Layout::Split => "split table",
            _ => named.map_or("", |entry| entry.2),
        })
    }
}

/// What is known of a layout beforehand; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayoutHints {
    /// The layout; recognised where it is not given.
    pub layout: Option<Layout>,
    /// Names of folders that hold normal images, in place of `good` and its like.
    pub good: Vec<String>,
    /// The folder of masks, as it stands or below the root.
    pub masks: Option<PathBuf>,
    /// A table that says of each image what it is for.
    pub split: Option<PathBuf>,
}

/// Whether `layout` may be recognised.
pub(super) fn is_wanted(hints: &LayoutHints, layout: Layout) -> bool {
    hints.layout.is_none_or(|wanted| wanted == layout)
}
