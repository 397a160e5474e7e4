//! Which mask belongs to which image.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::super::unicode::composed;
use super::words::without_suffix;
use crate::image::is_image_path;

/// Extensions of masks that come first where several fit; lossy formats blur the edge.
const FIRST_EXTENSIONS: [&str; 4] = ["png", "bmp", "tif", "tiff"];

/// A folder in which an image's mask may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dataset) struct MaskPlace {
    pub(super) folder: PathBuf,
    /// What may be its name.
    pub(super) names: MaskNames,
}

/// What a mask may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaskNames {
    /// `STEM`, `STEM_mask` and the like, or a folder `STEM` of several masks.
    Any,
    /// `STEM_mask` and the like: the folder holds the images too.
    Suffixed,
    /// The image's own stem with another extension, or `STEM_mask` and the like, beside the image.
    SameStem,
}

/// Finds masks by the names of their images; lists each folder once.
#[derive(Debug, Default)]
pub(in crate::dataset) struct MaskFinder {
    folders: HashMap<PathBuf, HashMap<String, Vec<Candidate>>>,
    /// The masks that were found to belong to an image.
    used: BTreeSet<PathBuf>,
}

/// A file, or a folder of several, that may be the mask of a stem. Ordered by preference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// 0 for `STEM_mask`, 1 for `STEM`, then the other suffixes, last folders.
    rank: usize,
    extension_rank: usize,
    path: PathBuf,
}

/// The rank of a file that is called as its image is.
const SAME_STEM: usize = 1;
/// The rank of a folder of masks.
const FOLDER: usize = 100;

impl MaskFinder {
    /// The mask of `image`, in the first of `places` that has one.
    pub(super) fn find(&mut self, image: &Path, places: &[MaskPlace]) -> Option<PathBuf> {
        let stem = image.file_stem()?.to_string_lossy();
        let stem = composed(&stem);
        let found = places.iter().find_map(|place| {
            let candidates = self.folder(&place.folder).get(&*stem)?;
            let fits = |candidate: &&Candidate| match place.names {
                MaskNames::Any => candidate.path != image,
                MaskNames::Suffixed => candidate.rank != SAME_STEM && candidate.rank != FOLDER,
                MaskNames::SameStem => candidate.path != image && candidate.rank != FOLDER,
            };
            candidates.iter().find(fits).map(|candidate| candidate.path.clone())
        });
        self.used.extend(found.clone());
        found
    }

    /// Notes a mask that something else than its name tells.
    pub(super) fn take(&mut self, mask: PathBuf) -> PathBuf {
        self.used.insert(mask.clone());
        mask
    }

    /// Whether `file` is the mask of an image in its own folder, by its name.
    pub(in crate::dataset) fn is_beside_its_image(&mut self, file: &Path) -> bool {
        let (Some(folder), Some(stem)) = (file.parent(), file.file_stem().and_then(|stem| stem.to_str())) else {
            return false;
        };
        let Some((base, _)) = without_suffix(stem) else { return false };
        let base = composed(base).into_owned();
        let candidates = self.folder(folder).get(&base);
        candidates.is_some_and(|all| all.iter().any(|candidate| candidate.rank == SAME_STEM))
    }

    /// The image files below `roots` that no image was found for, sorted.
    pub(in crate::dataset) fn unused(&self, files: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
        let is_used = |file: &PathBuf| file.ancestors().take(2).any(|path| self.used.contains(path));
        let unused: BTreeSet<PathBuf> = files.filter(|file| !is_used(file)).collect();
        unused.into_iter().collect()
    }

    fn folder(&mut self, folder: &Path) -> &HashMap<String, Vec<Candidate>> {
        self.folders.entry(folder.to_path_buf()).or_insert_with(|| index(folder))
    }
}

/// What a folder holds, by the stem of the image it may belong to. A folder that is not there, or cannot be read, has no
/// masks.
fn index(folder: &Path) -> HashMap<String, Vec<Candidate>> {
    let mut found: HashMap<String, Vec<Candidate>> = HashMap::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let is_folder = path.is_dir();
        let name = if is_folder { path.file_name() } else { path.file_stem() };
        let Some(stem) = name.map(|name| name.to_string_lossy().into_owned()) else { continue };
        if is_folder {
            if holds_images(&path) {
                add(&mut found, &stem, FOLDER, path);
            }
        } else if is_image_path(&path) {
            if let Some((base, suffix)) = without_suffix(&stem) {
                let rank = if suffix == 0 { 0 } else { SAME_STEM + suffix };
                add(&mut found, base, rank, path.clone());
            }
            add(&mut found, &stem, SAME_STEM, path);
        }
    }
    found.values_mut().for_each(|candidates| candidates.sort());
    found
}

fn holds_images(folder: &Path) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| is_image_path(&entry.path()))
}

fn add(found: &mut HashMap<String, Vec<Candidate>>, stem: &str, rank: usize, path: PathBuf) {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_lowercase();
    let known = FIRST_EXTENSIONS.iter().position(|known| *known == extension);
    let extension_rank = known.unwrap_or(FIRST_EXTENSIONS.len());
    found.entry(composed(stem).into_owned()).or_default().push(Candidate { rank, extension_rank, path });
}
