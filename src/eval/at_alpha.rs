//! Figures of decisions at other false-alarm rates.

use super::{Confusion, ScoredImage};
use crate::score::Verdict;

/// Rates that an evaluation tells the decisions at.
pub const ALPHAS: [f64; 3] = [0.01, 0.05, 0.1];

/// The decisions at one false-alarm rate, by p-values: an image is anomalous when its own is at most the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtAlpha {
    /// The rate, 0..1.
    pub alpha: f64,
    /// Alarms among faults; `None` without any in reach.
    pub recall: Option<f64>,
    /// Alarms among normal images; `None` without any in reach.
    pub false_alarm_rate: Option<f64>,
    /// Images whose held-out normals are too few to vouch for the rate; they count nowhere.
    pub n_out_of_reach: usize,
}

/// The decisions at [`ALPHAS`]; none where images have no p-values.
#[must_use]
pub fn at_alphas(images: &[ScoredImage]) -> Vec<AtAlpha> {
    if images.iter().all(|image| image.p_value.is_none()) {
        return vec![];
    }
    ALPHAS.map(|alpha| at_alpha(images, alpha)).to_vec()
}

fn at_alpha(images: &[ScoredImage], alpha: f64) -> AtAlpha {
    let mut n_out_of_reach = 0;
    let mut decided = vec![];
    for image in images {
        // Rounding must not put 1 / (n + 1) a hair above a rate that equals it.
        match image.p_value.filter(|p| p.least() <= alpha + 1e-12) {
            Some(p) if p.value <= alpha + 1e-12 => decided.push((image.anomalous, Verdict::Anomalous)),
            Some(_) => decided.push((image.anomalous, Verdict::Normal)),
            None => n_out_of_reach += 1,
        }
    }
    let counts = Confusion::of(decided);
    AtAlpha { alpha, recall: counts.recall(), false_alarm_rate: counts.false_alarm_rate(), n_out_of_reach }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::HeldOutScores;

    #[test]
    fn decisions_are_those_of_the_threshold_at_that_rate_and_what_is_out_of_reach_is_counted() {
        let scores: Vec<f32> = (1..=19).map(|s| s as f32).collect();
        let held = HeldOutScores::new(&scores, 0);
        let image = |score: f32, anomalous| ScoredImage {
            anomalous,
            raw_score: score,
            calibrated_score: score,
            verdict: Verdict::Normal,
            p_value: held.p_value(score),
            condition: None,
            defect: None,
        };
        let mut images = vec![image(18.5, true), image(20.0, true), image(18.5, false), image(3.0, false)];
        let found = at_alphas(&images);
        assert_eq!(found[0], AtAlpha { alpha: 0.01, recall: None, false_alarm_rate: None, n_out_of_reach: 4 });
        // The 19th of 19 at 5 %, the 18th at 10 %.
        assert_eq!((found[1].recall, found[1].false_alarm_rate), (Some(0.5), Some(0.0)));
        assert_eq!((found[2].recall, found[2].false_alarm_rate), (Some(1.0), Some(0.5)));
        images.iter_mut().for_each(|image| image.p_value = None);
        assert_eq!(at_alphas(&images), []);
    }
}
