//! The decision about one image.

/// What a score says of an image, given its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The score does not exceed the threshold.
    Normal,
    /// The score exceeds the threshold.
    Anomalous,
}

impl Verdict {
    /// `Anomalous` exactly when `score > threshold`.
    #[must_use]
    pub fn of(score: f32, threshold: f32) -> Self {
        if score > threshold { Self::Anomalous } else { Self::Normal }
    }

    /// The word used in every output: `normal` or `anomalous`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Anomalous => "anomalous",
        }
    }
}
