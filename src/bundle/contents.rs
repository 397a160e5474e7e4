//! What a bundle holds, and the rules all its parts keep.

use super::section::PREFIX;
use super::settings::{check_settings, require};
use super::shown::shorten;
use super::{
    Defect, Holds, MAX_MAGNITUDE, MAX_SCORE, Manifest, PooledImages, Section, Sections, TensorSpec, Tensors, TensorsOf,
    UNKNOWN, Values,
};
use crate::condition::GATE_DIM;
use half::f16;

/// Names of the tensors that every detector has.
pub(super) const SCORES: &str = "scores";
pub(super) const SCORE_CONDITION: &str = "score_condition";
const GATE_POINTS: &str = "gate_points";
const GATE_CONDITIONS: &str = "gate_conditions";
const POOLED: &str = "pooled";

/// Everything a bundle file holds, as plain host data.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// How the detector was made and is used.
    pub manifest: Manifest,
    /// `[n_views, n_held_out]` raw image scores of held-out normal images under `manifest.calibration.views`; `n_held_out` is
    /// `manifest.calibration.global.n`. Finite.
    pub scores: Vec<f32>,
    /// `[n_held_out]` index into `manifest.conditions`.
    pub score_condition: Vec<u32>,
    /// `[n_points, 8]` standardised training images that the gate votes by; `n_points` is `manifest.gate.n_points`.
    pub gate_points: Vec<f32>,
    /// `[n_points]` index into `manifest.conditions`.
    pub gate_conditions: Vec<u32>,
    /// `[n_images, dim]` mean of each descriptor value over the patches of training images, as `manifest.pooled` has them; empty
    /// where it has none.
    pub pooled: Vec<f32>,
    /// The detector's own, as the settings in `manifest.detector` call for them.
    pub tensors: Tensors,
}

impl Contents {
    /// The scores under the view of this index, in the order of the held-out images; none where there is no such view.
    #[must_use]
    pub fn scores_under(&self, view: usize) -> &[f32] {
        let n = self.manifest.calibration.global.n;
        self.scores.get(view * n..(view + 1) * n).unwrap_or_default()
    }

    /// The scores under the view of this name; those of the default one where there is no such view: a bundle of a single condition
    /// has no policies to tell apart, and there all are the same, and no smaller than among more conditions.
    pub(crate) fn scores_named(&self, view: &str) -> &[f32] {
        let views = &self.manifest.calibration.views;
        self.scores_under(views.iter().position(|own| own == view).unwrap_or(0))
    }

    /// Which of the manifest's sources each held-out score is of, [`UNKNOWN`] for none of them; `None` where the bundle does not say.
    #[must_use]
    pub fn score_sources(&self) -> Option<Vec<u32>> {
        let calibration = &self.manifest.calibration;
        let each = || (0..calibration.global.n as u32).collect();
        let is_each = calibration.global.n == self.manifest.sources.len();
        calibration.sources.clone().or_else(|| is_each.then(each))
    }

    /// Takes the detector out; the rest stays.
    #[must_use]
    pub fn take_section(&mut self) -> Section {
        Section { entry: self.manifest.detector.clone(), tensors: std::mem::take(&mut self.tensors) }
    }

    /// Takes out what is kept of how training images look to the network.
    pub(crate) fn take_pooled(&mut self) -> Option<PooledImages> {
        let values = std::mem::take(&mut self.pooled);
        self.manifest.pooled.take().map(|entry| PooledImages { entry, values })
    }

    /// Puts it back, or something else in its place; nothing where there are no images.
    pub(crate) fn set_pooled(&mut self, pooled: Option<PooledImages>) {
        let pooled = pooled.filter(|pooled| !pooled.entry.images.is_empty());
        (self.manifest.pooled, self.pooled) = match pooled {
            Some(PooledImages { entry, values }) => (Some(entry), values),
            None => (None, vec![]),
        };
    }

    /// A manifest without its tensors, to be filled.
    pub(crate) fn empty(manifest: Manifest) -> Self {
        let (scores, score_condition, gate_points, gate_conditions) = (vec![], vec![], vec![], vec![]);
        let (pooled, tensors) = (vec![], Tensors::default());
        Self { manifest, scores, score_condition, gate_points, gate_conditions, pooled, tensors }
    }

    /// Puts a tensor where its name says.
    pub(super) fn set(&mut self, name: &str, values: Values) {
        match (name, values) {
            (SCORES, Values::Numbers(values)) => self.scores = values,
            (SCORE_CONDITION, Values::Indices(values)) => self.score_condition = values,
            (GATE_POINTS, Values::Numbers(values)) => self.gate_points = values,
            (GATE_CONDITIONS, Values::Indices(values)) => self.gate_conditions = values,
            (POOLED, Values::Numbers(values)) => self.pooled = values,
            (name, values) => self.tensors.set(name.strip_prefix(PREFIX).unwrap_or(name), values),
        }
    }

