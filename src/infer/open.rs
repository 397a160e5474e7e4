//! An inspector from a bundle's contents.

use super::Inspector;
use super::convert::{alike_of, gate_of, levels};
use crate::bundle::{Contents, FeaturesEntry};
use crate::condition::{Condition, GateUse, Policy};
use crate::detect::{DetectError, FeaturePipeline, Registry, check_weights, open_features};
use crate::model::{OpenDevice, Precision};
use std::sync::Arc;

impl Inspector {
    /// Makes a bundle's contents ready on `device`.
    ///
    /// # Errors
    /// [`DetectError::OtherWeights`] when the backbone's weights are not those of the fit, [`DetectError::UnknownEntry`]
    /// for settings of a newer version, and whatever the backbone or the bank refuse.
    pub fn open(contents: Contents, device: &OpenDevice) -> Result<Self, DetectError> {
        Self::open_with(contents, device, Registry::built_in())
    }

    /// As [`Self::open`], of one of the detectors in `registry`.
    ///
    /// # Errors
    /// As [`Self::open`], and [`DetectError::Defect`] for a detector that is not there.
    pub fn open_with(contents: Contents, device: &OpenDevice, registry: &Registry) -> Result<Self, DetectError> {
        inspector(contents, registry, &mut |entry| open_features(entry, device))
    }
}

/// The inspector of a bundle, with the features that `open` gives.
pub(crate) fn inspector(
    mut contents: Contents,
    registry: &Registry,
    open: &mut dyn FnMut(&FeaturesEntry) -> Result<FeaturePipeline, DetectError>,
) -> Result<Inspector, DetectError> {
    let manifest = &contents.manifest;
    let dim = manifest.detector.lead().map_or(0, |features| features.descriptor.dim);
    let gate = gate_of(&contents)?;
    let (view, levels) = levels(&contents)?;
    let precision = manifest.detector.lead().map_or("f32", |features| &features.backbone.precision);
    let fitted_precision: Precision = DetectError::parse("backbone.precision", precision)?;
    let conditions: Vec<Condition> = manifest.conditions.iter().map(|c| Condition::new(&c.name)).collect();
    let alike = alike_of(&contents);
    let section = contents.take_section();
    let mut checked = |entry: &FeaturesEntry| {
        let features = open(entry)?;
        check_weights(entry, &features)?;
        Ok(features)
    };
    let mut detector = registry.open(section, &contents.manifest, &mut checked)?;
    let roi = contents.manifest.roi.as_ref().map(|entry| Arc::new(entry.roi()));
    detector.features_mut().into_iter().for_each(|features| features.set_roi(roi.clone()));
    let offered = detector.views(&Policy::ALL);
    if let Some(other) = levels.keys().find(|view| !offered.contains(view)) {
        return Err(DetectError::NoView { view: other.to_string() });
    }
    let (gate_use, manifest) = (GateUse::default(), contents.manifest);
    Ok(Inspector {
        detector,
        fitted_precision,
        gate,
        gate_use,
        conditions,
        policy: view.policy,
        levels,
        manifest,
        dim,
        min_region_area_px: 0.0,
        pools: false,
        alike,
    })
}
