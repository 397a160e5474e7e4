//! Pictures of inspections.

use super::JobError;
use crate::dataset::Sample;
use crate::detect::Detector;
use crate::files::{create_folders, replace_unsynced};
use crate::image::{Image, ImageError, write_png_grey8, write_tiff_f32};
use crate::infer::{Inspection, Item};
use crate::report::{DrawStyle, ReportError, draw_image, draw_inspection, picture_names};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Bytes that pictures of an image take for each of its pixels while they are drawn: two maps of 32 bits, its colours, the
/// picture and its encoding.
pub(super) const DRAWING_BYTES: u64 = 24;

/// How an anomaly map at source resolution is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapFormat {
    /// Grey, 8 bits: 0 to twice the pixel threshold.
    Png,
    /// 32-bit float distances.
    Tiff,
}

impl MapFormat {
    /// The word for it, and what file names end with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Tiff => "tiff",
        }
    }
}

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

/// The path of `place` in the folder of results, its folders made.
fn path_for(folder: &Path, place: &str) -> Result<PathBuf, JobError> {
    let below = Path::new(place);
    let path = folder.join(below);
    create_folders(folder, below.parent().unwrap_or(Path::new(""))).map_err(JobError::file("writing", &path))?;
    Ok(path)
}

/// Makes the folders of `place` in the folder of results and writes a picture there.
pub(super) fn write_bytes(folder: &Path, place: &str, bytes: &[u8]) -> Result<(), JobError> {
    let path = path_for(folder, place)?;
    replace_unsynced(&path, bytes).map_err(JobError::file("writing", &path))
}

/// Pictures of each image in a folder of results.
pub(super) struct Drawing<'a> {
    pub(super) folder: &'a Path,
    pub(super) names: &'a PictureNames<'a>,
    pub(super) pixel_threshold: Option<f32>,
    pub(super) detector: &'a dyn Detector,
    pub(super) maps: &'a [MapFormat],
}

/// What was drawn of an image.
#[derive(Default)]
pub(super) struct Pictures {
    pub(super) overlay: Option<String>,
    pub(super) error: Option<String>,
}

impl Drawing<'_> {
    /// A picture that can't be written is noted; a disk without room ends the run.
    pub(super) fn draw(&self, item: &Item<'_>, wording: fn(&str) -> String) -> Result<Pictures, JobError> {
        let Ok((image, inspection)) = &item.outcome else { return Ok(Pictures::default()) };
        let place = self.names.place("overlays", item.sample, "png");
        let style = DrawStyle { pixel_threshold: self.pixel_threshold, truth: None, legend: true, max_side_px: None };
        let png = || -> Result<Vec<u8>, ReportError> { draw_inspection(image, inspection, &style)?.png() };
        let drawn = png()
            .map_err(JobError::report(&self.folder.join(&place)))
            .and_then(|png| write_bytes(self.folder, &place, &png));
        let overlay = drawn.is_ok().then_some(place);
        let more = || {
            self.write_maps(item.sample, image, inspection)?;
            self.write_reconstruction(item.sample, image)
        };
        match drawn.and_then(|()| more()) {
            Err(error) if error.is_disk_full() => Err(error),
            Err(error) => Ok(Pictures { overlay, error: Some(wording(&error.to_string())) }),
            Ok(()) => Ok(Pictures { overlay, error: None }),
        }
    }

    /// What the detector draws of the image, where it draws.
    fn write_reconstruction(&self, sample: &Sample, image: &Image) -> Result<(), JobError> {
        let Some(reconstruction) = self.detector.reconstruction(image).map_err(JobError::from)? else {
            return Ok(());
        };
        let place = self.names.place("reconstructions", sample, "png");
        let png = draw_image(&reconstruction, image, None).and_then(|picture| picture.png());
        write_bytes(self.folder, &place, &png.map_err(JobError::report(&self.folder.join(&place)))?)
    }

    fn write_maps(&self, sample: &Sample, image: &Image, inspection: &Inspection) -> Result<(), JobError> {
        if self.maps.is_empty() {
            return Ok(());
        }
        let (height_px, width_px) = (image.height_px(), image.width_px());
        let map = inspection.map.at_source(&inspection.placement, height_px, width_px);
        let write = |extension, write: &dyn Fn(&Path) -> Result<(), ImageError>| {
            let path = path_for(self.folder, &self.names.place("maps", sample, extension))?;
            write(&path).map_err(|source| JobError::Map { path, source })
        };
        for format in self.maps {
            match format {
                MapFormat::Tiff => {
                    write("tiff", &|path| write_tiff_f32(path, &map.values, height_px, width_px))?;
                }
                MapFormat::Png => {
                    // The pixel threshold is mid-grey, so that a map can be read without its numbers.
                    let full = 2.0 * self.pixel_threshold.unwrap_or_else(|| map.max()).max(f32::MIN_POSITIVE);
                    let bytes: Vec<u8> =
                        map.values.iter().map(|v| (v / full * 255.0).clamp(0.0, 255.0).round() as u8).collect();
                    write("png", &|path| write_png_grey8(path, &bytes, height_px, width_px))?;
                }
            }
        }
        Ok(())
    }
}
