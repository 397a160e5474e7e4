//! The exact search with the help of another processor, such as a graphics card.
//!
//! The other processor computes products in `f32`, in whatever order suits it, and answers with the least value of each
//! group of rows. Groups that can hold one of the `k` nearest rows, by a rounding bound that covers every order, are
//! measured here, directly, and these distances alone decide: the answer is that of the search without help, bit for bit.
//!
//! The other processor is not taken at its word. What it said of each measured group is compared with the measured rows;
//! where it is further off than the bound allows (sums in a shorter format, a driver at fault), the query is searched here.

use super::bound::{Bound, TINY, U, direct_error};
use super::candidates::Smallest;
use super::found::{Found, Wanted, smallest};
use super::metric::{Metric, norm_and_square};
use super::rows::Rows;
use rayon::prelude::*;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// Queries that [`Scout::least`] gets at once, at most.
const QUERIES: usize = 1024;
/// Largest blocks: of rows, 64 MiB of values; of products with [`QUERIES`], the same.
const BLOCK_VALUES: usize = 16 << 20;
const BLOCK_ROWS: usize = 16 << 10;
/// Smallest and largest groups. Small ones leave fewer rows to be measured, large ones fewer values to be brought back.
const GROUP_ROWS: std::ops::RangeInclusive<usize> = 4..=64;
/// Groups from which they grow.
const GROUPS: usize = 4096;
/// Value of rows that are not to be found. Values of others stay far below: see [`Bound::new`].
const LEFT_OUT: f32 = 1e38;
/// Queries for which more rows than this, and more than one in [`CROWD_SHARE`], can be near are searched here.
const CROWD: usize = 512;
const CROWD_SHARE: usize = 16;
/// What a new scout is tried with: so many of the rows as queries, checked in so many groups.
const TRIED_QUERIES: usize = 4;
const TRIED_GROUPS: usize = 256;

/// Another processor that holds the rows of a bank.
pub trait Scout: Send + Sync + Debug {
    /// For each query of `[n_queries, dim]` (at most 1,024) and each group of rows the least `offset + query . row`, row-major
    /// `[n_queries, n_groups]`; `None` where the processor failed. `offsets`: those of all rows, padding included; where none are
    /// given, those of [`Scouted`].
    fn least(&self, queries: &[f32], offsets: Option<&[f32]>) -> Option<Vec<f32>>;
}

/// What a [`Scout`] is to hold.
#[derive(Debug)]
pub struct Scouted<'a> {
    /// `[n_rows, dim]`, without the padding of the last block.
    pub rows: Cow<'a, [f32]>,
    /// Added to the product of each row, padding included.
    pub offsets: Vec<f32>,
    /// How rows belong together.
    pub groups: Groups,
}

/// Rows in blocks, and in groups within each block: of `w` groups of a block, its row `r` is in group `r mod w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Number of rows.
    pub n_rows: usize,
    /// Rows per block, a multiple of `size`; the last block is padded.
    pub block: usize,
    /// Rows per group.
    pub size: usize,
}

impl Groups {
    pub(super) fn new(n_rows: usize, dim: usize) -> Self {
        let size = (n_rows / GROUPS).next_power_of_two().clamp(*GROUP_ROWS.start(), *GROUP_ROWS.end());
        let largest = BLOCK_ROWS.min(BLOCK_VALUES / dim).max(size);
        // Blocks of one size: code tuned for the first serves all.
        let block = n_rows.div_ceil(n_rows.div_ceil(largest)).next_multiple_of(size);
        Self { n_rows, block, size }
    }

    /// Number of blocks.
    #[must_use]
    pub fn n_blocks(&self) -> usize {
        self.n_rows.div_ceil(self.block)
    }

    /// Groups per block.
    #[must_use]
    pub fn per_block(&self) -> usize {
        self.block / self.size
    }

    /// The rows of a group, without padding, ascending.
    pub(super) fn rows_of(self, group: usize) -> impl Iterator<Item = usize> {
        let first = group / self.per_block() * self.block + group % self.per_block();
        (first..self.n_rows).step_by(self.per_block()).take(self.size)
    }
}

