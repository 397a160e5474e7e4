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
    BYTE_PANEL, ByteLevel, ByteProduct, RowScale, STEPS, byte_tile, lower_to_integers, prefetch, scan_integers_at_most,
};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of packed queries searched together: they stay in the second-level cache.
const PACKED: usize = 1536 * 1024;
/// Tiles of rows per block.
const TILES: usize = 4;
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
    let block = TILES * level.tile_height();
    let n_blocks = rows.n.div_ceil(block);
    let batch = Batch { rows, level, codes, packed, scales, ruler, wanted };
    // One state per thread, and blocks handed out one by one, as in the search in `f32`.
    let n_tasks = rayon::current_num_threads().min(n_blocks);
    let next = AtomicUsize::new(0);
    let found = (0..n_tasks)
        .into_par_iter()
        .map(|_| {
            let mut task = Task {
                batch: &batch,
                queries: fresh.clone(),
                limits: limits.clone(),
                products: vec![0; block * batch.n_columns()],
                hits: vec![],
                is_fresh: true,
            };
            loop {
                let b = next.fetch_add(1, Ordering::Relaxed);
                if b >= n_blocks {
                    return task.queries;
                }
                task.scan(b * block..((b + 1) * block).min(rows.n));
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
    packed: Vec<u8>,
    scales: Vec<f32>,
    ruler: Ruler,
    wanted: Wanted<'a>,
}

impl<R> Batch<'_, R> {
    /// Number of queries, padded to whole panels.
    fn n_columns(&self) -> usize {
        self.packed.len() / self.codes.depth
    }

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
) -> (Vec<Query<'a>>, Vec<u8>) {
    let n_panels = (queries.len() / rows.dim).div_ceil(BYTE_PANEL);
    let mut packed = vec![ZERO as u8; n_panels * BYTE_PANEL * codes.depth];
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
    /// Of one block of rows with all queries.
    products: Vec<i32>,
    hits: Vec<u32>,
    /// No limit is known yet.
    is_fresh: bool,
}

impl<R: AsRef<[f32]> + Sync> Task<'_, R> {
    /// Searches one block of rows.
    fn scan(&mut self, block: Range<usize>) {
        self.multiply(&block);
        let (start, n_columns) = (block.start, self.batch.n_columns());
        let searched: Vec<usize> = block.filter(|row| (self.batch.wanted.is_searched)(*row)).collect();
        let products = std::mem::take(&mut self.products);
        let of_row = |row: &usize| (*row, &products[(row - start) * n_columns..][..self.queries.len()]);
        let searched: Vec<(usize, &[i32])> = searched.iter().map(of_row).collect();
        if self.is_fresh && searched.len() >= self.batch.wanted.k {
            self.is_fresh = false;
            self.set_first_limits(&searched);
        }
        for (row, products) in searched {
            self.take(row, products);
        }
        self.products = products;
    }

    /// Products of a block of rows with all queries.
    fn multiply(&mut self, block: &Range<usize>) {
        let Batch { codes, level, packed, .. } = self.batch;
        let (stride, depth, n_columns) = (codes.stride, codes.depth, self.batch.n_columns());
        let tile_height = level.tile_height();
        let tiles = block.clone().step_by(tile_height).zip(self.products.chunks_mut(tile_height * n_columns));
        for (t, out) in tiles {
            let height = tile_height.min(block.end - t);
            let tile = &codes.values[t * stride..(t + height) * stride];
            for (p, panel) in packed.chunks(depth * BYTE_PANEL).enumerate() {
                // The next tile's rows come from main memory: fetch one of them beside each product.
                if p < height && t + height + p < codes.rows.len() {
                    prefetch(&codes.values[(t + height + p) * stride..][..depth]);
                }
                let product = ByteProduct { rows: tile, stride, height, depth, panel };
                byte_tile(*level, &product, &mut out[p * BYTE_PANEL..], n_columns);
            }
        }
    }

    /// Without any limit all rows of a block would have to be measured. Of `k` groups of rows each has a least value: no
    /// more than the largest of these is needed to reach `k` rows.
    fn set_first_limits(&mut self, searched: &[(usize, &[i32])]) {
        let Batch { codes, scales, ruler, .. } = self.batch;
        let mut ceilings = vec![f32::NEG_INFINITY; self.queries.len()];
        let mut least = vec![0.0; self.queries.len()];
        for group in 0..ruler.k {
            least.fill(f32::INFINITY);
            for (row, products) in searched.iter().skip(group).step_by(ruler.k) {
                lower_to_integers(codes.level, products, self.batch.scale_of(*row), scales, &mut least);
            }
            ceilings.iter_mut().zip(&least).for_each(|(c, l)| *c = c.max(*l));
        }
        for (query, (limit, ceiling)) in self.queries.iter_mut().zip(self.limits.iter_mut().zip(ceilings)) {
            query.lower_ceiling(ceiling, ruler);
            *limit = query.limit(ruler);
        }
    }

    /// Measures a row for all queries to which it can be near.
    fn take(&mut self, row: usize, products: &[i32]) {
        let Self { batch: Batch { rows, codes, scales, ruler, .. }, queries, limits, hits, .. } = self;
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
