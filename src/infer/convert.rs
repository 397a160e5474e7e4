//! Between a bundle's entries and the types that do the work. Both directions stand here, side by side.

use super::inspector::Levels;
use super::{FeaturePipeline, InferError, Inspector, PipelineSpec, Scoring};
use crate::bank::{
    BankRow, DENSITY_NEIGHBOURS, DescriptorSpec, IndexKind, LocalDensity, MAX_CONTEXT_PARTS, MemoryBank, Policy,
};
use crate::bundle::{
    self, BackboneEntry, ConformalEntry, Contents, DensityEntry, DescriptorEntry, GateAxisEntry, GateEntry,
    PreprocessingEntry, ScoreEntry,
};
use crate::condition::{Condition, GATE_DIM, Gate, GateAxis, GateUse, KnnGate};
use crate::image::Preprocessing;
use crate::kernel::{self, simd::Level};
use crate::model::{BackboneSpec, Grid, OpenDevice, Precision};
use crate::score::Conformal;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Calibration method of a threshold that the user set.
pub(crate) const CONSTANT: &str = "constant";
/// Calibration images from which a condition has a threshold of its own; below, that of all images serves it: the
/// deviation of so few scores means nothing.
pub(crate) const OWN_CALIBRATION_FROM: usize = 5;
/// Name of the softness among a gate's parameters.
const SOFTNESS: &str = "softness";

pub(super) fn inspector(contents: Contents, device: &OpenDevice) -> Result<Inspector, InferError> {
    let manifest = &contents.manifest;
    let spec = PipelineSpec {
        backbone: manifest.backbone.name.clone(),
        layers: manifest.backbone.layers.clone(),
        preprocessing: preprocessing(&manifest.preprocessing)?,
        descriptor: descriptor(&manifest.descriptor)?,
    };
    inspector_on(contents, FeaturePipeline::open(&spec, device)?)
}

/// As [`inspector`], on a pipeline that is already open and made as the bundle says.
pub(crate) fn inspector_on(contents: Contents, pipeline: FeaturePipeline) -> Result<Inspector, InferError> {
    let gate =
        gate(&contents.manifest.gate, &contents.gate_points, &contents.gate_conditions, &contents.manifest.descriptor)?;
    let levels = levels(&contents)?;
    let density_levels = density_levels(&contents)?;
    let Contents { manifest, bank_rows, row_condition, row_source, row_position, row_scale, row_list, .. } = contents;
    let found = &pipeline.backbone().weights_sha256;
    if *found != manifest.backbone.weights_sha256 {
        return Err(InferError::OtherWeights {
            name: manifest.backbone.name.clone(),
            expected: manifest.backbone.weights_sha256.clone(),
            found: found.clone(),
        });
    }
    let origins = row_condition
        .iter()
        .zip(&row_source)
        .zip(&row_position)
        .map(|((condition, source), position)| BankRow { condition: *condition, source: *source, position: *position })
        .collect();
    let mut bank = MemoryBank::new(bank_rows, manifest.descriptor.dim, origins, metric(manifest.metric))?;
    if let Some(index) = &manifest.index {
        match parse("index", &index.kind)? {
            IndexKind::InvertedFile => bank.index(&row_list, index.n_probes)?,
            IndexKind::Exact => {}
        }
    }
    let is_searched_on_device = bank.search_on(pipeline.device());
    let conditions: Vec<Condition> = manifest.conditions.iter().map(|c| Condition::new(&c.name)).collect();
    let policy = parse("calibration.policy", &manifest.calibration.policy)?;
    let scoring = Scoring {
        image_score: parse("image score", &manifest.score.image_score)?,
        map_neighbours: manifest.score.map_neighbours,
        map_sigma_px: manifest.score.map_sigma_px,
    };
    let density = match &manifest.calibration.density {
        Some(_) => Some(LocalDensity::new(row_scale, bank.n_rows())?),
        None => None,
    };
    let fitted_precision: Precision = parse("backbone.precision", &manifest.backbone.precision)?;
    let gate_use = GateUse::default();
    Ok(Inspector {
        pipeline,
        fitted_precision,
        bank,
        is_searched_on_device,
        scoring,
        gate,
        gate_use,
        conditions,
        policy,
        levels,
        density,
        density_levels,
        manifest,
    })
}

/// The calibration of every policy: that of the default one as it stands in the manifest, the others' from their scores.
fn levels(contents: &Contents) -> Result<BTreeMap<Policy, Levels>, InferError> {
    let calibration = &contents.manifest.calibration;
    let conditions = &contents.manifest.conditions;
    let global = conformal(&calibration.global);
    let per_condition =
        conditions.iter().map(|c| calibration.per_condition.get(&c.name).map_or(global, conformal)).collect();
    let policy = parse("calibration.policy", &calibration.policy)?;
    let mut found = BTreeMap::from([(policy, Levels { global, per_condition })]);
    let n = contents.calibration_scores.len();
    for (index, name) in calibration.other_policies.iter().enumerate() {
        let scores = contents.other_scores.get(index * n..(index + 1) * n).unwrap_or_default();
        let policy = parse("calibration.other_policies", name)?;
        let levels = levels_of(scores, contents)?;
        found.entry(policy).or_insert(levels);
    }
    Ok(found)
}

