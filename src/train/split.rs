//! Which images make the bank and which calibrate it.

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

/// Splits within each condition, so that every condition is represented on both sides: `holdout` of its images, rounded,
/// but at least one where it has two, are held out; of the others at most `shots` make the bank.
pub(super) fn split(
    condition_of: &[usize],
    n_conditions: usize,
    holdout: f64,
    shots: Option<usize>,
    seed: u64,
) -> Split {
    let mut found = Split::default();
    for condition in 0..n_conditions {
        let mut members: Vec<usize> = (0..condition_of.len()).filter(|i| condition_of[*i] == condition).collect();
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ ((condition as u64) << 32)));
        let wanted = (members.len() as f64 * holdout).round() as usize;
        let n_held_out = if holdout > 0.0 { wanted.max(1).min(members.len().saturating_sub(1)) } else { 0 };
        let (held_out, rest) = members.split_at(n_held_out);
        found.held_out.extend(held_out);
        found.bank.extend(rest.iter().take(shots.unwrap_or(rest.len())));
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
        let found = split(&conditions, 2, 0.2, None, 7);
        let mut all = [found.bank.clone(), found.held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!(found.held_out.iter().filter(|i| conditions[**i] == 1).count(), 1);
        assert_eq!(found.held_out.len(), 10);
        assert_eq!(found, split(&conditions, 2, 0.2, None, 7));
        assert_ne!(found, split(&conditions, 2, 0.2, None, 8));
    }

    #[test]
    fn shots_count_per_condition_and_leave_calibration_alone() {
        let conditions: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let (few, all) = (split(&conditions, 2, 0.25, Some(3), 0), split(&conditions, 2, 0.25, None, 0));
        assert_eq!(few.bank.len(), 6);
        assert_eq!(few.held_out, all.held_out);
        assert!(few.bank.iter().all(|i| all.bank.contains(i)));
    }

    #[test]
    fn a_condition_of_one_image_goes_to_the_bank() {
        let found = split(&[0, 0, 0, 1], 2, 0.5, None, 0);
        assert!(found.bank.contains(&3));
    }
}