/// A scout and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Helped {
    groups: Groups,
    pub(super) scout: Arc<dyn Scout>,
}

impl Helped {
    /// Has a scout made, and tries it; `None` where none can be made or where it can't be trusted.
    pub(super) fn new<R: AsRef<[f32]> + Sync>(
        rows: &Rows<R>,
        make: impl FnOnce(Scouted<'_>) -> Option<Arc<dyn Scout>>,
    ) -> Option<Self> {
        let groups = Groups::new(rows.n, rows.dim);
        let values = match rows.metric {
            Metric::Euclidean => Cow::Borrowed(rows.values()),
            Metric::Cosine => {
                let scale = |norm: f32| if norm > 0.0 { 1.0 / norm } else { 0.0 };
                let scaled = rows.values().par_chunks(rows.dim).zip(&rows.norms);
                scaled.flat_map_iter(|(row, norm)| row.iter().map(move |x| scale(*norm) * x)).collect()
            }
        };
        let offsets = offsets(rows, groups, &|_| true);
        let helped = Self { groups, scout: make(Scouted { rows: values, offsets, groups })? };
        helped.is_right(rows).then_some(helped)
    }

    /// Compares what the scout says of some rows with the truth.
    fn is_right<R: AsRef<[f32]> + Sync>(&self, rows: &Rows<R>) -> bool {
        let every = rows.n.div_ceil(TRIED_QUERIES);
        let queries: Vec<f32> = (0..rows.n).step_by(every).flat_map(|i| rows.row(i)).copied().collect();
        let Some(least) = self.ask(rows, &queries, None) else { return false };
        let n_groups = self.n_groups();
        queries.par_chunks(rows.dim).zip(least.par_chunks(n_groups)).all(|(query, least)| {
            let Some(ruler) = Ruler::new(rows, query) else { return true };
            (0..n_groups).step_by(n_groups.div_ceil(TRIED_GROUPS)).all(|group| {
                let measured = self.groups.rows_of(group).map(|row| (rows.measure(query, ruler.norm, row), row as u32));
                ruler.agrees(rows, least[group], measured)
            })
        })
    }

    fn n_groups(&self) -> usize {
        self.groups.n_blocks() * self.groups.per_block()
    }

    /// The least value of each group for each query, as many as there must be.
    fn ask<R: AsRef<[f32]> + Sync>(
        &self,
        rows: &Rows<R>,
        queries: &[f32],
        offsets: Option<&[f32]>,
    ) -> Option<Vec<f32>> {
        let factor = match rows.metric {
            Metric::Euclidean => -2.0,
            Metric::Cosine => -1.0,
        };
        let scaled: Vec<f32> = queries.iter().map(|x| factor * x).collect();
        let least = self.scout.least(&scaled, offsets)?;
        (least.len() == queries.len() / rows.dim * self.n_groups()).then_some(least)
    }

    /// The nearest rows of each query, `None` for those that must be searched without help.
    pub(super) fn search<R: AsRef<[f32]> + Sync>(
        &self,
        rows: &Rows<R>,
        queries: &[f32],
        wanted: Wanted<'_>,
    ) -> Vec<Option<Vec<Found>>> {
        let offsets = (!wanted.is_all).then(|| offsets(rows, self.groups, wanted.is_searched));
        queries
            .chunks(QUERIES * rows.dim)
            .flat_map(|batch| match self.ask(rows, batch, offsets.as_deref()) {
                None => vec![None; batch.len() / rows.dim],
                Some(least) => batch
                    .par_chunks(rows.dim)
                    .zip(least.par_chunks(self.n_groups()))
                    .map(|(query, least)| self.nearest(rows, query, least, wanted))
                    .collect(),
            })
            .collect()
    }

    /// The nearest rows of one query by the least values of the groups.
    fn nearest<R: AsRef<[f32]> + Sync>(
        &self,
        rows: &Rows<R>,
        query: &[f32],
        least: &[f32],
        wanted: Wanted<'_>,
    ) -> Option<Vec<Found>> {
        let ruler = Ruler::new(rows, query)?;
        let errors = ruler.error(rows.largest_norm);
        let is_empty = |value: f32| value > LEFT_OUT / 2.0;
        // So many groups hold a row at most as far as the k-th smallest value says.
        let mut smallest_values = Smallest::new(wanted.k);
        for &value in least {
            if !value.is_finite() {
                return None;
            }
            if !is_empty(value) {
                smallest_values.add(f64::from(value));
            }
        }
        let upper = smallest_values.last() + errors;
        let reach = if upper.is_finite() { upper + ruler.bound.slack(upper) } else { f64::INFINITY };
        let can_be_near = |value: f32| !is_empty(value) && f64::from(value) - errors <= reach;
        let near: Vec<usize> = (0..least.len()).filter(|group| can_be_near(least[*group])).collect();
        let crowd = CROWD.max(rows.n / CROWD_SHARE).max(4 * wanted.k * self.groups.size);
        if near.len() * self.groups.size > crowd {
            return None;
        }
        let mut found = Vec::with_capacity(near.len() * self.groups.size);
        for group in near {
            let first = found.len();
            let searched = self.groups.rows_of(group).filter(|row| (wanted.is_searched)(*row));
            found.extend(searched.map(|row| (rows.measure(query, ruler.norm, row), row as u32)));
            if !ruler.agrees(rows, least[group], found[first..].iter().copied()) {
                return None;
            }
        }
        Some(smallest(found, wanted.k))
    }
}

/// What is added to the product of each row, padding included.
fn offsets<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    groups: Groups,
    is_searched: &(dyn Fn(usize) -> bool + Sync),
) -> Vec<f32> {
    let offset = |row: usize| match rows.metric {
        _ if row >= rows.n || !is_searched(row) => LEFT_OUT,
        Metric::Euclidean => rows.squares[row],
        Metric::Cosine => 0.0,
    };
    (0..groups.n_blocks() * groups.block).map(offset).collect()
}