    /// The values of a tensor; `None` for one of the detector's that is not there.
    pub(super) fn get(&self, name: &str) -> Option<Slice<'_>> {
        Some(match name {
            SCORES => Slice::Numbers(&self.scores),
            SCORE_CONDITION => Slice::Indices(&self.score_condition),
            GATE_POINTS => Slice::Numbers(&self.gate_points),
            GATE_CONDITIONS => Slice::Indices(&self.gate_conditions),
            POOLED => Slice::Numbers(&self.pooled),
            name => match self.tensors.get(name.strip_prefix(PREFIX)?)? {
                Values::Numbers(values) => Slice::Numbers(values),
                Values::Halves(values) => Slice::Halves(values),
                Values::Indices(values) => Slice::Indices(values),
            },
        })
    }

    /// Checks that all parts are finite, in range and agree with each other.
    pub(crate) fn check_with(&self, sections: &dyn Sections) -> Result<(), Defect> {
        let specs = specs(&self.manifest, sections)?;
        for spec in &specs {
            self.check_tensor(spec)?;
        }
        let is_called_for = |name: &str| specs.iter().any(|spec| spec.name.strip_prefix(PREFIX) == Some(name));
        if let Some(extra) = self.tensors.names().find(|name| !is_called_for(name)) {
            return Err(Defect::UnexpectedTensor { name: shorten(&format!("{PREFIX}{extra}")) });
        }
        self.manifest.detector.visit("", &mut |entry, prefix| {
            sections.check(entry, TensorsOf { all: &self.tensors, prefix }, &self.manifest)
        })?;
        self.check_counts()
    }

    fn check_tensor(&self, spec: &TensorSpec) -> Result<(), Defect> {
        let wanted = spec.n_values().unwrap_or(usize::MAX);
        let name = || shorten(&spec.name);
        let found = match self.get(&spec.name) {
            None if wanted == 0 => return Ok(()),
            None => return Err(Defect::MissingTensor { name: name() }),
            Some(found) => found,
        };
        let n = match found {
            Slice::Numbers(values) => values.len(),
            Slice::Halves(values) => values.len(),
            Slice::Indices(values) => values.len(),
        };
        if n != wanted {
            return Err(Defect::Tensor { name: name(), expected: format!("{wanted} values"), found: n.to_string() });
        }
        match (found, spec.holds) {
            (Slice::Numbers(values), Holds::Numbers { least, most }) => check_numbers(&spec.name, values, least, most),
            (Slice::Indices(values), Holds::Indices { of, limit, or_unknown }) => {
                check_indices(&spec.name, values, of, limit, or_unknown)
            }
            (Slice::Halves(values), Holds::Halves) => match values.iter().position(|value| !value.is_finite()) {
                Some(index) => Err(Defect::NotFinite { name: name(), index, value: values[index].to_f32() }),
                None => Ok(()),
            },
            (Slice::Numbers(_) | Slice::Halves(_) | Slice::Indices(_), _) => {
                Err(Defect::Tensor { name: name(), expected: "another type".into(), found: "this one".into() })
            }
        }
    }

    /// The counts by condition, once the indices are known to be in range.
    fn check_counts(&self) -> Result<(), Defect> {
        for (index, condition) in self.manifest.conditions.iter().enumerate() {
            let found = self.score_condition.iter().filter(|c| **c as usize == index).count();
            if let Some(entry) = self.manifest.calibration.per_condition.get(&condition.name) {
                require(entry.n == found, entry.n, || {
                    let expected = format!("{found} as in {SCORE_CONDITION}");
                    (format!("calibration.per_condition.{}.n", condition.name), expected)
                })?;
            }
        }
        Ok(())
    }
}

/// Values that stand somewhere else.
#[derive(Clone, Copy)]
pub(super) enum Slice<'a> {
    Numbers(&'a [f32]),
    Halves(&'a [f16]),
    Indices(&'a [u32]),
}

/// The tensors that a manifest calls for, in file order, once its settings are checked.
pub(super) fn specs(manifest: &Manifest, sections: &dyn Sections) -> Result<Vec<TensorSpec>, Defect> {
    check_settings(manifest)?;
    let (n_views, n_held_out) = (manifest.calibration.views.len(), manifest.calibration.global.n);
    let n_conditions = manifest.conditions.len();
    let n_points = manifest.gate.n_points;
    let pooled = manifest.pooled.as_ref().map_or([0, 0], |pooled| [pooled.images.len(), pooled.dim]);
    let mut found = vec![
        TensorSpec::within(SCORES, &[n_views, n_held_out], -MAX_SCORE, MAX_SCORE),
        TensorSpec::indices(SCORE_CONDITION, &[n_held_out], "conditions", n_conditions),
        TensorSpec::within(GATE_POINTS, &[n_points, GATE_DIM], -MAX_MAGNITUDE, MAX_MAGNITUDE),
        TensorSpec::indices(GATE_CONDITIONS, &[n_points], "conditions", n_conditions),
        TensorSpec::numbers(POOLED, &pooled),
    ];
    manifest.detector.visit("", &mut |entry, prefix| {
        let own = sections.tensors(entry, manifest)?;
        let name = |spec: TensorSpec| TensorSpec { name: format!("{PREFIX}{prefix}{}", spec.name), ..spec };
        found.extend(own.into_iter().map(name));
        Ok(())
    })?;
    Ok(found)
}

/// Refuses what is no number, and what is not between `least` and `most`.
fn check_numbers(name: &str, values: &[f32], least: f32, most: f32) -> Result<(), Defect> {
    let Some(index) = values.iter().position(|value| !(least..=most).contains(value)) else { return Ok(()) };
    let (name, value) = (shorten(name), values[index]);
    if !value.is_finite() {
        return Err(Defect::NotFinite { name, index, value });
    }
    Err(Defect::Tensor {
        name,
        expected: format!("numbers from {least:e} to {most:e}"),
        found: format!("{value:e} at index {index}"),
    })
}

fn check_indices(name: &str, values: &[u32], of: &'static str, limit: usize, or_unknown: bool) -> Result<(), Defect> {
    let is_bad = |&value: &u32| value as usize >= limit && !(or_unknown && value == UNKNOWN);
    match values.iter().position(is_bad) {
        Some(index) => Err(Defect::Index { name: shorten(name), index, value: values[index], of, limit }),
        None => Ok(()),
    }
}
