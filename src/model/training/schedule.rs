//! The learning rate of each step.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// How the learning rate goes from the first step to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// The same for all steps.
    Constant,
    /// A half cosine from the first rate down to none.
    #[default]
    Cosine,
    /// Multiplied by a factor, above 0 and at most 1, after every so many steps.
    Step(Every, f64),
    /// A half cosine that begins anew so many times, 1 to [`MAX_RESTARTS`]: equation 5 of Loshchilov and Hutter, *SGDR: Stochastic
    /// Gradient Descent with Warm Restarts*, ICLR 2017, with periods of the same length and a smallest rate of 0.
    Restarts(usize),
}

/// A number of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// So many, at least 1.
    Steps(usize),
    /// A share of the training, 0..1.
    Share(f64),
}

/// Most restarts.
pub const MAX_RESTARTS: usize = 1000;

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "schedule '{text}': expected constant, cosine, step:EVERY:FACTOR (such as step:0.3:0.1 for a tenth after each 30 % of the training, or step:200:0.5 for half after each 200 steps), or restarts:N with N from 1 to {MAX_RESTARTS}"
)]
pub struct UnknownSchedule {
    /// What was given.
    pub text: String,
}

impl Schedule {
    /// The rate of a step, counted from 0, where the first has `first`.
    #[must_use]
    pub fn rate(self, first: f64, step: usize, n_steps: usize) -> f64 {
        let half_cosine = |share: f64| first * 0.5 * (1.0 + (PI * share).cos());
        let n = n_steps.max(1);
        match self {
            Self::Constant => first,
            // Multiplied before it is divided: the bits of earlier versions.
            Self::Cosine => first * 0.5 * (1.0 + (PI * step as f64 / n as f64).cos()),
            Self::Step(every, factor) => {
                let n_every = match every {
                    Every::Steps(steps) => steps,
                    Every::Share(share) => (share * n as f64).round() as usize,
                };
                first * factor.powf((step / n_every.max(1)) as f64)
            }
            // In whole numbers, so that a period begins where it does.
            Self::Restarts(restarts) => half_cosine((step * (restarts + 1) % n) as f64 / n as f64),
        }
    }
}

impl FromStr for Schedule {
    type Err = UnknownSchedule;

    fn from_str(text: &str) -> Result<Self, UnknownSchedule> {
        let bad = || UnknownSchedule { text: text.to_owned() };
        let every = |text: &str| match (text.parse::<usize>(), text.parse::<f64>()) {
            (Ok(steps), _) if steps > 0 => Ok(Every::Steps(steps)),
            (Err(_), Ok(share)) if share > 0.0 && share < 1.0 => Ok(Every::Share(share)),
            _ => Err(bad()),
        };
        match text.split(':').collect::<Vec<_>>()[..] {
            ["constant"] => Ok(Self::Constant),
            ["cosine"] => Ok(Self::Cosine),
            ["step", steps, factor] => match factor.parse::<f64>() {
                Ok(factor) if factor > 0.0 && factor <= 1.0 => Ok(Self::Step(every(steps)?, factor)),
                Ok(_) | Err(_) => Err(bad()),
            },
            ["restarts", n] => match n.parse() {
                Ok(n) if (1..=MAX_RESTARTS).contains(&n) => Ok(Self::Restarts(n)),
                Ok(_) | Err(_) => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step(Every::Steps(steps), factor) => write!(f, "step:{steps}:{factor}"),
            Self::Step(Every::Share(share), factor) => write!(f, "step:{share}:{factor}"),
            Self::Restarts(n) => write!(f, "restarts:{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_read_back_as_they_are_written_and_others_are_refused() {
        for text in ["constant", "cosine", "step:200:0.5", "step:0.3:0.1", "step:0.0000001:1", "restarts:3"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        let wrong = [
            "",
            "linear",
            "cosine:2",
            "step",
            "step:0:0.5",
            "step:1.5:0.5",
            "step:1.0:0.5",
            "step:NaN:0.5",
            "step:10:0",
            "step:10:1.5",
            "step:10:NaN",
            "step:10:0.5:1",
            "restarts:0",
            "restarts:1001",
            "restarts:x",
        ];
        for text in wrong {
            let said = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(said.contains("step:EVERY:FACTOR"), "{text}: {said}");
        }
    }

    #[test]
    fn rates_are_those_of_the_formulas() {
        let rates = |text: &str, steps: &[usize]| -> Vec<f64> {
            let schedule: Schedule = text.parse().unwrap();
            steps.iter().map(|step| schedule.rate(0.2, *step, 100)).collect()
        };
        let near = |found: Vec<f64>, golden: &[f64]| {
            let is_near = found.iter().zip(golden).all(|(found, golden)| (found - golden).abs() < 1e-12);
            assert!(is_near && found.len() == golden.len(), "{found:?} {golden:?}");
        };
        near(rates("constant", &[0, 99]), &[0.2, 0.2]);
        // 0.1 (1 + cos(pi / 4)) and so on.
        near(rates("cosine", &[0, 25, 50, 75]), &[0.2, 0.170_710_678_118_654_75, 0.1, 0.029_289_321_881_345_26]);
        near(rates("step:0.3:0.1", &[0, 29, 30, 60, 90]), &[0.2, 0.2, 0.02, 0.002, 0.0002]);
        near(rates("step:40:0.5", &[39, 40, 79, 80]), &[0.2, 0.1, 0.1, 0.05]);
        // Three restarts: four periods of 25 steps.
        let golden = [0.2, 0.1 * (1.0 + (PI * 0.96).cos()), 0.2, 0.1 * (1.0 + (PI * 0.4).cos()), 0.2, 0.2];
        near(rates("restarts:3", &[0, 24, 25, 35, 50, 75]), &golden);
    }

    #[test]
    fn the_cosine_has_the_bits_that_it_always_had() {
        for step in 0..1000 {
            let before = 1e-3 * 0.5 * (1.0 + (PI * step as f64 / 1000_f64).cos());
            assert_eq!(Schedule::Cosine.rate(1e-3, step, 1000).to_bits(), before.to_bits());
        }
    }
}
