//! Rows that can be among the nearest, by bounds of what they are compared by.

/// Candidates from which on those out of reach are dropped, at first.
const FIRST_PRUNING: usize = 64;

/// The `k` smallest of the values seen so far.
#[derive(Clone, Debug)]
pub(super) struct Smallest {
    k: usize,
    /// Ascending.
    values: Vec<f64>,
}

impl Smallest {
    #[inline]
    pub(super) fn new(k: usize) -> Self {
        Self { k, values: Vec::with_capacity(k.min(64)) }
    }

    /// Takes a value; tells whether it is one of them.
    #[inline]
    pub(super) fn add(&mut self, value: f64) -> bool {
        if value >= self.last() {
            return false;
        }
        let at = self.values.partition_point(|v| *v <= value);
        self.values.insert(at, value);
        self.values.truncate(self.k);
        true
    }

    /// The `k`-th smallest; infinite as long as there are fewer.
    #[inline]
    pub(super) fn last(&self) -> f64 {
        self.values.get(self.k - 1).copied().unwrap_or(f64::INFINITY)
    }
}

/// What is known of the rows near one query.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    /// Upper bounds.
    pub(super) uppers: Smallest,
    /// Lower bounds with their rows: all that can be among the `k` nearest.
    pub(super) lowers: Vec<(f64, u32)>,
    prune_at: usize,
}

impl Candidates {
    #[inline]
    pub(super) fn new(k: usize) -> Self {
        Self { uppers: Smallest::new(k), lowers: Vec::new(), prune_at: FIRST_PRUNING }
    }

    /// Whether there are so many that those out of reach should be dropped.
    #[inline]
    pub(super) fn are_many(&self) -> bool {
        self.lowers.len() >= self.prune_at
    }

    /// Drops those whose lower bound exceeds `reach`.
    #[inline]
    pub(super) fn prune(&mut self, reach: f64) {
        self.lowers.retain(|candidate| candidate.0 <= reach);
        self.prune_at = 2 * self.lowers.len() + FIRST_PRUNING;
    }

    #[inline]
    pub(super) fn merge(&mut self, other: Self) {
        for upper in other.uppers.values {
            self.uppers.add(upper);
        }
        self.lowers.extend(other.lowers);
    }
}
