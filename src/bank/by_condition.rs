//! What a search found in each condition, and what follows for every way to search.

use super::Search;
use crate::kernel::Neighbours;

/// The nearest rows of each condition of a bank.
#[derive(Clone, Debug)]
pub struct ByCondition {
    /// By condition; `None` where all of its rows were left out.
    parts: Vec<(usize, Option<Neighbours>)>,
    k: usize,
}

impl ByCondition {
    /// `k` neighbours were asked for.
    pub(super) fn new(parts: Vec<(usize, Option<Neighbours>)>, k: usize) -> Self {
        Self { parts, k }
    }

    /// What [`MemoryBank::nearest_in`](super::MemoryBank::nearest_in) says, or, with an image left out,
    /// [`MemoryBank::nearest_of_others`](super::MemoryBank::nearest_of_others); bit for bit.
    #[must_use]
    pub fn under(&self, search: Search) -> Option<Neighbours> {
        let part = |condition: usize| self.parts.iter().find(|(own, _)| *own == condition);
        let all = || self.merged(|_| 1.0);
        match search {
            Search::All => all(),
            Search::Only { condition } => part(condition).and_then(|(_, found)| found.clone()).or_else(all),
            Search::Penalised { condition, factor } if part(condition).is_some() => {
                self.merged(|own| if own == condition { 1.0 } else { factor })
            }
            Search::Penalised { .. } => all(),
        }
    }

    /// Queries that were searched for; `None` where nothing was found.
    #[must_use]
    pub fn n_queries(&self) -> Option<usize> {
        self.parts.iter().find_map(|(_, found)| found.as_ref()).map(|found| found.distances.len() / found.k.max(1))
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.parts.iter().filter_map(|(_, found)| found.as_ref()).map(|found| 8 * found.distances.len()).sum()
    }

    /// With what was found for the same queries among further rows, whose numbers start at `first`: what a search of all
    /// of them finds, bit for bit.
    #[must_use]
    pub fn joined(&self, further: &Self, first: u32) -> Self {
        let mut parts = self.parts.clone();
        for (condition, found) in &further.parts {
            let Some(found) = found else { continue };
            let mut found = found.clone();
            found.indices.iter_mut().for_each(|row| *row += first);
            match parts.iter_mut().find(|(own, _)| own == condition) {
                Some((_, own)) => {
                    *own = match own.take() {
                        None => Some(found),
                        Some(old) => {
                            let both = Self::new(vec![(0, Some(old)), (1, Some(found))], self.k);
                            both.merged(|_| 1.0)
                        }
                    }
                }
                None => parts.push((*condition, Some(found))),
            }
        }
        parts.sort_by_key(|(condition, _)| *condition);
        Self { parts, k: self.k }
    }

    /// The `k` nearest (at most all) of what was found, the distances of each condition multiplied by `factor`, at least 1:
    /// within a condition that does not change the order.
    fn merged(&self, factor: impl Fn(usize) -> f32) -> Option<Neighbours> {
        let found: Vec<(f32, &Neighbours)> =
            self.parts.iter().filter_map(|(own, found)| Some((factor(*own), found.as_ref()?))).collect();
        if let [(1.0, only)] = found[..] {
            return Some(only.clone());
        }
        let k = self.k.max(1).min(found.iter().map(|(_, f)| f.k).sum());
        let (_, first) = found.first()?;
        let n_queries = first.distances.len() / first.k;
        let mut merged =
            Neighbours { distances: Vec::with_capacity(n_queries * k), indices: Vec::with_capacity(n_queries * k), k };
        let mut pairs: Vec<(f32, u32)> = vec![];
        for query in 0..n_queries {
            pairs.clear();
            for (factor, found) in &found {
                let own = query * found.k..(query + 1) * found.k;
                pairs.extend(
                    found.distances[own.clone()].iter().map(|d| d * factor).zip(found.indices[own].iter().copied()),
                );
            }
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            merged.distances.extend(pairs.iter().take(k).map(|p| p.0));
            merged.indices.extend(pairs.iter().take(k).map(|p| p.1));
        }
        Some(merged)
    }
}
