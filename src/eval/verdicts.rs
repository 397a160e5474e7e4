//! Figures of decisions: how often the verdict was right.

use crate::score::Verdict;

/// Verdicts against the truth, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Anomalous images called anomalous.
    pub true_anomalous: usize,
    /// Normal images called anomalous: false alarms.
    pub false_anomalous: usize,
    /// Normal images called normal.
    pub true_normal: usize,
    /// Anomalous images called normal: missed faults.
    pub false_normal: usize,
}

impl Confusion {
    /// Counts `(truly anomalous, verdict)` pairs.
    #[must_use]
    pub fn of(images: impl IntoIterator<Item = (bool, Verdict)>) -> Self {
        let mut counts = Self::default();
        for (anomalous, verdict) in images {
            match (anomalous, verdict) {
                (true, Verdict::Anomalous) => counts.true_anomalous += 1,
                (false, Verdict::Anomalous) => counts.false_anomalous += 1,
                (false, Verdict::Normal) => counts.true_normal += 1,
                (true, Verdict::Normal) => counts.false_normal += 1,
            }
        }
        counts
    }

    /// Truly normal images.
    #[must_use]
    pub fn n_normal(&self) -> usize {
        self.true_normal + self.false_anomalous
    }

    /// Truly anomalous images.
    #[must_use]
    pub fn n_anomalous(&self) -> usize {
        self.true_anomalous + self.false_normal
    }

    /// Right verdicts of all; `None` without images.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let n_right = self.true_anomalous + self.true_normal;
        fraction(n_right, self.n_normal() + self.n_anomalous())
    }

    /// Faults among alarms; `None` without an alarm.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let n_alarms = self.true_anomalous + self.false_anomalous;
        fraction(self.true_anomalous, n_alarms)
    }

    /// Alarms among faults; `None` without an anomalous image.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        fraction(self.true_anomalous, self.n_anomalous())
    }

    /// Alarms among normal images; `None` without a normal image.
    #[must_use]
    pub fn false_alarm_rate(&self) -> Option<f64> {
        fraction(self.false_anomalous, self.n_normal())
    }
}

fn fraction(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Anomalous, Normal};

    #[test]
    fn rates_match_the_counts_made_by_hand() {
        let images = [
            (true, Anomalous),
            (true, Anomalous),
            (true, Normal),
            (false, Anomalous),
            (false, Normal),
            (false, Normal),
            (false, Normal),
        ];
        let counts = Confusion::of(images);
        assert_eq!(counts.accuracy(), Some(5.0 / 7.0));
        assert_eq!(counts.precision(), Some(2.0 / 3.0));
        assert_eq!(counts.recall(), Some(2.0 / 3.0));
        assert_eq!(counts.false_alarm_rate(), Some(0.25));
        assert_eq!((counts.n_normal(), counts.n_anomalous()), (4, 3));
    }

    #[test]
    fn rates_without_a_denominator_are_none() {
        let empty = Confusion::of([]);
        assert_eq!(empty.accuracy(), None);
        assert_eq!(empty.precision(), None);
        assert_eq!(empty.recall(), None);
        assert_eq!(empty.false_alarm_rate(), None);
        let one = Confusion::of([(false, Normal)]);
        assert_eq!(one.accuracy(), Some(1.0));
        assert_eq!(one.precision(), None);
        assert_eq!(one.recall(), None);
        assert_eq!(one.false_alarm_rate(), Some(0.0));
    }
}
