//! The inverted file of a fit, and how much of it is looked into.

use super::settings::IndexEntry;
use crate::bank::{BankError, IndexKind, MemoryBank};
use crate::detect::{DetectError, Training};
use crate::kernel::k_means;
use crate::progress::Progress;
use rayon::prelude::*;

/// Images whose patches are looked for, evenly spread over all.
const N_IMAGES: usize = 128;
/// Patches of each of them, evenly spread over the image.
const N_PATCHES: usize = 64;
/// Share of the lists from which on the index saves little.
const MUCH: f64 = 0.5;

/// Lists for the bank's rows, and the fewest to look into so that, of patches of the bank's images (each searched for among
/// the rows of the other groups), [`IndexKind::LEAST_RECALL`] find their nearest row. The bank uses them from then on: the
/// calibration is to see the distances that inspections will see.
pub(super) fn build(
    bank: &mut MemoryBank,
    training: &Training<'_>,
    progress: &dyn Progress,
) -> Result<(IndexEntry, Vec<u32>), DetectError> {
    let kernel = |error| DetectError::Bank(BankError::Kernel(error));
    let asked = training.images.len().min(N_IMAGES);
    progress.begin("index", asked);
    let rows = bank.compared(bank.rows())?.into_owned();
    let list_of =
        k_means(&rows, bank.compared_dim(), bank.metric(), IndexKind::n_lists(bank.n_rows())).map_err(kernel)?;
    let n_lists = list_of.iter().max().map_or(0, |list| *list as usize + 1);
    bank.index(&list_of, n_lists)?;
    let searched = &*bank;
    let needed: Vec<Vec<usize>> = (0..asked)
        .into_par_iter()
        .map(|i| {
            let image = i * training.images.len() / asked;
            let rows = training.described.rows_of(image);
            let n = rows.len().min(N_PATCHES);
            let patches: Vec<usize> = (0..n).map(|p| rows.start + p * rows.len() / n).collect();
            let queries = training.described.gather(&patches)?;
            let is_own = |source: u32| training.is_of_group(source, image);
            let found = searched.probes_to_others(&queries, &is_own)?;
            progress.advance(1);
            Ok(found.unwrap_or_default())
        })
        .collect::<Result<_, BankError>>()?;
    progress.end();
    let (n_probes, recall) = fewest(needed.concat(), IndexKind::LEAST_RECALL);
    let n_measured = needed.iter().map(Vec::len).sum();
    bank.set_probes(n_probes);
    if n_probes as f64 > MUCH * n_lists as f64 {
        progress.note(&format!(
            "index: {n_probes} of {n_lists} lists must be looked into, so it saves little; `IndexKind::Exact` serves as well"
        ));
    }
    Ok((IndexEntry { kind: IndexKind::InvertedFile.to_string(), n_lists, n_probes, recall, n_measured }, list_of))
}

/// The smallest number that at least this share of `needed` does not exceed, and the share that does not. Without any, 1.
fn fewest(mut needed: Vec<usize>, share: f64) -> (usize, f64) {
    needed.sort_unstable();
    let at = ((needed.len() as f64 * share).ceil() as usize).max(1) - 1;
    let Some(n_probes) = needed.get(at).copied() else { return (1, 1.0) };
    let n_found = needed.partition_point(|n| *n <= n_probes);
    (n_probes, n_found as f64 / needed.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_probes_that_reach_the_recall_are_chosen() {
        assert_eq!(fewest(vec![1, 5, 1, 2, 1, 1, 1, 1, 1, 9], 0.9), (5, 0.9));
        assert_eq!(fewest(vec![3; 7], 0.99), (3, 1.0));
        assert_eq!(fewest(vec![1, 1, 1, 2], 0.5), (1, 0.75));
        assert_eq!(fewest(vec![], 0.99), (1, 1.0));
    }
}
