//! Round numbers along an axis.

/// A range of values laid along pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) start: f32,
    pub(super) end: f32,
}

impl Axis {
    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f32 {
        let part = (value - self.low) / (self.high - self.low);
        self.start + (part as f32) * (self.end - self.start)
    }

    /// About `n` round values within the range, each with its label.
    pub(super) fn ticks(&self, n: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / n.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|&step| step >= rough).unwrap_or(10.0 * power);
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let first = (self.low / step).ceil();
        // A step is at least a part of the range, so there are few.
        let count = ((self.high / step).floor() - first).clamp(0.0, 100.0) as usize;
        (0..=count)
            .map(|index| (first + index as f64) * step)
            .filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (value, label(value, step, decimals)))
            .collect()
    }
}

fn label(value: f64, step: f64, decimals: usize) -> String {
    if !(1e-5..1e6).contains(&step) {
        format!("{value:.1e}")
    } else {
        // Adding 0 turns -0 into 0.
        format!("{:.decimals$}", value + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        Axis { low, high, start: 0.0, end: 1.0 }.ticks(5).into_iter().map(|tick| tick.1).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(1.3, 9.1), ["2", "4", "6", "8"]);
        assert_eq!(labels(-0.013, 0.021), ["-0.01", "0.00", "0.01", "0.02"]);
        assert_eq!(labels(0.0, 2.6e7), ["0.0e0", "1.0e7", "2.0e7"]);
    }
}
