//! The blocked search.

use super::bound::{Bound, round_up};
use super::candidates::Candidates;
use super::coarse;
use super::codes::Codes;
use super::found::{Found, Wanted, smallest};
use super::metric::{Metric, norm_and_square};
use super::rows::Rows;
use super::scout::Helped;
use crate::simd::{ByteLevel, Level, Product, Start, gemm_tile, prefetch, scan_at_most};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps of the sums computed at a time: a slab of packed queries of this depth stays in the second-level cache.
const DEPTH: usize = 256;
/// Queries searched together.
const QUERIES: usize = 1024;
/// Tiles of rows per block.
const TILES: usize = 8;
/// Up to this many queries, packing costs more than it saves.
const DIRECT_QUERIES: usize = 3;
/// Rows measured by one task of the direct search.
const DIRECT_ROWS: usize = 4096;
/// Padding of the copied rows: keeps rows of a power-of-two length out of one cache set.
const PADDING: usize = 16;

/// One query with its bounds and what was found so far.
#[derive(Clone)]
struct Query<'a> {
    values: &'a [f32],
    norm: f32,
    bound: Bound,
    /// Bounds of scores.
    candidates: Candidates,
}

impl Query<'_> {
    /// The largest lower bound that can still matter.
    fn reach(&self) -> f64 {
        let upper = self.candidates.uppers.last();
        if upper.is_finite() { upper + self.bound.slack(upper) } else { f64::INFINITY }
    }

    fn add(&mut self, score: f32, error: f64, row: u32) {
        let score = f64::from(score);
        self.candidates.uppers.add(score + error);
        self.candidates.lowers.push((score - error, row));
        if self.candidates.are_many() {
            self.candidates.prune(self.reach());
        }
    }
}

/// The `k` nearest rows of each query, ascending by direct measure, then by index.
pub(super) fn search<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    codes: Option<&(ByteLevel, Codes)>,
    helped: Option<&Helped>,
    queries: &[f32],
    wanted: Wanted<'_>,
) -> Vec<Vec<Found>> {
    let here = |queries: &[f32]| on_processor(rows, codes, queries, wanted);
    match helped {
        Some(helped) if queries.len() / rows.dim > DIRECT_QUERIES => {
            complete(helped.search(rows, queries, wanted), queries, rows.dim, here)
        }
        _ => here(queries),
    }
}

/// The search on this processor: among codes where there are any.
fn on_processor<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    codes: Option<&(ByteLevel, Codes)>,
    queries: &[f32],
    wanted: Wanted<'_>,
) -> Vec<Vec<Found>> {
    let Some((level, codes)) = codes else { return in_floats(rows, queries, wanted) };
    let search = |batch: &[f32]| {
        if batch.len() / rows.dim <= DIRECT_QUERIES {
            return in_floats(rows, batch, wanted);
        }
        let found = coarse::search(rows, (*level, codes), batch, wanted);
        complete(found, batch, rows.dim, |rest| in_floats(rows, rest, wanted))
    };
    queries.chunks(coarse::batch(rows.dim) * rows.dim).flat_map(search).collect()
}

/// Has the queries for which nothing was found searched by `search`.
fn complete(
    mut found: Vec<Option<Vec<Found>>>,
    queries: &[f32],
    dim: usize,
    search: impl FnOnce(&[f32]) -> Vec<Vec<Found>>,
) -> Vec<Vec<Found>> {
    let missed = queries.chunks(dim).zip(&found).filter(|(_, f)| f.is_none()).flat_map(|(query, _)| query).copied();
    let rest = search(&missed.collect::<Vec<_>>());
    found.iter_mut().filter(|f| f.is_none()).zip(rest).for_each(|(f, r)| *f = Some(r));
    found.into_iter().flatten().collect()
}

