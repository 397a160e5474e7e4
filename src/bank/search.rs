//! Which rows a patch is compared with.

use crate::condition::{Admission, Policy};

/// What distances to rows of other conditions grow by under [`Policy::Soft`], when the gate is certain: a quarter.
pub const SOFT_PENALTY: f32 = 0.25;

/// Which rows a search considers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Search {
    /// All rows.
    All,
    /// The rows of one condition; all rows where it has none.
    Only {
        /// Its index.
        condition: usize,
    },
    /// All rows, distances to rows of other conditions multiplied.
    Penalised {
        /// Index of the condition whose rows are not penalised.
        condition: usize,
        /// Multiplies the other distances, at least 1.
        factor: f32,
    },
}

impl Search {
    /// That of a policy for an image so admitted, in a bank of `n_conditions`.
    #[must_use]
    pub fn under(policy: Policy, admission: Admission, n_conditions: usize) -> Self {
        let Some(condition) = admission.condition.filter(|_| n_conditions > 1) else { return Self::All };
        match policy {
            Policy::Mixed => Self::All,
            Policy::Gated => Self::Only { condition },
            Policy::Soft => {
                let n = n_conditions as f32;
                let weight = ((n * admission.confidence - 1.0) / (n - 1.0)).clamp(0.0, 1.0);
                Self::Penalised { condition, factor: 1.0 + SOFT_PENALTY * weight }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abstaining_gate_or_a_single_condition_searches_everything() {
        for policy in Policy::ALL {
            assert_eq!(Search::under(policy, Admission::abstained(), 2), Search::All);
            assert_eq!(Search::under(policy, Admission::certain(0), 1), Search::All);
        }
    }

    #[test]
    fn the_penalty_grows_from_a_guess_to_certainty() {
        let search =
            |confidence: f32, n| Search::under(Policy::Soft, Admission { confidence, ..Admission::certain(1) }, n);
        let factor = |confidence: f32, n: usize| match search(confidence, n) {
            Search::Penalised { condition: 1, factor } => factor,
            other => panic!("{other:?}"),
        };
        assert_eq!((factor(0.5, 2), factor(1.0, 2), factor(0.1, 2)), (1.0, 1.0 + SOFT_PENALTY, 1.0));
        assert!((factor(1.0 / 3.0, 3) - 1.0).abs() < 1e-6);
        assert!((factor(0.75, 2) - (1.0 + SOFT_PENALTY / 2.0)).abs() < 1e-6);
    }
}
