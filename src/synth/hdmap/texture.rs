//! The random part of a map's background.

use rand::Rng;

use super::domain::Model;
use super::machine::{Machine, modulation_weights};
use super::ring::cyclic_ar1;
use super::stream::{bounded, normal};
use super::{N_COLS, N_ROWS};

/// Steepness of the change from cold to warm in u: about 5 % of the way at the end of the cold range.
const WARMTH_STEEPNESS: f64 = 20.0;
/// Mean and standard deviation of the transient, the 1.5th power of a uniform draw.
const TRANSIENT_MEAN: f64 = 0.4;
const TRANSIENT_DEVIATION: f64 = 0.3;
/// The worn section speaks less when warm, by this share.
const WORN_FADE: f64 = 0.5;

/// How far the machine is on its way from cold (0) to warm (1) at state u.
pub(super) fn warmth(u: f64) -> f64 {
    1.0 / (1.0 + (-WARMTH_STEEPNESS * (u - 0.5)).exp())
}

/// A background without fault line, row-major. `faulty` selects the changes that a damaged tooth makes everywhere.
pub(super) fn background(model: &Model, machine: &Machine, u: f64, faulty: bool, rng: &mut impl Rng) -> Vec<f64> {
    let w = warmth(u);
    let (structure, unrest) = if faulty { (model.fault_structure, model.fault_noise) } else { (1.0, 1.0) };
    let row_sd = structure * model.rows.at(w);
    let col_sd = structure * model.cols.at(w);
    let modulation_sd = structure * model.modulation.at(w);
    let texture_sd = structure * model.texture.at(w);
    let noise_sd = unrest * model.noise.at(w);
    let persistence = model.persistence.at(w);

    // A cold machine is in a transient: level, contrast and the worn section rise together. A warm one is settled:
    // level and contrast vary independently.
    let level_draw = bounded(rng);
    let contrast_draw = bounded(rng);
    let transient = rng.random::<f64>().powf(1.5);
    let transient_draw = (transient - TRANSIENT_MEAN) / TRANSIENT_DEVIATION;
    let contrast =
        1.0 + (1.0 - w) * model.transient_contrast * transient_draw + w * model.settled_contrast * contrast_draw;
    let fault_level = if faulty { model.fault_level.at(w) } else { 1.0 };
    let level = model.level_cold.powf(1.0 - w)
        * model.level_warm.powf(w)
        * fault_level
        * (model.level_spread.at(w) * level_draw + (1.0 - w) * model.transient_level * transient_draw).exp();

    let [first, second] = modulation_weights(w);
    let variance = row_sd * row_sd
        + col_sd * col_sd
        + modulation_sd * modulation_sd * (first * first + second * second)
        + texture_sd * texture_sd
        + noise_sd * noise_sd;
    // Half the variance off the exponent keeps the mean of the log-normal factor at one.
    let offset = -0.5 * variance * contrast * contrast;

    let (row_signature, col_signature, modulation) = (machine.rows(w), machine.cols(w), machine.modulation(w));
    let (worn_row, worn) = machine.worn();
    let worn_height = (1.0 - WORN_FADE * w) * model.worn * transient;
    let floor = model.floor.at(w);

    let mut values = Vec::with_capacity(N_ROWS * N_COLS);
    for (i, row) in row_signature.iter().enumerate() {
        let mut texture: [f64; N_COLS] = std::array::from_fn(|_| normal(rng));
        cyclic_ar1(&mut texture, persistence);
        for j in 0..N_COLS {
            let fixed = row_sd * row + col_sd * col_signature[j] + modulation_sd * modulation[j];
            let random = texture_sd * texture[j] + noise_sd * normal(rng);
            let bump = if i == worn_row { worn_height * worn[j] } else { 0.0 };
            let factor = (contrast * (fixed + random) + offset + bump).exp();
            values.push(level * (floor + (1.0 - floor) * factor));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::super::stream::{Purpose, stream};
    use super::super::{Domain, HdmapPlan};
    use super::*;

    #[test]
    fn cyclic_ar1_closes_the_ring_with_the_stated_variance_and_correlation() {
        let mut rng = stream(&HdmapPlan::new(Domain::C, 1), Purpose::Machine, 1);
        let (mut squares, mut products, mut closing, n) = (0.0, 0.0, 0.0, 4000);
        for _ in 0..n {
            let mut values: [f64; N_COLS] = std::array::from_fn(|_| normal(&mut rng));
            cyclic_ar1(&mut values, 0.7);
            squares += values.iter().map(|v| v * v).sum::<f64>() / N_COLS as f64;
            products += values.windows(2).map(|p| p[0] * p[1]).sum::<f64>() / (N_COLS - 1) as f64;
            closing += values[N_COLS - 1] * values[0];
        }
        assert!((squares / f64::from(n) - 1.0).abs() < 0.02);
        assert!((products / f64::from(n) - 0.7).abs() < 0.02);
        assert!((closing / f64::from(n) - 0.7).abs() < 0.05);
    }

    #[test]
    fn warmth_leaves_each_condition_nearly_settled() {
        assert!(warmth(0.0) < 0.001 && warmth(0.35) < 0.05);
        assert!(warmth(0.65) > 0.95 && warmth(1.0) > 0.999);
    }
}
