//! Why an image got its score: as JSON, and as a picture of its worst patches beside the normal ones they match.

mod picture;

pub use picture::explain_picture;

use crate::infer::{Explanation, Match, NormalPatch, PartShare, PixelBox};
use serde::Serialize;

/// What is left of the training images behind an [`Explanation`]: for every patch one entry per match, then one per entry
/// of [`by_condition`](crate::infer::ExplainedPatch::by_condition).
pub type NormalPatches = Vec<Vec<NormalPatch>>;

/// An explanation as the JSON object that machines read.
///
/// Patches are counted from 0: `row` from the top of the grid, `col` from its left. Boxes are `[top, left, height, width]`
/// in pixels of the image they are in; that of a match is `null` where its image can't be looked at, and `image_state`
/// says why (`found`, `changed`, `missing`).
#[derive(Clone, Debug, Serialize)]
pub struct ExplanationJson {
    path: String,
    score: f32,
    raw_score: f32,
    threshold: f32,
    verdict: &'static str,
    condition: Option<String>,
    unknown_condition: bool,
    gate_confidence: f32,
    policy: String,
    grid_rows: usize,
    grid_cols: usize,
    /// Of the patches below, those that lie nearest to a normal patch of another condition.
    nearer_in_another_condition: Option<usize>,
    /// Of a detector that has parts, what each says; left out else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartJson>,
    patches: Vec<PatchJson>,
}

#[derive(Clone, Debug, Serialize)]
struct PartJson {
    detector: String,
    input: [usize; 2],
    raw_score: f32,
    /// Standard deviations that it adds to the score.
    share: f32,
    /// Whether the patches are this part's.
    is_shown: bool,
}

#[derive(Clone, Debug, Serialize)]
struct PatchJson {
    row: usize,
    col: usize,
    pixels: [usize; 4],
    distance: f32,
    nearest_condition: Option<String>,
    matches: Vec<MatchJson>,
    nearest_by_condition: Vec<MatchJson>,
}

#[derive(Clone, Debug, Serialize)]
struct MatchJson {
    image: Option<String>,
    row: Option<usize>,
    col: Option<usize>,
    pixels: Option<[usize; 4]>,
    condition: String,
    other_condition: bool,
    distance: f32,
    counted_distance: f32,
    bank_row: usize,
    image_state: &'static str,
    reason: Option<String>,
}

impl ExplanationJson {
    /// Of the image at `path`, with what is left of the training images.
    #[must_use]
    pub fn new(path: &str, explanation: &Explanation, normals: &NormalPatches) -> Self {
        let inspection = &explanation.inspection;
        let own = inspection.condition.as_ref().map(ToString::to_string);
        let patches = explanation.patches.iter().enumerate().map(|(index, patch)| {
            let state = |i: usize| normals.get(index).and_then(|normals| normals.get(i));
            let of = |(i, found): (usize, &Match)| matched(found, state(i), explanation.grid.n_cols, own.as_deref());
            let n = patch.matches.len();
            PatchJson {
                row: patch.place.row,
                col: patch.place.col,
                pixels: sides(patch.place.pixels),
                distance: patch.distance,
                nearest_condition: patch.nearest_condition().map(ToString::to_string),
                matches: patch.matches.iter().enumerate().map(of).collect(),
                nearest_by_condition: patch.by_condition.iter().enumerate().map(|(i, m)| of((n + i, m))).collect(),
            }
        });
        Self {
            path: path.to_owned(),
            score: inspection.calibrated_score,
            raw_score: inspection.raw_score,
            threshold: inspection.calibrated_threshold,
            verdict: inspection.verdict.as_str(),
            condition: own.clone(),
            unknown_condition: inspection.is_unknown_condition,
            gate_confidence: inspection.gate_confidence,
            policy: explanation.policy.to_string(),
            grid_rows: explanation.grid.n_rows,
            grid_cols: explanation.grid.n_cols,
            nearer_in_another_condition: explanation.n_nearer_in_another(),
            parts: explanation.parts.iter().enumerate().map(|part| part_json(part, explanation.shown_part)).collect(),
            patches: patches.collect(),
        }
    }
}

fn part_json((index, part): (usize, &PartShare), shown: Option<usize>) -> PartJson {
    PartJson {
        detector: part.kind.clone(),
        input: [part.input_px.0, part.input_px.1],
        raw_score: part.raw_score,
        share: part.share,
        is_shown: shown == Some(index),
    }
}

fn matched(found: &Match, state: Option<&NormalPatch>, n_cols: usize, own: Option<&str>) -> MatchJson {
    let (image_state, pixels, reason) = match state {
        Some(NormalPatch::Found { place, .. }) => ("found", Some(sides(place.pixels)), None),
        Some(NormalPatch::Changed) => ("changed", None, None),
        Some(NormalPatch::Missing { reason }) => ("missing", None, Some(reason.clone())),
        None => ("missing", None, None),
    };
    // Of an image that is not there, as if it had the size of the one that is explained.
    let place = match state {
        Some(NormalPatch::Found { place, .. }) => Some((place.row, place.col)),
        _ => found.position.map(|position| (position / n_cols.max(1), position % n_cols.max(1))),
    };
    MatchJson {
        image: found.source.clone(),
        row: place.map(|(row, _)| row),
        col: place.map(|(_, col)| col),
        pixels,
        condition: found.condition.to_string(),
        other_condition: own.is_some_and(|own| own != found.condition.as_str()),
        distance: found.distance,
        counted_distance: found.counted,
        bank_row: found.row,
        image_state,
        reason,
    }
}

fn sides(pixels: PixelBox) -> [usize; 4] {
    [pixels.top_px, pixels.left_px, pixels.height_px, pixels.width_px]
}
