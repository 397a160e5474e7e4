//! The anomaly map laid over its image.

use super::canvas::{Picture, check_extent, text_width_px};
use super::{ColourScale, colour, resample};
use crate::report::{
    ReportError,
    number::{short, tick},
};
use crate::score::{AnomalyMap, Verdict};

/// Longest side below which an image is shown enlarged by a whole factor.
const SMALL_PX: usize = 320;
/// Narrowest picture: captions and legends need room.
const MIN_WIDTH_PX: usize = 300;
/// Opacity of the map at the upper end of the scale.
const MAX_ALPHA: f32 = 0.85;

const PANEL: [u8; 3] = [17, 20, 26];
const INK: [u8; 3] = [232, 234, 237];
const MUTED: [u8; 3] = [154, 160, 170];
const ALARM: [u8; 3] = [255, 138, 76];
const CALM: [u8; 3] = [120, 190, 255];
/// A hue that inferno does not contain.
const CONTOUR: [u8; 3] = [0, 229, 255];
const TRUTH: [u8; 3] = [255; 3];

/// An 8-bit RGB image.
#[derive(Clone, Copy, Debug)]
pub struct SourceImage<'a> {
    /// `[height_px * width_px * 3]`, row-major.
    pub rgb: &'a [u8],
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}

/// The decision written above a picture.
#[derive(Clone, Copy, Debug)]
pub struct Caption<'a> {
    /// What was decided.
    pub verdict: Verdict,
    /// The score that was compared.
    pub score: f32,
    /// What it was compared with.
    pub threshold: f32,
    /// The condition the threshold belongs to.
    pub condition: Option<&'a str>,
}

/// What an overlay shows.
#[derive(Clone, Copy, Debug)]
pub struct Overlay<'a> {
    /// The image underneath.
    pub source: SourceImage<'a>,
    /// The scores; a map of another size than the image is stretched over it.
    pub map: &'a AnomalyMap,
    /// The scores that the colours span.
    pub scale: ColourScale,
    /// Score at which a contour is drawn.
    pub contour: Option<f32>,
    /// The true fault, of the map's size, outlined in white.
    pub truth: Option<&'a [bool]>,
    /// Whether the colour scale is drawn below the picture.
    pub legend: bool,
    /// Lines above the picture.
    pub caption: Option<Caption<'a>>,
    /// Shrinks the image to this longest side; `None` keeps its resolution.
    pub max_side_px: Option<usize>,
}

/// Draws the image with its anomaly map, a contour, a legend and a caption.
///
/// The map's opacity grows with the score from 0 at the low end of the scale,
/// so normal areas stay readable. One image pixel is one picture pixel;
/// images below 320 pixels are enlarged by a whole factor, larger ones shrink
/// to `max_side_px` if that is given (the map then keeps its peaks).
///
/// # Errors
///
/// [`ReportError::Size`] if pixels are missing, [`ReportError::Extent`] if a
/// side is 0 or too long.
pub fn overlay(spec: &Overlay<'_>) -> Result<Picture, ReportError> {
    let source = spec.source;
    check_extent("the image", source.height_px, source.width_px)?;
    check_extent("the anomaly map", spec.map.height_px, spec.map.width_px)?;
    check_size("the image", source.rgb.len(), 3, source.height_px, source.width_px)?;
    check_size("the anomaly map", spec.map.values.len(), 1, spec.map.height_px, spec.map.width_px)?;

    if let Some(truth) = spec.truth {
        check_size("the mask", truth.len(), 1, spec.map.height_px, spec.map.width_px)?;
    }

    let shown = shown_size(source.height_px, source.width_px, spec.max_side_px);
    let (height, width) = shown;
    let mut heat = resample::source(source.rgb, (source.height_px, source.width_px), shown);
    let map_size = (spec.map.height_px, spec.map.width_px);
    let values = resample::map(&spec.map.values, map_size, shown);
    for (row, line) in values.chunks_exact(width).enumerate() {
        for (column, &value) in line.iter().enumerate() {
            let position = spec.scale.position(value);
            // Nearly all pixels of a normal image are below the scale, where the map is clear.
            if position > 0.0 {
                heat.blend(row, column, colour(position), MAX_ALPHA * position * position.sqrt());
            }
        }
    }
    if let Some(truth) = spec.truth {
        let inside: Vec<f32> = truth.iter().map(|&fault| f32::from(u8::from(fault))).collect();
        draw_contour(&mut heat, &resample::map(&inside, map_size, shown), 0.5, TRUTH);
    }
    if let Some(limit) = spec.contour {
        draw_contour(&mut heat, &values, limit, CONTOUR);
    }
    if spec.caption.is_none() && !spec.legend {
        return Ok(heat);
    }

    let full_width = width.max(MIN_WIDTH_PX);
    let font = (full_width / 320).clamp(1, 6);
    let panel = Panel { font, width: full_width };
    let top = spec.caption.map_or(0, |_| panel.caption_height());
    let below = if spec.legend { panel.legend_height(spec.contour) } else { panel.margin() };
    let full_height = top + height + below;
    let mut picture = Picture::filled(full_height, full_width, PANEL)?;
    if let Some(caption) = spec.caption {
        panel.draw_caption(&mut picture, caption);
    }
    picture.paste(top, (full_width - width) / 2, &heat);
    if spec.legend {
        panel.draw_legend(&mut picture, top + height, spec.scale, spec.contour);
    }
    Ok(picture)
}

