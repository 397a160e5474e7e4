//! Which images make the bank and which calibrate it.

use super::plan::{DEFAULT_HOLDOUT, Holdout, LEAVE_ONE_OUT_BELOW};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Indices of the training images, split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// For the bank, ascending.
    pub(super) bank: Vec<usize>,
    /// For calibration, ascending.
    pub(super) held_out: Vec<usize>,
}

/// Splits within each condition, so that every condition is represented on both sides: a share of its images, rounded, but
/// at least one where it has two, are held out; of the others at most `shots` make the bank. Leaving one out holds none back.
///
/// `is_reference`: the images that make the bank, where they were named; then only the others can be held out.
pub(super) fn split(
    condition_of: &[usize],
    n_conditions: usize,
    holdout: Holdout,
    shots: Option<usize>,
    is_reference: Option<&[bool]>,
    seed: u64,
) -> Split {
    let share = match holdout {
        Holdout::Auto => {
            let sizes =
                (0..n_conditions).map(|c| condition_of.iter().filter(|of| **of == c).count()).filter(|n| *n > 0);
            let enough =
                shots.is_none() && is_reference.is_none() && sizes.min().is_some_and(|n| n >= LEAVE_ONE_OUT_BELOW);
            enough.then_some(DEFAULT_HOLDOUT)
        }
        Holdout::Share(share) => Some(share),
        Holdout::LeaveOneOut => None,
    };
    let mut found = Split::default();
    for condition in 0..n_conditions {
        let mut members: Vec<usize> = (0..condition_of.len()).filter(|i| condition_of[*i] == condition).collect();
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ ((condition as u64) << 32)));
        if let Some(is_reference) = is_reference {
            members.sort_by_key(|i| is_reference[*i]);
        }
        let n_references = is_reference.map_or(0, |is| members.iter().filter(|i| is[**i]).count());
        let n_held_out = share.map_or(0, |share| {
            let wanted = (members.len() as f64 * share).round() as usize;
            let most =
                if is_reference.is_some() { members.len() - n_references } else { members.len().saturating_sub(1) };
            wanted.max(1).min(most)
        });
        let (held_out, rest) = members.split_at(n_held_out);
        found.held_out.extend(held_out);
        let named = rest.iter().filter(|i| is_reference.is_none_or(|is| is[**i]));
        found.bank.extend(named.take(shots.unwrap_or(rest.len())));
    }
    found.bank.sort_unstable();
    found.held_out.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_or_used_twice_and_every_condition_is_on_both_sides() {
        let conditions: Vec<usize> = (0..50).map(|i| usize::from(i >= 45)).collect();
        let found = split(&conditions, 2, Holdout::Share(0.2), None, None, 7);
        let mut all = [found.bank.clone(), found.held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!(found.held_out.iter().filter(|i| conditions[**i] == 1).count(), 1);
        assert_eq!(found.held_out.len(), 10);
        assert_eq!(found, split(&conditions, 2, Holdout::Share(0.2), None, None, 7));
        assert_ne!(found, split(&conditions, 2, Holdout::Share(0.2), None, None, 8));
    }

    #[test]
    fn shots_count_per_condition_and_leave_calibration_alone() {
        let conditions: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let pick = |shots| split(&conditions, 2, Holdout::Share(0.25), shots, None, 0);
        let (few, all) = (pick(Some(3)), pick(None));
        assert_eq!(few.bank.len(), 6);
        assert_eq!(few.held_out, all.held_out);
        assert!(few.bank.iter().all(|i| all.bank.contains(i)));
    }

    #[test]
    fn named_references_make_the_bank_and_the_others_calibrate() {
        let conditions: Vec<usize> = (0..20).map(|i| i % 2).collect();
        let is_reference: Vec<bool> = (0..20).map(|i| [1, 4, 6].contains(&i)).collect();
        let pick = |holdout| split(&conditions, 2, holdout, None, Some(&is_reference), 3);
        let left = pick(Holdout::Auto);
        assert_eq!((left.bank, left.held_out.len()), (vec![1, 4, 6], 0));
        let shared = pick(Holdout::Share(0.5));
        assert_eq!((shared.bank, shared.held_out.len()), (vec![1, 4, 6], 10));
        assert!(shared.held_out.iter().all(|i| !is_reference[*i]));
        let most = pick(Holdout::Share(0.99));
        assert_eq!((most.bank, most.held_out.len()), (vec![1, 4, 6], 17));
    }

    #[test]
    fn a_condition_of_one_image_goes_to_the_bank() {
        let found = split(&[0, 0, 0, 1], 2, Holdout::Share(0.5), None, None, 0);
        assert!(found.bank.contains(&3));
    }

    #[test]
    fn few_images_are_all_in_the_bank_and_many_are_split() {
        let few = split(&vec![0; LEAVE_ONE_OUT_BELOW - 1], 1, Holdout::Auto, None, None, 0);
        assert_eq!((few.bank.len(), few.held_out.len()), (LEAVE_ONE_OUT_BELOW - 1, 0));
        let many = split(&vec![0; LEAVE_ONE_OUT_BELOW], 1, Holdout::Auto, None, None, 0);
        assert_eq!((many.bank.len(), many.held_out.len()), (400, 100));
        let rare: Vec<usize> = (0..2000).map(|i| usize::from(i < 30)).collect();
        assert_eq!(split(&rare, 2, Holdout::Auto, None, None, 0).held_out.len(), 0);
    }
}
