//! The coreset: a small subset of patches that covers all of them.
//!
//! Greedy k-center (farthest-point) selection, PatchCore algorithm 1: the next row is always the one farthest from the
//! rows picked so far. Its covering radius is at most twice the optimum (Gonzalez, 1985).

use super::BankError;
use crate::kernel::{CORESET_BYTES_PER_ROW, KernelError, Metric, PreparedRows, Projection, gather, greedy_k_center};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::str::FromStr;

/// Bytes of rows projected at a time.
const BLOCK_BYTES: usize = 16 << 20;

/// How many rows to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// Rows they were picked from: all, or those of a sample.
    pub n_candidates: usize,
    /// The largest distance of any row (sampled or not) to its nearest pick, in the space of the selection (projected, if it was).
    pub covering_radius: f32,
    /// Every row left was a duplicate of a pick, so fewer were picked than asked for.
    pub stopped_early: bool,
}

/// Rows that a coreset is chosen from, in memory or elsewhere.
pub trait RowSource {
    /// Number of rows.
    fn n_rows(&self) -> usize;

    /// Values per row.
    fn dim(&self) -> usize;

    /// The values of these rows, `[range.len(), dim]`. `range` lies within `0..n_rows`.
    ///
    /// # Errors
    /// Where the rows are not in memory and can't be read.
    fn rows(&self, range: Range<usize>) -> io::Result<Cow<'_, [f32]>>;
}

/// Rows in memory.
pub(super) struct InMemory<'a> {
    pub(super) rows: &'a [f32],
    pub(super) dim: usize,
}

impl RowSource for InMemory<'_> {
    fn n_rows(&self) -> usize {
        self.rows.len().checked_div(self.dim).unwrap_or(0)
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn rows(&self, range: Range<usize>) -> io::Result<Cow<'_, [f32]>> {
        Ok(Cow::Borrowed(&self.rows[range.start * self.dim..range.end * self.dim]))
    }
}

impl CoresetSpace {
    /// Values in which rows of `dim` values are compared, at most.
    #[must_use]
    pub fn most_values(self, dim: usize) -> usize {
        match self {
            Self::Principal => MOST_PRINCIPAL.min(dim),
            Self::Random(to) => to.min(dim),
            Self::Whole => dim,
        }
    }

    /// Memory that [`select_from`] takes to pick `size` of `n_rows` rows of `dim` values, at most, in bytes: the rows as
    /// they are compared and what the selection keeps of each, or the sample that tells the principal directions. Rows that
    /// are compared whole and are already in memory (`held`) are not taken again.
    #[must_use]
    pub fn memory_bytes(self, n_rows: usize, dim: usize, size: CoresetSize, held: bool) -> u64 {
        let n_picks = size.of(n_rows);
        if n_picks == n_rows {
            return 0;
        }
        let [n_rows, dim, n_picks, block] = [n_rows, dim, n_picks, BLOCK_BYTES].map(|n| n as u64);
        let compared = self.most_values(dim as usize) as u64;
        // One block is read and, where it is projected, another written.
        let (values, sample) = match self {
            Self::Whole if held => (0, 0),
            Self::Whole => (4 * n_rows * dim, 0),
            Self::Principal => (
                4 * n_rows * compared + 2 * block,
                3 * 4 * Projection::principal_sample(n_rows as usize).len() as u64 * dim,
            ),
            Self::Random(_) => (4 * n_rows * compared + 2 * block, 0),
        };
        let projection = 4 * dim * compared;
        let kept = CORESET_BYTES_PER_ROW as u64 * n_rows + 8 * n_picks * compared;
        projection + sample.max(values + kept)
    }
}

/// Picks `size` of the rows, compared in `space`. The first is the row farthest from their mean (which is also
/// the one with the largest sum of squared distances to all others).
///
/// The same rows, size and seed give the same picks, whatever the number of threads; only [`CoresetSpace::Random`] uses
/// the seed.
///
/// # Shapes
/// `rows`: `[n, dim]`. Result: indices into these rows, at most `n`.
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
    select_from(&InMemory { rows, dim }, size, space, None, seed, advance)
}

