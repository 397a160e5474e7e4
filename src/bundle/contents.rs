//! What a bundle holds, and the rules all its parts keep.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{BackboneEntry, ConformalEntry, Defect, Manifest};

/// Stands in `row_source` and `row_position` where the origin of a row is not known, as in a bank that was
/// imported from another program.
pub const UNKNOWN: u32 = u32::MAX;

/// Numbers per point of a gate.
pub(super) const GATE_DIM: usize = crate::bank::GATE_DIM;

/// Largest height or width of a network input, pixels.
const MAX_SIDE_PX: usize = 1 << 16;

/// Most neighbours that a map may average over.
pub const MAX_MAP_NEIGHBOURS: usize = 100;

/// Everything a bundle file holds, as plain host data.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// How the bank was made and is used.
    pub manifest: Manifest,
    /// Memory bank `[n_rows, dim]`, row-major; `n_rows` is `manifest.coreset.n_picked`, `dim` is
    /// `manifest.descriptor.dim`. Finite.
    pub bank_rows: Vec<f32>,
    /// `[n_rows]` index into `manifest.conditions`.
    pub row_condition: Vec<u32>,
    /// `[n_rows]` index into `manifest.sources`, or [`UNKNOWN`].
    pub row_source: Vec<u32>,
    /// `[n_rows]` patch index `row * grid_cols + col` in the grid of its image, or [`UNKNOWN`].
    pub row_position: Vec<u32>,
    /// `[n_calibration]` raw image scores of held-out normal images; `n_calibration` is
    /// `manifest.calibration.global.n`. Finite.
    pub calibration_scores: Vec<f32>,
    /// `[n_calibration]` index into `manifest.conditions`.
    pub calibration_condition: Vec<u32>,
    /// `[n_other_policies, n_calibration]` the same images' scores under `manifest.calibration.other_policies`. Finite.
    pub other_scores: Vec<f32>,
    /// `[n_points, 8]` standardised training images that the gate votes by; `n_points` is `manifest.gate.n_points`.
    pub gate_points: Vec<f32>,
    /// `[n_points]` index into `manifest.conditions`.
    pub gate_conditions: Vec<u32>,
    /// `[n_rows]` mean distance of each row to its nearest other rows, from 0; empty without `manifest.calibration.density`.
    pub row_scale: Vec<f32>,
    /// `[n_policies, n_calibration]` the scores of the calibration images by distances divided by that scale, under
    /// `manifest.calibration.density.policies`. Finite.
    pub density_scores: Vec<f32>,
    /// `[n_rows]` the list of each row, below `manifest.index.n_lists`; empty without `manifest.index`.
    pub row_list: Vec<u32>,
}

impl Contents {
    /// A manifest without its tensors, to be filled.
    pub(super) fn empty(manifest: Manifest) -> Self {
        Self {
            manifest,
            bank_rows: Vec::new(),
            row_condition: Vec::new(),
            row_source: Vec::new(),
            row_position: Vec::new(),
            calibration_scores: Vec::new(),
            calibration_condition: Vec::new(),
            other_scores: Vec::new(),
            gate_points: Vec::new(),
            gate_conditions: Vec::new(),
            row_scale: Vec::new(),
            density_scores: Vec::new(),
            row_list: Vec::new(),
        }
    }

