//! Policies: which rows of the bank an image is compared with, given what its gate says.

use super::BankError;
use crate::condition::Admission;
use std::fmt;
use std::str::FromStr;

/// What distances to rows of other conditions grow by under [`Policy::Soft`], when the gate is certain: a quarter.
pub const SOFT_PENALTY: f32 = 0.25;

/// How the condition of an image decides which rows count. Where the gate abstains, or the condition is none of those
/// known, every policy is [`Policy::Mixed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// All rows alike.
    Mixed,
    /// Only the rows of the image's condition.
    #[default]
    Gated,
    /// All rows, but the distance to a row of another condition is multiplied by `1 + p w`: `p` is [`SOFT_PENALTY`], and
    /// `w = (n c - 1) / (n - 1)`, at least 0, is the gate's confidence `c` among `n` conditions, rescaled so that a guess
    /// weighs nothing and certainty 1.
    Soft,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mixed, Self::Gated, Self::Soft];

    /// The search for an image so admitted, in a bank of `n_conditions`.
    #[must_use]
    pub fn search(self, admission: Admission, n_conditions: usize) -> Search {
        let Some(condition) = admission.condition.filter(|_| n_conditions > 1) else { return Search::All };
        match self {
            Self::Mixed => Search::All,
            Self::Gated => Search::Only { condition },
            Self::Soft => {
                let n = n_conditions as f32;
                let weight = ((n * admission.confidence - 1.0) / (n - 1.0)).clamp(0.0, 1.0);
                Search::Penalised { condition, factor: 1.0 + SOFT_PENALTY * weight }
            }
        }
    }
}

impl FromStr for Policy {
    type Err = BankError;

    fn from_str(text: &str) -> Result<Self, BankError> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or_else(|| BankError::Policy { text: text.to_owned() })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mixed => "mixed",
            Self::Gated => "gated",
            Self::Soft => "soft",
        })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_round_trip() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy);
        }
        assert!(matches!("hard".parse::<Policy>(), Err(BankError::Policy { .. })));
    }

    #[test]
    fn an_abstaining_gate_or_a_single_condition_searches_everything() {
        for policy in Policy::ALL {
            assert_eq!(policy.search(Admission::abstained(), 2), Search::All);
            assert_eq!(policy.search(Admission::certain(0), 1), Search::All);
        }
    }

    #[test]
    fn the_penalty_grows_from_a_guess_to_certainty() {
        let factor = |confidence: f32, n: usize| match Policy::Soft
            .search(Admission { confidence, ..Admission::certain(1) }, n)
        {
            Search::Penalised { condition: 1, factor } => factor,
            other => panic!("{other:?}"),
        };
        assert_eq!((factor(0.5, 2), factor(1.0, 2), factor(0.1, 2)), (1.0, 1.0 + SOFT_PENALTY, 1.0));
        assert!((factor(1.0 / 3.0, 3) - 1.0).abs() < 1e-6);
        assert!((factor(0.75, 2) - (1.0 + SOFT_PENALTY / 2.0)).abs() < 1e-6);
    }
}
