//! Scores of held-out normals: where a threshold lies, and what they say of a new score.

use super::{Conformal, OWN_CALIBRATION_FROM, ScoreError, Verdict};

/// Of the scores that were added after a fit the last so many set a threshold of their own.
pub(crate) const RECENT: usize = 100;

/// Scores of normals that a detector had not seen, those of one condition or of all.
///
/// Some may have been added later (`live::update`). A process that has changed since then is not the one
/// that the first scores came from: where at least five were added, the last hundred of them count as a population of their
/// own beside all, so that new normals like either exceed the threshold at most at the rate asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeldOutScores {
    /// Ascending.
    all: Vec<f32>,
    /// Those that were added last, ascending; empty where there are too few.
    recent: Vec<f32>,
}

/// How often a new normal scores so high or higher.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// `(1 + #{held-out score >= s}) / (n + 1)`, in (0, 1]: a normal image has a value of at most `a` with probability at most
    /// `a` (Vovk et al., 2005, "Algorithmic learning in a random world").
    pub value: f64,
    /// Held-out normals behind it; the value is no smaller than `1 / (n + 1)`.
    pub n: usize,
}

impl PValue {
    /// The smallest that there could be.
    #[must_use]
    pub fn least(&self) -> f64 {
        1.0 / (self.n + 1) as f64
    }

    fn of(score: f32, ascending: &[f32]) -> Self {
        let n = ascending.len();
        // A score that is no more than another machine's rounding above a held-out one does not exceed it.
        let n_at_least = n - ascending.partition_point(|held| Verdict::of(score, *held) == Verdict::Anomalous);
        Self { value: (1 + n_at_least) as f64 / (n + 1) as f64, n }
    }
}

impl HeldOutScores {
    /// `n_added`: so many at the end of `scores` were added after the fit.
    #[must_use]
    pub fn new(scores: &[f32], n_added: usize) -> Self {
        let added = &scores[scores.len().saturating_sub(n_added.min(RECENT))..];
        let recent = if added.len() < OWN_CALIBRATION_FROM { &[] } else { added };
        Self { all: ascending(scores), recent: ascending(recent) }
    }

    /// How many there are.
    #[must_use]
    pub fn n(&self) -> usize {
        self.all.len()
    }

    /// All of them, ascending.
    #[must_use]
    pub fn ascending(&self) -> &[f32] {
        &self.all
    }

    /// The threshold for this false-alarm rate, see [`Conformal::of`]: the larger of that of all scores and that of the recent
    /// ones. Mean and deviation are those of all.
    ///
    /// # Errors
    /// [`ScoreError::Alpha`] unless `0 < alpha < 1`.
    pub fn conformal(&self, alpha: f64) -> Result<Conformal, ScoreError> {
        let mut found = Conformal::of(&self.all, alpha)?;
        let recent = Conformal::of(&self.recent, alpha)?.threshold;
        found.threshold = match (found.threshold, recent) {
            (Some(all), Some(recent)) => Some(all.max(recent)),
            (all, _) => all,
        };
        Ok(found)
    }

    /// What a score is worth among these: the larger value of that among all and that among the recent ones. `None` without
    /// any.
    #[must_use]
    pub fn p_value(&self, score: f32) -> Option<PValue> {
        if self.all.is_empty() {
            return None;
        }
        let all = PValue::of(score, &self.all);
        if self.recent.is_empty() {
            return Some(all);
        }
        let recent = PValue::of(score, &self.recent);
        Some(if recent.value > all.value { recent } else { all })
    }
}

fn ascending(scores: &[f32]) -> Vec<f32> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_value_counts_what_is_at_least_as_high() {
        let held = HeldOutScores::new(&[3.0, 1.0, 2.0, 2.0], 0);
        let value = |score| held.p_value(score).unwrap().value;
        assert_eq!([value(0.5), value(2.0), value(2.5), value(9.0)], [1.0, 0.8, 0.4, 0.2]);
        assert_eq!(held.p_value(9.0).unwrap().least(), 0.2);
        assert_eq!(HeldOutScores::default().p_value(1.0), None);
    }

    proptest! {
        #[test]
        fn a_verdict_and_a_value_say_the_same_at_every_rate_in_reach(
            scores in proptest::collection::vec(-3i32..30, 1..60),
            n_added in 0usize..40,
            score in -3i32..40,
            percent in 1u32..99,
        ) {
            let scores: Vec<f32> = scores.into_iter().map(|s| s as f32 / 4.0).collect();
            let alpha = f64::from(percent) / 100.0;
            let held = HeldOutScores::new(&scores, n_added);
            let n_least = if held.recent.is_empty() { held.n() } else { held.recent.len() };
            prop_assume!(alpha >= 1.0 / (n_least + 1) as f64);
            let score = score as f32 / 4.0;
            let is_above = Verdict::of(score, held.conformal(alpha).unwrap().threshold.unwrap()) == Verdict::Anomalous;
            prop_assert_eq!(is_above, held.p_value(score).unwrap().value <= alpha + 1e-12);
        }
    }

    #[test]
    fn normals_like_those_added_last_exceed_the_threshold_no_more_often_than_asked_for() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut alarms, mut old_alarms, n_trials) = (0, 0, 4000);
        for _ in 0..n_trials {
            // Scores that lie higher since the light has changed.
            let mut draw = |shift: f32| rng.random::<f32>().powi(3) + shift;
            let mut scores: Vec<f32> = (0..200).map(|_| draw(0.0)).collect();
            scores.extend((0..30).map(|_| draw(0.5)));
            let held = HeldOutScores::new(&scores, 30);
            let threshold = held.conformal(0.1).unwrap().threshold.unwrap();
            alarms += usize::from(draw(0.5) > threshold);
            old_alarms += usize::from(draw(0.0) > threshold);
        }
        let rate = |n: usize| n as f64 / f64::from(n_trials);
        assert!(rate(alarms) < 0.11 && rate(alarms) > 0.06, "{}", rate(alarms));
        assert!(rate(old_alarms) < 0.1, "{}", rate(old_alarms));
    }
}