    /// Checks that all parts are finite, in range and agree with each other. Readers and writers do this
    /// themselves.
    ///
    /// # Errors
    /// The first [`Defect`] found.
    pub fn check(&self) -> Result<(), Defect> {
        check_settings(&self.manifest)?;
        self.check_lengths()?;
        check_finite("bank_rows", &self.bank_rows)?;
        check_finite("calibration_scores", &self.calibration_scores)?;
        check_finite("other_scores", &self.other_scores)?;
        check_finite("gate_points", &self.gate_points)?;
        check_finite("density_scores", &self.density_scores)?;
        check_finite("row_scale", &self.row_scale)?;
        if let Some(index) = self.row_scale.iter().position(|scale| *scale < 0.0) {
            let (expected, found) = ("numbers from 0".to_owned(), self.row_scale[index].to_string());
            return Err(Defect::Tensor { name: "row_scale", expected, found });
        }
        let n_conditions = self.manifest.conditions.len();
        let n_patches = self.manifest.descriptor.grid_rows.saturating_mul(self.manifest.descriptor.grid_cols);
        check_indices("row_condition", &self.row_condition, "conditions", n_conditions, false)?;
        check_indices("row_source", &self.row_source, "sources", self.manifest.sources.len(), true)?;
        check_indices("row_position", &self.row_position, "the patch grid", n_patches, true)?;
        check_indices("calibration_condition", &self.calibration_condition, "conditions", n_conditions, false)?;
        let n_lists = self.manifest.index.as_ref().map_or(0, |index| index.n_lists);
        check_indices("row_list", &self.row_list, "lists", n_lists, false)?;
        check_indices("gate_conditions", &self.gate_conditions, "conditions", n_conditions, false)?;
        self.check_counts()
    }

    fn check_lengths(&self) -> Result<(), Defect> {
        let n_rows = self.manifest.coreset.n_picked;
        let dim = self.manifest.descriptor.dim;
        let n_calibration = self.manifest.calibration.global.n;
        let n_density = self.manifest.calibration.density.as_ref().map_or(0, |density| density.policies.len());
        let lengths = [
            ("bank_rows", self.bank_rows.len(), n_rows.saturating_mul(dim)),
            ("row_condition", self.row_condition.len(), n_rows),
            ("row_source", self.row_source.len(), n_rows),
            ("row_position", self.row_position.len(), n_rows),
            ("calibration_scores", self.calibration_scores.len(), n_calibration),
            ("calibration_condition", self.calibration_condition.len(), n_calibration),
            (
                "other_scores",
                self.other_scores.len(),
                self.manifest.calibration.other_policies.len().saturating_mul(n_calibration),
            ),
            ("gate_points", self.gate_points.len(), self.manifest.gate.n_points.saturating_mul(GATE_DIM)),
            ("gate_conditions", self.gate_conditions.len(), self.manifest.gate.n_points),
            ("row_scale", self.row_scale.len(), if n_density > 0 { n_rows } else { 0 }),
            ("density_scores", self.density_scores.len(), n_density.saturating_mul(n_calibration)),
            ("row_list", self.row_list.len(), if self.manifest.index.is_some() { n_rows } else { 0 }),
        ];
        for (name, found, expected) in lengths {
            if found != expected {
                let (expected, found) = (format!("{expected} values"), found.to_string());
                return Err(Defect::Tensor { name, expected, found });
            }
        }
        Ok(())
    }

    /// The counts by condition, once the indices are known to be in range.
    fn check_counts(&self) -> Result<(), Defect> {
        let conditions = &self.manifest.conditions;
        let n_rows = count(&self.row_condition, conditions.len());
        let n_scores = count(&self.calibration_condition, conditions.len());
        for (index, condition) in conditions.iter().enumerate() {
            require(condition.n_rows == n_rows[index], condition.n_rows, || {
                (format!("conditions[{index}].n_rows"), format!("{} as in row_condition", n_rows[index]))
            })?;
            if let Some(entry) = self.manifest.calibration.per_condition.get(&condition.name) {
                require(entry.n == n_scores[index], entry.n, || {
                    let expected = format!("{} as in calibration_condition", n_scores[index]);
                    (format!("calibration.per_condition.{}.n", condition.name), expected)
                })?;
            }
        }
        Ok(())
    }
}

