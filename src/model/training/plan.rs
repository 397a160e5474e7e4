//! What decides the weights that a training ends with, beside what is trained and what it sees.

use super::Schedule;
use std::fmt;
use std::str::FromStr;

/// Most steps of a training.
pub const MAX_STEPS: usize = 1_000_000;
/// Most examples of a kind in a step.
pub const MAX_BATCH: usize = 65_536;

/// How something is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Steps, 1 to [`MAX_STEPS`].
    pub steps: usize,
    /// Examples of a kind in a step, 1 to [`MAX_BATCH`]; what they are says what is trained.
    pub batch: usize,
    /// Learning rate of the first step, above 0 and at most 1.
    pub rate: f64,
    /// That of the others.
    pub schedule: Schedule,
    /// What `AdamW` takes from each weight, as a share of the rate, 0..=1.
    pub weight_decay: f64,
    /// Euclidean norm that the gradient of all weights together is cut down to; `None` to leave it alone.
    pub clip_norm: Option<f64>,
    /// Steps from one evaluation to the next, 1 to [`MAX_STEPS`]; the last step has one as well.
    pub evaluate: usize,
    /// Share of the examples that is kept apart, not learned from, and evaluated, 0..1; 0 for none.
    pub watch: f64,
    /// When to stop before the last step; `None` for never.
    pub stop: Option<Stop>,
}

/// What a training is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Figure {
    /// The mean loss of the steps since the evaluation before.
    #[default]
    Loss,
    /// The mean loss of the examples that are kept apart.
    Watch,
}

/// Which figures are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Smaller ones.
    #[default]
    Min,
    /// Larger ones.
    Max,
}

/// When a training stops before its last step: its result is then what had the best figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// What is looked at.
    pub figure: Figure,
    /// Evaluations without a better figure after which it stops, at least 1.
    pub patience: usize,
    /// How much better a figure must be to count as better, at least 0.
    pub min_delta: f64,
    /// Which is better.
    pub mode: Mode,
}

impl Stop {
    /// Whether a figure is better than the best one before. A figure that is no number is not.
    #[must_use]
    pub fn is_better(&self, figure: f64, best: Option<f64>) -> bool {
        let Some(best) = best else { return figure.is_finite() };
        match self.mode {
            Mode::Min => figure < best - self.min_delta,
            Mode::Max => figure > best + self.min_delta,
        }
    }
}

impl fmt::Display for Plan {
    /// All that it says, in one line that reads the same for the same plan alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, batch, rate, schedule, weight_decay, clip_norm, evaluate, watch, stop } = self;
        write!(f, "steps {steps}, batch {batch}, rate {rate}, schedule {schedule}, weight decay {weight_decay}")?;
        let stop = stop.map_or_else(|| "never".to_owned(), |stop| stop.to_string());
        let clip = clip_norm.map_or_else(|| "none".to_owned(), |norm| norm.to_string());
        write!(f, ", clip norm {clip}, evaluate {evaluate}, watch {watch}, stop {stop}")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loss => "loss",
            Self::Watch => "watch",
        })
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Loss, Self::Watch];
        all.into_iter()
            .find(|figure| figure.to_string() == text)
            .ok_or_else(|| format!("'{text}' is not loss or watch"))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Min => "min",
            Self::Max => "max",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Min, Self::Max];
        all.into_iter().find(|mode| mode.to_string() == text).ok_or_else(|| format!("'{text}' is not min or max"))
    }
}

impl fmt::Display for Stop {
    /// `FIGURE:PATIENCE:MIN_DELTA:MODE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, patience, min_delta, mode } = self;
        write!(f, "{figure}:{patience}:{min_delta}:{mode}")
    }
}

impl FromStr for Stop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not FIGURE:PATIENCE:MIN_DELTA:MODE");
        let [figure, patience, min_delta, mode] = text.split(':').collect::<Vec<_>>()[..] else { return Err(bad()) };
        let stop = Self {
            figure: figure.parse()?,
            patience: patience.parse().map_err(|_not| bad())?,
            min_delta: min_delta.parse().map_err(|_not| bad())?,
            mode: mode.parse()?,
        };
        if stop.patience == 0 || !(stop.min_delta >= 0.0 && stop.min_delta.is_finite()) { Err(bad()) } else { Ok(stop) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reads_back_as_it_is_written() {
        for text in ["loss:5:0:min", "watch:1:0.001:max"] {
            assert_eq!(text.parse::<Stop>().unwrap().to_string(), text);
        }
        for text in ["", "loss", "loss:0:0:min", "loss:5:-1:min", "loss:5:NaN:min", "auroc:5:0:max", "loss:5:0:most"] {
            assert!(text.parse::<Stop>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_figure_is_better_by_more_than_the_smallest_difference() {
        let stop = |mode| Stop { figure: Figure::Loss, patience: 1, min_delta: 0.1, mode };
        let (least, most) = (stop(Mode::Min), stop(Mode::Max));
        assert!(least.is_better(0.5, None) && !least.is_better(f64::NAN, None));
        assert!(least.is_better(0.35, Some(0.5)) && !least.is_better(0.45, Some(0.5)));
        assert!(most.is_better(0.65, Some(0.5)) && !most.is_better(0.55, Some(0.5)));
        assert!(!least.is_better(f64::NAN, Some(0.5)) && !most.is_better(f64::NAN, Some(0.5)));
    }
}
