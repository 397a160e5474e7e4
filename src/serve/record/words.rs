//! Words that stand for a choice.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// A word that is none of those expected.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{found:?}: expected {expected}")]
pub struct UnknownWord {
    expected: String,
    found: String,
}

macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let expected = || [$($word),+].join(", ");
                let unknown = || UnknownWord { expected: expected(), found: text.to_owned() };
                Self::ALL.iter().copied().find(|own| own.as_str() == text).ok_or_else(unknown)
            }
        }
    };
}

choices! {
    /// What a job does.
    JobKind {
        /// Inspects images.
        Inspect = "inspect",
        /// Fits a detector.
        Fit = "fit",
        /// Adds normal images to one.
        Update = "update",
        /// Sets its threshold by other normal images.
        Calibrate = "calibrate",
        /// Puts two side by side.
        Compare = "compare",
    }
}

choices! {
    /// How far a job is.
    JobState {
        /// Nobody has begun.
        Pending = "pending",
        /// Somebody works on it.
        Running = "running",
        /// All of it is done; single images may have failed.
        Completed = "completed",
        /// It ended with an error.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
    }
}

impl JobState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

choices! {
    /// Whether a line takes images.
    LineState {
        /// It does.
        Running = "running",
        /// It does not.
        Stopped = "stopped",
        /// It should, and can't: see its error. It tries again.
        Failed = "failed",
    }
}

choices! {
    /// What people say of a result.
    MarkWord {
        /// Called anomalous, and normal.
        FalseAlarm = "false_alarm",
        /// Called normal, and defective.
        Missed = "missed",
        /// Called anomalous, and defective.
        Defect = "defect",
        /// Called normal, and normal.
        Good = "good",
    }
}

impl MarkWord {
    /// The verdict it is about: whether the image was called anomalous.
    #[must_use]
    pub fn is_of_anomalous(self) -> bool {
        matches!(self, Self::FalseAlarm | Self::Defect)
    }

    /// Whether the image is defective.
    #[must_use]
    pub fn is_defective(self) -> bool {
        matches!(self, Self::Missed | Self::Defect)
    }
}

choices! {
    /// What somebody may do; each may do what those before may.
    Role {
        /// Looks.
        Viewer = "viewer",
        /// Inspects, marks results, fits and moves thresholds.
        Operator = "operator",
        /// Accounts, lines, server folders, deletes detectors.
        Admin = "admin",
    }
}
