//! The picture: the image with its worst patches boxed, and one line of crops for each of them.

use super::NormalPatches;
use crate::image::Image;
use crate::infer::{ExplainedPatch, Explanation, Match, NormalPatch, PixelBox};
use crate::report::number::short;
use crate::report::picture::{ASCENT, Picture, display_rgb, display_white, text_width_px};
use crate::report::{ReportError, SourceImage};
use crate::score::Verdict;

const PANEL: [u8; 3] = [17, 20, 26];
const EMPTY: [u8; 3] = [38, 42, 50];
const INK: [u8; 3] = [232, 234, 237];
const MUTED: [u8; 3] = [154, 160, 170];
const ALARM: [u8; 3] = [255, 138, 76];
const BOX: [u8; 3] = [0, 229, 255];

/// Side of a crop.
const CROP_PX: usize = 132;
/// Between crops and around the picture.
const GAP_PX: usize = 10;
/// A line of text in any script.
const LINE_PX: usize = 16;
/// Lines below a crop: image, condition and distance, place.
const LINES: usize = 3;
/// Longer side of the shown image.
const IMAGE_PX: usize = 420;
/// Times its own size that a patch's surroundings reach to each side in a crop.
const SURROUNDINGS: usize = 3;
/// Columns for the nearest normal patches of other conditions.
const MAX_OTHERS: usize = 2;

/// Draws `explanation` of `image`. `normals`: what is left of the training images; where one is missing or changed, its
/// place says so. All images are shown with the same brightness, that of the inspected one.
///
/// # Errors
/// [`ReportError::Extent`] when the picture would be too large.
pub fn explain_picture(
    image: &Image,
    explanation: &Explanation,
    normals: &NormalPatches,
) -> Result<Picture, ReportError> {
    let white = display_white(image);
    let own = Crop { rgb: &display_rgb(image, white), size: (image.height_px(), image.width_px()) };
    let shown = shown_size(own.size);
    let lines: Vec<Vec<Cell<'_>>> =
        explanation.patches.iter().enumerate().map(|(i, patch)| cells(explanation, patch, normals.get(i))).collect();
    let n_columns = 1 + lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell_height = CROP_PX + LINES * LINE_PX + GAP_PX;
    let head = GAP_PX + 2 * LINE_PX + GAP_PX;
    let height = head + (shown.0 + GAP_PX).max(lines.len() * cell_height);
    let width = GAP_PX + shown.1 + GAP_PX + n_columns * (CROP_PX + GAP_PX);
    let mut picture = Picture::filled(height, width, PANEL)?;
    headline(&mut picture, explanation);
    let (top, left) = (head, GAP_PX);
    picture.paste(
        top,
        left,
        &own.shown(PixelBox { top_px: 0, left_px: 0, height_px: own.size.0, width_px: own.size.1 }, shown)?,
    );
    for (index, patch) in explanation.patches.iter().enumerate() {
        let pixels = patch.place.pixels;
        let scale = |at: usize, from: usize, to: usize| at * to / from;
        let (y, x) = (scale(pixels.top_px, own.size.0, shown.0), scale(pixels.left_px, own.size.1, shown.1));
        let (h, w) =
            (scale(pixels.height_px, own.size.0, shown.0).max(3), scale(pixels.width_px, own.size.1, shown.1).max(3));
        outline(&mut picture, (top + y, left + x), (h, w));
        let number = (index + 1).to_string();
        picture.text((top + y).saturating_sub(ASCENT + 3), left + x, 1, BOX, &number);
    }
    for (index, (patch, line)) in explanation.patches.iter().zip(&lines).enumerate() {
        let row = top + index * cell_height;
        let mut column = left + shown.1 + GAP_PX;
        let around = patch.place.pixels.grown(SURROUNDINGS, own.size);
        own.draw(&mut picture, (row, column), patch.place.pixels, around)?;
        let title = format!("patch {}", index + 1);
        let place = format!("row {} col {}", patch.place.row, patch.place.col);
        label(
            &mut picture,
            (row, column),
            &[(&title, BOX), (&format!("dist {}", short(patch.distance)), INK), (&place, MUTED)],
        );
        for cell in line {
            column += CROP_PX + GAP_PX;
            cell.draw(&mut picture, (row, column), white)?;
        }
    }
    Ok(picture)
}

