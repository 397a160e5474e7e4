//! New thresholds for a detector that stays as it is.

use super::lineage::{Step, record};
use super::normals::{NormalScore, NormalScores, Told};
use super::{LiveError, On, entries};
use crate::bundle::{Contents, GroupsEntry, UNKNOWN};
use crate::dataset::Sample;
use crate::detect::backbone_entry;
use crate::flow::Pace;
use crate::infer::Inspector;
use crate::progress::Progress;
use crate::score::{Conformal, Verdict};
use crate::train::{Failure, GroupRule, grouped};
use std::time::SystemTime;

/// What the thresholds are drawn from.
#[derive(Clone, Debug)]
pub struct CalibratePlan {
    /// False alarms wanted among normal images, 0..1; `None` for the rate of the bundle.
    pub alpha: Option<f64>,
    /// What tells the condition of an image.
    pub told: Told,
    /// What tells which images belong together: they count as one.
    pub group: GroupRule,
    /// How many images at a time, in how much memory.
    pub pace: Pace,
    /// When it is done, for the lineage; `None` for a bundle that does not say: the same images then give the same bytes.
    pub at: Option<SystemTime>,
}

impl Default for CalibratePlan {
    /// The bundle's rate, its gate, near-copies grouped, now.
    fn default() -> Self {
        Self {
            alpha: None,
            told: Told::ByGate,
            group: GroupRule::Auto,
            pace: Pace::default(),
            at: Some(SystemTime::now()),
        }
    }
}

/// A bundle with new thresholds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Calibrated {
    /// The bundle.
    pub contents: Contents,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
    /// Images that were scored.
    pub n_images: usize,
    /// Images, or groups of them, that the thresholds come from.
    pub n_scores: usize,
    /// Images whose condition nothing tells: they say nothing of any threshold.
    pub n_untold: usize,
    /// Images with a patch that is in the bank: the bank was probably built from them, so their scores are too low.
    pub n_in_bank: usize,
    /// Images that the old thresholds reject; `None` where there were none.
    pub n_rejected_before: Option<usize>,
}

/// Scores normal images that the detector has not seen, and sets the split-conformal thresholds ([`Conformal::of`]) of the
/// conditions that they are of. Held-out scores of the other conditions stay; of these they are replaced. The detector stays
/// as it is.
///
/// # Errors
/// [`LiveError::NothingReadable`], [`LiveError::Untold`], a rate that is none, and whatever network and bank refuse.
pub fn calibrate<'a>(
    contents: Contents,
    samples: &[Sample],
    plan: &CalibratePlan,
    on: impl Into<On<'a>>,
    progress: &dyn Progress,
) -> Result<Calibrated, LiveError> {
    let alpha = plan.alpha.unwrap_or(contents.manifest.calibration.alpha);
    let on = on.into();
    // A wrong rate is refused before the work, not after.
    Conformal::of(&[], alpha)?;
    let inspector = on.open(contents.clone())?;
    let names = plan.told.names(samples)?;
    entries::check_known(&contents.manifest, &names)?;
    let found = NormalScores::of(&inspector, (samples, &names), &plan.pace, ("calibrating", progress))?;
    if found.scores.is_empty() {
        let first = found.failures.first().map_or_else(|| "there are none".to_owned(), |f| f.reason.clone());
        return Err(LiveError::NothingReadable { n_images: samples.len(), first });
    }
    let n_rejected_before = rejected(&inspector, &found.scores);
    let images_sha256 = found.fingerprint(samples);
    let NormalScores { scores, failures, n_in_bank } = found;
    let n_images = scores.len();
    let told: Vec<NormalScore> = scores.into_iter().filter(|score| score.condition.is_some()).collect();
    let n_untold = n_images - told.len();
    if told.is_empty() {
        return Err(LiveError::Untold { n_images });
    }
    let (held, groups) = one_per_group(told, samples, &plan.group)?;
    let n_scores = held.len();
    let mut changed = contents;
    let before = changed.manifest.clone();
    replace_scores(&mut changed, &held, alpha)?;
    changed.manifest.calibration.groups = groups;
    "split-conformal".clone_into(&mut changed.manifest.calibration.method);
    // The numbers it computes with from now on are those of this machine.
    let opened = inspector.detector().all_features();
    for (entry, features) in changed.manifest.detector.all_features_mut().into_iter().zip(opened) {
        entry.backbone = backbone_entry(features.backbone());
    }
    let step = Step { verb: "calibrate", n_added: n_images, images_sha256: Some(images_sha256), ..Step::default() };
    record(&mut changed.manifest, &before, step, plan.at);
    changed.check_with(on.registry)?;
    Ok(Calibrated { contents: changed, failures, n_images, n_scores, n_untold, n_in_bank, n_rejected_before })
}