/// Checks what the manifest says by itself.
fn check_settings(manifest: &Manifest) -> Result<(), Defect> {
    let Manifest { backbone, preprocessing, descriptor, coreset, score, conditions, gate, calibration, .. } = manifest;
    check_named("profile", &manifest.profile)?;
    check_named("condition_rule", &manifest.condition_rule)?;
    check_sha256("data_fingerprint", &manifest.data_fingerprint)?;
    check_number("pixel_threshold", manifest.pixel_threshold, f32::is_finite, "a finite number")?;
    check_backbone(backbone)?;

    check_named("preprocessing.resize", &preprocessing.resize)?;
    check_size("preprocessing.height_px", preprocessing.height_px, MAX_SIDE_PX)?;
    check_size("preprocessing.width_px", preprocessing.width_px, MAX_SIDE_PX)?;
    for channel in 0..3 {
        check_number("preprocessing.mean", preprocessing.mean.get(channel).copied(), f32::is_finite, "finite numbers")?;
        check_number("preprocessing.std", preprocessing.std.get(channel).copied(), positive, "numbers above 0")?;
    }

    if let Some(index) = &manifest.index {
        check_named("index.kind", &index.kind)?;
        check_size("index.n_lists", index.n_lists, coreset.n_picked)?;
        check_size("index.n_probes", index.n_probes, index.n_lists)?;
        let is_share = (0.0..=1.0).contains(&index.recall);
        require(is_share, index.recall, || ("index.recall".into(), "a share from 0 to 1".into()))?;
    }

    check_size("descriptor.neighbourhood", descriptor.neighbourhood, MAX_SIDE_PX)?;
    check_size("descriptor.grid_rows", descriptor.grid_rows, MAX_SIDE_PX)?;
    check_size("descriptor.grid_cols", descriptor.grid_cols, MAX_SIDE_PX)?;
    check_size("descriptor.dim", descriptor.dim, usize::MAX)?;

    check_size("coreset.n_picked", coreset.n_picked, coreset.n_candidates.unwrap_or(usize::MAX))?;
    check_number("coreset.covering_radius", coreset.covering_radius, not_negative, "a number from 0")?;
    require(coreset.ratio.is_none_or(|ratio| ratio > 0.0 && ratio <= 1.0), format!("{:?}", coreset.ratio), || {
        ("coreset.ratio".into(), "a share above 0, at most 1".into())
    })?;

    check_named("score.image_score", &score.image_score)?;
    check_size("score.map_neighbours", score.map_neighbours, MAX_MAP_NEIGHBOURS)?;
    check_number("score.map_sigma_px", Some(score.map_sigma_px), not_negative, "a number from 0")?;

    let names: BTreeSet<&str> = conditions.iter().map(|condition| condition.name.as_str()).collect();
    require(names.len() == conditions.len() && !names.is_empty() && !names.contains(""), conditions.len(), || {
        ("conditions".into(), "at least one condition, each with a name of its own".into())
    })?;

    check_named("gate.kind", &gate.kind)?;
    check_number("gate.limit", gate.limit, f32::is_finite, "a finite number")?;
    for (name, &number) in &gate.parameters {
        require(number.is_finite(), number, || (format!("gate.parameters.{name}"), "a finite number".into()))?;
    }

    for axis in &gate.axes {
        check_number("gate.axes.mean", Some(axis.mean), f32::is_finite, "a finite number")?;
        check_number("gate.axes.unit", Some(axis.unit), positive, "a number above 0")?;
    }
    require(gate.axes.len() <= GATE_DIM, gate.axes.len(), || ("gate.axes".into(), format!("at most {GATE_DIM}")))?;
    for [low, high] in &gate.known {
        let is_range = low.is_finite() && high.is_finite() && low <= high;
        require(is_range, format!("{low} to {high}"), || ("gate.known".into(), "finite ranges, low to high".into()))?;
    }
    require(gate.known.len() <= conditions.len(), gate.known.len(), || {
        ("gate.known".into(), "at most one range for each condition".into())
    })?;
    check_number("gate.reach", gate.reach, positive, "a number above 0")?;
    check_named("calibration.policy", &calibration.policy)?;
    if let Some(density) = &calibration.density {
        check_size("calibration.density.neighbours", density.neighbours, MAX_MAP_NEIGHBOURS)?;
        require(!density.policies.is_empty(), "none", || {
            ("calibration.density.policies".into(), "at least one policy".into())
        })?;
    }

    if let Some(groups) = &calibration.groups {
        check_named("calibration.groups.rule", &groups.rule)?;
        check_size("calibration.groups.n_groups", groups.n_groups, groups.n_images)?;
    }

    if let Some(imported) = &manifest.imported {
        check_named("imported.format", &imported.format)?;
    }

    check_named("calibration.method", &calibration.method)?;
    check_alpha("calibration.alpha", calibration.alpha)?;
    check_conformal("calibration.global", &calibration.global)?;
    for (name, entry) in &calibration.per_condition {
        let field = format!("calibration.per_condition.{name}");
        require(names.contains(name.as_str()), name, || (field.clone(), "the name of a condition".into()))?;
        check_conformal(&field, entry)?;
    }
    Ok(())
}