/// An image alone, as large as its overlay is.
pub(in crate::report) fn shown(source: SourceImage<'_>, max_side_px: Option<usize>) -> Result<Picture, ReportError> {
    let SourceImage { rgb, height_px, width_px } = source;
    check_extent("the image", height_px, width_px)?;
    check_size("the image", rgb.len(), 3, height_px, width_px)?;
    Ok(resample::source(rgb, (height_px, width_px), shown_size(height_px, width_px, max_side_px)))
}

fn check_size(
    what: &'static str,
    found: usize,
    channels: usize,
    height_px: usize,
    width_px: usize,
) -> Result<(), ReportError> {
    let expected = height_px * width_px * channels;
    if found == expected { Ok(()) } else { Err(ReportError::Size { what, height_px, width_px, expected, found }) }
}

/// Rows and columns at which an image is shown.
fn shown_size(height: usize, width: usize, max_side: Option<usize>) -> (usize, usize) {
    let longest = height.max(width);
    let limit = max_side.unwrap_or(longest).max(1);
    if longest > limit {
        let shrink = |side: usize| (side * limit).div_ceil(longest).max(1);
        return (shrink(height), shrink(width));
    }
    let factor = (SMALL_PX.min(max_side.unwrap_or(SMALL_PX)) / longest).max(1);
    (height * factor, width * factor)
}

/// Marks pixels above `limit` that touch one at or below it.
fn draw_contour(picture: &mut Picture, values: &[f32], limit: f32, ink: [u8; 3]) {
    let (height, width) = (picture.height_px(), picture.width_px());
    let brush = (height.max(width) / 500).max(1);
    let above = |row: usize, column: usize| values[row * width + column] > limit;
    for row in 0..height {
        for column in 0..width {
            let inside = above(row, column)
                && (row == 0 || above(row - 1, column))
                && (row + 1 == height || above(row + 1, column))
                && (column == 0 || above(row, column - 1))
                && (column + 1 == width || above(row, column + 1));
            if above(row, column) && !inside {
                let start = |at: usize| at.saturating_sub((brush - 1) / 2);
                picture.fill(start(row), start(column), brush, brush, ink);
            }
        }
    }
}

/// The parts around the image, all in multiples of the font's scale.
struct Panel {
    font: usize,
    width: usize,
}

impl Panel {
    fn margin(&self) -> usize {
        8 * self.font
    }

    fn caption_height(&self) -> usize {
        34 * self.font
    }

    fn legend_height(&self, contour: Option<f32>) -> usize {
        self.font * if contour.is_some() { 46 } else { 34 }
    }

