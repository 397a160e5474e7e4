//! The decision about one image.

/// How far above the threshold a score must lie to exceed it, as a share of the threshold.
///
/// The same image scores up to 1.3e-6 of its score apart on different instruction sets, and up to 3.2e-5 where scores are
/// standardised, which takes a median from them (docs/parity.md has the figures); so the image that set a threshold could be
/// anomalous on another machine. No defect is that faint.
pub const VERDICT_TOLERANCE: f32 = 1e-4;

/// What a score says of an image, given its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The score does not exceed the threshold.
    Normal,
    /// The score exceeds the threshold.
    Anomalous,
}

impl Verdict {
    /// `Anomalous` exactly when `score` exceeds `threshold` by more than [`VERDICT_TOLERANCE`].
    #[must_use]
    pub fn of(score: f32, threshold: f32) -> Self {
        if score > threshold + VERDICT_TOLERANCE * threshold.abs() { Self::Anomalous } else { Self::Normal }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounding_of_another_machine_decides_nothing() {
        // Two instruction sets, one image.
        for (score, threshold) in [(0.582_708, 0.582_700_6), (0.582_700_6, 0.582_708), (0.0, 0.0), (-2.0, -2.000_02)] {
            assert_eq!(Verdict::of(score, threshold), Verdict::Normal, "{score} and {threshold}");
        }
        for (score, threshold) in [(0.582_8, 0.582_700_6), (1e-30, 0.0), (-1.999, -2.0), (f32::INFINITY, 1.0)] {
            assert_eq!(Verdict::of(score, threshold), Verdict::Anomalous, "{score} and {threshold}");
        }
    }
}
