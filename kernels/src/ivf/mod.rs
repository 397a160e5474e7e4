//! Approximate nearest neighbours by an inverted file (Sivic and Zisserman, 2003; Jégou, Douze and Schmid, 2011, without
//! their compression).
//!
//! Rows are put into lists by k-means. A query is compared with the lists' means, and then only with the rows of the few
//! lists whose means are nearest. The distances it gets are those of the exact search; only a nearer row in a list that
//! was not looked into is missed, so distances are never too small. The answer for a query does not depend on the others.

mod k_means;
#[cfg(test)]
mod tests;

pub use k_means::k_means;

use super::{KernelError, Metric, Neighbours, PreparedRows, gather};
use k_means::means;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows in lists.
#[derive(Debug, Clone)]
pub struct InvertedFile {
    /// The mean of each list.
    means: PreparedRows,
    lists: Vec<List>,
    /// The list of each row.
    list_of: Vec<u32>,
}

#[derive(Debug, Clone)]
struct List {
    rows: PreparedRows,
    /// Which rows they are, ascending.
    indices: Vec<u32>,
}

impl InvertedFile {
    /// Puts the rows of `[n, dim]` into the lists that `list_of` `[n]` names by any numbers. Holds a copy of the rows.
    ///
    /// # Errors
    /// As [`PreparedRows::new`]; [`KernelError::OutOfRange`] unless there is a list for each row.
    pub fn new(rows: &[f32], dim: usize, metric: Metric, list_of: &[u32]) -> Result<Self, KernelError> {
        let n = super::check_rows("rows", rows, dim)?;
        if list_of.len() != n {
            return Err(KernelError::OutOfRange {
                what: "the number of lists' entries",
                found: list_of.len(),
                low: n,
                high: n,
            });
        }
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, list) in list_of.iter().enumerate() {
            members.entry(*list).or_default().push(row as u32);
        }
        let members: Vec<Vec<u32>> = members.into_values().collect();
        let means = PreparedRows::new(means(rows, dim, &members), dim, metric)?;
        let mut list_of = vec![0; n];
        for (list, members) in members.iter().enumerate() {
            members.iter().for_each(|row| list_of[*row as usize] = list as u32);
        }
        let lists = members
            .into_par_iter()
            .map(|indices| Ok(List { rows: PreparedRows::new(gather(rows, dim, &indices), dim, metric)?, indices }))
            .collect::<Result<_, KernelError>>()?;
        Ok(Self { means, lists, list_of })
    }

    /// Number of lists, at least one.
    #[must_use]
    pub fn n_lists(&self) -> usize {
        self.lists.len()
    }

    /// The `k` nearest rows of each query of `[n_queries, dim]` among those in the `n_probes` lists whose means are nearest
    /// to it; in twice as many, and so on, where these hold fewer than `k` rows. With all lists, the exact answer.
    ///
    /// # Errors
    /// As [`PreparedRows::nearest`].
    pub fn nearest(&self, queries: &[f32], k: usize, n_probes: usize) -> Result<Neighbours, KernelError> {
        self.nearest_among(queries, k, n_probes, &|_| true)
    }

    /// As [`nearest`](Self::nearest), among the rows for which `is_searched` says yes.
    ///
    /// # Errors
    /// As [`PreparedRows::nearest_among`].
    pub fn nearest_among(
        &self,
        queries: &[f32],
        k: usize,
        n_probes: usize,
        is_searched: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Neighbours, KernelError> {
        let dim = self.means.dim();
        let n_searched: Vec<usize> = self
            .lists
            .iter()
            .map(|list| list.indices.iter().filter(|row| is_searched(**row as usize)).count())
            .collect();
        let high = n_searched.iter().sum();
        if k == 0 || k > high {
            return Err(KernelError::OutOfRange { what: "k", found: k, low: 1, high });
        }
        let n_queries = super::check_rows("queries", queries, dim)?;
        let mut found = Neighbours { distances: vec![0.0; n_queries * k], indices: vec![0; n_queries * k], k };
        let mut open: Vec<usize> = (0..n_queries).collect();
        let mut n_probes = n_probes.clamp(1, self.n_lists());
        while !open.is_empty() {
            let asked: Vec<f32> = open.iter().flat_map(|q| &queries[q * dim..][..dim]).copied().collect();
            let nearest = self.probe(&asked, k, n_probes, &n_searched, is_searched)?;
            let mut still_open = vec![];
            for (query, nearest) in open.into_iter().zip(nearest) {
                if nearest.len() < k {
                    still_open.push(query);
                    continue;
                }
                for (place, (distance, row)) in (query * k..).zip(nearest) {
                    (found.distances[place], found.indices[place]) = (distance, row);
                }
            }
            open = still_open;
            n_probes = (2 * n_probes).min(self.n_lists());
        }
        Ok(found)
    }

    /// At most `k` rows of each query, from exactly `n_probes` lists; `n_searched` of each list count.
    fn probe(
        &self,
        queries: &[f32],
        k: usize,
        n_probes: usize,
        n_searched: &[usize],
        is_searched: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<Vec<(f32, u32)>>, KernelError> {
        let dim = self.means.dim();
        let probed = self.means.nearest(queries, n_probes)?;
        // Which queries look into each list: they are searched for together, as one product.
        let mut asking: Vec<Vec<u32>> = vec![vec![]; self.n_lists()];
        for (query, lists) in probed.indices.chunks_exact(n_probes).enumerate() {
            lists.iter().for_each(|list| asking[*list as usize].push(query as u32));
        }
        let answers: Vec<Option<Neighbours>> = self
            .lists
            .par_iter()
            .zip(asking.par_iter().zip(n_searched))
            .map(|(List { rows, indices }, (asking, n_searched))| {
                if asking.is_empty() || *n_searched == 0 {
                    return Ok(None);
                }
                let own = gather(queries, dim, asking);
                let is_searched = |row: usize| is_searched(indices[row] as usize);
                rows.nearest_among(&own, k.min(*n_searched), &is_searched).map(Some)
            })
            .collect::<Result<_, KernelError>>()?;
        let mut nearest: Vec<Vec<(f32, u32)>> = vec![vec![]; queries.len() / dim];
        for ((list, asking), answer) in self.lists.iter().zip(&asking).zip(answers) {
            let Some(answer) = answer else { continue };
            let pairs = answer.distances.iter().zip(answer.indices.iter().map(|i| list.indices[*i as usize]));
            for (at, (distance, row)) in pairs.enumerate() {
                nearest[asking[at / answer.k] as usize].push((*distance, row));
            }
        }
        for pairs in &mut nearest {
            pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            pairs.truncate(k);
        }
        Ok(nearest)
    }

    /// For each query of `[n_queries, dim]`, how many lists must be looked into to find row `rows[query]`.
    ///
    /// # Errors
    /// As [`PreparedRows::nearest`]; [`KernelError::OutOfRange`] for a row that is not there.
    pub fn probes_to(&self, queries: &[f32], rows: &[u32]) -> Result<Vec<usize>, KernelError> {
        let order = self.means.nearest(queries, self.n_lists())?;
        rows.iter()
            .zip(order.indices.chunks_exact(self.n_lists()))
            .map(|(row, order)| {
                let (found, high) = (*row as usize, self.list_of.len() - 1);
                let list = self.list_of.get(found);
                let list = list.ok_or(KernelError::OutOfRange { what: "row", found, low: 0, high })?;
                // The order names every list.
                Ok(order.iter().position(|l| l == list).unwrap_or(order.len() - 1) + 1)
            })
            .collect()
    }
}
