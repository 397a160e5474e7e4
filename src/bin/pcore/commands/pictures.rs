//! Pictures of inspections.

use anyhow::{Context, Result};
use pcore::dataset::Sample;
use pcore::files::{create_folders, is_full, replace_unsynced};
use pcore::image::Image;
use pcore::infer::Inspection;
use pcore::report::{Caption, ColourScale, Overlay, SourceImage, display_rgb, display_white, overlay, picture_names};
use pcore::score::AnomalyMap;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// The colours of every picture of one bundle: they begin at half the pixel threshold.
pub(super) fn scale(pixel_threshold: Option<f32>, map: &AnomalyMap) -> Result<ColourScale> {
    let threshold = pixel_threshold.filter(|t| *t > 0.0).unwrap_or_else(|| map.max().max(f32::MIN_POSITIVE));
    Ok(ColourScale::around_threshold(threshold / 2.0, threshold)?)
}

/// How a picture is drawn.
pub(super) struct Style<'a> {
    /// Where the contour lies, in map units.
    pub(super) pixel_threshold: Option<f32>,
    /// The true fault, of the image's size.
    pub(super) truth: Option<&'a [bool]>,
    pub(super) legend: bool,
    pub(super) max_side_px: Option<usize>,
}

/// The overlay of an image as PNG bytes.
pub(super) fn overlay_png(image: &Image, inspection: &Inspection, style: &Style<'_>) -> Result<Vec<u8>> {
    let (height_px, width_px) = (image.height_px(), image.width_px());
    let map = inspection.map.at_source(&inspection.placement, height_px, width_px);
    let rgb = display_rgb(image, display_white(image));
    let picture = overlay(&Overlay {
        source: SourceImage { rgb: &rgb, height_px, width_px },
        map: &map,
        scale: scale(style.pixel_threshold, &map)?,
        contour: style.pixel_threshold,
        truth: style.truth,
        legend: style.legend,
        caption: Some(Caption {
            verdict: inspection.verdict,
            score: inspection.calibrated_score,
            threshold: inspection.calibrated_threshold,
            condition: inspection.condition.as_ref().map(pcore::condition::Condition::as_str),
        }),
        max_side_px: style.max_side_px,
    })?;
    Ok(picture.png()?)
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
