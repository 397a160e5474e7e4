//! The coreset: a small subset of patches that covers all of them.
//!
//! Greedy k-center (farthest-point) selection, PatchCore algorithm 1: the next row is always the one farthest from the
//! rows picked so far. Its covering radius is at most twice the optimum (Gonzalez, 1985).

use super::BankError;
use crate::kernel::{Projection, greedy_k_center};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::str::FromStr;

/// How many rows to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CoresetSize {
    /// A share of the rows, above 0 and at most 1.
    Ratio(f64),
    /// A number of rows, at least 1.
    Count(usize),
}

impl CoresetSize {
    /// Rows to pick out of `n_rows`: at least one, at most all.
    #[must_use]
    pub fn of(self, n_rows: usize) -> usize {
        let wanted = match self {
            Self::Ratio(ratio) => (n_rows as f64 * ratio) as usize,
            Self::Count(count) => count,
        };
        wanted.clamp(1, n_rows.max(1))
    }
}

impl FromStr for CoresetSize {
    type Err = BankError;

    /// `0.1` is a share, `5000` a count, `1` all rows (as a share), `1.0` likewise.
    fn from_str(text: &str) -> Result<Self, BankError> {
        let bad = || BankError::CoresetSize { text: text.to_owned() };
        if let Ok(count) = text.parse::<usize>() {
            return match count {
                0 => Err(bad()),
                1 => Ok(Self::Ratio(1.0)),
                n => Ok(Self::Count(n)),
            };
        }
        let ratio: f64 = text.parse().map_err(|_not_a_number| bad())?;
        if ratio > 0.0 && ratio <= 1.0 { Ok(Self::Ratio(ratio)) } else { Err(bad()) }
    }
}

/// The rows picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Coreset {
    /// Which rows, in the order of picking.
    pub indices: Vec<u32>,
    /// The largest distance of any row to its nearest pick, in the space of the selection (projected, if it was).
    pub covering_radius: f32,
    /// Every row left was a duplicate of a pick, so fewer were picked than asked for.
    pub stopped_early: bool,
}

/// Picks `size` of the rows `[n, dim]`, starting from a seeded random row, on rows projected to `projection_dim`
/// Gaussian directions (Johnson-Lindenstrauss) where that is given and smaller than `dim`.
///
/// The same rows, size and seed give the same picks, whatever the number of threads.
///
/// # Errors
/// [`BankError::Empty`] when there are no rows, [`BankError::Kernel`] when a value is not finite.
pub fn select(
    rows: &[f32],
    dim: usize,
    size: CoresetSize,
    projection_dim: Option<usize>,
    seed: u64,
    advance: &mut dyn FnMut(usize),
) -> Result<Coreset, BankError> {
    let n_rows = rows.len().checked_div(dim).unwrap_or(0);
    if n_rows == 0 {
        return Err(BankError::Empty);
    }
    let n_picks = size.of(n_rows);
    if n_picks == n_rows {
        advance(n_rows);
        return Ok(Coreset { indices: (0..n_rows as u32).collect(), covering_radius: 0.0, stopped_early: false });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let start = rng.random_range(0..n_rows);
    let mut before = 0;
    let mut selected = |n: usize| {
        advance(n - before);
        before = n;
    };
    let picks = match projection_dim.filter(|p| *p < dim) {
        Some(p) => greedy_k_center(&Projection::new(dim, p, seed)?.apply(rows)?, p, n_picks, start, &mut selected)?,
        None => greedy_k_center(rows, dim, n_picks, start, &mut selected)?,
    };
    Ok(Coreset { indices: picks.indices, covering_radius: picks.covering_radius, stopped_early: picks.stopped_early })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_as_people_write_them() {
        assert_eq!("0.1".parse::<CoresetSize>().unwrap(), CoresetSize::Ratio(0.1));
        assert_eq!("5000".parse::<CoresetSize>().unwrap(), CoresetSize::Count(5000));
        assert_eq!("1".parse::<CoresetSize>().unwrap(), CoresetSize::Ratio(1.0));
        for bad in ["0", "-1", "1.5", "0.0", "nan", "", "10%"] {
            assert!(bad.parse::<CoresetSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ratio_never_picks_nothing_or_more_than_there_is() {
        assert_eq!(CoresetSize::Ratio(0.01).of(5), 1);
        assert_eq!(CoresetSize::Count(50).of(5), 5);
        assert_eq!(CoresetSize::Ratio(0.1).of(1000), 100);
    }

    #[test]
    fn the_radius_shrinks_with_every_pick_and_seeds_repeat() {
        let rows: Vec<f32> = (0..300 * 4).map(|i| ((i * 7919 % 1009) as f32).sin()).collect();
        let pick = |n: usize| select(&rows, 4, CoresetSize::Count(n), None, 3, &mut |_| {}).unwrap();
        let radii: Vec<f32> = [2, 5, 20, 100].into_iter().map(|n| pick(n).covering_radius).collect();
        assert!(radii.windows(2).all(|w| w[1] <= w[0]), "{radii:?}");
        assert_eq!(pick(20).indices[..5], pick(5).indices[..]);
    }

    #[test]
    fn duplicates_end_the_selection_early() {
        let rows: Vec<f32> = (0..50).flat_map(|i| [(i % 3) as f32, 0.0]).collect();
        let found = select(&rows, 2, CoresetSize::Count(10), None, 0, &mut |_| {}).unwrap();
        assert!(found.stopped_early);
        assert_eq!(found.indices.len(), 3);
        assert_eq!(found.covering_radius, 0.0);
    }

    #[test]
    fn no_rows_is_an_error() {
        assert!(matches!(select(&[], 4, CoresetSize::Ratio(0.1), None, 0, &mut |_| {}), Err(BankError::Empty)));
    }
}
