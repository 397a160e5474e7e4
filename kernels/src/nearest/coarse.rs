//! The search among eight-bit codes: a quarter of the arithmetic and of the memory traffic, and still exact.
//!
//! Products of codes give the distance of the coded rows exactly; what the codes leave out bounds the distance of the
//! rows from both sides ([`super::codes`]). Rows whose lower bound does not exceed the k-th smallest upper bound are kept; in
//! the end they are measured, directly, in the order of their lower bounds, until these exceed the k-th smallest distance.

use super::bound::{TINY, direct_error, round_up};
use super::candidates::Candidates;
use super::codes::{Coded, Codes};
use super::found::{Found, Wanted};
use super::metric::{Metric, norm_and_square};
use super::rows::Rows;
use crate::simd::{
    BYTE_PANEL, ByteLevel, ByteProduct, Lines, RowScale, STEPS, byte_tile, prefetch, scan_integers_at_most,
};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of packed queries searched together: they stay in the second-level cache.
const PACKED: usize = 1536 * 1024;
/// Bytes of the codes of a block of rows, which stays in the second-level cache while all queries are compared with it.
const BLOCK: usize = 640 * 1024;
/// Least number of tiles of rows in a block.
const TILES: usize = 4;
/// Queries compared with a block at a time: their products stay in the second-level cache.
const COLUMNS: usize = 4 * BYTE_PANEL;
/// Rows of the following block that are fetched beside each tile of a block.
const FETCHED: usize = 4;
/// Unsigned codes are the signed ones plus this.
const ZERO: i32 = 128;
/// A query for which more rows than this, and more than one in [`CROWD_SHARE`], would have to be measured is left to the
/// search in `f32`: its bounds are too wide for its distances.
const CROWD: usize = 256;
const CROWD_SHARE: usize = 16;

/// One query with its bounds and the rows that can be near it.
#[derive(Clone)]
struct Query<'a> {
    values: &'a [f32],
    norm: f32,
    coded: Coded,
    /// Largest error of the distance of coded rows, from rounding.
    error: f64,
    /// Bounds of distances.
    candidates: Candidates,
    /// The largest distance that can still matter.
    reach: f64,
    is_crowded: bool,
}

/// What the bounds need to know of the bank.
struct Ruler {
    metric: Metric,
    k: usize,
    crowd: usize,
    /// A measure is at most `d^2 (1 + relative) + absolute` and at least `d^2 (1 - relative) - absolute`, where `d` is the
    /// distance of the (under the cosine metric, normalised) rows and the measure that of [`Ruler::to_square`].
    relative: f64,
    absolute: f64,
    largest_rest: f64,
    largest_square: f64,
}

impl Ruler {
    fn new<R: AsRef<[f32]> + Sync>(rows: &Rows<R>, codes: &Codes, k: usize) -> Option<Self> {
        let error = direct_error(rows.dim)?;
        let tiny = (rows.dim + 1) as f64 * TINY;
        let (relative, absolute) = match rows.metric {
            Metric::Euclidean => (1.1 * error, 4.0 * tiny),
            Metric::Cosine => (0.0, 4.0 * error),
        };
        let crowd = CROWD.max(rows.n / CROWD_SHARE).max(4 * k);
        Some(Self {
            metric: rows.metric,
            k,
            crowd,
            relative,
            absolute,
            largest_rest: codes.largest_rest,
            largest_square: codes.largest_square,
        })
    }

    /// Squared distance of normalised rows from a measure.
    fn to_square(metric: Metric, measure: f32) -> f64 {
        let measure = f64::from(measure);
        match metric {
            Metric::Euclidean => measure * measure,
            Metric::Cosine => 2.0 * measure,
        }
    }

    /// The largest distance at which a measure can still be as small as at `upper`.
    fn reach(&self, upper: f64) -> f64 {
        ((upper * upper * (1.0 + self.relative) + 2.0 * self.absolute) / (1.0 - self.relative)).sqrt() * (1.0 + 1e-12)
    }