fn headline(picture: &mut Picture, explanation: &Explanation) {
    let inspection = &explanation.inspection;
    let (word, ink) = match inspection.verdict {
        Verdict::Anomalous => ("ANOMALOUS", ALARM),
        Verdict::Normal => ("NORMAL", BOX),
    };
    picture.text(GAP_PX, GAP_PX, 1, ink, word);
    let condition = match &inspection.condition {
        Some(condition) => condition.as_str(),
        None if inspection.is_unknown_condition => "UNKNOWN",
        None => "not told",
    };
    let text = format!(
        "score {}  threshold {}  condition {condition}  policy {}",
        short(inspection.calibrated_score),
        short(inspection.calibrated_threshold),
        explanation.policy
    );
    picture.text(GAP_PX, GAP_PX + text_width_px(&format!("{word}  "), 1), 1, INK, &text);
    let second = match explanation.n_nearer_in_another() {
        Some(n) => {
            format!("{n} of {} patches are nearest to a normal patch of another condition", explanation.patches.len())
        }
        None => "worst patches, and the nearest normal patches".to_owned(),
    };
    picture.text(GAP_PX + LINE_PX, GAP_PX, 1, MUTED, &second);
}

/// One normal patch to be shown.
struct Cell<'a> {
    found: &'a Match,
    state: Option<&'a NormalPatch>,
    n_cols: usize,
    is_other: bool,
}

/// The matches of a patch, then the nearest of other conditions where those are not among them.
fn cells<'a>(
    explanation: &'a Explanation,
    patch: &'a ExplainedPatch,
    states: Option<&'a Vec<NormalPatch>>,
) -> Vec<Cell<'a>> {
    let own = explanation.inspection.condition.as_ref();
    let cell = |(index, found): (usize, &'a Match)| Cell {
        found,
        state: states.and_then(|states| states.get(index)),
        n_cols: explanation.grid.n_cols.max(1),
        is_other: own.is_some_and(|own| *own != found.condition),
    };
    let n = patch.matches.len();
    let is_new = |m: &Match| patch.matches.iter().all(|shown| shown.condition != m.condition);
    let others = patch.by_condition.iter().enumerate().filter(|(_, m)| is_new(m));
    let others = others.map(|(i, m)| cell((n + i, m))).take(MAX_OTHERS);
    patch.matches.iter().enumerate().map(cell).chain(others).collect()
}

impl Cell<'_> {
    fn draw(&self, picture: &mut Picture, at: (usize, usize), white: f32) -> Result<(), ReportError> {
        match self.state {
            Some(NormalPatch::Found { image, place }) => {
                let rgb = display_rgb(image, white);
                let crop = Crop { rgb: &rgb, size: (image.height_px(), image.width_px()) };
                crop.draw(picture, at, place.pixels, place.pixels.grown(SURROUNDINGS, crop.size))?;
            }
            Some(NormalPatch::Changed) => placeholder(picture, at, ["the image", "has changed"]),
            Some(NormalPatch::Missing { .. }) | None => placeholder(picture, at, ["the image", "is missing"]),
        }
        let name = self.found.source.as_deref().unwrap_or("image not recorded");
        let (ink, mark) = if self.is_other { (ALARM, "OTHER ") } else { (INK, "") };
        let second = format!("{mark}{} {}", self.found.condition, short(self.found.distance));
        let third = self
            .found
            .position
            .map_or_else(String::new, |p| format!("row {} col {}", p / self.n_cols, p % self.n_cols));
        label(picture, at, &[(name, MUTED), (&second, ink), (&third, MUTED)]);
        Ok(())
    }
}

/// An image that crops are taken of.
struct Crop<'a> {
    rgb: &'a [u8],
    size: (usize, usize),
}

