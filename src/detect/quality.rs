//! Named points of the measured trade between time and accuracy.

use super::{DEFAULT_CORESET, DetectError, Metric, PipelineSpec};
use crate::bank::{CoresetSize, DescriptorSpec};
use crate::image::{Preprocessing, Resize};
use crate::model::{DEFAULT_BACKBONE, PIXELS};
use crate::score::ImageScore;
use std::fmt;
use std::str::FromStr;

/// How much time an inspection may take for the sake of accuracy. What each means for a detector says its [`Preset`]; the figures
/// are in docs/quality.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quality {
    /// The least time.
    Fast,
    /// What is right for most products.
    #[default]
    Balanced,
    /// The best that was measured.
    Best,
}

impl Quality {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Best];
}

impl FromStr for Quality {
    type Err = DetectError;

    fn from_str(text: &str) -> Result<Self, DetectError> {
        let bad = || DetectError::Setting {
            setting: "quality",
            expected: Self::ALL.map(|quality| quality.to_string()).join(", "),
            found: text.to_owned(),
        };
        Self::ALL.into_iter().find(|quality| quality.to_string() == text).ok_or_else(bad)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Best => "best",
        })
    }
}

/// What a quality sets for a detector, where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// Sides of the square network inputs, one part of the detector for each.
    pub scales_px: &'static [usize],
    /// Rows to keep, for a detector that keeps any.
    pub coreset: CoresetSize,
    /// How rows are whitened ([`Options::whitening`](super::Options::whitening)), for a detector that compares some: chosen with the
    /// built-in network.
    pub whitening: Option<f64>,
    /// Distances to image score.
    pub image_score: ImageScore,
    /// What it is fitted to.
    pub sees: Sees,
}

/// What a detector gets of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sees {
    /// What a frozen network says of its patches.
    #[default]
    Patches,
    /// Its pixels ([`PIXELS`]), scaled to fit and padded: it has a network of its own.
    Pixels,
}

impl Sees {
    /// The usual way to it: of images of this side, square.
    #[must_use]
    pub fn pipeline(self, side_px: usize) -> PipelineSpec {
        let (backbone, preprocessing, descriptor) = match self {
            Self::Patches => {
                let preprocessing = Preprocessing::imagenet(side_px, side_px, Resize::StretchBilinear);
                (DEFAULT_BACKBONE, preprocessing, DescriptorSpec::default())
            }
            Self::Pixels => {
                let own = Preprocessing::imagenet(side_px, side_px, Resize::FitPad);
                let descriptor = DescriptorSpec { neighbourhood: 1, ..DescriptorSpec::default() };
                (PIXELS, Preprocessing { mean: [0.0; 3], std: [1.0; 3], ..own }, descriptor)
            }
        };
        PipelineSpec { backbone: backbone.to_owned(), layers: vec![], preprocessing, descriptor }
    }
}

impl Preset {
    /// One part, at the usual size, with the usual coreset.
    pub const SINGLE: Self = Self {
        scales_px: &[DEFAULT_SIDE_PX],
        coreset: DEFAULT_CORESET,
        whitening: None,
        image_score: ImageScore::Max,
        sees: Sees::Patches,
    };

    /// [`Self::whitening`] with this network and this metric: none where it is not known to gain anything (docs/quality.md), and none
    /// for a cosine, which is one of rows as they are.
    #[must_use]
    pub fn whitening_with(&self, backbone: &str, metric: Metric) -> Option<f64> {
        self.whitening.filter(|_| backbone == DEFAULT_BACKBONE && metric == Metric::L2)
    }
}

/// Side of the square network input of a single part.
pub const DEFAULT_SIDE_PX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Registry;

    #[test]
    fn qualities_are_written_as_they_are_read_and_every_detector_has_scales_for_each() {
        for quality in Quality::ALL {
            assert_eq!(quality.to_string().parse::<Quality>().unwrap(), quality);
            for kind in Registry::built_in().kinds() {
                let scales = (kind.preset)(quality).scales_px;
                assert!(!scales.is_empty() && scales.is_sorted(), "{} {quality}", kind.name);
            }
        }
        let preset = (Registry::built_in().kinds()[0].preset)(Quality::Balanced);
        assert_eq!(preset.whitening_with(DEFAULT_BACKBONE, Metric::L2), preset.whitening);
        assert_eq!(preset.whitening_with("resnet18", Metric::L2), None);
        assert_eq!(preset.whitening_with(DEFAULT_BACKBONE, Metric::Cosine), None);
        assert!("good".parse::<Quality>().unwrap_err().to_string().contains("fast, balanced, best"));
    }
}
