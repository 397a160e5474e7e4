//! A damaged planet tooth: a thin horizontal line, broken where the damage does not meet the ring tooth's contact.

use std::ops::Range;

use rand::Rng;
use rand_distr::{Beta, Distribution, Gamma};

use super::domain::Model;
use super::stream::normal;
use super::{N_COLS, N_ROWS};

/// Fewest and most columns a fault line spans.
const SPAN_COLS: std::ops::RangeInclusive<usize> = 10..=80;
/// Probability that a raised column is followed by a raised one, and that an unraised one is.
const STAYS_ON: f64 = 0.80;
const COMES_ON: f64 = 0.35;
/// Contrast of the second row of a two-row fault, relative to the first.
const SECOND_ROW: f64 = 0.45;
/// Height of the second and third impact relative to the dominant one.
const LATER_IMPACTS: f64 = 0.35;
/// Least relative rise of a pixel inside the mask.
const MIN_GAIN: f64 = 0.02;
/// Spread of the strength between maps, as standard deviation of its logarithm.
const STRENGTH_SPREAD: f64 = 0.25;

/// A damaged planet tooth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Planet teeth (rows) that the line covers: one or two.
    pub rows: Range<usize>,
    /// Ring teeth (columns) at which it shows, ascending, never empty; the same for all rows.
    pub columns: Vec<usize>,
}

/// A fault and what it does to each pixel, row-major: `value * (1 + rise) + impact * mean of the map`.
pub(super) struct Drawn {
    pub(super) fault: Fault,
    /// Relative rise: positive at the fault's pixels, zero elsewhere.
    pub(super) rise: Vec<f64>,
    /// Energy of single impacts, which does not scale with the pixel it falls on; in units of the map's mean.
    pub(super) impact: Vec<f64>,
}

/// A fault at warmth `w`.
pub(super) fn draw(model: &Model, w: f64, rng: &mut impl Rng) -> Drawn {
    let height = rng.random_range(1..=2);
    let first_row = rng.random_range(0..=N_ROWS - height);
    let main_row = first_row + rng.random_range(0..height);
    let span = rng.random_range(SPAN_COLS);
    let first_col = rng.random_range(0..=N_COLS - span);

    let mut columns = Vec::with_capacity(span);
    let mut on = rng.random_bool(COMES_ON / (COMES_ON + 1.0 - STAYS_ON));
    for column in first_col..first_col + span {
        if on {
            columns.push(column);
        }
        on = rng.random_bool(if on { STAYS_ON } else { COMES_ON });
    }
    if columns.is_empty() {
        columns.push(first_col);
    }

    let strength = model.fault_contrast.at(w) * (STRENGTH_SPREAD * normal(rng)).exp();
    let uneven = Gamma::new(3.0, 1.0 / 3.0).expect("shape and scale are positive constants");
    let gains: Vec<f64> = columns.iter().map(|_| strength * uneven.sample(rng)).collect();

    // Impacts when the damage enters the mesh squarely: one dominant, at times one or two lesser ones.
    let impact_height = Beta::new(1.0, 2.0).expect("both parameters are positive constants");
    let (least, most) = model.impact;
    let dominant = w * (least + (most - least) * impact_height.sample(rng));
    let n_impacts: usize = match rng.random::<f64>() {
        p if p < 0.5 => 1,
        p if p < 0.8 => 2,
        _ => 3,
    };
    let mut impacts = vec![0.0; columns.len()];
    for (k, place) in rand::seq::index::sample(rng, columns.len(), n_impacts.min(columns.len())).iter().enumerate() {
        impacts[place] = if k == 0 { dominant } else { LATER_IMPACTS * dominant };
    }

    let (mut rise, mut impact) = (vec![0.0; N_ROWS * N_COLS], vec![0.0; N_ROWS * N_COLS]);
    for row in first_row..first_row + height {
        let share = if row == main_row { 1.0 } else { SECOND_ROW };
        for ((&column, gain), peak) in columns.iter().zip(&gains).zip(&impacts) {
            rise[row * N_COLS + column] = (share * gain).max(MIN_GAIN);
            impact[row * N_COLS + column] = share * peak;
        }
    }
    Drawn { fault: Fault { rows: first_row..first_row + height, columns }, rise, impact }
}
