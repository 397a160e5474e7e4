//! An inspection drawn over its image.

use super::picture::shown;
use super::{Caption, ColourScale, Overlay, Picture, ReportError, SourceImage, display_rgb, display_white, overlay};
use crate::image::{Image, Placement};
use crate::infer::Inspection;
use crate::score::AnomalyMap;

/// How an inspection is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct DrawStyle<'a> {
    /// Where the contour lies, in map units, and from which half on colours begin; see `Manifest::pixel_threshold`.
    pub pixel_threshold: Option<f32>,
    /// The true fault, `[height_px, width_px]` of the image.
    pub truth: Option<&'a [bool]>,
    /// Whether the colour scale is drawn below the picture.
    pub legend: bool,
    /// Shrinks the picture to this longest side; `None` keeps the image's resolution.
    pub max_side_px: Option<usize>,
}

/// The colours of every picture of one bundle: they begin at half the pixel threshold.
///
/// # Errors
/// [`ReportError`] where the threshold is no number.
pub fn colours(pixel_threshold: Option<f32>, map: &AnomalyMap) -> Result<ColourScale, ReportError> {
    let threshold = pixel_threshold.filter(|t| *t > 0.0).unwrap_or_else(|| map.max().max(f32::MIN_POSITIVE));
    ColourScale::around_threshold(threshold / 2.0, threshold)
}

/// The image with its anomaly map over it, on the image's own pixels, with verdict, score and threshold above; as PNG by
/// [`Picture::png`].
///
/// ```no_run
/// use pcore::{Contents, DrawStyle, Inspector, Limits, OpenDevice};
///
/// let inspector = Inspector::open(Contents::read("part.pcore".as_ref())?, &OpenDevice::cpu())?;
/// let image = pcore::image::read("part.png".as_ref(), &Limits::default())?;
/// let style = DrawStyle { pixel_threshold: inspector.manifest().pixel_threshold, ..DrawStyle::default() };
/// let overlay = pcore::draw_inspection(&image, &inspector.inspect_one(&image)?, &style)?;
/// std::fs::write("overlay.png", overlay.png()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ReportError`] for sides that are too long, or a truth of another size.
pub fn draw_inspection(image: &Image, inspection: &Inspection, style: &DrawStyle<'_>) -> Result<Picture, ReportError> {
    let caption = Caption {
        verdict: inspection.verdict,
        score: inspection.calibrated_score,
        threshold: inspection.calibrated_threshold,
        condition: inspection.condition.as_ref().map(crate::condition::Condition::as_str),
    };
    draw_map(image, (&inspection.map, &inspection.placement), style, Some(caption))
}

/// The image alone, with the brightness that `like` is shown with, no side longer than `max_side_px`.
///
/// # Errors
/// [`ReportError`] for sides that are too long.
pub fn draw_image(image: &Image, like: &Image, max_side_px: Option<usize>) -> Result<Picture, ReportError> {
    let rgb = display_rgb(image, display_white(like));
    let source = SourceImage { rgb: &rgb, height_px: image.height_px(), width_px: image.width_px() };
    shown(source, max_side_px)
}

/// The image with a map at the network's input size over it, in which the image lies as the placement says.
///
/// # Errors
/// As [`draw_inspection`].
pub fn draw_map(
    image: &Image,
    (map, placement): (&AnomalyMap, &Placement),
    style: &DrawStyle<'_>,
    caption: Option<Caption<'_>>,
) -> Result<Picture, ReportError> {
    let (height_px, width_px) = (image.height_px(), image.width_px());
    let map = map.at_source(placement, height_px, width_px);
    let rgb = display_rgb(image, display_white(image));
    overlay(&Overlay {
        source: SourceImage { rgb: &rgb, height_px, width_px },
        map: &map,
        scale: colours(style.pixel_threshold, &map)?,
        contour: style.pixel_threshold,
        truth: style.truth,
        legend: style.legend,
        caption,
        max_side_px: style.max_side_px,
    })
}