impl Crop<'_> {
    /// `part` of the image at the size `to` (height, width), each pixel the nearest one.
    fn shown(&self, part: PixelBox, to: (usize, usize)) -> Result<Picture, ReportError> {
        let source = SourceImage { rgb: self.rgb, height_px: self.size.0, width_px: self.size.1 };
        let mut picture = Picture::filled(to.0, to.1, PANEL)?;
        for row in 0..to.0 {
            let y = part.top_px + row * part.height_px / to.0;
            for column in 0..to.1 {
                let x = part.left_px + column * part.width_px / to.1;
                let start = (y * source.width_px + x) * 3;
                if let Some([red, green, blue]) = source.rgb.get(start..start + 3) {
                    picture.blend(row, column, [*red, *green, *blue], 1.0);
                }
            }
        }
        Ok(picture)
    }

    /// The surroundings of a patch as a square, as the network sees them, with the patch outlined.
    fn draw(
        &self,
        picture: &mut Picture,
        (top, left): (usize, usize),
        patch: PixelBox,
        around: PixelBox,
    ) -> Result<(), ReportError> {
        picture.paste(top, left, &self.shown(around, (CROP_PX, CROP_PX))?);
        let y = (patch.top_px - around.top_px) * CROP_PX / around.height_px;
        let x = (patch.left_px - around.left_px) * CROP_PX / around.width_px;
        let (h, w) = (patch.height_px * CROP_PX / around.height_px, patch.width_px * CROP_PX / around.width_px);
        outline(picture, (top + y, left + x), (h.max(3), w.max(3)));
        Ok(())
    }
}

fn outline(picture: &mut Picture, (top, left): (usize, usize), (height, width): (usize, usize)) {
    picture.fill(top, left, 1, width, BOX);
    picture.fill(top + height - 1, left, 1, width, BOX);
    picture.fill(top, left, height, 1, BOX);
    picture.fill(top, left + width - 1, height, 1, BOX);
}

fn placeholder(picture: &mut Picture, (top, left): (usize, usize), words: [&str; 2]) {
    picture.fill(top, left, CROP_PX, CROP_PX, EMPTY);
    for (index, word) in words.into_iter().enumerate() {
        picture.text(top + CROP_PX / 2 - LINE_PX + index * LINE_PX, left + GAP_PX, 1, INK, word);
    }
}

fn label(picture: &mut Picture, (top, left): (usize, usize), lines: &[(&str, [u8; 3])]) {
    for (index, (text, ink)) in lines.iter().enumerate() {
        picture.text(top + CROP_PX + 3 + index * LINE_PX, left, 1, *ink, &tail(text));
    }
}

/// The end of a text that fits below a crop: of a path, the end tells most.
fn tail(text: &str) -> String {
    let fits = |text: &str| text_width_px(text, 1) <= CROP_PX;
    if fits(text) {
        return text.to_owned();
    }
    text.char_indices().map(|(at, _)| format!("..{}", &text[at..])).find(|cut| fits(cut)).unwrap_or_default()
}

