//! Ways to read a detector.

use crate::condition::{ConditionError, Policy};
use std::fmt;
use std::str::FromStr;

/// One way to read a detector: what an image is compared with, and whether its distances are normalised by how far normal
/// images are from each other there. Scores of different views are not comparable; each has a calibration of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    /// Distances are normalised by local density.
    pub by_density: bool,
    /// What decides which normal images count.
    pub policy: Policy,
}

impl View {
    /// Stands before the policy in the name of a view by density.
    pub(crate) const DENSITY: &str = "density:";

    /// Distances as they are.
    #[must_use]
    pub fn plain(policy: Policy) -> Self {
        Self { by_density: false, policy }
    }

    /// Distances normalised by local density.
    #[must_use]
    pub fn by_density(policy: Policy) -> Self {
        Self { by_density: true, policy }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.by_density { Self::DENSITY } else { "" }, self.policy)
    }
}

impl FromStr for View {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        Ok(match text.strip_prefix(Self::DENSITY) {
            Some(policy) => Self::by_density(policy.parse()?),
            None => Self::plain(text.parse()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_round_trip_by_name() {
        let both = |policy| [View::plain(policy), View::by_density(policy)];
        let names: Vec<String> = Policy::ALL.into_iter().flat_map(both).map(|view| view.to_string()).collect();
        assert_eq!(names, ["mixed", "density:mixed", "gated", "density:gated", "soft", "density:soft"]);
        for name in names {
            assert_eq!(name.parse::<View>().unwrap().to_string(), name);
        }
        assert!("density:".parse::<View>().is_err() && "plain:mixed".parse::<View>().is_err());
    }
}