/// The search by products of `f32`.
fn in_floats<R: AsRef<[f32]> + Sync>(rows: &Rows<R>, queries: &[f32], wanted: Wanted<'_>) -> Vec<Vec<Found>> {
    queries
        .chunks(QUERIES * rows.dim)
        .flat_map(|chunk| {
            let one_by_one = || chunk.chunks(rows.dim).map(|q| direct(rows, q, norm_and_square(q).0, wanted)).collect();
            if chunk.len() / rows.dim <= DIRECT_QUERIES {
                return one_by_one();
            }
            blocked(rows, chunk, wanted).unwrap_or_else(one_by_one)
        })
        .collect()
}

/// Measures every row directly.
fn direct<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    query: &[f32],
    norm: f32,
    Wanted { k, is_searched, .. }: Wanted<'_>,
) -> Vec<Found> {
    let all = (0..rows.n.div_ceil(DIRECT_ROWS))
        .into_par_iter()
        .map(|b| {
            let range = b * DIRECT_ROWS..((b + 1) * DIRECT_ROWS).min(rows.n);
            let measured = range.filter(|i| is_searched(*i)).map(|i| (rows.measure(query, norm, i), i as u32));
            smallest(measured.collect(), k)
        })
        .reduce(Vec::new, |mut a, b| {
            a.extend(b);
            smallest(a, k)
        });
    smallest(all, k)
}

/// Selects candidates by blocked products, then measures them. `None` where no rounding bound holds.
fn blocked<R: AsRef<[f32]> + Sync>(rows: &Rows<R>, queries: &[f32], wanted: Wanted<'_>) -> Option<Vec<Vec<Found>>> {
    let k = wanted.k;
    let fresh: Vec<Query<'_>> = queries
        .chunks(rows.dim)
        .map(|values| {
            let norm = norm_and_square(values).0;
            Some(Query {
                values,
                norm,
                bound: Bound::new(rows.metric, rows.dim, DEPTH, norm, rows.largest_norm)?,
                candidates: Candidates::new(k),
            })
        })
        .collect::<Option<_>>()?;
    let packed = pack(rows.level, queries, rows.dim);
    let block = TILES * rows.level.tile_height();
    let n_blocks = rows.n.div_ceil(block);
    // One state per thread, and blocks handed out one by one: every state pays for finding its first neighbours. Which
    // state sees which block changes the candidates, but not those within reach of the merged bounds.
    let n_tasks = rayon::current_num_threads().min(n_blocks);
    let next = AtomicUsize::new(0);
    let found = (0..n_tasks)
        .into_par_iter()
        .map(|_| {
            let mut state = fresh.clone();
            let mut scratch = Scratch::new(rows.level, fresh.len());
            loop {
                let b = next.fetch_add(1, Ordering::Relaxed);
                if b >= n_blocks {
                    break;
                }
                scan_block(rows, &packed, b * block..((b + 1) * block).min(rows.n), &mut state, &mut scratch, wanted);
            }
            state
        })
        .reduce_with(|mut a, b| {
            a.iter_mut().zip(b).for_each(|(x, y)| x.candidates.merge(y.candidates));
            a
        })?;
    Some(found.into_par_iter().map(|query| measure_candidates(rows, &query, k)).collect())
}

/// Direct distances of all candidates within reach.
fn measure_candidates<R: AsRef<[f32]> + Sync>(rows: &Rows<R>, query: &Query<'_>, k: usize) -> Vec<Found> {
    let reach = query.reach();
    let near = query.candidates.lowers.iter().filter(|c| c.0 <= reach);
    let found: Vec<Found> = near.map(|&(_, row)| (rows.measure(query.values, query.norm, row as usize), row)).collect();
    smallest(found, k)
}

/// Buffers of one task.
struct Scratch {
    products: Vec<f32>,
    stride: usize,
    tile: Vec<f32>,
    limits: Vec<f32>,
    errors: Vec<f64>,
    hits: Vec<u32>,
}

impl Scratch {
    fn new(level: Level, n_queries: usize) -> Self {
        let stride = n_queries.next_multiple_of(level.panel_width());
        Self {
            products: vec![0.0; TILES * level.tile_height() * stride],
            stride,
            tile: vec![0.0; level.tile_height() * (DEPTH + PADDING)],
            limits: Vec::with_capacity(n_queries),
            errors: Vec::with_capacity(n_queries),
            hits: Vec::new(),
        }
    }
}

