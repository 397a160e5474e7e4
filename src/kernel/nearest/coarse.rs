//! The search among eight-bit codes: a quarter of the arithmetic and of the memory traffic, and still exact.
//!
//! Products of codes give the distance of the coded rows exactly; what the codes leave out bounds the distance of the
//! rows from below ([`super::codes`]). Only rows whose lower bound does not exceed the k-th smallest distance found so far
//! are measured, directly and at once, so that the limit falls as fast as it can.

use super::bound::{TINY, direct_error, round_up};
use super::codes::{Coded, Codes};
use super::search::Found;
use super::{Metric, PreparedRows, Wanted, norm_and_square};
use crate::kernel::simd::{
    BYTE_PANEL, ByteLevel, ByteProduct, Lines, RowScale, STEPS, byte_tile, lower_to_integers, prefetch,
    scan_integers_at_most,
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
/// Queries compared with a block at a time: their products stay in the second-level cache, to be looked at twice.
const COLUMNS: usize = 4 * BYTE_PANEL;
/// Rows of the following block that are fetched beside each tile of a block.
const FETCHED: usize = 4;
/// Unsigned codes are the signed ones plus this.
const ZERO: i32 = 128;
/// A query for which more rows than this, and more than one in [`CROWD_SHARE`], had to be measured is left to the search in
/// `f32`: its bounds are too wide for its distances.
const CROWD: usize = 256;
const CROWD_SHARE: usize = 16;

/// One query with its bounds and what was found so far.
#[derive(Clone)]
struct Query<'a> {
    values: &'a [f32],
    norm: f32,
    coded: Coded,
    /// At least `k` rows are at most this far, whichever they are.
    ceiling: f64,
    /// The nearest rows so far, at most `k`, ascending by measure, then by index.
    found: Vec<Found>,
    /// The largest distance that can still matter, by `ceiling` and `found`.
    reach: f64,
    n_measured: usize,
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
    fn new<R: AsRef<[f32]> + Sync>(rows: &PreparedRows<R>, codes: &Codes, k: usize) -> Option<Self> {
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
    fn update_reach(&mut self, ruler: &Ruler) {
        let found = self.found.get(ruler.k - 1).map_or(f64::INFINITY, |f| ruler.reach_of_measure(ruler.metric, f.0));
        self.reach = found.min(ruler.reach(self.ceiling));
    }

    /// Takes a value of [`scan_integers_at_most`] that at least `k` rows do not exceed.
    fn lower_ceiling(&mut self, value: f32, ruler: &Ruler) {
        let square = f64::from(value) + self.coded.square + self.rounding(ruler);
        self.ceiling = self.ceiling.min(square.max(0.0).sqrt() + self.coded.rest + ruler.largest_rest);
        self.update_reach(ruler);
    }

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

    /// Whether a row whose product of codes is known can be among the `k` nearest.
    fn can_be_near(&self, product: i32, row: &Coded) -> bool {
        let steps = f64::from(self.coded.step) * f64::from(row.step);
        let square = self.coded.square + row.square - 2.0 * steps * f64::from(product);
        let reach = self.reach + self.coded.rest + row.rest;
        square <= reach * reach + 1e-12 * (self.coded.square + row.square)
    }

    /// Takes a measured row; tells whether the limit changed.
    fn add(&mut self, found: Found, ruler: &Ruler) -> bool {
        self.n_measured += 1;
        self.is_crowded |= self.n_measured > ruler.crowd;
        let changes = self.insert(found, ruler.k);
        if changes {
            self.update_reach(ruler);
        }
        changes || self.is_crowded
    }

    fn insert(&mut self, found: Found, k: usize) -> bool {
        let at = self.found.partition_point(|f| f.0.total_cmp(&found.0).then(f.1.cmp(&found.1)).is_lt());
        if at < k {
            self.found.insert(at, found);
            self.found.truncate(k);
        }
        at < k
    }

    fn merge(&mut self, other: Self, k: usize) {
        for found in other.found {
            self.insert(found, k);
        }
        self.is_crowded |= other.is_crowded;
    }
}

/// How many queries are searched together.
pub(super) fn batch(dim: usize) -> usize {
    (PACKED / dim.next_multiple_of(STEPS)).clamp(BYTE_PANEL, 1024) / BYTE_PANEL * BYTE_PANEL
}

/// The nearest rows of each query of a batch; `None` for those whose bounds leave too many rows to be worth it.
pub(super) fn search<R: AsRef<[f32]> + Sync>(
    rows: &PreparedRows<R>,
    (level, codes): (ByteLevel, &Codes),
    queries: &[f32],
    wanted: Wanted<'_>,
) -> Vec<Option<Vec<Found>>> {
    let Some(ruler) = Ruler::new(rows, codes, wanted.k) else { return vec![None; queries.len() / rows.dim] };
    let (fresh, packed) = pack(rows, codes, queries);
    let scales = fresh.iter().map(|q| q.coded.step).collect();
    let limits: Vec<f32> = fresh.iter().map(|q| q.limit(&ruler)).collect();
    let threads = rayon::current_num_threads();
    let block = rows.n.div_ceil(threads).min(BLOCK / codes.stride).max(TILES * level.tile_height());
    let block = block.next_multiple_of(level.tile_height());
    let n_blocks = rows.n.div_ceil(block);
    let batch = Batch { rows, level, codes, packed, scales, ruler, wanted };
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
                near: vec![vec![]; COLUMNS],
                is_fresh: true,
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
            a.iter_mut().zip(b).for_each(|(x, y)| x.merge(y, wanted.k));
            a
        });
    found.unwrap_or(fresh).into_iter().map(|query| (!query.is_crowded).then_some(query.found)).collect()
}

