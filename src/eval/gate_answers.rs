//! Which condition a gate told, against the true one.

use std::collections::BTreeMap;

/// What a gate said of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// This condition.
    Condition(&'a str),
    /// It abstained: the votes were too even, or it has nothing to tell conditions by.
    Abstained,
    /// The image is far from all conditions.
    Unknown,
}

/// What a gate said of the images of one true condition, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldCounts {
    /// Images called of each condition; conditions that were never told are left out.
    pub conditions: BTreeMap<String, usize>,
    /// Images of which it abstained.
    pub n_abstained: usize,
    /// Images far from all conditions.
    pub n_unknown: usize,
}

/// The answers of a gate on images whose true condition is known: its confusion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateAnswers {
    /// By true condition.
    pub by_truth: BTreeMap<String, ToldCounts>,
}

impl ToldCounts {
    /// All images of the condition.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.conditions.values().sum::<usize>() + self.n_abstained + self.n_unknown
    }

    /// Images called of `condition`.
    #[must_use]
    pub fn n_told(&self, condition: &str) -> usize {
        self.conditions.get(condition).copied().unwrap_or(0)
    }
}

impl GateAnswers {
    /// Counts an image.
    pub fn add(&mut self, truth: &str, told: Told<'_>) {
        let counts = self.by_truth.entry(truth.to_owned()).or_default();
        match told {
            Told::Condition(name) => *counts.conditions.entry(name.to_owned()).or_default() += 1,
            Told::Abstained => counts.n_abstained += 1,
            Told::Unknown => counts.n_unknown += 1,
        }
    }

    /// The conditions that are true of an image or were told of one, sorted.
    #[must_use]
    pub fn conditions(&self) -> Vec<&str> {
        let told = self.by_truth.values().flat_map(|counts| counts.conditions.keys());
        let mut names: Vec<&str> = self.by_truth.keys().chain(told).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Images counted.
    #[must_use]
    pub fn n_images(&self) -> usize {
        self.by_truth.values().map(ToldCounts::n_images).sum()
    }

    /// Images of which it told the true condition.
    #[must_use]
    pub fn n_right(&self) -> usize {
        self.by_truth.iter().map(|(truth, counts)| counts.n_told(truth)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_once() {
        let mut gate = GateAnswers::default();
        let answers = [
            ("b", Told::Condition("b")),
            ("b", Told::Condition("c")),
            ("b", Told::Abstained),
            ("a", Told::Unknown),
            ("a", Told::Condition("a")),
        ];
        answers.into_iter().for_each(|(truth, told)| gate.add(truth, told));
        assert_eq!(gate.conditions(), ["a", "b", "c"]);
        assert_eq!((gate.n_images(), gate.n_right()), (5, 2));
        let b = &gate.by_truth["b"];
        assert_eq!((b.n_images(), b.n_told("b"), b.n_told("c"), b.n_told("a")), (3, 1, 1, 0));
        assert_eq!((b.n_abstained, b.n_unknown, gate.by_truth["a"].n_unknown), (1, 0, 1));
    }
}
