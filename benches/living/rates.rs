//! False alarms over random splits.

use pcore::bundle::Contents;
use pcore::condition::ConditionRule;
use pcore::dataset::{self, Sample};
use pcore::detect::Options;
use pcore::image::{self, Preprocessing, Resize, write_tiff_f32};
use pcore::infer::{Calibration, Cut, Inspector, inspect_all};
use pcore::live::{CalibratePlan, UpdatePlan, calibrate, update};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::synth::hdmap::{Domain, HdmapPlan, write_tree};
use pcore::train::{GroupRule, Holdout, PartPlan, fit};
use pcore::{DetectError, FitPlan, Limits, Pace};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::path::Path;
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
    (detectors, modes): (&[String], &[String]),
    (sizes, bursts): (&[usize], usize),
) -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let plan = HdmapPlan { n_train: 2400, n_test_good: 2, n_test_fault: 2, ..HdmapPlan::new(Domain::C, 11) };
    write_tree(&plan, folder.path(), &mut |_, _| {})?;
    let normals = dataset::normals(folder.path(), Some("C"))?.samples;
    println!("{} simulated maps of domain C, {side} px, {splits} splits, {n_test} test maps each", normals.len());
    if bursts > 1 {
        println!("every map behind a threshold in a burst of {bursts}, each burst a group");
    }
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
            let is_asked = modes.is_empty() || modes.contains(&name);
            if !is_asked || !(sizes.is_empty() || sizes.contains(&n)) {
                continue;
            }
            let mut rates: Vec<Vec<Option<f64>>> = vec![];
            for seed in 0..splits {
                let mut order = normals.clone();
                order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
                let (first, rest) = order.split_at(BEFORE);
                let (own, test) = rest.split_at(n);
                let copies = TempDir::new()?;
                let (own, group) = match bursts {
                    0 | 1 => (own.to_vec(), GroupRule::Single),
                    _ => (in_bursts(&own[..n / bursts], bursts, copies.path())?, "name:{}_#".parse()?),
                };
                let contents = made(mode, (detector, side), first, (&own, group))?;
                rates.push(alarms(&contents, &test[..n_test.min(test.len())])?);
            }
            println!("{}", row((detector, mode, n / bursts.max(1)), &rates, n_test));
        }
    }
    Ok(())
}

/// Each map `n` times, with a noise of a hundredth of its deviation, by names that tell which belong together.
fn in_bursts(samples: &[Sample], n: usize, folder: &Path) -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut copies = vec![];
    for (number, sample) in samples.iter().enumerate() {
        let image = image::read(&sample.path, &Limits::default())?;
        let (height, width) = (image.height_px(), image.width_px());
        let values: Vec<f32> = image.pixels().iter().copied().step_by(image.n_channels()).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
        for copy in 0..n {
            let name = format!("{number:04}_{copy}.tiff");
            let path = folder.join(&name);
            let noisy: Vec<f32> =
                values.iter().map(|value| value + deviation * (random.random::<f32>() - 0.5) * 0.034).collect();
            write_tiff_f32(&path, &noisy, height, width)?;
            copies.push(Sample { path, name, ..sample.clone() });
        }
    }
    Ok(copies)
}

fn plan(detector: &str, side: usize, holdout: Holdout, group: &GroupRule) -> Result<FitPlan, DetectError> {
    let mut part = PartPlan::new(detector, &Options::default())?;
    part.pipeline.preprocessing = Preprocessing::imagenet(side, side, Resize::StretchBilinear);
    let conditions = ConditionRule::None;
    Ok(FitPlan { holdout, conditions, group: group.clone(), ..FitPlan::with(part) })
}

fn made(
    mode: Mode,
    (detector, side): (&str, usize),
    first: &[Sample],
    (own, group): (&[Sample], GroupRule),
) -> Result<Contents, Box<dyn Error>> {
    let device = OpenDevice::cpu();
    let fitted = |samples: &[Sample], holdout, group: &GroupRule| -> Result<Contents, Box<dyn Error>> {
        Ok(fit(samples, &plan(detector, side, holdout, group)?, &device, &Silent)?.contents)
    };
    let base = || fitted(first, Holdout::LeaveOneOut, &GroupRule::Single);
    match mode {
        Mode::Fit => fitted(own, Holdout::LeaveOneOut, &group),
        Mode::Cross => fitted(own, Holdout::Folds(5), &group),
        Mode::Calibrate => {
            let plan = CalibratePlan { group, at: None, ..CalibratePlan::default() };
            Ok(calibrate(base()?, own, &plan, &device, &Silent)?.contents)
        }
        Mode::Update => {
            let plan = UpdatePlan { group, at: None, ..UpdatePlan::default() };
            Ok(update(base()?, own, &plan, &device, &Silent)?.contents)
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