/// What all threads share.
struct Batch<'a, R> {
    rows: &'a PreparedRows<R>,
    level: ByteLevel,
    codes: &'a Codes,
    /// The queries' codes as panels, and the values of their steps.
    packed: Lines<u8>,
    scales: Vec<f32>,
    ruler: Ruler,
    wanted: Wanted<'a>,
}

impl<R> Batch<'_, R> {
    fn scale_of(&self, row: usize) -> RowScale {
        let coded = &self.codes.rows[row];
        RowScale { shift: ZERO * coded.sum, scale: -2.0 * coded.step, offset: coded.square as f32 }
    }
}

/// Queries with their codes, and these as panels; a query that cannot be coded counts as crowded.
fn pack<'a, R: AsRef<[f32]> + Sync>(
    rows: &PreparedRows<R>,
    codes: &Codes,
    queries: &'a [f32],
) -> (Vec<Query<'a>>, Lines<u8>) {
    let n_panels = (queries.len() / rows.dim).div_ceil(BYTE_PANEL);
    let mut packed = Lines::zeros(n_panels * BYTE_PANEL * codes.depth);
    packed.fill(ZERO as u8);
    let queries = packed
        .par_chunks_mut(BYTE_PANEL * codes.depth)
        .zip(queries.par_chunks(BYTE_PANEL * rows.dim))
        .flat_map_iter(|(panel, queries)| {
            let mut buffer = vec![0.0; rows.dim];
            let coded = queries.chunks_exact(rows.dim).enumerate().map(|(column, values)| {
                let norm = norm_and_square(values).0;
                let put = |i: usize, code: i8| {
                    panel[i / STEPS * STEPS * BYTE_PANEL + column * STEPS + i % STEPS] = (i32::from(code) + ZERO) as u8;
                };
                let coded = codes.query(values, norm, &mut buffer, put);
                Query {
                    values,
                    norm,
                    is_crowded: coded.is_none(),
                    coded: coded.unwrap_or(Coded { step: 0.0, sum: 0, square: 0.0, rest: 0.0 }),
                    ceiling: f64::INFINITY,
                    found: vec![],
                    reach: f64::INFINITY,
                    n_measured: 0,
                }
            });
            coded.collect::<Vec<_>>()
        })
        .collect();
    (queries, packed)
}

/// State of one thread.
struct Task<'a, R> {
    batch: &'a Batch<'a, R>,
    queries: Vec<Query<'a>>,
    limits: Vec<f32>,
    /// Of one block of rows with [`COLUMNS`] queries.
    products: Lines<i32>,
    hits: Vec<u32>,
    /// For each of [`COLUMNS`] queries the rows that can be near: value of the codes, row, product.
    near: Vec<Vec<(f32, u32, i32)>>,
    /// No limit is known yet.
    is_fresh: bool,
}

