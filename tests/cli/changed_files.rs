//! A training image that is replaced between two looks at it.

use crate::support::Fixture;
use pcore::dataset;
use pcore::detect::Options;
use pcore::model::OpenDevice;
use pcore::progress::Progress;
use pcore::train::{FitPlan, Holdout, PartPlan, fit};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Replaces a file when a stage begins, as another program might.
struct Replacing {
    stage: &'static str,
    path: PathBuf,
    with: PathBuf,
}

impl Progress for Replacing {
    fn begin(&self, stage: &str, _total: usize) {
        if stage == self.stage {
            fs::copy(&self.with, &self.path).unwrap();
        }
    }
    fn advance(&self, _n: usize) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}
}

#[test]
fn an_image_replaced_while_it_is_being_fitted_is_an_error_that_names_it() {
    let fixture = Fixture::get();
    let train = fixture.path().join("domain_C/train/good");
    let cases = [
        ("patchcore", "never", Holdout::LeaveOneOut, false),
        ("patchcore", "describing", Holdout::LeaveOneOut, true),
        ("patchcore", "calibrating", Holdout::Share(0.9), true),
        // Leave-one-out scores what was described: it reads no file again.
        ("patchcore", "calibrating", Holdout::LeaveOneOut, false),
        ("discriminative", "pasting faults", Holdout::LeaveOneOut, true),
        ("discriminative", "training", Holdout::LeaveOneOut, false),
    ];
    for (kind, stage, holdout, is_noticed) in cases {
        let folder = TempDir::new().unwrap();
        for index in 0..10 {
            fs::copy(train.join(format!("{index:06}.tiff")), folder.path().join(format!("{index}.tiff"))).unwrap();
        }
        let samples = dataset::normals(folder.path(), None).unwrap().samples;
        // All but one of the images are held out where a share is; so one of two is among them.
        let mut outcomes = vec![];
        for index in [3, 4] {
            let path = folder.path().join(format!("{index}.tiff"));
            let before = fs::read(&path).unwrap();
            let progress = Replacing { stage, path: path.clone(), with: train.join("000020.tiff") };
            let mut options = Options::default();
            options.training.steps = Some(8);
            let plan = FitPlan { holdout, ..FitPlan::with(PartPlan::new(kind, &options).unwrap()) };
            let found = fit(&samples, &plan, &OpenDevice::cpu(), &progress);
            outcomes.push(found.map(drop).map_err(|error| error.to_string()));
            if let Err(message) = &outcomes[outcomes.len() - 1] {
                let name = format!("{index}.tiff was changed while it was being fitted");
                assert!(message.contains(&name), "{stage}: {message}");
            }
            fs::write(&path, before).unwrap();
        }
        assert_eq!(outcomes.iter().any(Result::is_err), is_noticed, "{stage} {holdout:?}: {outcomes:?}");
    }
}
