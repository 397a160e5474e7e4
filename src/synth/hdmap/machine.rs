//! What is fixed for one machine: manufacturing errors of its teeth and the phase of its planets.

use std::f64::consts::TAU;

use rand::Rng;

use super::ring::cyclic_ar1;
use super::stream::{Purpose, normal, stream};
use super::{HdmapPlan, N_COLS, N_ROWS};

/// Correlation of a tooth signature when cold with the same signature when warm: the load moves along the tooth
/// flanks with temperature, so that another part of the manufacturing error speaks.
const ROW_KEPT: f64 = 0.5;
const COL_KEPT: f64 = 0.4;
/// Neighbouring ring teeth are cut one after the other and err alike.
const COL_CORRELATION: f64 = 0.5;
/// Standard deviation of the worn ring section in columns.
const WORN_WIDTH_COLS: f64 = 1.5;
/// Transmission-path modulation: three planets pass the sensor per carrier turn.
const PLANETS: f64 = 3.0;

/// Signatures of mean 0 and variance 1 over their teeth.
pub(super) struct Machine {
    rows: Signature<N_ROWS>,
    cols: Signature<N_COLS>,
    phases: [f64; 2],
    /// Planet tooth and ring tooth of the worst mesh.
    worn: (usize, usize),
}

/// One value per tooth, cold and warm.
struct Signature<const N: usize> {
    cold: [f64; N],
    warm: [f64; N],
    kept: f64,
}

impl Machine {
    pub(super) fn new(plan: &HdmapPlan) -> Self {
        let mut rng = stream(plan, Purpose::Machine, 0);
        let rows = Signature::new(
            std::array::from_fn(|_| normal(&mut rng)),
            std::array::from_fn(|_| normal(&mut rng)),
            ROW_KEPT,
        );
        let mut ring = || -> [f64; N_COLS] {
            let mut values = std::array::from_fn(|_| normal(&mut rng));
            cyclic_ar1(&mut values, COL_CORRELATION);
            values
        };
        let cols = Signature::new(ring(), ring(), COL_KEPT);
        let phases = [rng.random_range(0.0..TAU), rng.random_range(0.0..TAU)];
        // The teeth that stand out most when cold wear first.
        let worn = (highest(&rows.cold), highest(&cols.cold));
        Self { rows, cols, phases, worn }
    }

    /// Signature of the planet teeth at warmth `w`, variance 1.
    pub(super) fn rows(&self, w: f64) -> [f64; N_ROWS] {
        self.rows.at(w)
    }

    /// Signature of the ring teeth at warmth `w`, variance 1.
    pub(super) fn cols(&self, w: f64) -> [f64; N_COLS] {
        self.cols.at(w)
    }

    /// Modulation along the ring at warmth `w`: three cycles when cold; when warm the second harmonic, from
    /// unequal load sharing of the planets, takes over. Variance 1 when cold.
    pub(super) fn modulation(&self, w: f64) -> [f64; N_COLS] {
        std::array::from_fn(|j| {
            let angle = TAU * PLANETS * j as f64 / N_COLS as f64;
            let [first, second] = modulation_weights(w);
            std::f64::consts::SQRT_2
                * (first * (angle + self.phases[0]).cos() + second * (2.0 * angle + self.phases[1]).cos())
        })
    }

    /// The worn ring section under the worst planet tooth, 0 to 1: that row, and its value per column.
    pub(super) fn worn(&self) -> (usize, [f64; N_COLS]) {
        let (row, col) = self.worn;
        let bump = std::array::from_fn(|j| {
            let apart = j.abs_diff(col);
            let apart = apart.min(N_COLS - apart) as f64 / WORN_WIDTH_COLS;
            (-0.5 * apart * apart).exp()
        });
        (row, bump)
    }
}

/// Amplitudes of the first and second harmonic of the modulation at warmth `w`.
pub(super) fn modulation_weights(w: f64) -> [f64; 2] {
    [1.0 - 0.6 * w, 0.8 * w]
}

impl<const N: usize> Signature<N> {
    /// Standardises both draws; `warm` becomes correlated with `cold` by exactly `kept`.
    fn new(cold: [f64; N], warm: [f64; N], kept: f64) -> Self {
        let cold = standardised(cold);
        let overlap = mean(std::array::from_fn::<_, N, _>(|k| cold[k] * warm[k]));
        let fresh = standardised(std::array::from_fn::<_, N, _>(|k| warm[k] - overlap * cold[k]));
        let rest = (1.0 - kept * kept).sqrt();
        Self { cold, warm: std::array::from_fn(|k| kept * cold[k] + rest * fresh[k]), kept }
    }

    fn at(&self, w: f64) -> [f64; N] {
        let variance = (1.0 - w) * (1.0 - w) + w * w + 2.0 * self.kept * w * (1.0 - w);
        std::array::from_fn(|k| ((1.0 - w) * self.cold[k] + w * self.warm[k]) / variance.sqrt())
    }
}

fn mean<const N: usize>(values: [f64; N]) -> f64 {
    values.iter().sum::<f64>() / N as f64
}

fn highest(values: &[f64]) -> usize {
    values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place)
}

fn standardised<const N: usize>(values: [f64; N]) -> [f64; N] {
    let centre = mean(values);
    let deviation = mean(values.map(|v| (v - centre) * (v - centre))).sqrt();
    values.map(|v| (v - centre) / deviation)
}

#[cfg(test)]
mod tests {
    use super::super::Domain;
    use super::*;

    #[test]
    fn signatures_have_mean_zero_and_variance_one_at_any_warmth() {
        for seed in 0..20 {
            let machine = Machine::new(&HdmapPlan::new(Domain::C, seed));
            for w in [0.0, 0.3, 1.0] {
                let (rows, cols) = (machine.rows(w), machine.cols(w));
                assert!(mean(rows).abs() < 1e-9 && mean(cols).abs() < 1e-9);
                assert!((mean(rows.map(|v| v * v)) - 1.0).abs() < 1e-9);
                assert!((mean(cols.map(|v| v * v)) - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn warm_signature_keeps_the_stated_share_of_the_cold_one() {
        let machine = Machine::new(&HdmapPlan::new(Domain::A, 7));
        let (cold, warm) = (machine.rows(0.0), machine.rows(1.0));
        let correlation = mean(std::array::from_fn::<_, N_ROWS, _>(|k| cold[k] * warm[k]));
        assert!((correlation - ROW_KEPT).abs() < 1e-9, "{correlation}");
    }
}
