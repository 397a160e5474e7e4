//! What a search is for, and what it finds.

/// What a search is for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) k: usize,
    /// At least `k` rows are.
    pub(super) is_searched: &'a (dyn Fn(usize) -> bool + Sync),
    /// All rows are.
    pub(super) is_all: bool,
}

/// A direct distance with its row.
pub(super) type Found = (f32, u32);

pub(super) fn smallest(mut found: Vec<Found>, k: usize) -> Vec<Found> {
    let order = |a: &Found, b: &Found| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if found.len() > k {
        found.select_nth_unstable_by(k - 1, order);
        found.truncate(k);
    }
    found.sort_unstable_by(order);
    found
}
