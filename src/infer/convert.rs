//! Between a bundle's entries and the types that do the work. Both directions stand here, side by side.

use super::levels::{HeldOut, Levels};
use crate::bundle::{ConformalEntry, Contents, GateAxisEntry, GateEntry, PooledImage};
use crate::condition::{Alike, AlikeImage, GATE_DIM, Gate, GateAxis, KnnGate};
use crate::detect::{DetectError, View};
use crate::score::{Conformal, CutRule, HeldOutScores, OWN_CALIBRATION_FROM};
use std::collections::BTreeMap;

/// Calibration method of a threshold that the user set.
pub(crate) const CONSTANT: &str = "constant";
/// That of thresholds that were chosen on labelled images.
pub(crate) const VALIDATED: &str = "validated";

/// Whether a method of calibration promises a rate of false alarms.
pub(crate) fn promises(method: &str) -> bool {
    ![CONSTANT, VALIDATED].contains(&method) && method.parse::<CutRule>().is_err()
}
/// Name of the softness among a gate's parameters.
const SOFTNESS: &str = "softness";

/// The gate of a bundle.
pub(crate) fn gate_of(contents: &Contents) -> Result<Gate, DetectError> {
    let manifest = &contents.manifest;
    let dim = manifest.detector.lead().map_or(0, |features| features.descriptor.dim);
    gate(&manifest.gate, &contents.gate_points, &contents.gate_conditions, dim)
}

/// The default view, and the calibration of every view: that of the default one as it stands in the manifest, the others'
/// from their scores.
pub(super) fn levels(contents: &Contents) -> Result<(View, BTreeMap<View, Levels>), DetectError> {
    let calibration = &contents.manifest.calibration;
    let conditions = &contents.manifest.conditions;
    let parse = |name: &String| DetectError::parse::<View>("calibration.views", name);
    let views: Vec<View> = calibration.views.iter().map(parse).collect::<Result<_, _>>()?;
    let [default, others @ ..] = &views[..] else { return Err(DetectError::NoThreshold) };
    let global = conformal(&calibration.global);
    let per_condition =
        conditions.iter().map(|c| calibration.per_condition.get(&c.name).map_or(global, conformal)).collect();
    let first = Levels { global, per_condition, held_out: held_out(contents, 0) };
    let mut found = BTreeMap::from([(*default, first)]);
    for (index, view) in others.iter().enumerate() {
        found.insert(*view, levels_of(held_out(contents, index + 1), contents)?);
    }
    Ok((*default, found))
}

/// The scores under the view of this index.
fn held_out(contents: &Contents, view: usize) -> HeldOut {
    let (scores, n_added) = (contents.scores_under(view), contents.manifest.calibration.n_added.unwrap_or(0));
    let global = HeldOutScores::new(scores, n_added);
    let first_added = scores.len().saturating_sub(n_added);
    let of_condition = |condition: usize| {
        let own = |(_, c): &(usize, &u32)| **c as usize == condition;
        let at: Vec<usize> = contents.score_condition.iter().enumerate().filter(own).map(|(at, _)| at).collect();
        if at.len() < OWN_CALIBRATION_FROM {
            return global.clone();
        }
        let own: Vec<f32> = at.iter().filter_map(|at| scores.get(*at)).copied().collect();
        HeldOutScores::new(&own, at.iter().filter(|at| **at >= first_added).count())
    };
    let per_condition = (0..contents.manifest.conditions.len()).map(of_condition).collect();
    HeldOut { global, per_condition }
}

/// The calibration by `held_out`.
fn levels_of(held_out: HeldOut, contents: &Contents) -> Result<Levels, DetectError> {
    let calibration = &contents.manifest.calibration;
    let default = conformal(&calibration.global);
    let of = |scores: &HeldOutScores| -> Result<Conformal, DetectError> {
        let mut found = scores.conformal(calibration.alpha)?;
        match (calibration.method.as_str(), default.threshold) {
            (CONSTANT, Some(threshold)) => found.threshold = Some(threshold),
            // As many deviations above the mean as under the default view.
            (VALIDATED, Some(threshold)) => {
                found.threshold = Some(found.mean + found.std * default.standardise(threshold));
            }
            (rule, _) => {
                if let Ok(rule) = rule.parse::<CutRule>() {
                    found.threshold = rule.threshold(scores, &found);
                }
            }
        }
        Ok(found)
    };
    let global = of(&held_out.global)?;
    let per_condition = held_out.per_condition.iter().map(of).collect::<Result<_, _>>()?;
    Ok(Levels { global, per_condition, held_out })
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

fn gate(entry: &GateEntry, points: &[f32], conditions: &[u32], dim: usize) -> Result<Gate, DetectError> {
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
        ("embedding", None, None) => Ok(Gate::Embedding(by_vote(dim.saturating_mul(2))?)),
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

/// The training images as far as a bundle knows what they look like to the network.
pub(crate) fn alike_of(contents: &Contents) -> Option<Alike> {
    let entry = contents.manifest.pooled.as_ref()?;
    let image = |image: &PooledImage| {
        let PooledImage { condition, group, brightness } = *image;
        AlikeImage { condition, group, brightness }
    };
    Some(Alike::new(entry.dim, contents.pooled.clone(), entry.images.iter().map(image).collect()))
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
        for kind in [
            Gate::Single,
            Gate::Abstain,
            Gate::P90 { limit: 0.31, softness: 0.02, known: vec![[0.1, 0.4], [0.3, 0.9]] },
            Gate::Intensity(by_vote(8)),
            Gate::Embedding(by_vote(20)),
        ] {
            let (points, conditions) = gate_tensors(&kind);
            let entry = gate_entry(&kind, &[vec![3, 0, 0], vec![0, 3, 0]]);
            assert_eq!(gate(&entry, &points, &conditions, 10).unwrap(), kind);
        }
    }

    #[test]
    fn gates_of_a_newer_version_or_of_another_descriptor_are_refused_by_name() {
        let refused = |entry: &GateEntry| gate(entry, &[0.0; 8], &[0], 10).unwrap_err().to_string();
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