/// As [`select`], of rows that need not be in memory; the picks are the same. See [`CoresetSpace::memory_bytes`].
///
/// With a `sample`, only about so many rows (at least as many as are to be picked), evenly spread, are chosen from: the
/// time falls by the same factor. What that costs is measured: [`Coreset::covering_radius`] is that of all rows.
///
/// # Errors
/// As [`select`], and [`BankError::Rows`] when rows can't be read.
pub fn select_from(
    source: &dyn RowSource,
    size: CoresetSize,
    space: CoresetSpace,
    sample: Option<usize>,
    seed: u64,
    advance: &mut dyn FnMut(usize),
) -> Result<Coreset, BankError> {
    let (n_rows, dim) = (source.n_rows(), source.dim());
    if n_rows == 0 {
        return Err(BankError::Empty);
    }
    let n_picks = size.of(n_rows);
    if n_picks == n_rows {
        advance(n_rows);
        let indices = (0..n_rows as u32).collect();
        return Ok(Coreset { indices, n_candidates: n_rows, covering_radius: 0.0, stopped_early: false });
    }
    let mut before = 0;
    let mut selected = |n: usize| {
        advance(n - before);
        before = n;
    };
    let projection = match space {
        CoresetSpace::Principal => Some(principal(source)?),
        CoresetSpace::Random(to) if to < dim => Some(Projection::random(dim, to, seed)?),
        CoresetSpace::Random(_) | CoresetSpace::Whole => None,
    };
    let (compared, compared_dim) = match &projection {
        Some(projection) => (Cow::Owned(project(source, projection)?), projection.to()),
        None => (source.rows(0..n_rows).map_err(BankError::Rows)?, dim),
    };
    let compared = &*compared;
    let every = sample.map_or(1, |sample| n_rows.div_ceil(sample.max(n_picks)));
    let candidates = match every {
        1 => Cow::Borrowed(compared),
        _ => Cow::Owned(compared.chunks_exact(compared_dim).step_by(every).flatten().copied().collect::<Vec<f32>>()),
    };
    let start = farthest_from_mean(&candidates, compared_dim);
    let picks = greedy_k_center(&candidates, compared_dim, n_picks, start, &mut selected)?;
    let indices: Vec<u32> = picks.indices.iter().map(|i| i * every as u32).collect();
    Ok(Coreset {
        covering_radius: match every {
            1 => picks.covering_radius,
            _ => covering_radius(compared, compared_dim, &indices)?,
        },
        indices,
        n_candidates: candidates.len() / compared_dim,
        stopped_early: picks.stopped_early,
    })
}

/// The largest distance of any of `rows` from the nearest of those picked.
fn covering_radius(rows: &[f32], dim: usize, picked: &[u32]) -> Result<f32, BankError> {
    let picked = PreparedRows::new(gather(rows, dim, picked), dim, Metric::Euclidean)?;
    let mut radius = 0.0f32;
    for block in rows.chunks((BLOCK_BYTES / size_of::<f32>() / dim).max(1) * dim) {
        radius = picked.nearest(block, 1)?.distances.into_iter().fold(radius, f32::max);
    }
    Ok(radius)
}

/// The principal directions of a sample of the rows.
pub(super) fn principal(source: &dyn RowSource) -> Result<Projection, BankError> {
    let sampled = Projection::principal_sample(source.n_rows());
    let mut rows = Vec::with_capacity(sampled.len() * source.dim());
    for row in sampled.clone() {
        rows.extend_from_slice(&source.rows(row..row + 1).map_err(BankError::Rows)?);
    }
    let true_row = |error| match error {
        KernelError::NotFinite { what, row } => {
            KernelError::NotFinite { what, row: sampled.clone().nth(row).unwrap_or(row) }
        }
        other => other,
    };
    Ok(Projection::principal(&rows, source.dim(), PRINCIPAL_SHARE, MOST_PRINCIPAL).map_err(true_row)?)
}

/// All rows, projected block by block: a row's projection does not depend on the others in its block.
pub(super) fn project(source: &dyn RowSource, projection: &Projection) -> Result<Vec<f32>, BankError> {
    let (n_rows, dim) = (source.n_rows(), source.dim());
    let per_block = (BLOCK_BYTES / size_of::<f32>() / dim).max(1);
    let mut projected = Vec::with_capacity(n_rows * projection.to());
    for start in (0..n_rows).step_by(per_block) {
        let block = source.rows(start..(start + per_block).min(n_rows)).map_err(BankError::Rows)?;
        let true_row = |error| match error {
            KernelError::NotFinite { what, row } => KernelError::NotFinite { what, row: start + row },
            other => other,
        };
        projected.extend_from_slice(&projection.apply(&block).map_err(true_row)?);
    }
    Ok(projected)
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
    fn a_sample_is_chosen_from_alone_and_its_radius_is_that_of_all_rows() {
        let (n, dim) = (3000, 8);
        let rows: Vec<f32> = (0..n * dim).map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7).collect();
        let source = InMemory { rows: &rows, dim };
        let pick =
            |sample| select_from(&source, CoresetSize::Count(60), CoresetSpace::Whole, sample, 0, &mut |_| {}).unwrap();
        let (whole, sampled) = (pick(None), pick(Some(500)));
        assert!(sampled.indices.iter().all(|i| i % 6 == 0) && sampled.indices.len() == 60);
        let distance =
            |a: usize, b: usize| (0..dim).map(|d| (rows[a * dim + d] - rows[b * dim + d]).powi(2)).sum::<f32>().sqrt();
        let nearest = |row| sampled.indices.iter().map(|i| distance(row, *i as usize)).fold(f32::INFINITY, f32::min);
        let radius = (0..n).map(nearest).fold(0.0, f32::max);
        assert!((sampled.covering_radius - radius).abs() < 1e-5 * radius);
        // Greedy selection is within twice the optimum (Gonzalez), to which any other selection is an upper bound.
        assert!(whole.covering_radius <= 2.0 * sampled.covering_radius);
        // A sample of everything is no sample; one smaller than the coreset grows to its size.
        assert_eq!(pick(Some(3000)), whole);
        assert_eq!(pick(Some(1)).indices.len(), 60);
    }

    #[test]
    fn no_rows_is_an_error() {
        assert!(matches!(
            select(&[], 4, CoresetSize::Ratio(0.1), CoresetSpace::Principal, 0, &mut |_| {}),
            Err(BankError::Empty)
        ));
    }
}
