//! The state of the machine at each map.

use super::stream::permutation;
use super::{HdmapPlan, Split};

/// Cold maps have u in `[0, COLD_END]`.
const COLD_END: f64 = 0.35;

/// Warm maps have u in `[WARM_START, 1]`; the band between is passed through too quickly to be recorded.
const WARM_START: f64 = 0.65;

/// Training conditions are shuffled within blocks of this many maps, so that every prefix is nearly balanced.
const BLOCK: usize = 16;

impl HdmapPlan {
    /// The state u of one map, from the map's own uniform draw in `[0, 1)`.
    ///
    /// Training: condition by a seeded shuffle that does not look at the number of maps, u uniform within the
    /// condition. Test: u rises with the index from the coldest map to the warmest.
    pub(super) fn state(&self, split: Split, index: usize, draw: f64) -> f64 {
        let (cold, position) = match split {
            Split::TrainGood => (self.trains_cold(index), draw),
            Split::TestGood | Split::TestFault => {
                let count = self.count(split);
                let n_cold = count.div_ceil(2);
                if index < n_cold {
                    (true, (index as f64 + 0.5) / n_cold as f64)
                } else {
                    (false, ((index - n_cold) as f64 + 0.5) / (count - n_cold) as f64)
                }
            }
        };
        if cold { COLD_END * position } else { WARM_START + (1.0 - WARM_START) * position }
    }

    /// Whether training map `index` is cold: systematic sampling at rate `cold_share` over shuffled blocks.
    fn trains_cold(&self, index: usize) -> bool {
        let block = index / BLOCK;
        let order = permutation::<BLOCK>(self, block as u64);
        let place = (block * BLOCK + order[index % BLOCK]) as f64;
        ((place + 1.0) * self.cold_share).floor() > (place * self.cold_share).floor()
    }
}
