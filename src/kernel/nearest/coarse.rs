//! The search among eight-bit codes: a quarter of the arithmetic and of the memory traffic, and still exact.
//!
//! Products of codes give the distance of the coded rows exactly; what the codes leave out bounds the distance of the
//! rows from both sides ([`super::codes`]). Rows whose lower bound exceeds the k-th smallest upper bound are out; the few
//! others are measured directly, nearest bound first, until no bound is left below the k-th measure.

use super::bound::{TINY, direct_error, round_up};
use super::codes::{Coded, Codes};
use super::search::Found;
use super::{Metric, PreparedRows, norm_and_square};
use crate::kernel::simd::{
    BYTE_PANEL, ByteLevel, ByteProduct, RowScale, STEPS, byte_tile, prefetch, scan_integers_at_most,
};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of packed queries searched together: they stay in the second-level cache.
const PACKED: usize = 1536 * 1024;
/// Tiles of rows per block.
const TILES: usize = 4;
/// Unsigned codes are the signed ones plus this.
const ZERO: i32 = 128;
/// A query with more than this many candidates, and more than one row in [`CROWD_SHARE`], is left to the search in `f32`.
const CROWD: usize = 256;
const CROWD_SHARE: usize = 64;

/// One query with its bounds and what was found so far.
#[derive(Clone)]
struct Query<'a> {
    values: &'a [f32],
    norm: f32,
    coded: Coded,
    /// The `k` smallest upper bounds of distances, ascending.
    uppers: Vec<f64>,
    /// Lower bounds of distances, rounded down, with their rows.
    candidates: Vec<(f32, u32)>,
    prune_at: usize,
    /// More candidates than worth measuring.
    is_crowded: bool,
}

/// What the bounds need to know of the bank.
struct Ruler {
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
        match metric {
            Metric::Euclidean => f64::from(measure),
            Metric::Cosine => 2.0 * f64::from(measure),
        }
    }

    /// The largest distance at which a measure can still be as small as at `upper`.
    fn reach(&self, upper: f64) -> f64 {
        ((upper * upper * (1.0 + self.relative) + 2.0 * self.absolute) / (1.0 - self.relative)).sqrt() * (1.0 + 1e-12)
    }

    /// The smallest (squared) measure at a distance of at least `lower`.
    fn least_measure(&self, lower: f64) -> f64 {
        lower * lower * (1.0 - self.relative) - self.absolute
    }
}

impl Query<'_> {
    fn reach(&self, ruler: &Ruler) -> f64 {
        if self.uppers.len() < ruler.k { f64::INFINITY } else { ruler.reach(self.uppers[ruler.k - 1]) }
    }

    /// What [`scan_integers_at_most`] compares with: a row within reach has `square - 2 step.step.product` at most this.
    fn limit(&self, ruler: &Ruler) -> f32 {
        if self.is_crowded {
            return f32::NEG_INFINITY;
        }
        let reach = self.reach(ruler) + self.coded.rest + ruler.largest_rest;
        // Rounding of the expression in `f32`: products of codes, both scales, their product and the sum.
        let sizes = ruler.largest_square + 2.0 * (self.coded.square * ruler.largest_square).sqrt();
        round_up(reach * reach - self.coded.square + 6e-7 * sizes + TINY)
    }

    fn add_upper(&mut self, upper: f64, k: usize) {
        let at = self.uppers.partition_point(|u| *u <= upper);
        if at < k {
            self.uppers.insert(at, upper);
            self.uppers.truncate(k);
        }
    }

    /// Takes a row whose coded product is known; tells whether the limit changed.
    fn add(&mut self, product: i32, row: &Coded, index: u32, ruler: &Ruler) -> bool {
        let steps = f64::from(self.coded.step) * f64::from(row.step);
        let square = self.coded.square + row.square - 2.0 * steps * f64::from(product);
        let rounding = 1e-12 * (self.coded.square + row.square);
        let rest = self.coded.rest + row.rest;
        let lower = (square - rounding).max(0.0).sqrt() - rest;
        if lower > self.reach(ruler) {
            return false;
        }
        let upper = (square + rounding).max(0.0).sqrt() + rest;
        self.candidates.push((round_down(lower), index));
        let changes = self.uppers.len() < ruler.k || upper < self.uppers[ruler.k - 1];
        if changes {
            self.add_upper(upper, ruler.k);
        }
        if self.candidates.len() >= self.prune_at {
            self.prune(ruler);
        }
        changes || self.is_crowded
    }

    fn prune(&mut self, ruler: &Ruler) {
        let reach = self.reach(ruler);
        self.candidates.retain(|c| f64::from(c.0) <= reach);
        self.prune_at = 2 * self.candidates.len() + 64;
        if self.candidates.len() > ruler.crowd {
            self.is_crowded = true;
            self.candidates = vec![];
        }
    }

    fn merge(&mut self, other: Self, k: usize) {
        for upper in other.uppers {
            self.add_upper(upper, k);
        }
        self.candidates.extend(other.candidates);
        self.is_crowded |= other.is_crowded;
    }
}

/// The largest `f32` not above `x`.
fn round_down(x: f64) -> f32 {
    -round_up(-x)
}

