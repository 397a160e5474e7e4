//! Independent random streams, one per purpose and map, so that no map depends on any other.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{HdmapPlan, Split};

/// What a stream is used for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// Tooth signatures of the machine.
    Machine,
    /// Order of the training conditions within a block.
    Order,
    /// State and background of a map.
    Map(Split),
    /// The fault of a map.
    Fault,
}

/// The stream for `purpose` number `index` of the plan's machine.
pub(super) fn stream(plan: &HdmapPlan, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let purpose: u64 = match purpose {
        Purpose::Machine => 0,
        Purpose::Order => 1,
        Purpose::Map(Split::TrainGood) => 2,
        Purpose::Map(Split::TestGood) => 3,
        Purpose::Map(Split::TestFault) => 4,
        Purpose::Fault => 5,
    };
    let mut key = [0; 32];
    for (slot, word) in key.chunks_exact_mut(8).zip([plan.seed, plan.domain.letter() as u64, purpose, index]) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// The shuffled numbers 0 to N - 1 of one block of training maps.
pub(super) fn permutation<const N: usize>(plan: &HdmapPlan, block: u64) -> [usize; N] {
    let mut order = std::array::from_fn(|k| k);
    order.shuffle(&mut stream(plan, Purpose::Order, block));
    order
}

/// One draw from the standard normal distribution.
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// One draw of mean 0, variance 1 and bounded range (within 2.24): the median of three uniform draws, Beta(2, 2).
/// Image levels of the real maps are bounded like this, not normal.
pub(super) fn bounded(rng: &mut impl Rng) -> f64 {
    let [a, b, c]: [f64; 3] = rng.random();
    let median = a.max(b).min(a.min(b).max(c));
    (median - 0.5) * 20.0_f64.sqrt()
}
