//! What can go wrong while scoring.

/// Why an image can't be scored or a score not calibrated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// An image score that is none.
    #[error(
        "`Scoring::image_score` {text}: expected max, reweighted, reweighted:NEIGHBOURS, top or top:SHARE with a share above 0 and up to 1"
    )]
    ImageScore {
        /// What was asked for.
        text: String,
    },
    /// A false-alarm rate that is none.
    #[error("`FitPlan::alpha` {alpha}: expected a false-alarm rate above 0 and below 1, such as 0.01")]
    Alpha {
        /// What was asked for.
        alpha: f64,
    },
    /// A rule for thresholds that is none.
    #[error(
        "the rule {text:?} for thresholds: expected sigma:K, such as sigma:3, or percentile:P, such as percentile:99"
    )]
    CutRule {
        /// What was asked for.
        text: String,
    },
    /// The bank can't be searched.
    #[error(transparent)]
    Bank(#[from] crate::bank::BankError),
}
