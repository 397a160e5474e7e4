//! Lists for the rows: Lloyd's algorithm (1982).

use crate::{KernelError, Metric, PreparedRows, check_rows};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds at most; the lists need not settle to serve.
const N_ROUNDS: usize = 10;

/// Puts the rows of `[n, dim]` into at most `n_lists` lists, each row into that whose mean is nearest: the number of its
/// list, in numbers from 0 that are all in use. Starts with rows spread evenly over all, so the same rows give the same lists, whatever the number of threads.
///
/// # Errors
/// As [`PreparedRows::new`]; [`KernelError::OutOfRange`] unless `1 <= n_lists <= n`.
pub fn k_means(rows: &[f32], dim: usize, metric: Metric, n_lists: usize) -> Result<Vec<u32>, KernelError> {
    let n = check_rows("rows", rows, dim)?;
    if n == 0 {
        return Err(KernelError::Empty { what: "rows" });
    }
    if n_lists == 0 || n_lists > n {
        return Err(KernelError::OutOfRange { what: "n_lists", found: n_lists, low: 1, high: n });
    }
    let start = (0..n_lists).map(|i| i * n / n_lists);
    let mut centers: Vec<f32> = start.flat_map(|row| &rows[row * dim..][..dim]).copied().collect();
    let mut lists: Vec<u32> = vec![];
    for _ in 0..N_ROUNDS {
        let found = PreparedRows::new(&centers[..], dim, metric)?.nearest(rows, 1)?.indices;
        if found == lists {
            break;
        }
        lists = found;
        let mut members = vec![vec![]; n_lists];
        lists.iter().enumerate().for_each(|(row, list)| members[*list as usize].push(row as u32));
        let found = means(rows, dim, &members);
        for ((center, mean), members) in centers.chunks_exact_mut(dim).zip(found.chunks_exact(dim)).zip(&members) {
            // A list that lost all its rows waits where it was.
            if !members.is_empty() {
                center.copy_from_slice(mean);
            }
        }
    }
    Ok(numbered(&lists))
}

/// The lists in numbers from 0 that are all in use.
fn numbered(lists: &[u32]) -> Vec<u32> {
    let used: BTreeSet<u32> = lists.iter().copied().collect();
    let number: BTreeMap<u32, u32> = used.into_iter().zip(0..).collect();
    lists.iter().map(|list| number[list]).collect()
}

/// The mean of each list's rows, summed in double precision in the order of the rows; zeros for an empty list.
pub(super) fn means(rows: &[f32], dim: usize, members: &[Vec<u32>]) -> Vec<f32> {
    let mut means = vec![0.0f32; members.len() * dim];
    means.par_chunks_exact_mut(dim).zip(members).for_each(|(mean, members)| {
        let mut sums = vec![0.0f64; dim];
        for row in members {
            sums.iter_mut().zip(&rows[*row as usize * dim..][..dim]).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        let n = members.len().max(1) as f64;
        mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = (sum / n) as f32);
    });
    means
}
