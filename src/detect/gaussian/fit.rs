//! Normal images to distributions.

use super::factor::MOST_DIRECTIONS;
use super::fitted::{Gaussian, NAME};
use super::law::{Law, no_places};
use super::making::{Made, Making, N_FOLDS};
use super::scoring::Compared;
use super::section;
use super::settings::Settings;
use crate::bank::RowSource;
use crate::bundle::{Section, SectionEntry};
use crate::condition::Admission;
use crate::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Method, Options, Patches, Shape, Training, View,
    go_on,
};
use crate::progress::Progress;
use std::sync::Arc;

/// How distributions are made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    options: Options,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Result<Self, DetectError> {
        options.scoring.check_without_bank()?;
        match options.shrinkage {
            Some(share) if !(0.0..=1.0).contains(&share) => Err(DetectError::Setting {
                setting: "shrinkage",
                expected: "auto, or a share from 0 to 1".to_owned(),
                found: share.to_string(),
            }),
            Some(_) | None => Ok(Self { options: options.clone() }),
        }
    }
}

impl Method for Plan {
    fn kind(&self) -> &str {
        NAME
    }

    fn depends_on_seed(&self) -> bool {
        matches!(self.options.shape, Shape::Places(_))
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        let square = |n: usize| (n as u64).saturating_mul(n as u64);
        let (n_laws, n_folds) = (size.n_conditions as u64 * (N_FOLDS as u64 + 1), N_FOLDS as u64 + 1);
        match self.options.shape {
            // Sums of each fold, pooled ones, and what is at work on them; a matrix for each distribution that is kept.
            Shape::Whole => square(size.dim).saturating_mul(8 * (3 * n_folds + 4) + 4 * n_laws),
            Shape::Places(channels) => {
                (size.n_patches as u64).saturating_mul(square(channels)).saturating_mul(2 * n_laws)
            }
            Shape::Residual(_) => {
                let directions = (size.dim as u64).saturating_mul(4 * MOST_DIRECTIONS as u64 * n_laws);
                square(size.dim).saturating_mul(8 * (n_folds + 8)).saturating_add(directions)
            }
        }
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let (dim, grid) = (training.described.dim(), training.described.grid());
        let described = training.described;
        if matches!(self.options.shape, Shape::Places(_)) && (described.is_in_tiles() || described.has_turned_copies())
        {
            return Err(no_places(self.options.shape.to_string()));
        }
        let mut making = Making::new(&self.options, training)?;
        progress.begin("distributions", training.n_conditions);
        for condition in 0..training.n_conditions {
            go_on(progress)?;
            making.add(condition)?;
            progress.advance(1);
        }
        progress.end();
        let Made { parts, entries, folds, channels } = making.finish()?;
        let Options { scoring, shape, .. } = &self.options;
        let settings = Settings {
            shape: shape.to_string(),
            shrinkage: self.options.shrinkage,
            image_score: scoring.image_score.to_string(),
            map_sigma_px: scoring.map_sigma_px,
            conditions: entries,
        };
        let entry = SectionEntry::new(NAME, Some(features.entry(grid, dim)), &settings).map_err(DetectError::defect)?;
        let tensors = section::gathered(parts, &channels, dim);
        // Of what the bundle will hold, so that it says the same when it is read.
        let sizes = settings.sizes(dim, grid.n_patches()).map_err(DetectError::defect)?;
        let laws = section::laws(&tensors, &settings, &sizes)?;
        let section = Section { entry, tensors };
        let detector = Gaussian { features, scoring: settings.scoring()?, laws, dim, section };
        Ok(Box::new(FittedGaussian { detector, folds }))
    }
}

/// Distributions, and the same without each fold of the images.
pub(super) struct FittedGaussian {
    pub(super) detector: Gaussian,
    pub(super) folds: Vec<Vec<Option<Arc<Law>>>>,
}

impl Fit for FittedGaussian {
    fn detector(&self) -> &dyn Detector {
        &self.detector
    }

    /// By distributions that were fitted without the image's fold: a fifth of the groups (cross-fitting).
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let laws = &self.folds[training.group(index) % self.folds.len()];
        let Gaussian { scoring, dim, .. } = &self.detector;
        let compared = Compared { laws, dim: *dim, image_score: scoring.image_score };
        compared.score(patches, admission, views)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        Box::new(self.detector)
    }
}
