//! What further images score, under every view of a detector.

use super::LiveError;
use crate::condition::{ConditionRule, condition_of};
use crate::dataset::Sample;
use crate::detect::{DetectError, Scored, go_on};
use crate::flow::{Origin, Pace, in_batches};
use crate::image::Image;
use crate::infer::Inspector;
use crate::progress::Progress;
use crate::train::near_copies::Thumbnail;
use crate::train::{Failure, digest, fingerprint_of};

/// A patch this near to a row of the bank was made of the same image.
const SAME_PATCH: f32 = 1e-6;

/// What tells the condition of images that come after a fit.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Told {
    /// The bundle's gate.
    #[default]
    ByGate,
    /// All of them are in this one.
    Named(String),
    /// A rule that names each: folders, the order, or a table.
    By(ConditionRule),
}

impl Told {
    /// The condition of each, where it is told from outside.
    pub(super) fn names(&self, samples: &[Sample]) -> Result<Vec<Option<String>>, LiveError> {
        let samples: Vec<&Sample> = samples.iter().collect();
        Ok(match self {
            Self::ByGate | Self::By(ConditionRule::None | ConditionRule::P90 { .. }) => vec![None; samples.len()],
            Self::Named(name) => vec![Some(name.clone()); samples.len()],
            Self::By(rule) => condition_of(rule, &samples, None)?,
        })
    }
}

/// An image that was scored.
pub(super) struct NormalScore {
    /// Its number among the images that were given.
    pub(super) image: usize,
    /// Under each view of the bundle.
    pub(super) raw_scores: Vec<f32>,
    /// The largest value of its map under the first view.
    pub(super) map_maximum: f32,
    /// `None` where nothing tells it.
    pub(super) condition: Option<usize>,
    pub(super) digest: [u8; 32],
    pub(super) thumbnail: Option<Thumbnail>,
}

/// All that could be scored.
pub(super) struct NormalScores {
    pub(super) scores: Vec<NormalScore>,
    pub(super) failures: Vec<Failure>,
    /// Images with a patch that is in the bank.
    pub(super) n_in_bank: usize,
}

impl NormalScores {
    /// Scores images; `conditions[i]` names the condition of image `i` where it is known.
    pub(super) fn of(
        inspector: &Inspector,
        (samples, conditions): (&[Sample], &[Option<String>]),
        pace: &Pace,
        (stage, progress): (&str, &dyn Progress),
    ) -> Result<Self, LiveError> {
        let mut found = Self { scores: vec![], failures: vec![], n_in_bank: 0 };
        let files: Vec<Origin<'_>> = samples.iter().map(Origin::of).collect();
        let flow = inspector.flow(pace)?;
        progress.begin(stage, samples.len());
        in_batches(&files, &flow, |range, decoded| {
            go_on(progress)?;
            let mut images: Vec<(usize, &Image)> = vec![];
            for (index, decoded) in range.clone().zip(&decoded) {
                match &decoded.image {
                    Ok(image) => images.push((index, image)),
                    Err(error) => found.fail(&samples[index], error),
                }
            }
            for (index, scored) in score(inspector, &images, conditions)? {
                match scored {
                    Ok(scored) => {
                        let image = images.iter().find(|(own, _)| *own == index).map(|(_, image)| *image);
                        found.add(index, scored, image);
                    }
                    Err(error) => found.fail(&samples[index], &error),
                }
            }
            progress.advance(range.len());
            Ok::<_, LiveError>(())
        })?;
        progress.end();
        Ok(found)
    }

    fn fail(&mut self, sample: &Sample, reason: &dyn std::fmt::Display) {
        self.failures.push(Failure { name: sample.name.clone(), reason: reason.to_string() });
    }

    fn add(&mut self, index: usize, scored: Scored, image: Option<&Image>) {
        let Some(image) = image else { return };
        self.n_in_bank += usize::from(scored.looked_at().any(|d| d < SAME_PATCH));
        self.scores.push(NormalScore {
            image: index,
            map_maximum: scored.map.max(),
            condition: scored.admission.condition,
            raw_scores: scored.raw_scores,
            digest: digest(image),
            thumbnail: Thumbnail::of(image),
        });
    }

    /// SHA-256 over names and pixels.
    pub(super) fn fingerprint(&self, samples: &[Sample]) -> String {
        fingerprint_of(self.scores.iter().map(|score| (&*samples[score.image].name, &score.digest)))
    }
}

/// What an image scored, or why it can't be scored: a matter of that image alone.
type Outcome = (usize, Result<Scored, DetectError>);

fn score(
    inspector: &Inspector,
    images: &[(usize, &Image)],
    conditions: &[Option<String>],
) -> Result<Vec<Outcome>, DetectError> {
    if images.is_empty() {
        return Ok(vec![]);
    }
    let pixels: Vec<&Image> = images.iter().map(|(_, image)| *image).collect();
    let given: Vec<Option<&str>> = images.iter().map(|(index, _)| conditions[*index].as_deref()).collect();
    let scored = match inspector.score_views(&pixels, &given) {
        Ok(scored) => scored.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) if !error.is_of_one_image() => return Err(error),
        Err(error) if images.len() == 1 => vec![Err(error)],
        Err(_) => {
            let each = images.iter().map(|image| score(inspector, std::slice::from_ref(image), conditions));
            return Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
    };
    Ok(images.iter().map(|(index, _)| *index).zip(scored).collect())
}
