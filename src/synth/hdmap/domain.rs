use std::fmt;
use std::str::FromStr;

use crate::synth::SynthError;

/// The four set-ups of the real data: two gearbox classes, two sensor channels each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// Strong structure, well separated conditions.
    A,
    /// The strongest structure; faulty maps lie lower than normal ones.
    B,
    /// The weakest structure; faults are faint when cold.
    C,
    /// Like B with overlapping conditions.
    D,
}

/// A quantity that goes from its cold to its warm value in proportion to warmth.
#[derive(Debug)]
pub(super) struct Ramp {
    cold: f64,
    warm: f64,
}

/// Parameters of one domain. Standard deviations are those of the natural logarithm of a value, before the floor.
#[derive(Debug)]
pub(super) struct Model {
    /// Mean of a normal map, in units of the fixed maximum.
    pub(super) level_cold: f64,
    pub(super) level_warm: f64,
    /// Spread of the level between maps.
    pub(super) level_spread: Ramp,
    /// Rise of level and contrast per standard deviation of the cold transient.
    pub(super) transient_level: f64,
    pub(super) transient_contrast: f64,
    /// Spread of the contrast between warm maps.
    pub(super) settled_contrast: f64,
    /// Standard deviations of planet tooth signature, ring tooth signature, modulation, texture and noise.
    pub(super) rows: Ramp,
    pub(super) cols: Ramp,
    pub(super) modulation: Ramp,
    pub(super) texture: Ramp,
    pub(super) noise: Ramp,
    /// Correlation of the texture from one column to the next.
    pub(super) persistence: Ramp,
    /// Share of the level that never varies: what makes the values right-skewed beyond log-normal.
    pub(super) floor: Ramp,
    /// Greatest rise (logarithm) of the worn ring section.
    pub(super) worn: f64,
    /// Factors that a damaged tooth puts on the whole map: level, structure and noise.
    pub(super) fault_level: Ramp,
    pub(super) fault_structure: f64,
    pub(super) fault_noise: f64,
    /// Mean relative rise along the fault line.
    pub(super) fault_contrast: Ramp,
    /// Least and most height of the dominant impact of a warm fault, in units of the map's mean.
    pub(super) impact: (f64, f64),
}

impl Domain {
    /// All domains.
    pub const ALL: [Domain; 4] = [Domain::A, Domain::B, Domain::C, Domain::D];

    /// The letter in folder and command line.
    pub fn letter(self) -> char {
        match self {
            Domain::A => 'A',
            Domain::B => 'B',
            Domain::C => 'C',
            Domain::D => 'D',
        }
    }

    /// The folder of the domain: `domain_C`.
    pub fn folder(self) -> &'static str {
        match self {
            Domain::A => "domain_A",
            Domain::B => "domain_B",
            Domain::C => "domain_C",
            Domain::D => "domain_D",
        }
    }

    /// The signal energy that the value 1 stands for, in the unit of the recorded difference signal squared. Maps are
    /// divided by it; multiply to get back.
    pub fn fixed_maximum(self) -> f64 {
        match self {
            Domain::A => 0.324_670,
            Domain::B => 1.324_418,
            Domain::C => 0.087_341,
            Domain::D => 0.418_999,
        }
    }

    /// The published limit between cold and warm on a map's 90th percentile, in units of the fixed maximum.
    pub fn p90_limit(self) -> f64 {
        match self {
            Domain::A => 0.2985,
            Domain::B => 0.3128,
            Domain::C => 0.3089,
            Domain::D => 0.2919,
        }
    }

    pub(super) fn model(self) -> &'static Model {
        match self {
            Domain::A => &A,
            Domain::B => &B,
            Domain::C => &C,
            Domain::D => &D,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}

impl FromStr for Domain {
    type Err = SynthError;

    /// Reads `C` or `domain_C`, in any case.
    fn from_str(text: &str) -> Result<Self, SynthError> {
        let is = |domain: &Domain| {
            text.eq_ignore_ascii_case(domain.folder()) || text.eq_ignore_ascii_case(&domain.letter().to_string())
        };
        Domain::ALL.into_iter().find(is).ok_or_else(|| SynthError::UnknownDomain { found: text.to_owned() })
    }
}