    fn draw_caption(&self, picture: &mut Picture, caption: Caption<'_>) {
        let (word, ink) = match caption.verdict {
            Verdict::Anomalous => ("ANOMALOUS", ALARM),
            Verdict::Normal => ("NORMAL", CALM),
        };
        let (first, second) = (7 * self.font, 19 * self.font);
        picture.text(first, self.margin(), self.font, ink, word);
        let score = format!("score {}", short(caption.score));
        let left = self.width.saturating_sub(self.margin() + text_width_px(&score, self.font));
        picture.text(first, left, self.font, INK, &score);
        let mut line = format!("threshold {}", short(caption.threshold));
        if let Some(condition) = caption.condition {
            line += &format!(" for {condition}");
        }
        picture.text(second, self.margin(), self.font, MUTED, &self.fitted(&line));
    }

    fn draw_legend(&self, picture: &mut Picture, top: usize, scale: ColourScale, contour: Option<f32>) {
        let (font, left) = (self.font, self.margin());
        let length = self.width - 2 * left;
        let bar_height = 8 * font;
        let bar_top = top + font * if contour.is_some() { 20 } else { 8 };
        for column in 0..length {
            let position = column as f32 / (length - 1).max(1) as f32;
            picture.fill(bar_top, left + column, bar_height, 1, colour(position));
        }
        let label_top = bar_top + bar_height + 4 * font;
        picture.text(label_top, left, font, MUTED, &tick(scale.low()));
        let high = format!(">= {}", tick(scale.high()));
        let high_left = left + length.saturating_sub(text_width_px(&high, font));
        picture.text(label_top, high_left, font, MUTED, &high);
        if let Some(limit) = contour {
            let label = format!("contour at {}", tick(limit));
            let at = left + (scale.position(limit) * (length - 1) as f32).round() as usize;
            let label_width = text_width_px(&label, font);
            let label_left =
                at.saturating_sub(label_width / 2).clamp(left, (left + length).saturating_sub(label_width));
            picture.text(top + 7 * font, label_left, font, CONTOUR, &label);
            let mark_top = bar_top - 2 * font;
            picture.fill(mark_top, at.saturating_sub(font), bar_height + 4 * font, 3 * font, PANEL);
            picture.fill(mark_top, at, bar_height + 4 * font, font, CONTOUR);
        }
    }

