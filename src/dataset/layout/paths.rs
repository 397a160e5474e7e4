//! Places of files and masks, as every layout looks at them.

use super::masks::{MaskNames, MaskPlace};
use super::names::LayoutHints;
use crate::dataset::DatasetError;
use crate::dataset::place::absolute;
use std::path::{Path, PathBuf};

/// The folder of masks that was named: as it stands, else below the root.
pub(in crate::dataset) fn named_masks(root: &Path, hints: &LayoutHints) -> Result<Option<PathBuf>, DatasetError> {
    let Some(masks) = &hints.masks else { return Ok(None) };
    let found = [root.join(masks), masks.clone()].into_iter().find(|folder| folder.is_dir());
    let folder = found.ok_or_else(|| DatasetError::NotFound { path: masks.clone() })?;
    absolute(&folder).map(Some)
}

/// Where the mask of an image in `folder` may be, among the images.
pub(super) fn beside_image(folder: &Path, names: MaskNames) -> MaskPlace {
    MaskPlace { folder: folder.to_path_buf(), names }
}

/// The names of folders on the way from `at` to `place`, the file left out.
pub(super) fn folders_below(at: &Path, place: &Path) -> Vec<String> {
    let below = place.strip_prefix(at).ok().and_then(Path::parent);
    below.map(|below| below.iter().map(|part| part.to_string_lossy().into_owned()).collect()).unwrap_or_default()
}