impl Ramp {
    /// The value at warmth `w`.
    pub(super) fn at(&self, w: f64) -> f64 {
        self.cold + (self.warm - self.cold) * w
    }
}

const fn ramp(cold: f64, warm: f64) -> Ramp {
    Ramp { cold, warm }
}

static A: Model = Model {
    level_cold: 0.150,
    level_warm: 0.284,
    level_spread: ramp(0.04, 0.025),
    transient_level: 0.03,
    transient_contrast: 0.06,
    settled_contrast: 0.04,
    rows: ramp(0.13, 0.18),
    cols: ramp(0.06, 0.07),
    modulation: ramp(0.05, 0.06),
    texture: ramp(0.17, 0.22),
    noise: ramp(0.17, 0.215),
    persistence: ramp(0.78, 0.86),
    floor: ramp(0.15, 0.12),
    worn: 0.5,
    fault_level: ramp(1.13, 0.99),
    fault_structure: 0.75,
    fault_noise: 1.10,
    fault_contrast: ramp(0.32, 0.40),
    impact: (3.2, 8.2),
};

static B: Model = Model {
    level_cold: 0.163,
    level_warm: 0.284,
    level_spread: ramp(0.04, 0.025),
    transient_level: 0.03,
    transient_contrast: 0.05,
    settled_contrast: 0.04,
    rows: ramp(0.16, 0.24),
    cols: ramp(0.05, 0.06),
    modulation: ramp(0.05, 0.06),
    texture: ramp(0.18, 0.235),
    noise: ramp(0.16, 0.21),
    persistence: ramp(0.80, 0.86),
    floor: ramp(0.15, 0.12),
    worn: 0.4,
    fault_level: ramp(0.88, 0.84),
    fault_structure: 0.70,
    fault_noise: 1.25,
    fault_contrast: ramp(0.32, 0.40),
    impact: (3.2, 8.2),
};

static C: Model = Model {
    level_cold: 0.1895,
    level_warm: 0.2655,
    level_spread: ramp(0.058, 0.0645),
    transient_level: 0.048,
    transient_contrast: 0.085,
    settled_contrast: 0.045,
    rows: ramp(0.09, 0.12),
    cols: ramp(0.075, 0.085),
    modulation: ramp(0.07, 0.085),
    texture: ramp(0.165, 0.185),
    noise: ramp(0.205, 0.223),
    persistence: ramp(0.65, 0.80),
    floor: ramp(0.20, 0.18),
    worn: 0.68,
    fault_level: ramp(1.133, 1.162),
    fault_structure: 1.0,
    fault_noise: 1.10,
    fault_contrast: ramp(0.32, 0.40),
    impact: (3.2, 8.2),
};

static D: Model = Model {
    level_cold: 0.154,
    level_warm: 0.239,
    level_spread: ramp(0.06, 0.045),
    transient_level: 0.045,
    transient_contrast: 0.08,
    settled_contrast: 0.045,
    rows: ramp(0.15, 0.20),
    cols: ramp(0.09, 0.11),
    modulation: ramp(0.08, 0.09),
    texture: ramp(0.21, 0.24),
    noise: ramp(0.22, 0.25),
    persistence: ramp(0.70, 0.80),
    floor: ramp(0.15, 0.12),
    worn: 0.7,
    fault_level: ramp(0.97, 0.87),
    fault_structure: 0.80,
    fault_noise: 1.12,
    fault_contrast: ramp(0.32, 0.40),
    impact: (3.2, 8.2),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_letters_and_folder_names_in_any_case_and_rejects_the_rest() {
        for domain in Domain::ALL {
            assert_eq!(domain.folder().parse::<Domain>().unwrap(), domain);
            assert_eq!(domain.letter().to_string().parse::<Domain>().unwrap(), domain);
        }
        assert_eq!("DOMAIN_c".parse::<Domain>().unwrap(), Domain::C);
        for wrong in ["", "E", "domain_", "domain_CC", "C "] {
            assert!(wrong.parse::<Domain>().is_err(), "{wrong:?}");
        }
    }
}
