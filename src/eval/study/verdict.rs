//! What the numbers say of a hypothesis.

use std::fmt;

use super::{Direction, Figure, Hypothesis};
use crate::eval::Interval;

/// The answer to a hypothesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The whole 95 % interval of the difference lies where the hypothesis claims.
    Supported,
    /// None of it does.
    Refuted,
    /// Some of it does: more images or seeds would be needed.
    Undecided,
    /// The data don't define the figures: no faults, or no images of that condition.
    NotMeasured,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
            Self::NotMeasured => "not measured",
        })
    }
}

/// An answer with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Short name of the hypothesis.
    pub name: String,
    /// Its claim.
    pub claim: String,
    /// What the numbers say.
    pub answer: Answer,
    /// The figure of its cell `a`, and that of `b`.
    pub figures: (Figure, Figure),
    /// The condition it is about; `None` for all images.
    pub condition: Option<String>,
    /// What `a` reaches.
    pub a: Option<Interval>,
    /// What `b` reaches.
    pub b: Option<Interval>,
    /// The paired difference `a - b`.
    pub difference: Option<Interval>,
    /// What was claimed of it.
    pub direction: Direction,
    /// The margin of the claim.
    pub margin: f64,
    /// Seeds behind it.
    pub n_seeds: usize,
}

impl Finding {
    /// The numbers as a sentence.
    #[must_use]
    pub fn numbers(&self) -> String {
        let (Some(a), Some(b), Some(difference)) = (self.a, self.b, self.difference) else {
            return "the data do not define these figures".to_owned();
        };
        let images = self.condition.as_ref().map_or_else(String::new, |c| format!(" of {c} images"));
        let (name_a, name_b) = self.figures;
        let second = if name_a == name_b { String::new() } else { format!("{name_b} ") };
        let claimed = match (self.direction, self.margin == 0.0) {
            (Direction::Greater, true) => "claimed: above 0".to_owned(),
            (Direction::Less, true) => "claimed: below 0".to_owned(),
            (Direction::Greater, false) => format!("claimed: above {:+.3}", self.margin),
            (Direction::Less, false) => format!("claimed: below {:+.3}", self.margin),
            (Direction::Same, _) => format!("claimed: within {:.3} of 0", self.margin),
        };
        let seeds = if self.n_seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", self.n_seeds) };
        format!(
            "{name_a}{images} {:.3} against {second}{:.3}: difference {:+.3}, 95 % interval {:+.3} to {:+.3}, {seeds} ({claimed})",
            a.estimate, b.estimate, difference.estimate, difference.low, difference.high
        )
    }
}

pub(super) fn judge(
    hypothesis: &Hypothesis,
    a: Option<Interval>,
    b: Option<Interval>,
    difference: Option<Interval>,
    n_seeds: usize,
) -> Finding {
    let draft = &hypothesis.draft;
    Finding {
        name: draft.name.clone(),
        claim: draft.claim.clone(),
        answer: difference.map_or(Answer::NotMeasured, |d| answer(d, draft.direction, draft.margin)),
        figures: (draft.figure, draft.figure_b.unwrap_or(draft.figure)),
        condition: draft.condition.clone(),
        a,
        b,
        difference,
        direction: draft.direction,
        margin: draft.margin,
        n_seeds,
    }
}

fn answer(Interval { low, high, .. }: Interval, direction: Direction, margin: f64) -> Answer {
    let (holds, fails) = match direction {
        Direction::Greater => (low > margin, high <= margin),
        Direction::Less => (high < margin, low >= margin),
        Direction::Same => (low >= -margin && high <= margin, low > margin || high < -margin),
    };
    match (holds, fails) {
        (true, _) => Answer::Supported,
        (false, true) => Answer::Refuted,
        (false, false) => Answer::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_needs_the_whole_interval() {
        let given = |low: f64, high: f64, direction, margin| {
            answer(Interval { estimate: f64::midpoint(low, high), low, high }, direction, margin)
        };
        assert_eq!(given(0.01, 0.05, Direction::Greater, 0.0), Answer::Supported);
        assert_eq!(given(-0.01, 0.05, Direction::Greater, 0.0), Answer::Undecided);
        assert_eq!(given(-0.05, -0.01, Direction::Greater, 0.0), Answer::Refuted);
        // No difference at all is not above 0.
        assert_eq!(given(0.0, 0.0, Direction::Greater, 0.0), Answer::Refuted);
        assert_eq!(given(-0.005, 0.05, Direction::Greater, -0.01), Answer::Supported);
        assert_eq!(given(-0.05, -0.01, Direction::Less, 0.0), Answer::Supported);
        assert_eq!(given(0.01, 0.05, Direction::Less, 0.0), Answer::Refuted);
        assert_eq!(given(-0.009, 0.01, Direction::Same, 0.01), Answer::Supported);
        assert_eq!(given(-0.02, 0.005, Direction::Same, 0.01), Answer::Undecided);
        assert_eq!(given(0.02, 0.05, Direction::Same, 0.01), Answer::Refuted);
        assert_eq!(given(-0.05, -0.02, Direction::Same, 0.01), Answer::Refuted);
    }
}