/// Queries as panels: for each slab of [`DEPTH`] steps, for each panel of queries, for each step one value per query.
fn pack(level: Level, queries: &[f32], dim: usize) -> Vec<f32> {
    let width = level.panel_width();
    let n = queries.len() / dim;
    let n_panels = n.div_ceil(width);
    let mut packed = vec![0.0; n_panels * width * dim];
    let slabs = (0..dim).step_by(DEPTH).zip(packed.chunks_mut(n_panels * width * DEPTH));
    slabs.for_each(|(from, slab)| {
        let depth = slab.len() / (n_panels * width);
        slab.par_chunks_mut(depth * width).enumerate().for_each(|(p, panel)| {
            // Sixteen steps at a time: what is written stays in the first-level cache.
            for (at, part) in (from..).step_by(16).zip(panel.chunks_mut(16 * width)) {
                for (lane, query) in queries.chunks(dim).skip(p * width).take(width).enumerate() {
                    for (step, &x) in query[at..at + part.len() / width].iter().enumerate() {
                        part[step * width + lane] = x;
                    }
                }
            }
        });
    });
    packed
}

/// Products of one block of rows with all queries, and the candidates among them.
fn scan_block<R: AsRef<[f32]> + Sync>(
    rows: &Rows<R>,
    packed: &[f32],
    range: std::ops::Range<usize>,
    queries: &mut [Query<'_>],
    scratch: &mut Scratch,
    Wanted { is_searched, .. }: Wanted<'_>,
) {
    let Scratch { products, stride, tile, limits, errors, hits } = scratch;
    let (level, dim, stride) = (rows.level, rows.dim, *stride);
    let (height, width) = (level.tile_height(), level.panel_width());
    for (from, slab) in (0..dim).step_by(DEPTH).zip(packed.chunks(stride * DEPTH)) {
        let depth = DEPTH.min(dim - from);
        for (t, out) in range.clone().step_by(height).zip(products.chunks_mut(height * stride)) {
            let height = height.min(range.end - t);
            for m in 0..height {
                tile[m * (DEPTH + PADDING)..][..depth].copy_from_slice(&rows.row(t + m)[from..from + depth]);
            }
            for (p, panel) in slab.chunks(depth * width).enumerate() {
                // The next tile's rows come from main memory: fetch one of them beside each product.
                if p < height && t + height + p < range.end {
                    prefetch(&rows.row(t + height + p)[from..from + depth]);
                }
                let product = Product { rows: tile, stride: DEPTH + PADDING, height, depth, panel };
                let start = if from == 0 { Start::Zero } else { Start::Output };
                gemm_tile(level, &product, start, None, &mut out[p * width..], stride, width);
            }
        }
    }
    let largest = rows.norms[range.clone()].iter().fold(0.0, |a: f32, b| a.max(*b));
    errors.clear();
    errors.extend(queries.iter().map(|q| q.bound.score_error(largest)));
    limits.clear();
    limits.extend(queries.iter().zip(&*errors).map(|(q, e)| round_up(q.reach() + e)));
    for (row, products) in range.zip(products.chunks(stride)).filter(|(row, _)| is_searched(*row)) {
        let (offset, scale) = match rows.metric {
            Metric::Euclidean => (rows.squares[row], -2.0),
            Metric::Cosine if rows.norms[row] > 0.0 => (0.0, -1.0 / rows.norms[row]),
            Metric::Cosine => (0.0, 0.0),
        };
        hits.clear();
        scan_at_most(level, &products[..queries.len()], offset, scale, limits, hits);
        for &q in &*hits {
            let q = q as usize;
            let score = scale * products[q] + offset;
            queries[q].add(score, errors[q], row as u32);
            limits[q] = round_up(queries[q].reach() + errors[q]);
        }
    }
}