fn check_backbone(backbone: &BackboneEntry) -> Result<(), Defect> {
    check_named("backbone.name", &backbone.name)?;
    check_sha256("backbone.weights_sha256", &backbone.weights_sha256)?;
    check_named("backbone.precision", &backbone.precision)?;
    backbone.instruction_set.iter().try_for_each(|set| check_named("backbone.instruction_set", set))?;
    require(!backbone.layers.is_empty(), "none", || ("backbone.layers".into(), "at least one layer".into()))
}

fn check_conformal(field: &str, entry: &ConformalEntry) -> Result<(), Defect> {
    check_alpha(&format!("{field}.alpha"), entry.alpha)?;
    check_alpha(&format!("{field}.smallest_alpha"), entry.smallest_alpha)?;
    check_number(&format!("{field}.threshold"), entry.threshold, f32::is_finite, "a finite number")?;
    check_number(&format!("{field}.mean"), entry.mean, f32::is_finite, "a finite number")?;
    check_number(&format!("{field}.std"), entry.std, not_negative, "a number from 0")
}

fn check_alpha(field: &str, alpha: f64) -> Result<(), Defect> {
    require((0.0..=1.0).contains(&alpha), alpha, || (field.into(), "a share from 0 to 1".into()))
}

fn check_named(field: &str, name: &str) -> Result<(), Defect> {
    require(!name.is_empty(), "an empty text", || (field.into(), "a name".into()))
}

fn check_size(field: &str, size: usize, limit: usize) -> Result<(), Defect> {
    require((1..=limit).contains(&size), size, || (field.into(), format!("1 to {limit}")))
}

fn check_sha256(field: &str, sum: &str) -> Result<(), Defect> {
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    require(is_sum, super::header::shorten(sum), || (field.into(), "64 lower-case hexadecimal digits".into()))
}

fn check_number(field: &str, number: Option<f32>, rule: fn(f32) -> bool, expected: &str) -> Result<(), Defect> {
    match number {
        Some(number) => require(rule(number), number, || (field.into(), expected.into())),
        None => Ok(()),
    }
}

fn positive(number: f32) -> bool {
    number.is_finite() && number > 0.0
}

fn not_negative(number: f32) -> bool {
    number.is_finite() && number >= 0.0
}

/// `Defect::Field` unless `holds`; `words` gives the field and what was expected of it.
fn require(holds: bool, found: impl Display, words: impl FnOnce() -> (String, String)) -> Result<(), Defect> {
    if holds {
        return Ok(());
    }
    let (field, expected) = words();
    Err(Defect::Field { field, expected, found: found.to_string() })
}

fn check_finite(name: &'static str, values: &[f32]) -> Result<(), Defect> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Defect::NotFinite { name, index, value: values[index] }),
        None => Ok(()),
    }
}

fn check_indices(
    name: &'static str,
    values: &[u32],
    of: &'static str,
    limit: usize,
    unknown_allowed: bool,
) -> Result<(), Defect> {
    let is_bad = |&value: &u32| value as usize >= limit && !(unknown_allowed && value == UNKNOWN);
    match values.iter().position(is_bad) {
        Some(index) => Err(Defect::Index { name, index, value: values[index], of, limit }),
        None => Ok(()),
    }
}

fn count(indices: &[u32], n_groups: usize) -> Vec<usize> {
    let mut counts = vec![0; n_groups];
    for &index in indices {
        counts[index as usize] += 1;
    }
    counts
}
