//! What can go wrong with conditions and gates.

use crate::dataset::DatasetError;

/// Why conditions can't be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// The table of conditions can't be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A condition rule that is none.
    #[error(
        "`FitPlan::conditions` {text}: expected none, p90, p90:LIMIT, index:N, folder or a CSV file with the columns path,condition"
    )]
    Rule {
        /// What was asked for.
        text: String,
    },
    /// A kind of gate that is none.
    #[error("`FitPlan::gate` {text}: expected auto, p90, knn or embedding")]
    GateKind {
        /// What was asked for.
        text: String,
    },
    /// A use of the gate that is none.
    #[error("`Inspector::set_gate_use` {text}: expected auto, own, oracle, random or inverse")]
    GateUse {
        /// What was asked for.
        text: String,
    },
    /// A gate by level for conditions that are not made by it.
    #[error(
        "`GateKind::P90` tells conditions made by level: use it with `ConditionRule::P90`, or choose auto, knn or embedding"
    )]
    NoLevel,
    /// Too few images to find a limit between two conditions.
    #[error(
        "finding the limit between two conditions needs at least 4 images with different levels, found {n_images}: give it as `ConditionRule::P90`:LIMIT"
    )]
    NoLimit {
        /// Images looked at.
        n_images: usize,
    },
    /// A policy that is none.
    #[error("`Inspector::set_policy` {text}: expected mixed, gated or soft")]
    Policy {
        /// What was asked for.
        text: String,
    },
    /// A gate learns from examples.
    #[error("a gate needs at least one example")]
    NoExamples,
    /// Examples and what is known of them do not fit.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// No gate can be made of the examples.
    #[error("the gate's examples can't be searched: {reason}")]
    Gate {
        /// Why.
        reason: String,
    },
}
