//! Between a bundle's entries and the types that do the work. Both directions stand here, side by side.

use super::{FeaturePipeline, InferError, Inspector, PipelineSpec, Scoring};
use crate::bank::{BankRow, Condition, DescriptorSpec, Gate, MAX_CONTEXT_PARTS, MemoryBank};
use crate::bundle::{
    self, BackboneEntry, ConformalEntry, Contents, DescriptorEntry, GateEntry, PreprocessingEntry, ScoreEntry,
};
use crate::image::Preprocessing;
use crate::kernel;
use crate::model::{BackboneSpec, Grid, OpenDevice};
use crate::score::Conformal;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Name of the softness among a gate's parameters.
const SOFTNESS: &str = "softness";

pub(super) fn inspector(contents: Contents, device: &OpenDevice) -> Result<Inspector, InferError> {
    let Contents { manifest, bank_rows, row_condition, row_source, row_position, .. } = contents;
    let spec = PipelineSpec {
        backbone: manifest.backbone.name.clone(),
        layers: manifest.backbone.layers.clone(),
        preprocessing: preprocessing(&manifest.preprocessing)?,
        descriptor: descriptor(&manifest.descriptor)?,
    };
    let pipeline = FeaturePipeline::open(&spec, device)?;
    let found = &pipeline.backbone().weights_sha256;
    if *found != manifest.backbone.weights_sha256 {
        return Err(InferError::OtherWeights {
            name: spec.backbone,
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
    let bank = MemoryBank::new(bank_rows, manifest.descriptor.dim, origins, metric(manifest.metric), device)?;
    let conditions: Vec<Condition> = manifest.conditions.iter().map(|c| Condition::new(&c.name)).collect();
    let global = conformal(&manifest.calibration.global);
    let per_condition = conditions
        .iter()
        .map(|c| manifest.calibration.per_condition.get(c.as_str()).map_or(global, conformal))
        .collect();
    let scoring = Scoring {
        image_score: parse("image score", &manifest.score.image_score)?,
        map_sigma_px: manifest.score.map_sigma_px,
    };
    Ok(Inspector { pipeline, bank, scoring, gate: gate(&manifest.gate)?, conditions, global, per_condition, manifest })
}

pub(crate) fn metric(entry: bundle::Metric) -> kernel::Metric {
    match entry {
        bundle::Metric::L2 => kernel::Metric::Euclidean,
        bundle::Metric::Cosine => kernel::Metric::Cosine,
    }
}

pub(crate) fn backbone_entry(spec: &BackboneSpec) -> BackboneEntry {
    BackboneEntry { name: spec.name.clone(), layers: spec.layers.clone(), weights_sha256: spec.weights_sha256.clone() }
}

pub(crate) fn preprocessing_entry(spec: &Preprocessing) -> PreprocessingEntry {
    let Preprocessing { resize, height_px, width_px, mean, std } = spec;
    PreprocessingEntry {
        resize: resize.to_string(),
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    }
}

fn preprocessing(entry: &PreprocessingEntry) -> Result<Preprocessing, InferError> {
    let PreprocessingEntry { resize, height_px, width_px, mean, std } = entry;
    Ok(Preprocessing {
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
    ScoreEntry { image_score: scoring.image_score.to_string(), map_sigma_px: scoring.map_sigma_px }
}

pub(crate) fn gate_entry(gate: &Gate) -> GateEntry {
    let entry = |kind: &str, limit, parameters| GateEntry { kind: kind.to_owned(), limit, parameters };
    match gate {
        Gate::Single => entry("single", None, BTreeMap::new()),
        Gate::Abstain => entry("abstain", None, BTreeMap::new()),
        Gate::P90 { limit, softness } => {
            entry("p90", Some(*limit), BTreeMap::from([(SOFTNESS.to_owned(), f64::from(*softness))]))
        }
    }
}

fn gate(entry: &GateEntry) -> Result<Gate, InferError> {
    match (entry.kind.as_str(), entry.limit, entry.parameters.get(SOFTNESS)) {
        ("single", None, None) => Ok(Gate::Single),
        ("abstain", None, None) => Ok(Gate::Abstain),
        ("p90", Some(limit), Some(softness)) => Ok(Gate::P90 { limit, softness: *softness as f32 }),
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

    #[test]
    fn gates_round_trip() {
        for kind in [Gate::Single, Gate::Abstain, Gate::P90 { limit: 0.31, softness: 0.02 }] {
            assert_eq!(gate(&gate_entry(&kind)).unwrap(), kind);
        }
    }

    #[test]
    fn a_gate_of_a_newer_version_is_refused_by_name() {
        let entry = GateEntry { kind: "telepathy".to_owned(), limit: None, parameters: BTreeMap::new() };
        assert!(gate(&entry).unwrap_err().to_string().contains("telepathy"));
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
