//! Who tells the condition of an image.

use super::ConditionError;
use super::{Admission, Gate, Pooled, intensity_statistics};
use crate::image::Image;
use std::fmt;
use std::str::FromStr;

/// Who tells the condition of an image. The last three are for studies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateUse {
    /// What was given with the image, else the bundle's gate.
    #[default]
    Auto,
    /// The bundle's gate, whatever was given.
    Own,
    /// Only what was given; without, no condition.
    Oracle,
    /// A condition by chance, always the same one for the same image.
    Random,
    /// Another condition than [`Self::Auto`] would tell: the next one of the bundle.
    Inverse,
}

impl GateUse {
    /// The condition of an image whose descriptors `pooled` pools; a given one, which may be unknown, overrules the gate.
    pub(crate) fn admit<E>(
        self,
        gate: &Gate,
        given: Option<Admission>,
        n_conditions: usize,
        image: &Image,
        pooled: Pooled<'_, E>,
    ) -> Result<Admission, E> {
        let own = || gate.admit_by(image, pooled);
        Ok(match self {
            Self::Auto => given.map_or_else(own, Ok)?,
            Self::Own => own()?,
            Self::Oracle => given.unwrap_or(Admission::abstained()),
            Self::Random => Admission::certain(chance(image) as usize % n_conditions.max(1)),
            Self::Inverse => {
                let told = given.map_or_else(own, Ok)?;
                Admission { condition: told.condition.map(|c| (c + 1) % n_conditions.max(1)), ..told }
            }
        })
    }
}

/// A number that follows from the image's grey values (FNV-1a, upper bits).
fn chance(image: &Image) -> u32 {
    let bytes = intensity_statistics(&image.luma()).into_iter().flat_map(|v| v.to_bits().to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 32) as u32
}

impl FromStr for GateUse {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        [Self::Auto, Self::Own, Self::Oracle, Self::Random, Self::Inverse]
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or_else(|| ConditionError::GateUse { text: text.to_owned() })
    }
}

impl fmt::Display for GateUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Own => "own",
            Self::Oracle => "oracle",
            Self::Random => "random",
            Self::Inverse => "inverse",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_listens_to_whom_it_says() {
        let image = Image::new(vec![0.5; 4], 2, 2, 1).unwrap();
        let gate = Gate::P90 { limit: 0.3, softness: 0.01, known: vec![] };
        let unasked = || Err::<Vec<f32>, _>("the level tells");
        let told = |kind: GateUse, given: Option<usize>| {
            kind.admit(&gate, given.map(Admission::certain), 2, &image, &unasked).unwrap().condition
        };
        assert_eq!((told(GateUse::Auto, Some(0)), told(GateUse::Auto, None)), (Some(0), Some(1)));
        assert_eq!(told(GateUse::Own, Some(0)), Some(1));
        assert_eq!((told(GateUse::Oracle, Some(0)), told(GateUse::Oracle, None)), (Some(0), None));
        assert_eq!((told(GateUse::Inverse, Some(0)), told(GateUse::Inverse, None)), (Some(1), Some(0)));
        assert_eq!(told(GateUse::Random, None), told(GateUse::Random, Some(1)));
        for kind in [GateUse::Auto, GateUse::Oracle, GateUse::Inverse] {
            let strange = kind.admit(&gate, Some(Admission::unknown()), 2, &image, &unasked).unwrap();
            assert_eq!(strange, Admission::unknown(), "{kind}");
        }
    }

    #[test]
    fn chance_is_even() {
        let ones =
            (0..400).filter(|i| chance(&Image::new(vec![*i as f32 / 400.0, 0.3], 1, 2, 1).unwrap()) % 2 == 1).count();
        assert!((150..250).contains(&ones), "{ones}");
    }
}
