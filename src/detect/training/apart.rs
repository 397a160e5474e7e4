//! What is kept apart from a training, to watch it.

use std::collections::BTreeSet;

/// The groups that are kept apart: a share of them, evenly spread, at least one where there are two.
pub(crate) fn kept_apart(groups: &BTreeSet<usize>, share: f64) -> BTreeSet<usize> {
    let all = groups.len();
    if share == 0.0 || all < 2 {
        return BTreeSet::new();
    }
    let n = ((all as f64 * share).round() as usize).clamp(1, all - 1);
    let places: BTreeSet<usize> = (0..n).map(|at| (2 * at + 1) * all / (2 * n)).collect();
    groups.iter().enumerate().filter(|(at, _)| places.contains(at)).map(|(_, group)| *group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_groups_is_kept_apart_and_never_all() {
        let groups = |n: usize| (0..n).map(|at| 10 * at).collect::<BTreeSet<_>>();
        for (n, share, expected) in [(0, 0.5, 0), (1, 0.5, 0), (2, 0.1, 1), (2, 0.99, 1), (100, 0.1, 10), (100, 0.0, 0)]
        {
            assert_eq!(kept_apart(&groups(n), share).len(), expected, "{n} {share}");
        }
        assert_eq!(kept_apart(&groups(4), 0.5), BTreeSet::from([10, 30]));
    }
}
