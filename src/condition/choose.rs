//! The gate of a fit.

use super::{ConditionError, Gate, GateKind, KnnGate, cross_validate, gate_accuracy};

/// What a gate can learn from.
pub(crate) struct Examples<'a> {
    /// Intensity statistics of each of the bank's images.
    pub(crate) intensity: Vec<&'a [f32]>,
    /// Their pooled descriptors.
    pub(crate) pooled: Vec<&'a [f32]>,
    /// Their conditions.
    pub(crate) conditions: Vec<u32>,
}

/// A gate with its cross-validated confusion.
pub(crate) struct Chosen {
    pub(crate) gate: Gate,
    pub(crate) confusion: Vec<Vec<usize>>,
}

/// The gate for `n_conditions`. `level`: the gate by level, where the level made the conditions.
///
/// [`GateKind::Auto`] takes the gate by level where there is one, since it repeats the rule that made the conditions; else
/// the one with the better cross-validated accuracy, the intensity statistics where both are equal. A gate that is no
/// better than always naming the commonest condition is not used: then the condition must be given with each image.
pub(crate) fn choose(
    kind: GateKind,
    level: Option<Gate>,
    examples: &Examples<'_>,
    n_conditions: usize,
) -> Result<Chosen, ConditionError> {
    let bare = |gate| Ok(Chosen { gate, confusion: vec![] });
    let Examples { intensity, pooled, conditions } = examples;
    match (kind, level) {
        (GateKind::Auto | GateKind::P90, Some(gate)) => bare(gate),
        (GateKind::P90, None) if n_conditions > 1 => Err(ConditionError::NoLevel),
        (GateKind::Auto | GateKind::P90 | GateKind::Knn | GateKind::Embedding, None) if n_conditions < 2 => {
            bare(Gate::Single)
        }
        (GateKind::Knn, _) => {
            let confusion = cross_validate(intensity, conditions, n_conditions)?;
            Ok(Chosen { gate: Gate::Intensity(KnnGate::learn(intensity, conditions)?), confusion })
        }
        (GateKind::Embedding, _) => {
            let confusion = cross_validate(pooled, conditions, n_conditions)?;
            Ok(Chosen { gate: Gate::Embedding(KnnGate::learn(pooled, conditions)?), confusion })
        }
        (GateKind::Auto | GateKind::P90, None) => {
            let by_intensity = cross_validate(intensity, conditions, n_conditions)?;
            let by_pooled = cross_validate(pooled, conditions, n_conditions)?;
            let embedding = gate_accuracy(&by_pooled) > gate_accuracy(&by_intensity);
            let confusion = if embedding { by_pooled } else { by_intensity };
            let commonest = confusion.iter().map(|row| row.iter().sum::<usize>()).max().unwrap_or(0);
            let gate = if gate_accuracy(&confusion) * conditions.len() as f64 <= commonest as f64 {
                Gate::Abstain
            } else if embedding {
                Gate::Embedding(KnnGate::learn(pooled, conditions)?)
            } else {
                Gate::Intensity(KnnGate::learn(intensity, conditions)?)
            };
            Ok(Chosen { gate, confusion })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty images whose statistics tell the condition with `intensity` and whose pooled features with `pooled`.
    fn chosen(kind: GateKind, intensity: bool, pooled: bool) -> Result<Chosen, ConditionError> {
        let conditions: Vec<u32> = (0..40).map(|i| u32::from(i % 3 == 0)).collect();
        let features = |telling: bool, dim: usize| -> Vec<Vec<f32>> {
            conditions
                .iter()
                .enumerate()
                .map(|(i, c)| {
                    (0..dim)
                        .map(|k| ((i * 37 + k * 11) % 17) as f32 / 17.0 + if telling { *c as f32 * 9.0 } else { 0.0 })
                        .collect()
                })
                .collect()
        };
        let (a, b) = (features(intensity, 8), features(pooled, 20));
        let slices = |f: &'static [Vec<f32>]| f.iter().map(Vec::as_slice).collect();
        let (a, b) = (Vec::leak(a), Vec::leak(b));
        choose(kind, None, &Examples { intensity: slices(a), pooled: slices(b), conditions }, 2)
    }

    #[test]
    fn auto_takes_what_tells_best_and_nothing_where_nothing_does() {
        assert!(matches!(chosen(GateKind::Auto, true, false).unwrap().gate, Gate::Intensity(_)));
        assert!(matches!(chosen(GateKind::Auto, true, true).unwrap().gate, Gate::Intensity(_)));
        let found = chosen(GateKind::Auto, false, true).unwrap();
        assert!(matches!(found.gate, Gate::Embedding(_)));
        assert_eq!(found.confusion, [[26, 0, 0], [0, 14, 0]]);
        assert_eq!(chosen(GateKind::Auto, false, false).unwrap().gate, Gate::Abstain);
    }

    #[test]
    fn what_was_asked_for_is_made_or_refused() {
        assert!(matches!(chosen(GateKind::Embedding, true, false).unwrap().gate, Gate::Embedding(_)));
        assert!(matches!(chosen(GateKind::P90, true, true), Err(ConditionError::NoLevel)));
        let level = Gate::P90 { limit: 0.3, softness: 0.1, known: vec![] };
        let none = Examples { intensity: vec![], pooled: vec![], conditions: vec![] };
        assert_eq!(choose(GateKind::Auto, Some(level.clone()), &none, 2).unwrap().gate, level);
        assert_eq!(choose(GateKind::Auto, None, &none, 1).unwrap().gate, Gate::Single);
    }
}
