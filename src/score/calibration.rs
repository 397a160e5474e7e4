//! Calibration on held-out normal images: what a score means, and where the threshold lies.

use super::ScoreError;

/// Calibration images from which a condition has a threshold of its own; below, that of all images serves it: the
/// deviation of so few scores means nothing.
pub(crate) const OWN_CALIBRATION_FROM: usize = 5;

/// The scores of one condition's held-out normals, condensed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conformal {
    /// Held-out normal images behind the figures.
    pub n: usize,
    /// The false-alarm rate asked for.
    pub alpha: f64,
    /// Scores above it are anomalous; `None` without held-out images.
    pub threshold: Option<f32>,
    /// Mean of the scores, 0 without any.
    pub mean: f32,
    /// Standard deviation of the scores, 1 where it is not defined (fewer than two scores, or all equal).
    pub std: f32,
}

impl Conformal {
    /// Split-conformal calibration (Papadopoulos et al., 2002; Vovk et al., 2005).
    ///
    /// The threshold is the `ceil((1 - alpha)(n + 1))`-th smallest held-out score: a new normal image exceeds it with
    /// probability at most `alpha`, whatever the distribution, provided that `alpha >= 1 / (n + 1)`. Below that the
    /// largest score is taken, and [`Self::promised_alpha`] says what that is worth.
    ///
    /// # Errors
    /// [`ScoreError::Alpha`] unless `0 < alpha < 1`.
    pub fn of(scores: &[f32], alpha: f64) -> Result<Self, ScoreError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(ScoreError::Alpha { alpha });
        }
        let n = scores.len();
        let mut sorted = scores.to_vec();
        sorted.sort_by(f32::total_cmp);
        // (1 - alpha)(n + 1) may be a whole number that floating point puts a hair above: 0.95 * 20.
        let rank = ((1.0 - alpha) * (n + 1) as f64 - 1e-9).ceil() as usize;
        let threshold = sorted.get(rank.clamp(1, n.max(1)) - 1).copied();
        let mean = scores.iter().map(|s| f64::from(*s)).sum::<f64>() / n.max(1) as f64;
        let variance =
            scores.iter().map(|s| (f64::from(*s) - mean).powi(2)).sum::<f64>() / n.saturating_sub(1).max(1) as f64;
        let std = if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 };
        Ok(Self { n, alpha, threshold, mean: mean as f32, std })
    }

    /// The smallest false-alarm rate that `n` images can vouch for: `1 / (n + 1)`.
    #[must_use]
    pub fn smallest_alpha(&self) -> f64 {
        1.0 / (self.n + 1) as f64
    }

    /// What the threshold vouches for: `alpha`, or the smallest rate within reach where that is larger.
    #[must_use]
    pub fn promised_alpha(&self) -> f64 {
        self.alpha.max(self.smallest_alpha())
    }

    /// The score in standard deviations above the mean of normal images, unclamped.
    #[must_use]
    pub fn standardise(&self, score: f32) -> f32 {
        (score - self.mean) / self.std
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_threshold_is_the_stated_order_statistic() {
        let scores: Vec<f32> = (1..=19).rev().map(|s| s as f32).collect();
        // ceil(0.9 * 20) = 18, ceil(0.95 * 20) = 19.
        assert_eq!(Conformal::of(&scores, 0.1).unwrap().threshold, Some(18.0));
        let at_limit = Conformal::of(&scores, 0.05).unwrap();
        assert_eq!((at_limit.threshold, at_limit.promised_alpha()), (Some(19.0), 0.05));
    }

    #[test]
    fn an_alpha_out_of_reach_takes_the_largest_score_and_says_what_it_is_worth() {
        let found = Conformal::of(&[3.0, 1.0, 2.0], 0.01).unwrap();
        assert_eq!((found.threshold, found.promised_alpha()), (Some(3.0), 0.25));
    }

    #[test]
    fn new_normals_exceed_the_threshold_at_most_at_the_promised_rate() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (n, alpha) in [(99, 0.05), (30, 0.1), (10, 0.01)] {
            let (mut alarms, trials) = (0usize, 20_000);
            let mut promised = 0.0;
            for _ in 0..trials {
                // Any distribution: a skewed one.
                let mut draw = || rng.random::<f32>().powi(4);
                let scores: Vec<f32> = (0..n).map(|_| draw()).collect();
                let found = Conformal::of(&scores, alpha).unwrap();
                promised = found.promised_alpha();
                alarms += usize::from(draw() > found.threshold.unwrap());
            }
            let rate = alarms as f64 / f64::from(trials);
            assert!(rate <= promised * 1.1 && rate >= promised * 0.7, "n {n}: {rate} against {promised}");
        }
    }

    #[test]
    fn few_or_equal_scores_stay_finite() {
        let none = Conformal::of(&[], 0.05).unwrap();
        assert_eq!((none.threshold, none.mean, none.std, none.smallest_alpha()), (None, 0.0, 1.0, 1.0));
        let same = Conformal::of(&[2.0; 5], 0.05).unwrap();
        assert_eq!((same.threshold, same.standardise(3.0)), (Some(2.0), 1.0));
    }

    #[test]
    fn an_alpha_that_is_no_rate_is_refused() {
        for alpha in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(Conformal::of(&[1.0], alpha), Err(ScoreError::Alpha { .. })));
        }
    }
}
