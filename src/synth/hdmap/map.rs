use std::fmt;

use rand::Rng;

use super::fault::{Drawn, Fault};
use super::machine::Machine;
use super::stream::{Purpose, stream};
use super::texture::{background, warmth};
use super::{HdmapPlan, Split, fault};
use crate::synth::SynthError;

/// One simulated health data map.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthMap {
    /// [`super::N_ROWS`] x [`super::N_COLS`] values, row-major, in units of the domain's fixed maximum; positive,
    /// not clipped at 1.
    pub values: Vec<f32>,
    /// The pixels that the fault raised, row-major; none for a normal map.
    pub mask: Option<Vec<bool>>,
    /// State of the machine, 0 cold to 1 warm.
    pub u: f64,
    /// The condition that u belongs to.
    pub condition: Condition,
    /// Normal or faulty.
    pub label: Label,
    /// Where the fault lies; none for a normal map.
    pub fault: Option<Fault>,
}

/// Operating condition of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// u below one half.
    Cold,
    /// u of one half or more.
    Warm,
}

/// Truth about a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// No fault.
    Good,
    /// One damaged planet tooth.
    Fault,
}

/// Computes one map of the plan.
///
/// A pure function. A training map depends on domain, seed, cold share and index alone, not on any count. A test map
/// also depends on the number of maps in its own folder, through u only: u rises over the folder from coldest to
/// warmest, while every random draw is the same for any count. The same build gives the same bits; another platform
/// may differ in the last digit through its `exp` and `cos`.
///
/// # Errors
/// [`SynthError::NoSuchMap`] if `index` is not below the folder's count; an invalid plan, see
/// [`HdmapPlan::validate`].
pub fn generate(plan: &HdmapPlan, split: Split, index: usize) -> Result<HealthMap, SynthError> {
    plan.validate()?;
    let count = plan.count(split);
    if index >= count {
        return Err(SynthError::NoSuchMap { split, index, count });
    }
    let (mut background, u) = without_fault(plan, split, index);
    let (label, fault, mask) = match split {
        Split::TrainGood | Split::TestGood => (Label::Good, None, None),
        Split::TestFault => {
            let mut rng = stream(plan, Purpose::Fault, index as u64);
            let Drawn { fault, rise, impact } = fault::draw(plan.domain.model(), warmth(u), &mut rng);
            let mean = background.iter().sum::<f64>() / background.len() as f64;
            for ((value, rise), impact) in background.iter_mut().zip(&rise).zip(&impact) {
                *value = *value * (1.0 + rise) + impact * mean;
            }
            (Label::Fault, Some(fault), Some(rise.iter().map(|rise| *rise > 0.0).collect()))
        }
    };
    let condition = if u < 0.5 { Condition::Cold } else { Condition::Warm };
    Ok(HealthMap { values: background.iter().map(|v| *v as f32).collect(), mask, u, condition, label, fault })
}

/// The map before the fault line is drawn into it, and its state u.
fn without_fault(plan: &HdmapPlan, split: Split, index: usize) -> (Vec<f64>, f64) {
    let mut rng = stream(plan, Purpose::Map(split), index as u64);
    let u = plan.state(split, index, rng.random());
    let machine = Machine::new(plan);
    (background(plan.domain.model(), &machine, u, split == Split::TestFault, &mut rng), u)
}

impl Condition {
    /// Name in tables: `cold` or `warm`.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Cold => "cold",
            Condition::Warm => "warm",
        }
    }
}

impl Label {
    /// Name in tables and folders: `good` or `fault`.
    pub fn name(self) -> &'static str {
        match self {
            Label::Good => "good",
            Label::Fault => "fault",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Domain, N_COLS};
    use super::*;

    #[test]
    fn mask_covers_exactly_the_raised_pixels() {
        let plan = HdmapPlan { n_test_fault: 60, ..HdmapPlan::new(Domain::C, 5) };
        let mut raised_in_all = 0;
        for index in 0..60 {
            let map = generate(&plan, Split::TestFault, index).unwrap();
            let (before, _) = without_fault(&plan, Split::TestFault, index);
            let (mask, fault) = (map.mask.unwrap(), map.fault.unwrap());
            for (pixel, (&after, &before)) in map.values.iter().zip(&before).enumerate() {
                let inside = fault.rows.contains(&(pixel / N_COLS)) && fault.columns.contains(&(pixel % N_COLS));
                assert_eq!(mask[pixel], inside);
                assert_eq!(after > before as f32, inside, "map {index} pixel {pixel}");
                assert!(after >= before as f32);
                raised_in_all += usize::from(inside);
            }
        }
        assert!(raised_in_all > 60 * 10, "{raised_in_all}");
    }
}
