use super::{Domain, Split};
use crate::synth::SynthError;

/// Most maps one folder of a simulated data set holds: what six-digit file names can count.
pub const MAX_MAPS_PER_SPLIT: usize = 1_000_000;

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
}
