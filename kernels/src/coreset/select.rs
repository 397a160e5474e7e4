//! The selection: picks, and the threshold that is lowered.

use super::active::Active;
use super::bounds::Bounds;
use super::refresh::{Centers, refresh};
use crate::simd::{Level, squared_distances};
use crate::{KernelError, check_rows};
use rayon::prelude::*;

/// Rows updated at every pick. More makes picks dearer and threshold changes rarer.
const ACTIVE: usize = 1536;

/// Rows measured per task when all rows are compared with the first centre.
const FIRST_ROWS: usize = 1024;

/// Memory that [`greedy_k_center`] takes for each row beside its values, at most, in bytes: bound and centres applied (8),
/// and, while the threshold is lowered, lists of the rows reached, up to date, and their distances (4 each).
pub const BYTES_PER_ROW: usize = 20;

/// What [`greedy_k_center`] selected.
#[derive(Debug, Clone, PartialEq)]
pub struct Picks {
    /// Selected rows in the order of their selection; the first is the start.
    pub indices: Vec<u32>,
    /// Largest Euclidean distance of any row to its nearest selected row.
    pub covering_radius: f32,
    /// All rows not selected equal a selected one, so fewer were selected than asked for.
    pub stopped_early: bool,
}

/// Selects `n_picks` rows of `[n, dim]`: first `start`, then always the row farthest from those selected (among equals
/// the one with the lowest index).
///
/// `progress` is called with the number of rows selected so far, after each selection.
///
/// # Errors
/// [`KernelError::Shape`], [`KernelError::Empty`], [`KernelError::TooManyRows`], [`KernelError::NotFinite`];
/// [`KernelError::OutOfRange`] unless `1 <= n_picks <= n` and `start < n`.
pub fn greedy_k_center(
    rows: &[f32],
    dim: usize,
    n_picks: usize,
    start: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Picks, KernelError> {
    select(Level::best(), rows, dim, n_picks, start, ACTIVE, progress)
}

/// Goes on with a selection: rows of `[n, dim]` whose squared distances to what is selected already are known are selected, always
/// the farthest (among equals the one with the lowest index), until there are `n_picks` more. What was selected before need not be
/// at hand.
///
/// # Shapes
/// `squares`: `[n]`, squared Euclidean distances, not negative.
///
/// # Errors
/// As [`greedy_k_center`]; `n_picks` may be 0, and then nothing but the covering radius is found.
pub fn continue_k_center(
    rows: &[f32],
    dim: usize,
    n_picks: usize,
    squares: Vec<f32>,
    progress: &mut dyn FnMut(usize),
) -> Result<Picks, KernelError> {
    go_on(Level::best(), rows, dim, n_picks, squares, ACTIVE, progress)
}

/// [`continue_k_center`] at a given level with a given size of the active set; neither changes the result.
pub(super) fn go_on(
    level: Level,
    rows: &[f32],
    dim: usize,
    n_picks: usize,
    squares: Vec<f32>,
    capacity: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Picks, KernelError> {
    let n = check_rows("rows", rows, dim)?;
    if n == 0 {
        return Err(KernelError::Empty { what: "rows" });
    }
    if n_picks > n {
        return Err(KernelError::OutOfRange { what: "n_picks", found: n_picks, low: 0, high: n });
    }
    if squares.len() != n {
        return Err(KernelError::OutOfRange { what: "squares", found: squares.len(), low: n, high: n });
    }
    if let Some(row) = squares.iter().position(|square| !(*square >= 0.0 && square.is_finite())) {
        return Err(KernelError::NotFinite { what: "squares", row });
    }
    let bounds = Bounds { square: squares, applied: vec![0; n] };
    Ok(Selection { rows, dim, bounds, centers: Centers::new(level, dim), indices: vec![] }.pick(
        level,
        (n_picks, capacity),
        progress,
    ))
}

/// [`greedy_k_center`] at a given level with a given size of the active set; neither changes the result.
pub(super) fn select(
    level: Level,
    rows: &[f32],
    dim: usize,
    n_picks: usize,
    start: usize,
    capacity: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Picks, KernelError> {
    let n = check_rows("rows", rows, dim)?;
    if n == 0 {
        return Err(KernelError::Empty { what: "rows" });
    }
    if n_picks == 0 || n_picks > n {
        return Err(KernelError::OutOfRange { what: "n_picks", found: n_picks, low: 1, high: n });
    }
    if start >= n {
        return Err(KernelError::OutOfRange { what: "start", found: start, low: 0, high: n - 1 });
    }
    let mut bounds = Bounds { square: vec![0.0; n], applied: vec![1; n] };
    let first = &rows[start * dim..][..dim];
    bounds
        .square
        .par_chunks_mut(FIRST_ROWS)
        .zip(rows.par_chunks(FIRST_ROWS * dim))
        .for_each(|(out, rows)| squared_distances(level, rows, first, out));
    let mut centers = Centers::new(level, dim);
    centers.push(first);
    progress(1);
    let selection = Selection { rows, dim, bounds, centers, indices: vec![start as u32] };
    Ok(selection.pick(level, (n_picks, capacity), progress))
}

/// A selection under way: what the picks so far are, and how far the rows are from them.
struct Selection<'a> {
    rows: &'a [f32],
    dim: usize,
    bounds: Bounds,
    centers: Centers,
    indices: Vec<u32>,
}

impl Selection<'_> {
    /// Picks until there are `n_picks`, `capacity` rows active at a time.
    fn pick(self, level: Level, (n_picks, capacity): (usize, usize), progress: &mut dyn FnMut(usize)) -> Picks {
        let Self { rows, dim, mut bounds, mut centers, mut indices } = self;
        let mut threshold = Threshold { tau: f32::INFINITY, ratio: 0.97 };
        let mut active = Active::new(level, dim);
        loop {
            let farthest = match active.farthest() {
                Some(found) => Some(found),
                None => refill(&mut active, &mut bounds, &mut threshold, rows, &centers, capacity),
            };
            let Some((square, index)) = farthest else {
                // Every bound is zero.
                return Picks { stopped_early: indices.len() < n_picks, indices, covering_radius: 0.0 };
            };
            if indices.len() == n_picks {
                return Picks { indices, covering_radius: square.sqrt(), stopped_early: false };
            }
            let center = &rows[index as usize * dim..][..dim];
            indices.push(index);
            centers.push(center);
            active.apply(center, threshold.tau, indices.len() as u32, &mut bounds);
            progress(indices.len());
        }
    }
}

/// The active set's threshold (a squared distance) and the factor by which it is lowered next.
struct Threshold {
    tau: f32,
    ratio: f32,
}

/// Lowers the threshold until rows reach it; these become the active set. Returns the farthest, or `None` where no row
/// has a positive distance.
fn refill(
    active: &mut Active,
    bounds: &mut Bounds,
    threshold: &mut Threshold,
    rows: &[f32],
    centers: &Centers,
    capacity: usize,
) -> Option<(f32, u32)> {
    loop {
        let largest = bounds.square.par_iter().with_min_len(1 << 14).copied().reduce(|| 0.0, f32::max);
        if largest == 0.0 {
            return None;
        }
        // All rows fit: no threshold is needed any more.
        let all = bounds.square.len() <= capacity;
        let tau = if all { f32::MIN_POSITIVE.min(largest) } else { threshold.tau.min(largest) * threshold.ratio };
        let reached: Vec<u32> =
            bounds.square.iter().enumerate().filter(|(_, b)| **b >= tau && **b > 0.0).map(|(i, _)| i as u32).collect();
        let mut fresh = refresh(centers, rows, reached, tau, bounds);
        threshold.tau = tau;
        if fresh.is_empty() {
            threshold.ratio = (threshold.ratio * threshold.ratio).max(0.25);
            continue;
        }
        if fresh.len() > capacity && !all {
            // Only the farthest become active; the others wait for the next, lower threshold.
            let mut squares: Vec<f32> = fresh.iter().map(|&i| bounds.square[i as usize]).collect();
            let (_, cut, _) = squares.select_nth_unstable_by(capacity - 1, |a, b| b.total_cmp(a));
            threshold.tau = *cut;
            fresh.retain(|&i| bounds.square[i as usize] >= threshold.tau);
            threshold.ratio = threshold.ratio.sqrt().min(0.9999);
        } else if fresh.len() < capacity / 4 {
            threshold.ratio = (threshold.ratio * threshold.ratio.sqrt()).max(0.25);
        }
        active.fill(&fresh, rows, bounds);
        return active.farthest();
    }
}
