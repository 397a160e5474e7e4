//! The facts of a run, for `run.json` and the report.

use super::LeftOut;
use crate::bundle::{FeaturesEntry, Manifest};
use crate::dataset::{Listing, path_text};
use crate::detect::Registry;
use crate::infer::Inspector;
use crate::kernel::simd::Level;
use crate::model::OpenDevice;
use serde::Serialize;
use std::path::Path;
use std::time::SystemTime;

/// The bundle of a run, opened.
#[derive(Clone, Copy)]
pub struct Used<'a> {
    /// The detector.
    pub inspector: &'a Inspector,
    /// What computes.
    pub device: &'a OpenDevice,
    /// The bundle's file.
    pub path: &'a Path,
    /// Why this one.
    pub chosen_by: &'a str,
}

/// What one needs to know to repeat a run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunInfo {
    /// Version of the program.
    pub pcore_version: &'static str,
    /// What was done: `infer`, `eval`.
    pub command: &'static str,
    /// When it began, in UTC.
    pub began: String,
    /// The bundle's file.
    pub bundle: String,
    /// Why this bundle.
    pub bundle_chosen_by: String,
    /// Its network.
    pub backbone: String,
    /// The layers that describe images.
    pub layers: Vec<String>,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// SHA-256 over the training images.
    pub data_fingerprint: String,
    /// Seed of the fit.
    pub seed: u64,
    /// What computed.
    pub device: String,
    /// Whether that device helped to search the bank; the answers are the same either way.
    pub searched_on_device: bool,
    /// The numbers that the network computed with here.
    pub precision: String,
    /// Those of the fit.
    pub fitted_precision: String,
    /// The processor's instruction set here.
    pub instruction_set: &'static str,
    /// That of the fit, where it is known.
    pub fitted_instruction_set: Option<String>,
    /// Values of maps above it are in regions, where there is such a limit.
    pub pixel_threshold: Option<f32>,
    /// The kinds of maps that the run wrote: `png`, `tiff`.
    pub maps: Vec<&'static str>,
    /// Whether the run came to its end.
    pub complete: bool,
    /// What ended it before.
    pub stopped_by: Option<String>,
    /// Images with a row.
    pub n_images: usize,
    /// Those of them without a score.
    pub n_failed: usize,
    /// What was found and not used, each with the reason.
    pub left_out: Vec<LeftOut>,
    /// Time of the inspection, without start and report.
    pub seconds: f64,
    /// That time for each image, in milliseconds.
    pub ms_per_image: f64,
}

impl RunInfo {
    /// Of a run of `command` that begins; it is complete only when [`Self::finish`] says so.
    #[must_use]
    pub fn new(command: &'static str, used: Used<'_>, listing: &Listing) -> Self {
        let Used { inspector, device, path, chosen_by } = used;
        let manifest = inspector.manifest();
        let spec = inspector.pipeline().backbone();
        let fitted = manifest.detector.lead().map(|features| &features.backbone);
        Self {
            pcore_version: env!("CARGO_PKG_VERSION"),
            command,
            began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            bundle: path_text(path),
            bundle_chosen_by: chosen_by.to_owned(),
            backbone: spec.name.clone(),
            layers: spec.layers.clone(),
            weights_sha256: spec.weights_sha256.clone(),
            data_fingerprint: manifest.data_fingerprint.clone(),
            seed: manifest.seed,
            device: device.description().to_owned(),
            searched_on_device: inspector.is_searched_on_device(),
            precision: device.precision().to_string(),
            fitted_precision: fitted.map_or_else(String::new, |backbone| backbone.precision.clone()),
            instruction_set: Level::best().name(),
            fitted_instruction_set: fitted.and_then(|backbone| backbone.instruction_set.clone()),
            pixel_threshold: None,
            maps: vec![],
            complete: false,
            stopped_by: None,
            n_images: 0,
            n_failed: 0,
            left_out: LeftOut::of(listing),
            seconds: 0.0,
            ms_per_image: 0.0,
        }
    }

    /// All is done, in `seconds`.
    pub fn finish(&mut self, n_images: usize, n_failed: usize, seconds: f64) {
        self.complete = true;
        self.n_images = n_images;
        self.n_failed = n_failed;
        self.seconds = seconds;
        self.ms_per_image = seconds * 1e3 / n_images.max(1) as f64;
    }

    /// As the report shows them.
    #[must_use]
    pub fn facts(&self, manifest: &Manifest) -> Vec<(String, String)> {
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let input = |features: &FeaturesEntry| {
            let p = &features.preprocessing;
            fact("input", format!("{} x {} pixels, {}", p.height_px, p.width_px, p.resize))
        };
        let detector = &manifest.detector;
        let mut facts = vec![
            fact("pcore", self.pcore_version.to_owned()),
            fact("bundle", self.bundle.clone()),
            fact("chosen by", self.bundle_chosen_by.clone()),
            fact("backbone", format!("{} ({})", self.backbone, self.layers.join(", "))),
            fact("weights", format!("sha256 {}", self.weights_sha256)),
            fact("training data", format!("sha256 {}", self.data_fingerprint)),
        ];
        facts.extend(detector.all_features().into_iter().map(input));
        facts.extend(Registry::built_in().facts(detector, manifest));
        facts.extend([
            fact("seed", self.seed.to_string()),
            fact("device", self.device.clone()),
            fact(
                "precision",
                match self.precision == self.fitted_precision {
                    true => self.precision.clone(),
                    false => format!("{}, of a bundle fitted in {}", self.precision, self.fitted_precision),
                },
            ),
            fact(
                "time",
                format!("{:.1} s for {} images, {:.1} ms each", self.seconds, self.n_images, self.ms_per_image),
            ),
        ]);
        facts
    }
}