    /// A line cut to the width, the cut shown by dots.
    fn fitted(&self, line: &str) -> String {
        let fits = |text: &str| text_width_px(text, self.font) <= self.width - 2 * self.margin();
        if fits(line) {
            return line.to_owned();
        }
        let cuts = line.char_indices().rev().map(|(at, _)| format!("{}...", &line[..at]));
        cuts.into_iter().find(|cut| fits(cut)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(height_px: usize, width_px: usize, values: Vec<f32>) -> AnomalyMap {
        AnomalyMap { values, height_px, width_px }
    }

    fn spec<'a>(rgb: &'a [u8], map: &'a AnomalyMap, height_px: usize, width_px: usize) -> Overlay<'a> {
        Overlay {
            source: SourceImage { rgb, height_px, width_px },
            map,
            scale: ColourScale::new(0.0, 2.0).unwrap(),
            contour: None,
            truth: None,
            legend: true,
            caption: None,
            max_side_px: None,
        }
    }

    #[test]
    fn one_image_pixel_is_one_picture_pixel_and_low_scores_leave_it_alone() {
        let rgb: Vec<u8> = (0..400 * 330 * 3).map(|i| (i % 251) as u8).collect();
        let map = flat(400, 330, vec![0.0; 400 * 330]);
        let picture = overlay(&spec(&rgb, &map, 400, 330)).unwrap();
        assert_eq!(picture.width_px(), 330);
        assert_eq!(&picture.pixels()[..rgb.len()], &rgb[..]);
    }

    #[test]
    fn high_scores_take_the_colour_of_the_scale() {
        let rgb = vec![128; 400 * 400 * 3];
        let mut map = flat(400, 400, vec![0.0; 400 * 400]);
        map.values[0] = 99.0;
        let picture = overlay(&spec(&rgb, &map, 400, 400)).unwrap();
        let top = colour(1.0);
        for (found, wanted) in picture.at(0, 0).iter().zip(top) {
            let mixed = 128.0 + (f32::from(wanted) - 128.0) * MAX_ALPHA;
            assert_eq!(f32::from(*found), mixed.round());
        }
        assert_eq!(picture.at(0, 1), [128; 3]);
    }

    #[test]
    fn the_contour_runs_around_what_exceeds_the_limit() {
        let (height, width) = (400, 400);
        let mut map = flat(height, width, vec![0.0; height * width]);
        for row in 100..110 {
            for column in 50..60 {
                map.values[row * width + column] = 1.5;
            }
        }
        let rgb = vec![200; height * width * 3];
        let mut spec = spec(&rgb, &map, height, width);
        spec.contour = Some(1.0);
        let picture = overlay(&spec).unwrap();
        let drawn: Vec<(usize, usize)> = (0..height)
            .flat_map(|row| (0..width).map(move |column| (row, column)))
            .filter(|&(row, column)| picture.at(row, column) == CONTOUR)
            .collect();
        assert_eq!(drawn.len(), 36);
        assert!(drawn.contains(&(100, 50)) && drawn.contains(&(109, 59)) && !drawn.contains(&(105, 55)));
        spec.contour = Some(1.5);
        let none = overlay(&spec).unwrap();
        assert!((0..height).all(|row| none.at(row, 50) != CONTOUR), "the score must exceed the limit");
    }

    #[test]
    fn the_true_fault_is_outlined_and_a_bare_picture_has_no_panel() {
        let map = flat(400, 400, vec![0.0; 400 * 400]);
        let mut truth = vec![false; 400 * 400];
        truth[7 * 400 + 9] = true;
        let rgb = vec![40; 400 * 400 * 3];
        let mut spec = spec(&rgb, &map, 400, 400);
        spec.truth = Some(&truth);
        spec.legend = false;
        let picture = overlay(&spec).unwrap();
        assert_eq!((picture.height_px(), picture.width_px()), (400, 400));
        assert_eq!((picture.at(7, 9), picture.at(7, 10)), (TRUTH, [40; 3]));
        spec.truth = Some(&truth[1..]);
        assert!(matches!(overlay(&spec), Err(ReportError::Size { what: "the mask", .. })));
    }

    #[test]
    fn small_images_grow_and_large_ones_shrink_to_the_limit() {
        assert_eq!(shown_size(31, 95, None), (93, 285));
        assert_eq!(shown_size(1, 1, None), (320, 320));
        assert_eq!(shown_size(256, 256, None), (256, 256));
        assert_eq!(shown_size(3000, 4000, None), (3000, 4000));
        assert_eq!(shown_size(3000, 4000, Some(400)), (300, 400));
        assert_eq!(shown_size(1, 4000, Some(400)), (1, 400));
        assert_eq!(shown_size(31, 95, Some(200)), (62, 190));
        assert_eq!(shown_size(5, 5, Some(0)), (1, 1));
    }

    #[test]
    fn every_size_and_value_draws_without_panic() {
        let sizes = [(1, 1), (1, 700), (700, 1), (31, 95), (2, 3)];
        for (height, width) in sizes {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0] {
                for max_side_px in [None, Some(0), Some(1), Some(64)] {
                    let rgb = vec![9; height * width * 3];
                    let map = flat(2, 3, vec![value; 6]);
                    let mut spec = spec(&rgb, &map, height, width);
                    spec.max_side_px = max_side_px;
                    spec.contour = Some(value);
                    spec.caption = Some(Caption {
                        verdict: Verdict::Anomalous,
                        score: value,
                        threshold: -1e30,
                        condition: Some("a very long name of a condition, b\u{e4}cause someone may well use one"),
                    });
                    let picture = overlay(&spec).unwrap();
                    assert!(picture.width_px() >= MIN_WIDTH_PX);
                }
            }
        }
    }

    #[test]
    fn rejects_data_that_does_not_fit_its_size() {
        let map = flat(2, 2, vec![0.0; 4]);
        let short_image = overlay(&spec(&[0; 11], &map, 2, 2));
        assert!(matches!(short_image, Err(ReportError::Size { expected: 12, found: 11, .. })));
        let lying = flat(2, 3, vec![0.0; 4]);
        let short_map = overlay(&spec(&[0; 12], &lying, 2, 2));
        assert!(matches!(short_map, Err(ReportError::Size { expected: 6, found: 4, .. })));
        let empty = overlay(&spec(&[], &map, 0, 2));
        assert!(matches!(empty, Err(ReportError::Extent { .. })));
    }
}
