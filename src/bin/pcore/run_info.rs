//! The facts of a run, for `run.json` and the report.

use crate::commands::left_out::{LeftOut, left_out};
use crate::commands::open::Opened;
use pcore::bundle::{FeaturesEntry, Manifest};
use pcore::dataset::{Listing, path_text};
use pcore::detect::Registry;
use pcore::kernel::simd::Level;
use serde::Serialize;

/// What one needs to know to repeat a run.
#[derive(Serialize)]
pub(crate) struct RunInfo {
    pub(crate) pcore_version: &'static str,
    pub(crate) command: &'static str,
    pub(crate) bundle: String,
    /// Why this bundle.
    pub(crate) bundle_chosen_by: String,
    pub(crate) backbone: String,
    pub(crate) layers: Vec<String>,
    pub(crate) weights_sha256: String,
    pub(crate) data_fingerprint: String,
    pub(crate) seed: u64,
    pub(crate) device: String,
    /// Whether that device helped to search the bank; the answers are the same either way.
    pub(crate) searched_on_device: bool,
    /// The numbers the network computed with here, and in the fit.
    pub(crate) precision: String,
    pub(crate) fitted_precision: String,
    /// The processor's instruction set here, and in the fit where that is known.
    pub(crate) instruction_set: &'static str,
    pub(crate) fitted_instruction_set: Option<String>,
    /// Whether the run came to its end; what it was stopped by where it did not.
    pub(crate) complete: bool,
    pub(crate) stopped_by: Option<String>,
    pub(crate) n_images: usize,
    pub(crate) n_failed: usize,
    /// What was found and not used, each with the reason.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) seconds: f64,
    pub(crate) ms_per_image: f64,
}

impl RunInfo {
    pub(crate) fn new(command: &'static str, opened: &Opened, listing: &Listing) -> Self {
        let Opened { inspector, device, path, how } = opened;
        let manifest = inspector.manifest();
        let spec = inspector.pipeline().backbone();
        let fitted = manifest.detector.lead().map(|features| &features.backbone);
        Self {
            pcore_version: env!("CARGO_PKG_VERSION"),
            command,
            bundle: path_text(path),
            bundle_chosen_by: how.clone(),
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
            complete: false,
            stopped_by: None,
            n_images: 0,
            n_failed: 0,
            left_out: left_out(listing),
            seconds: 0.0,
            ms_per_image: 0.0,
        }
    }

    pub(crate) fn finish(&mut self, n_images: usize, n_failed: usize, seconds: f64) {
        self.complete = true;
        self.n_images = n_images;
        self.n_failed = n_failed;
        self.seconds = seconds;
        self.ms_per_image = seconds * 1e3 / n_images.max(1) as f64;
    }

    /// As the report shows them.
    pub(crate) fn facts(&self, manifest: &Manifest) -> Vec<(String, String)> {
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