impl<R: AsRef<[f32]> + Sync> Task<'_, R> {
    /// Searches one block of rows; the `following` one is brought into the cache meanwhile.
    fn scan(&mut self, block: Range<usize>, following: Range<usize>) {
        let searched: Vec<usize> = block.clone().filter(|row| (self.batch.wanted.is_searched)(*row)).collect();
        let sets_limits = self.is_fresh && searched.len() >= self.batch.wanted.k;
        let mut products = std::mem::replace(&mut self.products, Lines::zeros(0));
        let mut following = following;
        for first in (0..self.queries.len()).step_by(COLUMNS) {
            let columns = first..(first + COLUMNS).min(self.queries.len());
            self.multiply(&block, &mut following, &columns, &mut products);
            let of_row = |row: &usize| (*row, &products[(row - block.start) * COLUMNS..][..columns.len()]);
            if sets_limits {
                self.set_first_limits(&columns, &searched.iter().map(of_row));
                self.take_nearest_first(&columns, searched.iter().map(of_row));
            } else {
                searched.iter().map(of_row).for_each(|(row, products)| self.take(row, &columns, products));
            }
        }
        self.is_fresh &= !sets_limits;
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

    /// Without any limit all rows of a block would have to be measured. Of `k` groups of rows each has a least value: no
    /// more than the largest of these is needed to reach `k` rows.
    fn set_first_limits<'p>(
        &mut self,
        columns: &Range<usize>,
        searched: &(impl Iterator<Item = (usize, &'p [i32])> + Clone),
    ) {
        let Batch { codes, scales, ruler, .. } = self.batch;
        let scales = &scales[columns.clone()];
        let mut ceilings = vec![f32::NEG_INFINITY; columns.len()];
        let mut least = vec![0.0; columns.len()];
        for group in 0..ruler.k {
            least.fill(f32::INFINITY);
            for (row, products) in searched.clone().skip(group).step_by(ruler.k) {
                lower_to_integers(codes.level, products, self.batch.scale_of(row), scales, &mut least);
            }
            ceilings.iter_mut().zip(&least).for_each(|(c, l)| *c = c.max(*l));
        }
        let queries = self.queries[columns.clone()].iter_mut();
        for (query, (limit, ceiling)) in queries.zip(self.limits[columns.clone()].iter_mut().zip(ceilings)) {
            query.lower_ceiling(ceiling, ruler);
            *limit = query.limit(ruler);
        }
    }

    /// As [`Self::take`] for each row; but of the rows that can be near to a query those whose codes are nearest are measured
    /// first, after which few others can still be near.
    fn take_nearest_first<'p>(&mut self, columns: &Range<usize>, searched: impl Iterator<Item = (usize, &'p [i32])>) {
        let Self { batch: Batch { rows, codes, scales, ruler, .. }, queries, limits, hits, near, .. } = self;
        let (queries, limits) = (&mut queries[columns.clone()], &mut limits[columns.clone()]);
        let scales = &scales[columns.clone()];
        for (row, products) in searched {
            let scale = self.batch.scale_of(row);
            hits.clear();
            scan_integers_at_most(codes.level, products, scale, scales, limits, hits);
            for &q in &*hits {
                let product = products[q as usize].wrapping_sub(scale.shift);
                let value = scale.offset + scale.scale * (scales[q as usize] * product as f32);
                near[q as usize].push((value, row as u32, product));
            }
        }
        for ((query, limit), near) in queries.iter_mut().zip(limits).zip(near) {
            if near.len() > ruler.k {
                near.select_nth_unstable_by(ruler.k - 1, |a, b| a.0.total_cmp(&b.0));
            }
            for (_, row, product) in near.drain(..) {
                let coded = &codes.rows[row as usize];
                if !query.is_crowded && query.can_be_near(product, coded) {
                    query.add((rows.measure(query.values, query.norm, row as usize), row), ruler);
                }
            }
            *limit = query.limit(ruler);
        }
    }

    /// Measures a row for all queries to which it can be near.
    fn take(&mut self, row: usize, columns: &Range<usize>, products: &[i32]) {
        let Self { batch: Batch { rows, codes, scales, ruler, .. }, queries, limits, hits, .. } = self;
        let (queries, limits) = (&mut queries[columns.clone()], &mut limits[columns.clone()]);
        let scales = &scales[columns.clone()];
        let scale = self.batch.scale_of(row);
        hits.clear();
        scan_integers_at_most(codes.level, products, scale, scales, limits, hits);
        for &q in &*hits {
            let q = q as usize;
            let query = &mut queries[q];
            if query.can_be_near(products[q].wrapping_sub(scale.shift), &codes.rows[row])
                && query.add((rows.measure(query.values, query.norm, row), row as u32), ruler)
            {
                limits[q] = query.limit(ruler);
            }
        }
    }
}
