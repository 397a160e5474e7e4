//! A detector of one's own, beside pcore's: how far each patch is from the mean of all normal patches. It is registered, fitted
//! to images in memory, kept in a bundle, opened from it and used; conditions, calibration and verdicts are pcore's.
//!
//! ```sh
//! cargo run --release --example custom_detector
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use pcore::bank::RowSource;
use pcore::bundle::{self, Section, SectionEntry, TensorSpec, Tensors};
use pcore::condition::{Admission, Policy};
use pcore::detect::{
    DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Kind, Method, Patches, Preset, Scoring, Training,
    View,
};
use pcore::{FitPlan, Image, Inspector, OpenDevice, Options, PartPlan, Progress, Registry, Silent};
use std::error::Error;
use std::sync::Arc;

/// Its line in the registry.
const KIND: Kind = Kind {
    name: "mean",
    summary: "distance to the mean patch",
    method: Some(|_: &Options| Ok(Arc::new(MeanMethod))),
    tensors: |entry, _| {
        let dim = entry.features.as_ref().map_or(0, |features| features.descriptor.dim);
        Ok(vec![TensorSpec::numbers("mean", &[dim])])
    },
    check: |_, _, _| Ok(()),
    facts: |_, _| vec![],
    preset: |_| Preset::SINGLE,
    growth: None,
    living: None,
    open: |section, _, opening| Ok(Box::new(Mean { features: opening.features(&section.entry)?, section })),
};

/// How it is fitted; settings would be its fields.
#[derive(Debug)]
struct MeanMethod;

impl Method for MeanMethod {
    fn kind(&self) -> &str {
        KIND.name
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        16 * size.dim as u64
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        _: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let entry = features.entry(training.described.grid(), training.described.dim());
        let entry = SectionEntry::new(KIND.name, Some(entry), &serde_json::json!({}))?;
        let tensors = Tensors::default().with_numbers("mean", mean(training, None)?.unwrap_or_default());
        Ok(Box::new(Mean { features, section: Section { entry, tensors } }))
    }
}

/// The mean of all patches but those of one group; `None` where there is no other.
fn mean(training: &Training<'_>, left_out: Option<usize>) -> Result<Option<Vec<f32>>, DetectError> {
    let mut sums = vec![0.0f64; training.described.dim()];
    let mut n = 0usize;
    for index in (0..training.images.len()).filter(|index| Some(training.group(*index)) != left_out) {
        for patch in training.described.image(index)?.chunks_exact(sums.len()) {
            sums.iter_mut().zip(patch).for_each(|(sum, value)| *sum += f64::from(*value));
            n += 1;
        }
    }
    Ok((n > 0).then(|| sums.iter().map(|sum| (sum / n as f64) as f32).collect()))
}

/// Fitted.
struct Mean {
    features: FeaturePipeline,
    section: Section,
}

impl Mean {
    /// There is one mean for all conditions, so that every view says the same.
    fn distances(&self, rows: &[f32], mean: &[f32], views: &[View]) -> Distances {
        let to_mean = |patch: &[f32]| patch.iter().zip(mean).map(|(v, m)| (v - m).powi(2)).sum::<f32>().sqrt();
        let patches: Vec<f32> = rows.chunks_exact(mean.len()).map(to_mean).collect();
        let largest = patches.iter().copied().fold(0.0, f32::max);
        let patches = vec![patches; views.len()];
        Distances { raw_scores: vec![largest; views.len()], in_maps: patches.clone(), patches }
    }
}

impl Detector for Mean {
    fn kind(&self) -> &str {
        KIND.name
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        vec![&mut self.features]
    }

    fn views(&self, policies: &[Policy]) -> Vec<View> {
        policies.iter().copied().map(View::plain).collect()
    }

    fn score_described(&self, patches: Patches<'_>, _: Admission, views: &[View]) -> Result<Distances, DetectError> {
        Ok(self.distances(patches.rows, self.section.tensors.numbers("mean"), views))
    }

    fn scoring(&self) -> Scoring {
        Scoring::default()
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}

impl Fit for Mean {
    fn detector(&self) -> &dyn Detector {
        self
    }

    /// The threshold is drawn from these: what would be said of each normal image, had it never been seen.
    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        _: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        let Some(mean) = mean(training, Some(training.group(index)))? else { return Ok(None) };
        Ok(Some(self.distances(patches.rows, &mean, views)))
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        self
    }
}

/// Stands for a camera: a wavy texture, a little different each time, perhaps with a bright spot.
fn shot(number: usize, has_spot: bool) -> Result<Image, pcore::ImageError> {
    let phase = (number as f32 * 0.7).sin();
    let pixel = |at: usize| {
        let (y, x) = (at / 96, at % 96);
        let is_spot = has_spot && (30..45).contains(&y) && (50..65).contains(&x);
        if is_spot { 1.0 } else { 0.5 + 0.2 * ((y as f32 / 4.0).sin() * (x as f32 / 6.0 + phase).cos()) }
    };
    Image::new((0..96 * 96).map(pixel).collect(), 96, 96, 1)
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::built_in().with(KIND);
    let device = OpenDevice::cpu();
    let images = (0..40).map(|i| Ok((format!("{i}.png"), shot(i, false)?)));
    let images = images.collect::<Result<Vec<_>, pcore::ImageError>>()?;

    let part = PartPlan { method: registry.method(KIND.name, &Options::default())?, ..PartPlan::default() };
    let plan = FitPlan { registry: registry.clone(), parts: vec![part], alpha: 0.05, ..FitPlan::default() };
    let fitted = pcore::fit_images(&images, &plan, &device, &Silent)?;
    let place = std::env::temp_dir().join("custom_detector.pcore");
    bundle::write(&place, &fitted.contents, &registry)?;

    let inspector = Inspector::open_with(bundle::read(&place, &registry)?, &device, &registry)?;
    for (name, image) in [("normal", shot(100, false)?), ("with a spot", shot(101, true)?)] {
        let found = inspector.inspect_one(&image)?;
        println!("{name}: {} (score {:.2}, threshold {:.2})", found.verdict.as_str(), found.raw_score, found.threshold);
    }
    Ok(())
}
