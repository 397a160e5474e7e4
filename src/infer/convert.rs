//! Between a bundle's entries and the types that do the work. Both directions stand here, side by side.

use super::Inspector;
use super::inspector::Levels;
use crate::bundle::{
    BackboneEntry, ConformalEntry, Contents, DescriptorEntry, GateAxisEntry, GateEntry, PreprocessingEntry,
};
use crate::condition::{Condition, GATE_DIM, Gate, GateAxis, GateUse, KnnGate};
use crate::detect::{self, DetectError, FeaturePipeline, PipelineSpec, View, patchcore};
use crate::image::Preprocessing;
use crate::kernel::simd::Level;
use crate::model::{BackboneSpec, OpenDevice, Precision};
use crate::score::Conformal;
use std::collections::BTreeMap;

/// Calibration method of a threshold that the user set.
pub(crate) const CONSTANT: &str = "constant";
/// Calibration images from which a condition has a threshold of its own; below, that of all images serves it: the
/// deviation of so few scores means nothing.
pub(crate) const OWN_CALIBRATION_FROM: usize = 5;
/// Name of the softness among a gate's parameters.
const SOFTNESS: &str = "softness";

pub(super) fn inspector(contents: Contents, device: &OpenDevice) -> Result<Inspector, DetectError> {
    let manifest = &contents.manifest;
    let spec = PipelineSpec {
        backbone: manifest.backbone.name.clone(),
        layers: manifest.backbone.layers.clone(),
        preprocessing: preprocessing(&manifest.preprocessing)?,
        descriptor: patchcore::descriptor(&manifest.descriptor)?,
    };
    inspector_on(contents, FeaturePipeline::open(&spec, device)?)
}

/// As [`inspector`], on a pipeline that is already open and made as the bundle says.
pub(crate) fn inspector_on(contents: Contents, pipeline: FeaturePipeline) -> Result<Inspector, DetectError> {
    let gate =
        gate(&contents.manifest.gate, &contents.gate_points, &contents.gate_conditions, &contents.manifest.descriptor)?;
    let levels = levels(&contents)?;
    let found = &pipeline.backbone().weights_sha256;
    if *found != contents.manifest.backbone.weights_sha256 {
        return Err(DetectError::OtherWeights {
            name: contents.manifest.backbone.name.clone(),
            expected: contents.manifest.backbone.weights_sha256.clone(),
            found: found.clone(),
        });
    }
    let (detector, manifest) = detect::open(contents, pipeline)?;
    let conditions: Vec<Condition> = manifest.conditions.iter().map(|c| Condition::new(&c.name)).collect();
    let policy = DetectError::parse("calibration.policy", &manifest.calibration.policy)?;
    let fitted_precision: Precision = DetectError::parse("backbone.precision", &manifest.backbone.precision)?;
    let gate_use = GateUse::default();
    Ok(Inspector { detector, fitted_precision, gate, gate_use, conditions, policy, levels, manifest })
}

/// The calibration of every view: that of the default one as it stands in the manifest, the others' from their scores.
fn levels(contents: &Contents) -> Result<BTreeMap<View, Levels>, DetectError> {
    let calibration = &contents.manifest.calibration;
    let conditions = &contents.manifest.conditions;
    let global = conformal(&calibration.global);
    let per_condition =
        conditions.iter().map(|c| calibration.per_condition.get(&c.name).map_or(global, conformal)).collect();
    let policy = DetectError::parse("calibration.policy", &calibration.policy)?;
    let mut found = BTreeMap::from([(View::plain(policy), Levels { global, per_condition })]);
    let n = contents.calibration_scores.len();
    let of_view =
        |scores: &[f32], index: usize| levels_of(scores.get(index * n..(index + 1) * n).unwrap_or_default(), contents);
    for (index, name) in calibration.other_policies.iter().enumerate() {
        let view = View::plain(DetectError::parse("calibration.other_policies", name)?);
        let levels = of_view(&contents.other_scores, index)?;
        found.entry(view).or_insert(levels);
    }
    let by_density = calibration.density.iter().flat_map(|density| &density.policies);
    for (index, name) in by_density.enumerate() {
        let view = View::by_density(DetectError::parse("calibration.density.policies", name)?);
        found.insert(view, of_view(&contents.density_scores, index)?);
    }
    Ok(found)
}