/// What is known of the values for one query.
struct Ruler {
    metric: Metric,
    norm: f32,
    bound: Bound,
    dim: usize,
    /// Relative (Euclidean) or absolute (cosine) error of a direct distance.
    direct: f64,
}

impl Ruler {
    /// `None` where no rounding bound holds.
    fn new<R: AsRef<[f32]> + Sync>(rows: &Rows<R>, query: &[f32]) -> Option<Self> {
        let norm = norm_and_square(query).0;
        let bound = Bound::new(rows.metric, rows.dim, rows.dim, norm, rows.largest_norm)?;
        Some(Self { metric: rows.metric, norm, bound, dim: rows.dim, direct: direct_error(rows.dim)? })
    }

    /// Largest error of a value of a row whose norm is at most `norm`. Processors may take values below the smallest normal
    /// number for zero.
    fn error(&self, norm: f32) -> f64 {
        self.bound.score_error(norm) + 4.0 * self.dim as f64 * TINY * (1.0 + f64::from(self.norm) + f64::from(norm))
    }

    /// Whether the least value of a group can be what was computed for these rows, all of the group that are searched.
    fn agrees<R: AsRef<[f32]> + Sync>(
        &self,
        rows: &Rows<R>,
        value: f32,
        measured: impl Iterator<Item = Found>,
    ) -> bool {
        let Some((measure, row)) = measured.min_by(|a, b| a.0.total_cmp(&b.0)) else { return value > LEFT_OUT / 2.0 };
        let (measure, norm) = (f64::from(measure), f64::from(self.norm));
        let (expected, error) = match self.metric {
            Metric::Euclidean => {
                let square = measure * measure;
                let largest = norm * norm + f64::from(rows.squares[row as usize]);
                (square - norm * norm, 1.1 * self.direct * square + 8.0 * U * largest)
            }
            Metric::Cosine => ((measure - 1.0) * norm, 1.1 * self.direct * norm),
        };
        (f64::from(value) - expected).abs() <= error + self.error(rows.largest_norm)
    }
}
