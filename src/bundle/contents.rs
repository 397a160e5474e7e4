//! What a bundle holds, and the rules all its parts keep.

use super::settings::{check_settings, require};
use super::{Defect, MAX_MAGNITUDE, MAX_SCORE, Manifest};

/// Stands in `row_source` and `row_position` where the origin of a row is not known, as in a bank that was
/// imported from another program.
pub const UNKNOWN: u32 = u32::MAX;

/// Numbers per point of a gate.
pub(super) const GATE_DIM: usize = crate::condition::GATE_DIM;

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
        check_numbers("bank_rows", &self.bank_rows, -MAX_MAGNITUDE, MAX_MAGNITUDE)?;
        check_numbers("calibration_scores", &self.calibration_scores, -MAX_SCORE, MAX_SCORE)?;
        check_numbers("other_scores", &self.other_scores, -MAX_SCORE, MAX_SCORE)?;
        check_numbers("gate_points", &self.gate_points, -MAX_MAGNITUDE, MAX_MAGNITUDE)?;
        check_numbers("density_scores", &self.density_scores, -MAX_SCORE, MAX_SCORE)?;
        check_numbers("row_scale", &self.row_scale, 0.0, MAX_MAGNITUDE)?;
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

/// Refuses what is no number, and what is not between `least` and `most`.
fn check_numbers(name: &'static str, values: &[f32], least: f32, most: f32) -> Result<(), Defect> {
    let Some(index) = values.iter().position(|value| !(least..=most).contains(value)) else { return Ok(()) };
    let value = values[index];
    if !value.is_finite() {
        return Err(Defect::NotFinite { name, index, value });
    }
    Err(Defect::Tensor {
        name,
        expected: format!("numbers from {least:e} to {most:e}"),
        found: format!("{value:e} at index {index}"),
    })
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
