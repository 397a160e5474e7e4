//! p-values from ranks.

/// Numbers that have been seen, calibration first.
#[derive(Clone, Debug, Default)]
pub struct Ranks {
    /// Rising.
    sorted: Vec<f64>,
}

impl Ranks {
    /// Those of calibration images; what is no number is left out.
    #[must_use]
    pub fn new(calibration: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = calibration.into_iter().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    /// Whether there are at least two different ones.
    #[must_use]
    pub fn differ(&self) -> bool {
        self.sorted.first() != self.sorted.last()
    }

    /// Adds a number; its p-value, small where it is large: `(greater + tie * equal) / n`, where `n` counts all numbers, itself
    /// among them and among the equal ones. With `tie` evenly spread between 0 and 1 the p-values of exchangeable numbers are
    /// independent and evenly spread.
    pub fn push(&mut self, value: f64, tie: f64) -> f64 {
        let least = self.sorted.partition_point(|other| *other < value);
        let equal = self.sorted[least..].partition_point(|other| *other <= value) + 1;
        self.sorted.insert(least, value);
        let greater = self.sorted.len() - least - equal;
        (greater as f64 + tie * equal as f64) / self.sorted.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_the_share_of_the_greater_and_of_a_part_of_the_equal_ones() {
        let mut ranks = Ranks::new([3.0, 1.0, 2.0, 2.0, f64::NAN]);
        assert!(ranks.differ());
        assert_eq!(ranks.push(2.0, 0.5), (1.0 + 0.5 * 3.0) / 5.0);
        assert_eq!(ranks.push(9.0, 0.25), 0.25 / 6.0);
        // The two that were added count.
        assert_eq!(ranks.push(8.0, 0.0), 1.0 / 7.0);
        assert_eq!(Ranks::default().push(1.0, 0.75), 0.75);
        assert!(!Ranks::new([1.0, 1.0]).differ() && !Ranks::default().differ());
    }
}
