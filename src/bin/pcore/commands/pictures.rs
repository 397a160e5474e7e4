//! Pictures of inspections.

use anyhow::Result;
use pcore::image::Image;
use pcore::infer::Inspection;
use pcore::report::{Caption, ColourScale, Overlay, SourceImage, display_rgb, display_white, overlay};
use pcore::score::AnomalyMap;
use std::path::{Path, PathBuf};

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
            condition: inspection.condition.as_ref().map(pcore::bank::Condition::as_str),
        }),
        max_side_px: style.max_side_px,
    })?;
    Ok(picture.png()?)
}

/// Where the picture of `name` goes: `folder/name.png`, sub-folders and the original extension kept, so that `a.png` and
/// `a.tif` do not meet. Parts that would lead out of `folder` are dropped.
pub(super) fn picture_path(folder: &Path, name: &str, extension: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in name.split(['/', '\\']).filter(|p| !p.is_empty() && *p != "." && *p != ".." && !p.ends_with(':')) {
        path.push(part);
    }
    let mut file = path.file_name().unwrap_or_default().to_os_string();
    file.push(".");
    file.push(extension);
    path.with_file_name(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stay_in_their_folder() {
        let folder = Path::new("out/overlays");
        assert_eq!(picture_path(folder, "test/good/0.tiff", "png"), folder.join("test/good/0.tiff.png"));
        assert_eq!(picture_path(folder, "../../etc/passwd", "png"), folder.join("etc/passwd.png"));
        assert_eq!(picture_path(folder, "/abs/x.png", "png"), folder.join("abs/x.png.png"));
    }
}
