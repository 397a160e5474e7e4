//! False alarms over random splits.

use pcore::bundle::Contents;
use pcore::condition::ConditionRule;
use pcore::dataset::{self, Sample};
use pcore::detect::Options;
use pcore::image::{Preprocessing, Resize};
use pcore::infer::{Calibration, Cut, Inspector, inspect_all};
use pcore::live::{CalibratePlan, UpdatePlan, calibrate, update};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::synth::hdmap::{Domain, HdmapPlan, write_tree};
use pcore::train::{GroupRule, Holdout, PartPlan, fit};
use pcore::{DetectError, FitPlan, Pace};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use tempfile::TempDir;

const ALPHAS: [f64; 3] = [0.01, 0.05, 0.1];
/// Images that the detector of `calibrate` and `update` is fitted to first.
const BEFORE: usize = 100;

/// How thresholds are had.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Fit,
    Cross,
    Calibrate,
    Update,
}

pub(crate) fn run(
    splits: u64,
    (side, n_test): (usize, usize),
    detectors: &[String],
    modes: &[String],
) -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let plan = HdmapPlan { n_train: 2400, n_test_good: 2, n_test_fault: 2, ..HdmapPlan::new(Domain::C, 11) };
    write_tree(&plan, folder.path(), &mut |_, _| {})?;
    let normals = dataset::normals(folder.path(), Some("C"))?.samples;
    println!("{} simulated maps of domain C, {side} px, {splits} splits, {n_test} test maps each", normals.len());
    println!(
        "| detector | threshold from | images | 1 %: mean, splits outside | 5 % | 10 % |\n|---|---|---|---|---|---|"
    );
    for detector in detectors {
        for (mode, n) in [
            (Mode::Fit, 200),
            (Mode::Cross, 200),
            (Mode::Calibrate, 200),
            (Mode::Update, 200),
            (Mode::Fit, 16),
            (Mode::Cross, 16),
            (Mode::Calibrate, 16),
            (Mode::Update, 16),
            (Mode::Fit, 8),
            (Mode::Calibrate, 8),
            (Mode::Update, 8),
        ] {
            let name = format!("{mode:?}").to_lowercase();
            if !modes.is_empty() && !modes.contains(&name) {
                continue;
            }
            let mut rates: Vec<Vec<Option<f64>>> = vec![];
            for seed in 0..splits {
                let mut order = normals.clone();
                order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
                let (first, rest) = order.split_at(BEFORE);
                let (own, test) = rest.split_at(n);
                let contents = made(mode, detector, side, first, own)?;
                rates.push(alarms(&contents, &test[..n_test.min(test.len())])?);
            }
            println!("{}", row((detector, mode, n), &rates, n_test));
        }
    }
    Ok(())
}

fn plan(detector: &str, side: usize, holdout: Holdout) -> Result<FitPlan, DetectError> {
    let mut part = PartPlan::new(detector, &Options::default())?;
    part.pipeline.preprocessing = Preprocessing::imagenet(side, side, Resize::StretchBilinear);
    let conditions = ConditionRule::None;
    Ok(FitPlan { holdout, conditions, group: GroupRule::Single, ..FitPlan::with(part) })
}

fn made(mode: Mode, detector: &str, side: usize, first: &[Sample], own: &[Sample]) -> Result<Contents, Box<dyn Error>> {
    let device = OpenDevice::cpu();
    let fitted = |samples: &[Sample], holdout| -> Result<Contents, Box<dyn Error>> {
        Ok(fit(samples, &plan(detector, side, holdout)?, &device, &Silent)?.contents)
    };
    match mode {
        Mode::Fit => fitted(own, Holdout::LeaveOneOut),
        Mode::Cross => fitted(own, Holdout::Folds(5)),
        Mode::Calibrate => {
            let plan = CalibratePlan { group: GroupRule::Single, at: None, ..CalibratePlan::default() };
            Ok(calibrate(fitted(first, Holdout::LeaveOneOut)?, own, &plan, &device, &Silent)?.contents)
        }
        Mode::Update => {
            let plan = UpdatePlan { group: GroupRule::Single, at: None, ..UpdatePlan::default() };
            Ok(update(fitted(first, Holdout::LeaveOneOut)?, own, &plan, &device, &Silent)?.contents)
        }
    }
}

/// The share of alarms at each rate; `None` out of reach.
fn alarms(contents: &Contents, test: &[Sample]) -> Result<Vec<Option<f64>>, Box<dyn Error>> {
    let inspector = Inspector::open(contents.clone(), &OpenDevice::cpu())?;
    let mut raw = vec![];
    inspect_all(&inspector, test, None, Calibration::Condition, &Pace::default(), &Silent, |item| {
        raw.extend(item.outcome.ok().map(|(_, inspection)| inspection.raw_score));
        Ok::<_, DetectError>(())
    })?;
    let mut rates = vec![];
    for alpha in ALPHAS {
        let mut cut = Inspector::open(contents.clone(), &OpenDevice::cpu())?;
        if cut.set_cut(&Cut { alpha: vec![(None, alpha)], ..Cut::default() }).is_err() {
            rates.push(None);
            continue;
        }
        let threshold = cut.global().threshold.unwrap_or(f32::INFINITY);
        let n = raw.iter().filter(|score| Verdict::of(**score, threshold) == Verdict::Anomalous).count();
        rates.push(Some(n as f64 / raw.len() as f64));
    }
    Ok(rates)
}

/// Mean over the splits, and how many lie above what chance allows of the rate asked for: the 95 % bound of the beta-binomial
/// distribution that split-conformal calibration gives, by its normal approximation.
fn row((detector, mode, n): (&str, Mode, usize), rates: &[Vec<Option<f64>>], n_test: usize) -> String {
    let cell = |at: usize| {
        let found: Vec<f64> = rates.iter().filter_map(|rates| rates[at]).collect();
        if found.is_empty() {
            return "out of reach".to_owned();
        }
        let alpha = ALPHAS[at];
        // Of the threshold (beta) and of the test (binomial).
        let variance = alpha * (1.0 - alpha) * (1.0 / (n as f64 + 2.0) + 1.0 / n_test as f64);
        let bound = alpha + 1.645 * variance.sqrt();
        let outside = found.iter().filter(|rate| **rate > bound).count();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        format!("{:.2} %, {outside} of {}", mean * 100.0, found.len())
    };
    format!("| {detector} | {mode:?} | {n} | {} | {} | {} |", cell(0), cell(1), cell(2))
}