    /// The largest distance at which a measure can still be at most `measure`.
    fn reach_of_measure(&self, metric: Metric, measure: f32) -> f64 {
        let square = Self::to_square(metric, measure);
        ((square + self.absolute) / (1.0 - self.relative)).sqrt() * (1.0 + 1e-12)
    }
}

impl Query<'_> {
    /// Largest rounding error of a value of [`scan_integers_at_most`]: of the product of codes, both scales, their product
    /// and the sum.
    fn rounding(&self, ruler: &Ruler) -> f64 {
        6e-7 * (ruler.largest_square + 2.0 * (self.coded.square * ruler.largest_square).sqrt()) + TINY
    }

    /// What [`scan_integers_at_most`] compares with: a row within reach has `square - 2 step.step.product` at most this.
    fn limit(&self, ruler: &Ruler) -> f32 {
        if self.is_crowded {
            return f32::NEG_INFINITY;
        }
        let reach = self.reach + self.coded.rest + ruler.largest_rest;
        round_up(reach * reach - self.coded.square + self.rounding(ruler))
    }

    /// Takes a row whose product of codes is known; tells whether the limit changed.
    fn add(&mut self, product: i32, row: &Coded, index: u32, ruler: &Ruler) -> bool {
        let steps = f64::from(self.coded.step) * f64::from(row.step);
        let square = self.coded.square + row.square - 2.0 * steps * f64::from(product);
        // Rounding of the square, of at most `e^2`, moves its root by at most `e`.
        let distance = square.max(0.0).sqrt();
        let rest = self.coded.rest + row.rest + self.error;
        if distance - rest > self.reach {
            return false;
        }
        self.candidates.lowers.push((distance - rest, index));
        let changes = self.add_upper(distance + rest, ruler);
        if self.candidates.are_many() {
            self.prune(ruler);
        }
        changes || self.is_crowded
    }

    fn add_upper(&mut self, upper: f64, ruler: &Ruler) -> bool {
        let changes = self.candidates.uppers.add(upper);
        if changes {
            self.update_reach(ruler);
        }
        changes
    }

    fn update_reach(&mut self, ruler: &Ruler) {
        self.reach = ruler.reach(self.candidates.uppers.last());
    }

    /// Drops what is out of reach.
    fn prune(&mut self, ruler: &Ruler) {
        self.candidates.prune(self.reach);
        self.is_crowded |= self.candidates.lowers.len() > ruler.crowd;
    }

    fn merge(&mut self, other: Self, ruler: &Ruler) {
        self.candidates.merge(other.candidates);
        self.update_reach(ruler);
        self.is_crowded |= other.is_crowded;
    }

    /// Measures the candidates, those with the smallest lower bounds first; `None` where they are too many.
    fn nearest<R: AsRef<[f32]> + Sync>(mut self, rows: &Rows<R>, ruler: &Ruler) -> Option<Vec<Found>> {
        self.prune(ruler);
        if self.is_crowded {
            return None;
        }
        self.candidates.lowers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut found: Vec<Found> = Vec::with_capacity(ruler.k + 1);
        let mut reach = self.reach;
        for (i, (lower, row)) in self.candidates.lowers.iter().enumerate() {
            if *lower > reach {
                break;
            }
            if let Some((_, next)) = self.candidates.lowers.get(i + 1) {
                prefetch(rows.row(*next as usize));
            }
            let new = (rows.measure(self.values, self.norm, *row as usize), *row);
            let at = found.partition_point(|f| f.0.total_cmp(&new.0).then(f.1.cmp(&new.1)).is_lt());
            if at < ruler.k {
                found.insert(at, new);
                found.truncate(ruler.k);
                reach = found.get(ruler.k - 1).map_or(reach, |f| ruler.reach_of_measure(ruler.metric, f.0));
            }
        }
        Some(found)
    }
}

