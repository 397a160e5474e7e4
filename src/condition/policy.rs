//! Policies: what an image is compared with, given what its gate says.

use super::ConditionError;
use std::fmt;
use std::str::FromStr;

/// How the condition of an image decides which rows count. Where the gate abstains, or the condition is none of those
/// known, every policy is [`Policy::Mixed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// All rows alike.
    Mixed,
    /// Only the rows of the image's condition.
    #[default]
    Gated,
    /// All rows, but the distance to a row of another condition is multiplied by `1 + p w`: `p` is `bank::SOFT_PENALTY`, and
    /// `w = (n c - 1) / (n - 1)`, at least 0, is the gate's confidence `c` among `n` conditions, rescaled so that a guess
    /// weighs nothing and certainty 1.
    Soft,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mixed, Self::Gated, Self::Soft];
}

impl FromStr for Policy {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or_else(|| ConditionError::Policy { text: text.to_owned() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_round_trip() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy);
        }
        assert!(matches!("hard".parse::<Policy>(), Err(ConditionError::Policy { .. })));
    }
}