/// The calibration by `scores` of the bundle's calibration images.
fn levels_of(scores: &[f32], contents: &Contents) -> Result<Levels, DetectError> {
    let calibration = &contents.manifest.calibration;
    let constant = (calibration.method == CONSTANT).then_some(calibration.global.threshold).flatten();
    let of = |scores: &[f32]| -> Result<Conformal, DetectError> {
        let mut found = Conformal::of(scores, calibration.alpha)?;
        found.threshold = constant.or(found.threshold);
        Ok(found)
    };
    let global = of(scores)?;
    let mut per_condition = vec![];
    for condition in 0..contents.manifest.conditions.len() {
        let own: Vec<f32> = scores
            .iter()
            .zip(&contents.calibration_condition)
            .filter(|(_, c)| **c as usize == condition)
            .map(|(score, _)| *score)
            .collect();
        per_condition.push(if own.len() < OWN_CALIBRATION_FROM { global } else { of(&own)? });
    }
    Ok(Levels { global, per_condition })
}

pub(crate) fn backbone_entry(spec: &BackboneSpec) -> BackboneEntry {
    let BackboneSpec { name, layers, weights_sha256, precision, mean: _, std: _, input_size: _ } = spec;
    BackboneEntry {
        name: name.clone(),
        layers: layers.clone(),
        weights_sha256: weights_sha256.clone(),
        precision: precision.to_string(),
        instruction_set: Some(Level::best().name().to_owned()),
    }
}

pub(crate) fn preprocessing_entry(spec: &Preprocessing) -> PreprocessingEntry {
    let Preprocessing { range, page, resize, height_px, width_px, mean, std } = spec;
    PreprocessingEntry {
        range: range.as_ref().map(ToString::to_string),
        page: *page,
        resize: resize.to_string(),
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    }
}

pub(crate) fn preprocessing(entry: &PreprocessingEntry) -> Result<Preprocessing, DetectError> {
    let PreprocessingEntry { range, page, resize, height_px, width_px, mean, std } = entry;
    Ok(Preprocessing {
        range: range.as_deref().map(|text| DetectError::parse("preprocessing.range", text)).transpose()?,
        page: *page,
        resize: DetectError::parse("resize", resize)?,
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    })
}

/// The entry; a gate's points go to the tensors. `confusion`: see [`GateEntry::confusion`].
pub(crate) fn gate_entry(gate: &Gate, confusion: &[Vec<usize>]) -> GateEntry {
    let entry = |kind: &str, limit, parameters| GateEntry {
        kind: kind.to_owned(),
        limit,
        parameters,
        axes: vec![],
        n_points: 0,
        known: vec![],
        reach: None,
        confusion: confusion.to_vec(),
    };
    let by_vote = |kind: &str, gate: &KnnGate| GateEntry {
        axes: gate
            .axes()
            .iter()
            .map(|GateAxis { feature, mean, unit }| GateAxisEntry { feature: *feature, mean: *mean, unit: *unit })
            .collect(),
        n_points: gate.points().len(),
        reach: gate.reach(),
        ..entry(kind, None, BTreeMap::new())
    };
    match gate {
        Gate::Single => entry("single", None, BTreeMap::new()),
        Gate::Abstain => entry("abstain", None, BTreeMap::new()),
        Gate::P90 { limit, softness, known } => GateEntry {
            known: known.clone(),
            ..entry("p90", Some(*limit), BTreeMap::from([(SOFTNESS.to_owned(), f64::from(*softness))]))
        },
        Gate::Intensity(gate) => by_vote("knn", gate),
        Gate::Embedding(gate) => by_vote("embedding", gate),
    }
}

/// The tensors of a gate: `[n_points, 8]` and the condition of each.
pub(crate) fn gate_tensors(gate: &Gate) -> (Vec<f32>, Vec<u32>) {
    match gate {
        Gate::Single | Gate::Abstain | Gate::P90 { .. } => (vec![], vec![]),
        Gate::Intensity(gate) | Gate::Embedding(gate) => {
            (gate.points().iter().flatten().copied().collect(), gate.conditions().to_vec())
        }
    }
}