/// The image enlarged by a whole factor, or shrunk, to about [`IMAGE_PX`].
fn shown_size((height, width): (usize, usize)) -> (usize, usize) {
    let longest = height.max(width);
    if longest > IMAGE_PX {
        let shrink = |side: usize| (side * IMAGE_PX / longest).max(1);
        return (shrink(height), shrink(width));
    }
    let factor = (IMAGE_PX / longest).max(1);
    (height * factor, width * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Condition, Policy};
    use crate::image::{Preprocessing, Resize};
    use crate::infer::{Inspection, PatchPlace};
    use crate::model::Grid;
    use crate::report::ExplanationJson;
    use crate::score::AnomalyMap;
    use std::sync::Arc;

    fn found(condition: &str, distance: f32) -> Match {
        Match {
            row: 3,
            source: Some("train/good/a_rather_long_name_of_a_file.png".to_owned()),
            position: Some(5),
            condition: Condition::new(condition),
            distance,
            counted: distance,
        }
    }

    fn explanation(size: (usize, usize)) -> Explanation {
        let placement = Preprocessing::imagenet(64, 64, Resize::StretchBilinear).placement(size.0, size.1);
        let grid = Grid { n_rows: 8, n_cols: 4 };
        let patch = |index: usize| ExplainedPatch {
            place: PatchPlace::of(index, grid, &placement, size),
            distance: 2.0,
            matches: vec![found("cold", 2.0), found("cold", f32::NAN)],
            by_condition: vec![found("cold", 2.0), found("warm", 1.0)],
        };
        Explanation {
            parts: vec![],
            shown_part: None,
            inspection: Inspection {
                p_value: None,
                raw_score: 2.0,
                calibrated_score: 5.0,
                threshold: 1.5,
                calibrated_threshold: 3.0,
                verdict: Verdict::Anomalous,
                condition: Some(Condition::new("cold")),
                is_unknown_condition: false,
                gate_confidence: 0.9,
                map: AnomalyMap { values: vec![0.0], height_px: 1, width_px: 1 },
                placement: placement.clone(),
                inside: None,
                pixel_threshold: None,
                regions: vec![],
                pooled: None,
            },
            policy: Policy::Gated,
            grid,
            patches: vec![patch(9), patch(31)],
        }
    }

    #[test]
    fn every_size_and_state_draws_and_a_missing_image_leaves_its_place_grey() {
        for size in [(1, 1), (31, 95), (900, 20), (500, 700)] {
            let image = Image::new(vec![0.7; size.0 * size.1], size.0, size.1, 1).unwrap();
            let pixels = PixelBox { top_px: 0, left_px: 0, height_px: 1, width_px: 1 };
            let there =
                NormalPatch::Found { image: Arc::new(image.clone()), place: PatchPlace { row: 0, col: 0, pixels } };
            let gone = NormalPatch::Missing { reason: "no such file".to_owned() };
            let states = vec![vec![there, NormalPatch::Changed, gone.clone(), gone]];
            let explained = explanation(size);
            let picture = explain_picture(&image, &explained, &states).unwrap();
            let left = GAP_PX + shown_size(size).1 + GAP_PX;
            let column = |n: usize| left + n * (CROP_PX + GAP_PX) + 2;
            let head = GAP_PX + 2 * LINE_PX + GAP_PX;
            assert_eq!(picture.at(head + CROP_PX - 2, column(1)), [179; 3], "{size:?}");
            assert_eq!(picture.at(head + CROP_PX - 2, column(2)), EMPTY, "{size:?}");
            assert_eq!(picture.at(head + CROP_PX - 2, column(3)), EMPTY, "{size:?}");
        }
    }

    #[test]
    fn pictures_of_conditions_in_any_script_are_told_apart() {
        let image = Image::new(vec![0.7; 40 * 60], 40, 60, 1).unwrap();
        let picture = |condition: &str| {
            let mut explained = explanation((40, 60));
            explained.inspection.condition = Some(Condition::new(condition));
            for patch in &mut explained.patches {
                patch.matches = vec![found(condition, 1.0)];
            }
            explain_picture(&image, &explained, &vec![]).unwrap()
        };
        let names =
            ["K\u{e4}lte", "Kalte", "\u{5bd2}\u{51b7}", "\u{6696}\u{548c}", "\u{445}\u{43e}\u{43b}\u{43e}\u{434}"];
        let pictures = names.map(picture);
        assert!((1..names.len()).all(|i| !pictures[..i].contains(&pictures[i])));
    }

    #[test]
    fn the_json_names_what_was_matched_and_what_became_of_it() {
        let explained = explanation((31, 95));
        let states = vec![vec![NormalPatch::Changed, NormalPatch::Missing { reason: "gone".to_owned() }]];
        let json = serde_json::to_value(ExplanationJson::new("a.png", &explained, &states)).unwrap();
        assert_eq!(json["nearer_in_another_condition"], 2);
        let patch = &json["patches"][0];
        assert_eq!((patch["row"].as_u64(), patch["col"].as_u64()), (Some(2), Some(1)));
        assert_eq!(patch["nearest_condition"], "warm");
        assert_eq!(
            (&patch["matches"][0]["image_state"], &patch["matches"][1]["reason"]),
            (&"changed".into(), &"gone".into())
        );
        assert_eq!((patch["matches"][0]["row"].as_u64(), patch["matches"][0]["col"].as_u64()), (Some(1), Some(1)));
        assert_eq!(patch["nearest_by_condition"][1]["other_condition"], true);
        assert_eq!(patch["nearest_by_condition"][1]["pixels"], serde_json::Value::Null);
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(tail("short"), "short");
        let cut = tail("train/good/a_rather_long_name_of_a_file.png");
        assert!(cut.starts_with("..") && cut.ends_with("file.png") && text_width_px(&cut, 1) <= CROP_PX);
        let cut = tail("\u{5bd2}\u{51b7}/\u{5bd2}\u{51b7}/\u{5bd2}\u{51b7}/\u{5bd2}\u{51b7}.png");
        assert!(cut.starts_with("..") && cut.ends_with("\u{51b7}.png") && text_width_px(&cut, 1) <= CROP_PX);
    }
}