/// How many queries are searched together.
pub(super) fn batch(dim: usize) -> usize {
    (PACKED / dim.next_multiple_of(STEPS)).clamp(BYTE_PANEL, 1024) / BYTE_PANEL * BYTE_PANEL
}

/// The nearest rows of each query of a batch; `None` for those whose bounds leave too many rows to be worth it.
pub(super) fn search<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    (level, codes): (ByteLevel, &Codes),
    queries: &[f32],
    wanted: Wanted<'_>,
) -> Vec<Option<Vec<Found>>> {
    let Some(ruler) = Ruler::new(rows, codes, wanted.k) else { return vec![None; queries.len() / rows.dim] };
    let (fresh, packed) = pack(rows, codes, queries, wanted.k);
    let scales = fresh.iter().map(|q| q.coded.step).collect();
    let limits: Vec<f32> = fresh.iter().map(|q| q.limit(&ruler)).collect();
    let threads = rayon::current_num_threads();
    let block = rows.n.div_ceil(threads).min(BLOCK / codes.stride).max(TILES * level.tile_height());
    let block = block.next_multiple_of(level.tile_height());
    let n_blocks = rows.n.div_ceil(block);
    let batch = Batch { level, codes, packed, scales, ruler, wanted };
    // One state per thread, and blocks handed out one by one, as in the search in `f32`.
    let next = AtomicUsize::new(0);
    let take = || {
        let b = next.fetch_add(1, Ordering::Relaxed);
        (b < n_blocks).then(|| b * block..((b + 1) * block).min(rows.n))
    };
    let found = (0..threads.min(n_blocks))
        .into_par_iter()
        .filter_map(|_| {
            let mut current = take()?;
            let mut task = Task {
                batch: &batch,
                queries: fresh.clone(),
                limits: limits.clone(),
                products: Lines::zeros(block * COLUMNS),
                hits: vec![],
            };
            loop {
                let following = take();
                task.scan(current, following.clone().unwrap_or_default());
                match following {
                    Some(block) => current = block,
                    None => return Some(task.queries),
                }
            }
        })
        .reduce_with(|mut a, b| {
            a.iter_mut().zip(b).for_each(|(x, y)| x.merge(y, &batch.ruler));
            a
        });
    found.unwrap_or(fresh).into_par_iter().map(|query| query.nearest(rows, &batch.ruler)).collect()
}

/// What all threads share.
struct Batch<'a> {
    level: ByteLevel,
    codes: &'a Codes,
    /// The queries' codes as panels, and the values of their steps.
    packed: Lines<u8>,
    scales: Vec<f32>,
    ruler: Ruler,
    wanted: Wanted<'a>,
}

impl Batch<'_> {
    fn scale_of(&self, row: usize) -> RowScale {
        let coded = &self.codes.rows[row];
        RowScale { shift: ZERO * coded.sum, scale: -2.0 * coded.step, offset: coded.square as f32 }
    }
}