fn gate(
    entry: &GateEntry,
    points: &[f32],
    conditions: &[u32],
    descriptor: &DescriptorEntry,
) -> Result<Gate, DetectError> {
    let by_vote = |n_features: usize| -> Result<KnnGate, DetectError> {
        if let Some(axis) = entry.axes.iter().find(|axis| axis.feature >= n_features) {
            let found = format!("feature {} of {n_features}", axis.feature);
            return Err(DetectError::UnknownEntry { entry: "gate.axes", found });
        }
        let axes = entry
            .axes
            .iter()
            .map(|axis| GateAxis { feature: axis.feature, mean: axis.mean, unit: axis.unit })
            .collect();
        let points = points.as_chunks::<GATE_DIM>().0.to_vec();
        Ok(KnnGate::new(axes, points, conditions.to_vec(), entry.reach)?)
    };
    match (entry.kind.as_str(), entry.limit, entry.parameters.get(SOFTNESS)) {
        ("single", None, None) => Ok(Gate::Single),
        ("abstain", None, None) => Ok(Gate::Abstain),
        ("p90", Some(limit), Some(softness)) => {
            Ok(Gate::P90 { limit, softness: *softness as f32, known: entry.known.clone() })
        }
        ("knn", None, None) => Ok(Gate::Intensity(by_vote(GATE_DIM)?)),
        ("embedding", None, None) => Ok(Gate::Embedding(by_vote(descriptor.dim.saturating_mul(2))?)),
        (kind, _, _) => Err(DetectError::UnknownEntry { entry: "gate", found: kind.to_owned() }),
    }
}

pub(crate) fn conformal_entry(found: &Conformal) -> ConformalEntry {
    let known = found.n > 0;
    ConformalEntry {
        n: found.n,
        alpha: found.alpha,
        smallest_alpha: found.smallest_alpha(),
        threshold: found.threshold,
        mean: known.then_some(found.mean),
        std: known.then_some(found.std),
    }
}

fn conformal(entry: &ConformalEntry) -> Conformal {
    Conformal {
        n: entry.n,
        alpha: entry.alpha,
        threshold: entry.threshold,
        mean: entry.mean.unwrap_or(0.0),
        std: entry.std.filter(|s| *s > 0.0).unwrap_or(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::DescriptorSpec;
    use crate::detect::patchcore::descriptor_entry;
    use crate::model::Grid;

    fn by_vote(n_features: usize) -> KnnGate {
        let features: Vec<Vec<f32>> =
            (0..8).map(|i| (0..n_features).map(|k| ((i * 7 + k) as f32).sin()).collect()).collect();
        let features: Vec<&[f32]> = features.iter().map(Vec::as_slice).collect();
        let gate = KnnGate::learn(&features, &[0, 0, 0, 0, 1, 1, 1, 1]).unwrap();
        assert!(gate.reach().is_some());
        gate
    }

    #[test]
    fn gates_round_trip() {
        let descriptor = descriptor_entry(&DescriptorSpec::default(), 10, Grid { n_rows: 1, n_cols: 1 });
        for kind in [
            Gate::Single,
            Gate::Abstain,
            Gate::P90 { limit: 0.31, softness: 0.02, known: vec![[0.1, 0.4], [0.3, 0.9]] },
            Gate::Intensity(by_vote(8)),
            Gate::Embedding(by_vote(20)),
        ] {
            let (points, conditions) = gate_tensors(&kind);
            let entry = gate_entry(&kind, &[vec![3, 0, 0], vec![0, 3, 0]]);
            assert_eq!(gate(&entry, &points, &conditions, &descriptor).unwrap(), kind);
        }
    }

    #[test]
    fn gates_of_a_newer_version_or_of_another_descriptor_are_refused_by_name() {
        let descriptor = descriptor_entry(&DescriptorSpec::default(), 10, Grid { n_rows: 1, n_cols: 1 });
        let refused = |entry: &GateEntry| gate(entry, &[0.0; 8], &[0], &descriptor).unwrap_err().to_string();
        let mut entry = gate_entry(&Gate::Abstain, &[]);
        entry.kind = "telepathy".to_owned();
        assert!(refused(&entry).contains("telepathy"));
        entry.kind = "embedding".to_owned();
        entry.axes = vec![GateAxisEntry { feature: 20, mean: 0.0, unit: 1.0 }];
        assert!(refused(&entry).contains("feature 20 of 20"));
    }

    #[test]
    fn calibration_round_trips() {
        let found = Conformal::of(&[1.0, 2.0, 4.0], 0.1).unwrap();
        assert_eq!(conformal(&conformal_entry(&found)), found);
        let empty = Conformal::of(&[], 0.1).unwrap();
        assert_eq!(conformal(&conformal_entry(&empty)), empty);
    }
}