/// As [`levels`], of the scores by distances normalised by local density.
fn density_levels(contents: &Contents) -> Result<BTreeMap<Policy, Levels>, InferError> {
    let n = contents.calibration_scores.len();
    let mut found = BTreeMap::new();
    let policies = contents.manifest.calibration.density.iter().flat_map(|density| &density.policies);
    for (index, name) in policies.enumerate() {
        let scores = contents.density_scores.get(index * n..(index + 1) * n).unwrap_or_default();
        found.insert(parse("calibration.density.policies", name)?, levels_of(scores, contents)?);
    }
    Ok(found)
}

/// The calibration by `scores` of the bundle's calibration images.
fn levels_of(scores: &[f32], contents: &Contents) -> Result<Levels, InferError> {
    let calibration = &contents.manifest.calibration;
    let constant = (calibration.method == CONSTANT).then_some(calibration.global.threshold).flatten();
    let of = |scores: &[f32]| -> Result<Conformal, InferError> {
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

/// The entry for the scores under `policies`.
pub(crate) fn density_entry(policies: &[Policy]) -> DensityEntry {
    DensityEntry { neighbours: DENSITY_NEIGHBOURS, policies: policies.iter().map(ToString::to_string).collect() }
}

pub(crate) fn metric(entry: bundle::Metric) -> kernel::Metric {
    match entry {
        bundle::Metric::L2 => kernel::Metric::Euclidean,
        bundle::Metric::Cosine => kernel::Metric::Cosine,
    }
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

pub(crate) fn preprocessing(entry: &PreprocessingEntry) -> Result<Preprocessing, InferError> {
    let PreprocessingEntry { range, page, resize, height_px, width_px, mean, std } = entry;
    Ok(Preprocessing {
        range: range.as_deref().map(|text| parse("preprocessing.range", text)).transpose()?,
        page: *page,
        resize: parse("resize", resize)?,
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    })
}

pub(crate) fn descriptor_entry(spec: &DescriptorSpec, dim: usize, grid: Grid) -> DescriptorEntry {
    let DescriptorSpec { neighbourhood, context } = spec;
    DescriptorEntry {
        neighbourhood: *neighbourhood,
        context: context.iter().map(ToString::to_string).collect(),
        dim,
        grid_rows: grid.n_rows,
        grid_cols: grid.n_cols,
    }
}

fn descriptor(entry: &DescriptorEntry) -> Result<DescriptorSpec, InferError> {
    if entry.context.len() > MAX_CONTEXT_PARTS {
        let found = format!("{} entries", entry.context.len());
        return Err(InferError::UnknownEntry { entry: "descriptor.context", found });
    }
    let context = entry.context.iter().map(|text| parse("descriptor.context", text)).collect::<Result<_, _>>()?;
    Ok(DescriptorSpec { neighbourhood: entry.neighbourhood, context })
}

pub(crate) fn score_entry(scoring: &Scoring) -> ScoreEntry {
    ScoreEntry {
        image_score: scoring.image_score.to_string(),
        map_neighbours: scoring.map_neighbours,
        map_sigma_px: scoring.map_sigma_px,
    }
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
) -> Result<Gate, InferError> {
    let by_vote = |n_features: usize| -> Result<KnnGate, InferError> {
        if let Some(axis) = entry.axes.iter().find(|axis| axis.feature >= n_features) {
            let found = format!("feature {} of {n_features}", axis.feature);
            return Err(InferError::UnknownEntry { entry: "gate.axes", found });
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
        (kind, _, _) => Err(InferError::UnknownEntry { entry: "gate", found: kind.to_owned() }),
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

fn parse<T: FromStr>(entry: &'static str, text: &str) -> Result<T, InferError> {
    text.parse().map_err(|_unknown| InferError::UnknownEntry { entry, found: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn descriptors_round_trip_with_their_context() {
        let spec =
            DescriptorSpec { neighbourhood: 5, context: vec!["h:2,3".parse().unwrap(), "hv:4".parse().unwrap()] };
        let mut entry = descriptor_entry(&spec, 12, Grid { n_rows: 2, n_cols: 3 });
        assert_eq!(entry.context, ["h:2,3", "hv:4"]);
        assert_eq!(descriptor(&entry).unwrap(), spec);
        entry.context.push("spiral:2".to_owned());
        assert!(descriptor(&entry).unwrap_err().to_string().contains("spiral:2"));
    }

    #[test]
    fn calibration_round_trips() {
        let found = Conformal::of(&[1.0, 2.0, 4.0], 0.1).unwrap();
        assert_eq!(conformal(&conformal_entry(&found)), found);
        let empty = Conformal::of(&[], 0.1).unwrap();
        assert_eq!(conformal(&conformal_entry(&empty)), empty);
    }
}