/// How many the thresholds in force reject.
fn rejected(inspector: &Inspector, scores: &[NormalScore]) -> Option<usize> {
    let is_rejected = |score: &NormalScore| {
        let judged = inspector.judge(inspector.policy(), Default::default(), score.condition, score.raw_scores[0]);
        judged.map(|judged| judged.verdict == Verdict::Anomalous)
    };
    scores.iter().map(|score| is_rejected(score).map(usize::from)).sum::<Result<usize, _>>().ok()
}

/// One score for each group: the largest of its images', under each view for itself.
fn one_per_group(
    scores: Vec<NormalScore>,
    samples: &[Sample],
    rule: &GroupRule,
) -> Result<(Vec<NormalScore>, Option<GroupsEntry>), LiveError> {
    let of: Vec<&Sample> = scores.iter().map(|score| &samples[score.image]).collect();
    let digests: Vec<[u8; 32]> = scores.iter().map(|score| score.digest).collect();
    let thumbnails: Vec<_> = scores.iter().map(|score| score.thumbnail.clone()).collect();
    let Some((group_of, rule)) = grouped(rule, &of, &digests, &thumbnails)? else { return Ok((scores, None)) };
    let n_images = scores.len();
    let mut groups: Vec<Option<NormalScore>> = vec![];
    for (score, group) in scores.into_iter().zip(group_of) {
        if groups.len() <= group {
            groups.resize_with(group + 1, || None);
        }
        groups[group] = Some(match groups[group].take() {
            None => score,
            Some(most) => larger(most, &score),
        });
    }
    let held: Vec<NormalScore> = groups.into_iter().flatten().collect();
    let entry = GroupsEntry { rule, n_groups: held.len(), n_images };
    Ok((held, Some(entry)))
}

fn larger(mut most: NormalScore, other: &NormalScore) -> NormalScore {
    if other.raw_scores[0] > most.raw_scores[0] {
        (most.image, most.condition) = (other.image, other.condition);
    }
    most.raw_scores.iter_mut().zip(&other.raw_scores).for_each(|(value, other)| *value = value.max(*other));
    most.map_maximum = most.map_maximum.max(other.map_maximum);
    most
}

/// The scores of the conditions seen give way to these.
fn replace_scores(contents: &mut Contents, held: &[NormalScore], alpha: f64) -> Result<(), LiveError> {
    let is_seen = |condition: u32| held.iter().any(|score| score.condition == Some(condition as usize));
    let kept: Vec<usize> =
        (0..contents.score_condition.len()).filter(|at| !is_seen(contents.score_condition[*at])).collect();
    let own = Conformal::of(&held.iter().map(|score| score.map_maximum).collect::<Vec<_>>(), alpha)?.threshold;
    let pixel_threshold = match (contents.manifest.pixel_threshold, own) {
        (Some(old), Some(new)) if !kept.is_empty() => Some(old.max(new)),
        (old, new) => new.or(old),
    };
    entries::keep_scores(contents, &kept);
    let scores: Vec<(&[f32], u32, u32)> =
        held.iter().map(|score| (&*score.raw_scores, score.condition.unwrap_or(0) as u32, UNKNOWN)).collect();
    entries::add_scores(contents, &scores, false);
    contents.manifest.pixel_threshold = pixel_threshold;
    contents.manifest.calibration.alpha = alpha;
    entries::set_thresholds(contents, alpha)
}
