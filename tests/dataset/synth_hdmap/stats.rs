//! Statistics of maps, as the real maps were measured.

use std::f64::consts::{PI, TAU};

use pcore::synth::hdmap::{N_COLS, N_ROWS};

pub(crate) const NAMES: [&str; 6] = ["mean", "std", "min", "max", "p5", "p95"];

/// Mean, std, min, max, p5 and p95 of one map; population deviation, linear percentiles.
pub(crate) fn six(values: &[f32]) -> [f64; 6] {
    let sorted = sorted(values);
    let (mean, std) = moments(&sorted);
    [mean, std, sorted[0], sorted[sorted.len() - 1], percentile(&sorted, 0.05), percentile(&sorted, 0.95)]
}

pub(crate) fn p90(values: &[f32]) -> f64 {
    percentile(&sorted(values), 0.90)
}

/// Mean and population standard deviation.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt())
}

fn sorted(values: &[f32]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// The split of `values` into two classes of greatest between-class variance (Otsu): the middle of the gap.
pub(crate) fn otsu(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    let n = sorted.len() as f64;
    let (mut best, mut limit, mut below) = (f64::NEG_INFINITY, f64::NAN, 0.0);
    for (k, pair) in sorted.windows(2).enumerate() {
        below += pair[0];
        let low = (k + 1) as f64;
        let apart = below / low - (total - below) / (n - low);
        let between = low * (n - low) * apart * apart;
        if between > best {
            (best, limit) = (between, 0.5 * (pair[0] + pair[1]));
        }
    }
    limit
}

/// Entropy of the power of the 2-D spectrum over 36 bins of direction, divided by ln 36: 1 for white noise, lower the
/// more directional the map. Radius .05 to .95 of the Nyquist frequency, mean removed.
pub(crate) fn angular_power_entropy(values: &[f32]) -> f64 {
    const BINS: usize = 36;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    let turn = |n: usize| -> Vec<(f64, f64)> { (0..n).map(|k| (TAU * k as f64 / n as f64).sin_cos()).collect() };
    let (turn_x, turn_y) = (turn(N_COLS), turn(N_ROWS));
    let mut rows = vec![(0.0, 0.0); N_ROWS * N_COLS];
    for y in 0..N_ROWS {
        for fx in 0..N_COLS {
            let (mut re, mut im) = (0.0, 0.0);
            for x in 0..N_COLS {
                let (sin, cos) = turn_x[fx * x % N_COLS];
                let value = f64::from(values[y * N_COLS + x]) - mean;
                re += value * cos;
                im -= value * sin;
            }
            rows[y * N_COLS + fx] = (re, im);
        }
    }
    let mut power = [0.0; BINS];
    let signed = |k: usize, n: usize| if 2 * k > n { k as f64 - n as f64 } else { k as f64 } / n as f64;
    for fy in 0..N_ROWS {
        for fx in 0..N_COLS {
            let (v, u) = (signed(fy, N_ROWS), signed(fx, N_COLS));
            let radius = v.hypot(u) / 0.5;
            if !(0.05..=0.95).contains(&radius) {
                continue;
            }
            let (mut re, mut im) = (0.0, 0.0);
            for y in 0..N_ROWS {
                let (sin, cos) = turn_y[fy * y % N_ROWS];
                let (a, b) = rows[y * N_COLS + fx];
                re += a * cos + b * sin;
                im += b * cos - a * sin;
            }
            let angle = v.atan2(u).rem_euclid(PI);
            power[((angle / PI * BINS as f64) as usize).min(BINS - 1)] += re * re + im * im;
        }
    }
    let total: f64 = power.iter().sum();
    let entropy: f64 = power.iter().filter(|p| **p > 0.0).map(|p| -(p / total) * (p / total).ln()).sum();
    entropy / (BINS as f64).ln()
}