/// How many queries are searched together.
pub(super) fn batch(dim: usize) -> usize {
    (PACKED / dim.next_multiple_of(STEPS)).clamp(BYTE_PANEL, 1024) / BYTE_PANEL * BYTE_PANEL
}

/// The `k` nearest rows of each query of a batch; `None` for those whose bounds leave too many rows to be worth it.
pub(super) fn search<R: AsRef<[f32]> + Sync>(
    rows: &PreparedRows<R>,
    (level, codes): (ByteLevel, &Codes),
    queries: &[f32],
    k: usize,
) -> Vec<Option<Vec<Found>>> {
    let Some(ruler) = Ruler::new(rows, codes, k) else { return vec![None; queries.len() / rows.dim] };
    let (fresh, packed) = pack(rows, codes, queries);
    let scales: Vec<f32> = fresh.iter().map(|q| q.coded.step).collect();
    let limits: Vec<f32> = fresh.iter().map(|q| q.limit(&ruler)).collect();
    let block = TILES * level.tile_height();
    let n_blocks = rows.n.div_ceil(block);
    // One state per thread, and blocks handed out one by one, as in the search in `f32`.
    let n_tasks = rayon::current_num_threads().min(n_blocks);
    let next = AtomicUsize::new(0);
    let found = (0..n_tasks)
        .into_par_iter()
        .map(|_| {
            let mut task = Task {
                queries: fresh.clone(),
                limits: limits.clone(),
                products: vec![0; block * packed.len() / codes.depth],
                hits: vec![],
            };
            loop {
                let b = next.fetch_add(1, Ordering::Relaxed);
                if b >= n_blocks {
                    return task.queries;
                }
                task.scan(level, codes, &packed, &scales, b * block..((b + 1) * block).min(rows.n), &ruler);
            }
        })
        .reduce_with(|mut a, b| {
            a.iter_mut().zip(b).for_each(|(x, y)| x.merge(y, k));
            a
        });
    found.unwrap_or(fresh).into_par_iter().map(|query| measure_candidates(rows, query, &ruler)).collect()
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
                    uppers: vec![],
                    candidates: vec![],
                    prune_at: 64,
                }
            });
            coded.collect::<Vec<_>>()
        })
        .collect();
    (queries, packed)
}

/// State of one thread.
struct Task<'a> {
    queries: Vec<Query<'a>>,
    limits: Vec<f32>,
    products: Vec<i32>,
    hits: Vec<u32>,
}

impl Task<'_> {
    /// Products of one block of rows with all queries, and the candidates among them.
    fn scan(
        &mut self,
        level: ByteLevel,
        codes: &Codes,
        packed: &[u8],
        scales: &[f32],
        range: std::ops::Range<usize>,
        ruler: &Ruler,
    ) {
        let Self { queries, limits, products, hits } = self;
        let (stride, depth) = (codes.stride, codes.depth);
        let out_stride = packed.len() / depth;
        let tiles =
            range.clone().step_by(level.tile_height()).zip(products.chunks_mut(level.tile_height() * out_stride));
        for (t, out) in tiles {
            let height = level.tile_height().min(range.end - t);
            let tile = &codes.values[t * stride..(t + height) * stride];
            for (p, panel) in packed.chunks(depth * BYTE_PANEL).enumerate() {
                // The next tile's rows come from main memory: fetch one of them beside each product.
                if p < height && t + height + p < codes.rows.len() {
                    prefetch(&codes.values[(t + height + p) * stride..][..depth]);
                }
                let product = ByteProduct { rows: tile, stride, height, depth, panel };
                byte_tile(level, &product, &mut out[p * BYTE_PANEL..], out_stride);
            }
        }
        for (index, products) in range.zip(products.chunks(out_stride)) {
            let row = &codes.rows[index];
            let products = &products[..queries.len()];
            let scale = RowScale { shift: ZERO * row.sum, scale: -2.0 * row.step, offset: row.square as f32 };
            hits.clear();
            scan_integers_at_most(codes.level, products, scale, scales, limits, hits);
            for &q in &*hits {
                let q = q as usize;
                if queries[q].add(products[q].wrapping_sub(scale.shift), row, index as u32, ruler) {
                    limits[q] = queries[q].limit(ruler);
                }
            }
        }
    }
}

/// Direct distances of all candidates that can be among the `k` nearest.
fn measure_candidates<R: AsRef<[f32]> + Sync>(
    rows: &PreparedRows<R>,
    mut query: Query<'_>,
    ruler: &Ruler,
) -> Option<Vec<Found>> {
    query.prune(ruler);
    if query.is_crowded {
        return None;
    }
    query.candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut found: Vec<Found> = Vec::with_capacity(ruler.k + 1);
    for &(lower, row) in &query.candidates {
        if let Some(worst) = found.get(ruler.k - 1)
            && ruler.least_measure(f64::from(lower).max(0.0)) > Ruler::to_square(rows.metric, worst.0)
        {
            break;
        }
        let measure = rows.measure(query.values, query.norm, row as usize);
        let at = found.partition_point(|f| f.0.total_cmp(&measure).then(f.1.cmp(&row)).is_le());
        found.insert(at, (measure, row));
        found.truncate(ruler.k);
    }
    Some(found)
}
