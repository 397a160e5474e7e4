use std::fmt;

use super::Domain;
use crate::synth::SynthError;

/// Most maps one folder of a simulated data set holds: what six-digit file names can count.
pub const MAX_MAPS_PER_SPLIT: usize = 1_000_000;

/// Cold maps have u in `[0, COLD_END]`.
const COLD_END: f64 = 0.35;
/// Warm maps have u in `[WARM_START, 1]`; the band between is passed through too quickly to be recorded.
const WARM_START: f64 = 0.65;
/// Training conditions are shuffled within blocks of this many maps, so that every prefix is nearly balanced.
const BLOCK: usize = 16;

/// What to simulate: a machine, and how many maps of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HdmapPlan {
    /// The set-up imitated: levels, contrasts and directionality.
    pub domain: Domain,
    /// Chooses the machine (its tooth signatures) and every random draw.
    pub seed: u64,
    /// Normal training maps.
    pub n_train: usize,
    /// Normal test maps, first half cold.
    pub n_test_good: usize,
    /// Faulty test maps, first half cold.
    pub n_test_fault: usize,
    /// Share of cold maps among the training maps, 0 to 1. The real sets have about 0.26, by their published means.
    pub cold_share: f64,
}

/// The folder a map belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// `train/good`.
    TrainGood,
    /// `test/good`.
    TestGood,
    /// `test/fault`.
    TestFault,
}

impl HdmapPlan {
    /// 1,000 maps in each folder, half of the training maps cold: the size of the real test sets.
    pub fn new(domain: Domain, seed: u64) -> Self {
        Self { domain, seed, n_train: 1_000, n_test_good: 1_000, n_test_fault: 1_000, cold_share: 0.5 }
    }

    /// Maps planned for one folder.
    pub fn count(&self, split: Split) -> usize {
        match split {
            Split::TrainGood => self.n_train,
            Split::TestGood => self.n_test_good,
            Split::TestFault => self.n_test_fault,
        }
    }

    /// Maps planned altogether.
    pub fn total(&self) -> usize {
        Split::ALL.iter().fold(0, |sum, split| sum.saturating_add(self.count(*split)))
    }

    /// Checks counts and cold share.
    ///
    /// # Errors
    /// [`SynthError::TooManyMaps`] above [`MAX_MAPS_PER_SPLIT`], [`SynthError::ColdShare`] outside 0 to 1.
    pub fn validate(&self) -> Result<(), SynthError> {
        for split in Split::ALL {
            let found = self.count(split);
            if found > MAX_MAPS_PER_SPLIT {
                return Err(SynthError::TooManyMaps { split, found, limit: MAX_MAPS_PER_SPLIT });
            }
        }
        if !(0.0..=1.0).contains(&self.cold_share) {
            return Err(SynthError::ColdShare { found: self.cold_share });
        }
        Ok(())
    }

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
        let order = super::stream::permutation::<BLOCK>(self, block as u64);
        let place = (block * BLOCK + order[index % BLOCK]) as f64;
        ((place + 1.0) * self.cold_share).floor() > (place * self.cold_share).floor()
    }
}

impl Split {
    /// All folders, in the order they are written.
    pub const ALL: [Split; 3] = [Split::TrainGood, Split::TestGood, Split::TestFault];

    /// The folder below the domain folder, with `/`.
    pub fn folder(self) -> &'static str {
        match self {
            Split::TrainGood => "train/good",
            Split::TestGood => "test/good",
            Split::TestFault => "test/fault",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}
