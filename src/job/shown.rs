//! The pictures that the page of a run shows, written while the images are inspected.

use super::JobError;
use super::pictures::{PictureNames, write_bytes};
use crate::dataset::{Label, Sample};
use crate::detect::Detector;
use crate::image::{Image, Limits, read_mask_of};
use crate::infer::{Inspection, Item};
use crate::report::{Beside, PICTURE_FOLDERS, PictureSet};
use crate::score::Verdict;
use std::fs;
use std::path::Path;

/// Below the folder of results: everything in [`PICTURE_FOLDERS`] is in it.
pub(super) const SHOWN_FOLDER: &str = "report_files";
/// Bytes of small pictures that are read back for the page: more than it takes.
const MOST_READ_BYTES: usize = 4 << 20;

/// Where the pictures of the page go.
pub(super) struct Shown<'a> {
    pub(super) folder: &'a Path,
    pub(super) names: &'a PictureNames<'a>,
    pub(super) pixel_threshold: Option<f32>,
    pub(super) detector: &'a dyn Detector,
}

impl Shown<'_> {
    /// Draws an alarm or a missed defect, and nothing else. Says why it could not; a disk without room ends the run.
    pub(super) fn draw_if_telling(
        &self,
        item: &Item<'_>,
        wording: fn(&str) -> String,
    ) -> Result<Option<String>, JobError> {
        let Ok((image, inspection)) = &item.outcome else { return Ok(None) };
        let is_alarm = inspection.verdict == Verdict::Anomalous;
        let is_defect = item.sample.label == Some(Label::Anomalous);
        if !is_alarm && !is_defect {
            return Ok(None);
        }
        match self.draw(item.sample, (image, inspection), !is_alarm) {
            Err(error) if error.is_disk_full() => Err(error),
            Err(error) => Ok(Some(wording(&error.to_string()))),
            Ok(()) => Ok(None),
        }
    }

    /// Draws an image; the small picture of a missed defect has the image itself beside its map, and any what the detector draws
    /// of it, where it draws.
    pub(super) fn draw(
        &self,
        sample: &Sample,
        (image, inspection): (&Image, &Inspection),
        is_missed: bool,
    ) -> Result<(), JobError> {
        // A mask that cannot be used is named where the figures are computed.
        let truth = sample.mask.as_ref().and_then(|path| read_mask_of(path, image, &Limits::default()).ok());
        let truth = truth.as_ref().map(|mask| &mask.values[..]);
        let drawn = self.detector.reconstruction(image).map_err(JobError::from)?;
        let beside = Beside { image: is_missed, reconstruction: drawn.as_ref() };
        let set = PictureSet::of(image, inspection, (self.pixel_threshold, truth), beside);
        let set = set.map_err(JobError::report(&sample.path))?;
        for (kind, bytes) in PICTURE_FOLDERS.iter().zip([&set.thumb, &set.map, &set.image]) {
            write_bytes(self.folder, &self.names.place(kind, sample, "jpg"), bytes)?;
        }
        Ok(())
    }

    /// Where the pictures of an image lie below [`PICTURE_FOLDERS`], if they are there, and the small one, as long as no more
    /// than [`MOST_READ_BYTES`] are read.
    pub(super) fn drawn(&self, sample: &Sample, n_read: &mut usize) -> Option<(String, Vec<u8>)> {
        let [thumbs, ..] = PICTURE_FOLDERS;
        let place = self.names.place(thumbs, sample, "jpg");
        let file = self.folder.join(&place);
        let n_bytes = fs::metadata(&file).ok().filter(fs::Metadata::is_file)?.len();
        let fits = usize::try_from(n_bytes).is_ok_and(|n_bytes| *n_read + n_bytes <= MOST_READ_BYTES);
        let thumb = if fits { fs::read(&file).ok()? } else { vec![] };
        *n_read += thumb.len();
        Some((place.strip_prefix(thumbs)?.strip_prefix('/')?.to_owned(), thumb))
    }
}