/// Queries with their codes, and these as panels; a query that cannot be coded counts as crowded.
fn pack<'a, R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    codes: &Codes,
    queries: &'a [f32],
    k: usize,
) -> (Vec<Query<'a>>, Lines<u8>) {
    let n_panels = (queries.len() / rows.dim).div_ceil(BYTE_PANEL);
    let mut packed = Lines::zeros(n_panels * BYTE_PANEL * codes.depth);
    packed.fill(ZERO as u8);
    let queries = packed
        .par_chunks_mut(BYTE_PANEL * codes.depth)
        .zip(queries.par_chunks(BYTE_PANEL * rows.dim))
        .flat_map_iter(|(panel, queries)| {
            let (mut buffer, mut bytes) = (vec![0.0; rows.dim], vec![0; codes.depth]);
            let coded = queries.chunks_exact(rows.dim).enumerate().map(|(column, values)| {
                let norm = norm_and_square(values).0;
                let coded = codes.query(values, norm, &mut buffer, &mut bytes);
                let steps = bytes.as_chunks::<STEPS>().0;
                for (group, steps) in panel.as_chunks_mut::<{ STEPS * BYTE_PANEL }>().0.iter_mut().zip(steps) {
                    group[column * STEPS..][..STEPS].copy_from_slice(&steps.map(|code| (i32::from(code) + ZERO) as u8));
                }
                let is_crowded = coded.is_none();
                let coded = coded.unwrap_or(Coded { step: 0.0, sum: 0, square: 0.0, rest: 0.0 });
                Query {
                    values,
                    norm,
                    is_crowded,
                    error: 1e-6 * (coded.square + codes.largest_square).sqrt(),
                    coded,
                    candidates: Candidates::new(k),
                    reach: f64::INFINITY,
                }
            });
            coded.collect::<Vec<_>>()
        })
        .collect();
    (queries, packed)
}

/// State of one thread.
struct Task<'a> {
    batch: &'a Batch<'a>,
    queries: Vec<Query<'a>>,
    limits: Vec<f32>,
    /// Of one block of rows with [`COLUMNS`] queries.
    products: Lines<i32>,
    hits: Vec<u32>,
}

impl Task<'_> {
    /// Searches one block of rows; the `following` one is brought into the cache meanwhile.
    fn scan(&mut self, block: Range<usize>, following: Range<usize>) {
        let searched: Vec<usize> = block.clone().filter(|row| (self.batch.wanted.is_searched)(*row)).collect();
        let mut products = std::mem::replace(&mut self.products, Lines::zeros(0));
        let mut following = following;
        for first in (0..self.queries.len()).step_by(COLUMNS) {
            let columns = first..(first + COLUMNS).min(self.queries.len());
            self.multiply(&block, &mut following, &columns, &mut products);
            for row in &searched {
                self.take(*row, &columns, &products[(row - block.start) * COLUMNS..][..columns.len()]);
            }
        }
        self.products = products;
    }

    /// Products of a block of rows with some queries.
    fn multiply(
        &self,
        block: &Range<usize>,
        following: &mut Range<usize>,
        columns: &Range<usize>,
        products: &mut [i32],
    ) {
        let Batch { codes, level, packed, .. } = self.batch;
        let (stride, depth) = (codes.stride, codes.depth);
        let tile_height = level.tile_height();
        let panels = &packed[columns.start * depth..(columns.end.next_multiple_of(BYTE_PANEL)) * depth];
        let tiles = block.clone().step_by(tile_height).zip(products.chunks_mut(tile_height * COLUMNS));
        for (t, out) in tiles {
            let height = tile_height.min(block.end - t);
            let tile = &codes.values[t * stride..(t + height) * stride];
            // Rows come from main memory: a few of them are fetched beside each product.
            for row in following.by_ref().take(FETCHED) {
                prefetch(&codes.values[row * stride..][..depth]);
            }
            byte_tile(*level, &ByteProduct { rows: tile, stride, height, depth, panels }, out, COLUMNS);
        }
    }

    /// Keeps a row for all queries to which it can be near.
    fn take(&mut self, row: usize, columns: &Range<usize>, products: &[i32]) {
        let Self { batch: Batch { codes, scales, ruler, .. }, queries, limits, hits, .. } = self;
        let (queries, limits) = (&mut queries[columns.clone()], &mut limits[columns.clone()]);
        let scales = &scales[columns.clone()];
        let scale = self.batch.scale_of(row);
        hits.clear();
        scan_integers_at_most(codes.level, products, scale, scales, limits, hits);
        for &q in &*hits {
            let q = q as usize;
            let query = &mut queries[q];
            if query.add(products[q].wrapping_sub(scale.shift), &codes.rows[row], row as u32, ruler) {
                limits[q] = query.limit(ruler);
            }
        }
    }
}
