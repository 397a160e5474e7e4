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

/// What is split: images that belong together stay together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Units {
    /// The images of each group, ascending.
    pub(super) members: Vec<Vec<usize>>,
    /// The condition that each group counts to, and calibrates.
    pub(super) condition: Vec<usize>,
    /// The condition of each image.
    pub(super) label: Vec<usize>,
}

impl Units {
    /// Each image on its own.
    pub(super) fn single(label: &[usize]) -> Self {
        Self { members: (0..label.len()).map(|i| vec![i]).collect(), condition: label.to_vec(), label: label.to_vec() }
    }

    /// Images by group. A group with images in several conditions counts to that one of them which has the fewest groups so
    /// far, so that all conditions get their share.
    pub(super) fn of(group_of: &[usize], label: &[usize], n_conditions: usize) -> Self {
        let mut members = vec![vec![]; group_of.iter().max().map_or(0, |last| last + 1)];
        for (image, group) in group_of.iter().enumerate() {
            members[*group].push(image);
        }
        let mut n_groups = vec![0usize; n_conditions];
        let mut home = |images: &Vec<usize>| {
            let found = images.iter().map(|image| label[*image]).min_by_key(|c| (n_groups[*c], *c)).unwrap_or(0);
            n_groups[found] += 1;
            found
        };
        let condition = members.iter().map(&mut home).collect();
        Self { members, condition, label: label.to_vec() }
    }
}

/// Splits the groups of each condition, so that every condition is represented on both sides: a share of its groups,
/// rounded, but at least one where it has two, are held out; of the other images at most `shots` make the bank, from as many
/// groups as there are. Leaving one out holds none back.
///
/// `is_reference`: the images that make the bank, where they were named; then only groups without any can be held out.
pub(super) fn split(
    units: &Units,
    n_conditions: usize,
    holdout: Holdout,
    shots: Option<usize>,
    is_reference: Option<&[bool]>,
    seed: u64,
) -> Split {
    let share = match holdout {
        Holdout::Auto => {
            let sizes =
                (0..n_conditions).map(|c| units.condition.iter().filter(|of| **of == c).count()).filter(|n| *n > 0);
            let enough =
                shots.is_none() && is_reference.is_none() && sizes.min().is_some_and(|n| n >= LEAVE_ONE_OUT_BELOW);
            enough.then_some(DEFAULT_HOLDOUT)
        }
        Holdout::Share(share) => Some(share),
        Holdout::LeaveOneOut | Holdout::Folds(_) => None,
    };
    let has_reference = |unit: usize| is_reference.is_some_and(|is| units.members[unit].iter().any(|image| is[*image]));
    let mut found = Split::default();
    let mut kept: Vec<usize> = vec![];
    for condition in 0..n_conditions {
        let mut own: Vec<usize> = (0..units.members.len()).filter(|u| units.condition[*u] == condition).collect();
        own.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ ((condition as u64) << 32)));
        own.sort_by_key(|unit| has_reference(*unit));
        let n_references = own.iter().filter(|unit| has_reference(**unit)).count();
        let n_held_out = share.map_or(0, |share| {
            let wanted = (own.len() as f64 * share).round() as usize;
            let most = if is_reference.is_some() { own.len() - n_references } else { own.len().saturating_sub(1) };
            wanted.max(1).min(most)
        });
        let (held_out, rest) = own.split_at(n_held_out);
        found.held_out.extend(held_out.iter().flat_map(|unit| &units.members[*unit]));
        kept.extend(rest);
    }
    for condition in 0..n_conditions {
        // The first image of every group, then the second, and so on.
        let of_unit = |unit: &usize| units.members[*unit].iter().filter(|i| units.label[**i] == condition).enumerate();
        let mut images: Vec<(usize, usize)> =
            kept.iter().flat_map(of_unit).map(|(turn, image)| (turn, *image)).collect();
        images.sort_by_key(|(turn, _)| *turn);
        let named = images.iter().map(|(_, image)| *image).filter(|i| is_reference.is_none_or(|is| is[*i]));
        found.bank.extend(named.take(shots.unwrap_or(usize::MAX)));
    }
    found.bank.sort_unstable();
    found.held_out.sort_unstable();
    found
}

/// The part of each image, 0 to `n_folds`: whole groups, and as many of each condition in every part as can be.
pub(super) fn fold_of(units: &Units, n_conditions: usize, n_folds: usize, seed: u64) -> Vec<usize> {
    let mut fold_of = vec![0; units.label.len()];
    let mut next = 0;
    for condition in 0..n_conditions {
        let mut own: Vec<usize> = (0..units.members.len()).filter(|u| units.condition[*u] == condition).collect();
        own.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ ((condition as u64) << 32)));
        for unit in own {
            units.members[unit].iter().for_each(|image| fold_of[*image] = next % n_folds);
            next += 1;
        }
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits images that are each on their own.
    fn split(
        label: &[usize],
        n_conditions: usize,
        holdout: Holdout,
        shots: Option<usize>,
        is_reference: Option<&[bool]>,
        seed: u64,
    ) -> Split {
        super::split(&Units::single(label), n_conditions, holdout, shots, is_reference, seed)
    }

    #[test]
    fn parts_hold_whole_groups_and_each_condition_is_spread_over_them() {
        let group: Vec<usize> = (0..60).map(|i| i / 3).collect();
        let label: Vec<usize> = (0..60).map(|i| usize::from(i >= 30)).collect();
        let units = Units::of(&group, &label, 2);
        let fold = fold_of(&units, 2, 5, 3);
        assert!((0..60).all(|i| fold[i] == fold[i / 3 * 3]));
        for (part, condition) in (0..5).flat_map(|part| [(part, 0), (part, 1)]) {
            assert_eq!((0..60).filter(|i| fold[*i] == part && label[*i] == condition).count(), 6);
        }
        assert_ne!(fold, fold_of(&units, 2, 5, 4));
    }

    #[test]
    fn groups_are_never_torn_and_shots_come_from_many() {
        // Twelve parts of five shots; every third part has its last two shots in another condition.
        let group: Vec<usize> = (0..60).map(|i| i / 5).collect();
        let label: Vec<usize> = (0..60).map(|i| usize::from(i / 5 % 3 == 0 && i % 5 > 2)).collect();
        let units = Units::of(&group, &label, 2);
        assert_eq!(units.condition.iter().filter(|c| **c == 1).count(), 3, "{:?}", units.condition);
        for seed in 0..20 {
            let found = super::split(&units, 2, Holdout::Share(0.25), None, None, seed);
            assert!(found.bank.iter().all(|i| !found.held_out.iter().any(|h| group[*h] == group[*i])));
            assert_eq!((found.bank.len(), found.held_out.len()), (45, 15));
            let few = super::split(&units, 2, Holdout::LeaveOneOut, Some(4), None, seed);
            let label = &label;
            let of = |condition: usize| few.bank.iter().filter(move |i| label[**i] == condition);
            let groups: std::collections::BTreeSet<usize> = of(0).map(|i| group[*i]).collect();
            assert_eq!((of(0).count(), of(1).count(), groups.len()), (4, 4, 4));
        }
        let mut is_reference = vec![false; 60];
        is_reference[7] = true;
        let found = super::split(&units, 2, Holdout::Share(0.99), None, Some(&is_reference), 0);
        assert_eq!((found.bank, found.held_out.len()), (vec![7], 55));
        let many = Units::of(&(0..5000).map(|i| i / 10).collect::<Vec<_>>(), &[0; 5000], 1);
        assert_eq!(super::split(&many, 1, Holdout::Auto, None, None, 0).held_out.len(), 1000);
    }

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
