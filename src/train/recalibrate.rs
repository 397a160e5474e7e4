//! A new threshold for a bank that stays as it is.

use super::products::check_one_product;
use super::{Failure, TrainError};
use crate::bundle::{CalibrationEntry, Contents};
use crate::condition::Policy;
use crate::dataset::Sample;
use crate::detect::{View, backbone_entry};
use crate::flow::{Origin, Pace, in_batches};
use crate::image::Image;
use crate::infer::{Inspector, convert};
use crate::model::OpenDevice;
use crate::progress::Progress;
use crate::score::{Conformal, Verdict};
use std::collections::BTreeMap;

/// A patch this near to a row of the bank was made of the same image.
const SAME_PATCH: f32 = 1e-6;

/// A bundle with a new threshold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recalibrated {
    /// The bundle.
    pub contents: Contents,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
    /// Images with a patch that is in the bank: the bank was probably built from them, so their scores are too low.
    pub n_in_bank: usize,
    /// Images that the old threshold rejects; `None` where there was no threshold.
    pub n_rejected_before: Option<usize>,
}

/// Scores normal images that the bank was not built from, and sets the split-conformal threshold (see [`Conformal::of`])
/// for a false-alarm rate of `alpha`, 0..1. The bank and everything else stay as they are.
///
/// # Errors
/// [`TrainError::SeveralConditions`] unless the bundle has one condition, [`TrainError::NothingReadable`] or
/// [`TrainError::TooFew`] without images, and whatever network, bank and score refuse.
pub fn recalibrate(
    contents: Contents,
    samples: &[Sample],
    alpha: f64,
    pace: &Pace,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Recalibrated, TrainError> {
    let [condition] = contents.manifest.conditions.as_slice() else {
        return Err(TrainError::SeveralConditions { n_conditions: contents.manifest.conditions.len() });
    };
    let condition = condition.name.clone();
    check_one_product(samples)?;
    // A wrong rate is refused before the work, not after.
    Conformal::of(&[], alpha)?;
    let old = contents.manifest.calibration.global.threshold;
    let inspector = Inspector::open(contents.clone(), device)?;
    let Scored { scores, maxima, failures, n_in_bank } = score(&inspector, samples, pace, progress)?;
    if scores.is_empty() {
        return Err(match failures.into_iter().next() {
            Some(first) => TrainError::NothingReadable { n_images: samples.len(), first: first.reason },
            None => TrainError::TooFew { n_images: 0 },
        });
    }
    let entry = convert::conformal_entry(&Conformal::of(&scores, alpha)?);
    let mut contents = contents;
    contents.manifest.calibration = CalibrationEntry {
        method: "split-conformal".to_owned(),
        alpha,
        views: vec![View::plain(Policy::Mixed).to_string()],
        groups: None,
        global: entry.clone(),
        per_condition: BTreeMap::from([(condition, entry)]),
    };
    // The numbers it computes with from now on are those of this machine.
    let opened = inspector.detector().all_features();
    for (entry, features) in contents.manifest.detector.all_features_mut().into_iter().zip(opened) {
        entry.backbone = backbone_entry(features.backbone());
    }
    contents.manifest.pixel_threshold = Conformal::of(&maxima, alpha)?.threshold;
    contents.score_condition = vec![0; scores.len()];
    let n_rejected_before =
        old.map(|old| scores.iter().filter(|s| Verdict::of(**s, old) == Verdict::Anomalous).count());
    contents.scores = scores;
    contents.check()?;
    Ok(Recalibrated { contents, failures, n_in_bank, n_rejected_before })
}

/// What the images scored.
struct Scored {
    scores: Vec<f32>,
    /// The largest value of each map.
    maxima: Vec<f32>,
    failures: Vec<Failure>,
    n_in_bank: usize,
}

fn score(
    inspector: &Inspector,
    samples: &[Sample],
    pace: &Pace,
    progress: &dyn Progress,
) -> Result<Scored, TrainError> {
    let mut found = Scored { scores: vec![], maxima: vec![], failures: vec![], n_in_bank: 0 };
    let files: Vec<Origin<'_>> = samples.iter().map(Origin::of).collect();
    let flow = inspector.flow(pace)?;
    progress.begin("calibrating", samples.len());
    in_batches(&files, &flow, |range, decoded| {
        let n = range.len();
        let mut images: Vec<&Image> = vec![];
        for (sample, decoded) in samples[range].iter().zip(&decoded) {
            match &decoded.image {
                Ok(image) => images.push(image),
                Err(error) => found.failures.push(Failure { name: sample.name.clone(), reason: error.to_string() }),
            }
        }
        if !images.is_empty() {
            for scored in inspector.score(&images, &[])? {
                found.n_in_bank += usize::from(scored.looked_at().any(|d| d < SAME_PATCH));
                found.scores.push(scored.raw_score());
                found.maxima.push(scored.map.max());
            }
        }
        progress.advance(n);
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    Ok(found)
}
