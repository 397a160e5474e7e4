//! The coreset: a small subset of patches that covers all of them.
//!
//! Greedy k-center (farthest-point) selection, PatchCore algorithm 1: the next row is always the one farthest from the
//! rows picked so far. Its covering radius is at most twice the optimum (Gonzalez, 1985).

use super::BankError;
use crate::kernel::{Projection, greedy_k_center};
use std::fmt;
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

/// The space in which rows are compared when a coreset is chosen. Kept rows are whole in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CoresetSpace {
    /// The principal directions that hold [`PRINCIPAL_SHARE`] of the variance, at most [`MOST_PRINCIPAL`].
    #[default]
    Principal,
    /// So many random directions (Johnson-Lindenstrauss), as in the paper.
    Random(usize),
    /// All values.
    Whole,
}

/// Share of the rows' variance that the principal directions hold.
pub const PRINCIPAL_SHARE: f64 = 0.95;
/// Principal directions at most.
pub const MOST_PRINCIPAL: usize = 128;

impl FromStr for CoresetSpace {
    type Err = BankError;

    /// `pca`, `none`, or the number of random directions.
    fn from_str(text: &str) -> Result<Self, BankError> {
        match text {
            "pca" => Ok(Self::Principal),
            "none" => Ok(Self::Whole),
            number => match number.parse() {
                Ok(n) if n > 0 => Ok(Self::Random(n)),
                Ok(_) | Err(_) => Err(BankError::CoresetSpace { text: text.to_owned() }),
            },
        }
    }
}

impl fmt::Display for CoresetSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal => f.write_str("pca"),
            Self::Random(n) => write!(f, "{n}"),
            Self::Whole => f.write_str("none"),
        }
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

/// Picks `size` of the rows `[n, dim]`, compared in `space`. The first is the row farthest from their mean (which is also
/// the one with the largest sum of squared distances to all others).
///
/// The same rows, size and seed give the same picks, whatever the number of threads; only [`CoresetSpace::Random`] uses
/// the seed.
///
/// # Errors
/// [`BankError::Empty`] when there are no rows, [`BankError::Kernel`] when a value is not finite.
pub fn select(
    rows: &[f32],
    dim: usize,
    size: CoresetSize,
    space: CoresetSpace,
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
    let mut before = 0;
    let mut selected = |n: usize| {
        advance(n - before);
        before = n;
    };
    let projection = match space {
        CoresetSpace::Principal => Some(Projection::principal(rows, dim, PRINCIPAL_SHARE, MOST_PRINCIPAL)?),
        CoresetSpace::Random(to) if to < dim => Some(Projection::random(dim, to, seed)?),
        CoresetSpace::Random(_) | CoresetSpace::Whole => None,
    };
    let projected: Vec<f32>;
    let (compared, compared_dim) = match &projection {
        Some(projection) => {
            projected = projection.apply(rows)?;
            (projected.as_slice(), projection.to())
        }
        None => (rows, dim),
    };
    let start = farthest_from_mean(compared, compared_dim);
    let picks = greedy_k_center(compared, compared_dim, n_picks, start, &mut selected)?;
    Ok(Coreset { indices: picks.indices, covering_radius: picks.covering_radius, stopped_early: picks.stopped_early })
}

/// The row of `[n, dim]` farthest from the mean of all, the first of equals.
fn farthest_from_mean(rows: &[f32], dim: usize) -> usize {
    let n = (rows.len() / dim) as f64;
    let mut mean = vec![0.0f64; dim];
    for row in rows.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / n);
    }
    let distance = |row: &[f32]| -> f64 { row.iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum() };
    let mut farthest = (0, f64::NEG_INFINITY);
    for (index, row) in rows.chunks_exact(dim).enumerate() {
        let found = distance(row);
        if found > farthest.1 {
            farthest = (index, found);
        }
    }
    farthest.0
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
        let pick = |n: usize| select(&rows, 4, CoresetSize::Count(n), CoresetSpace::Whole, 3, &mut |_| {}).unwrap();
        let radii: Vec<f32> = [2, 5, 20, 100].into_iter().map(|n| pick(n).covering_radius).collect();
        assert!(radii.windows(2).all(|w| w[1] <= w[0]), "{radii:?}");
        assert_eq!(pick(20).indices[..5], pick(5).indices[..]);
    }

    #[test]
    fn duplicates_end_the_selection_early() {
        let rows: Vec<f32> = (0..50).flat_map(|i| [(i % 3) as f32, 0.0]).collect();
        let found = select(&rows, 2, CoresetSize::Count(10), CoresetSpace::Principal, 0, &mut |_| {}).unwrap();
        assert!(found.stopped_early);
        assert_eq!(found.indices.len(), 3);
        assert_eq!(found.covering_radius, 0.0);
    }

    #[test]
    fn no_rows_is_an_error() {
        assert!(matches!(
            select(&[], 4, CoresetSize::Ratio(0.1), CoresetSpace::Principal, 0, &mut |_| {}),
            Err(BankError::Empty)
        ));
    }
}
