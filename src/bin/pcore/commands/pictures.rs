//! Pictures of inspections.

use anyhow::{Context, Result};
use pcore::dataset::Sample;
use pcore::files::{create_folders, is_full, replace_unsynced};
use pcore::report::picture_names;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Where the pictures of a listing's images go: one place for each, whatever their names are.
pub(super) struct PictureNames<'a>(HashMap<&'a Path, String>);

impl<'a> PictureNames<'a> {
    pub(super) fn of(samples: &'a [Sample]) -> Self {
        let images = || samples.iter().map(|sample| (sample.name.as_str(), sample.path.as_path()));
        Self(images().map(|(_, path)| path).zip(picture_names(images())).collect())
    }

    /// `KIND/NAME.EXTENSION`, below the folder of results, joined by `/`.
    pub(super) fn place(&self, kind: &str, sample: &Sample, extension: &str) -> String {
        let name = self.0.get(sample.path.as_path()).unwrap_or(&sample.name);
        format!("{kind}/{name}.{extension}")
    }
}

/// Makes the folders of `place` in the folder of results and hands its path to `write`.
pub(super) fn write_below(folder: &Path, place: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let below = Path::new(place);
    let path = folder.join(below);
    let writing = || format!("writing {}", path.display());
    create_folders(folder, below.parent().unwrap_or(Path::new(""))).with_context(writing)?;
    write(&path).with_context(writing)
}

/// As [`write_below`], with these bytes.
pub(super) fn write_bytes(folder: &Path, place: &str, bytes: &[u8]) -> Result<()> {
    write_below(folder, place, |path| Ok(replace_unsynced(path, bytes)?))
}

/// Whether an error says that nothing more can be written at all.
pub(super) fn is_disk_full(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_full)
}
