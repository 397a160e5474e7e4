//! Thresholds by rules that promise nothing, as lines have used them for long.

use super::{Conformal, HeldOutScores, ScoreError};
use std::fmt;
use std::str::FromStr;

/// Where a threshold lies among the scores of held-out normals, in place of the conformal one ([`Conformal::of`]). It promises no rate
/// of false alarms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CutRule {
    /// So many standard deviations above their mean: the k-sigma rule of control charts (Shewhart, 1931).
    Sigma(f32),
    /// The smallest of them that at least so many percent do not exceed.
    Percentile(f64),
}

/// The largest number of deviations.
const MOST_SIGMA: f32 = 100.0;

impl CutRule {
    /// The threshold among these scores, whose mean and deviation `conformal` has; `None` without any.
    #[must_use]
    pub fn threshold(self, scores: &HeldOutScores, conformal: &Conformal) -> Option<f32> {
        let ascending = scores.ascending();
        match self {
            Self::Sigma(_) if ascending.is_empty() => None,
            Self::Sigma(k) => Some(conformal.mean + k * conformal.std),
            Self::Percentile(percent) => {
                let rank = (percent / 100.0 * ascending.len() as f64 - 1e-9).ceil() as usize;
                ascending.get(rank.max(1) - 1).copied()
            }
        }
    }
}

impl FromStr for CutRule {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Self, ScoreError> {
        let bad = || ScoreError::CutRule { text: text.to_owned() };
        match text.split_once(':') {
            Some(("sigma", k)) => {
                let k: f32 = k.parse().map_err(|_| bad())?;
                if k > 0.0 && k <= MOST_SIGMA { Ok(Self::Sigma(k)) } else { Err(bad()) }
            }
            Some(("percentile", percent)) => {
                let percent: f64 = percent.parse().map_err(|_| bad())?;
                if percent > 0.0 && percent <= 100.0 { Ok(Self::Percentile(percent)) } else { Err(bad()) }
            }
            Some(_) | None => Err(bad()),
        }
    }
}

impl fmt::Display for CutRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sigma(k) => write!(f, "sigma:{k}"),
            Self::Percentile(percent) => write!(f, "percentile:{percent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, scores: &[f32]) -> Option<f32> {
        let rule: CutRule = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
        let held = HeldOutScores::new(scores, 0);
        rule.threshold(&held, &held.conformal(0.1).unwrap())
    }

    #[test]
    fn rules_lie_where_they_say() {
        let scores: Vec<f32> = (1..=10).map(|score| score as f32).collect();
        assert_eq!(cut("percentile:90", &scores), Some(9.0));
        assert_eq!(cut("percentile:91", &scores), Some(10.0));
        assert_eq!(cut("percentile:100", &scores), Some(10.0));
        assert_eq!(cut("percentile:1", &scores), Some(1.0));
        // Mean 2, deviation 1.
        assert_eq!(cut("sigma:3", &[1.0, 2.0, 3.0]), Some(5.0));
        assert_eq!((cut("sigma:3", &[]), cut("percentile:50", &[])), (None, None));
    }

    #[test]
    fn what_is_no_rule_is_refused_with_those_there_are() {
        for text in ["", "sigma", "sigma:0", "sigma:-1", "sigma:nan", "percentile:0", "percentile:101", "median:1"] {
            let error = text.parse::<CutRule>().unwrap_err().to_string();
            assert!(error.contains("sigma:3") && error.contains("percentile:99"), "{error}");
        }
    }
}
