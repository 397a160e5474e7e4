//! The first look at the images of a fit: which can be read, and which condition each is in.

use super::failure::Failure;
use crate::condition::{ConditionRule, Gate, condition_of, find_limit, intensity_statistics, light_statistics};
use crate::dataset::Sample;
use crate::detect::{DetectError, go_on};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::{Image, Levels};
use crate::progress::Progress;
use crate::train::near_copies::Thumbnail;
use crate::train::originals::Originals;
use crate::train::{FitPlan, GroupRule, TrainError};
use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// What the first look at an image leaves: its level and its digest, not its pixels.
pub(super) struct Glance<'a> {
    /// Where its pixels are, for the next look.
    pub(super) origin: Origin<'a>,
    /// Intensity statistics, where conditions are in use.
    pub(super) intensity: Option<[f32; 8]>,
    /// How it is lit.
    pub(super) light: [f32; 6],
    pub(super) digest: [u8; 32],
    /// A small picture, where near-copies are looked for.
    pub(super) thumbnail: Option<Thumbnail>,
    pub(super) levels: Levels,
    /// Whether a mask of its own says what is looked at.
    pub(super) has_roi: bool,
    /// Rows and columns.
    pub(super) size_px: (usize, usize),
}

/// The readable images, what was seen of each, and the others.
pub(super) type Looked<'a> = (Vec<&'a Sample>, Vec<Glance<'a>>, Vec<Failure>, Peaks);

/// Bytes that the images take on their way.
#[derive(Clone, Copy)]
pub(super) struct Peaks {
    mean: u64,
    largest: u64,
    largest_px: u64,
    /// What was counted of them for each image and for each pixel.
    counted: (u64, u64),
}

impl Peaks {
    /// Leaves as much room as these images need to be read again at full speed, and no more.
    pub(super) fn limit(&self, flow: &mut Flow) {
        let (of_image, of_pixel) = self.counted;
        let more = flow.image_bytes.saturating_sub(of_image);
        let more = more.saturating_add(flow.pixel_bytes.saturating_sub(of_pixel).saturating_mul(self.largest_px));
        let needed = self.mean.saturating_add(more).saturating_mul(n_ahead(flow));
        flow.room_bytes = flow.room_bytes.min(needed.max(self.largest.saturating_add(more)));
    }
}

/// Opens every image once: those that can't be read are known before anything is decided, and levels and digests are
/// taken without keeping pixels.
pub(super) fn look<'a>(
    originals: &'a Originals<'a>,
    plan: &FitPlan,
    flow: &Flow,
    progress: &dyn Progress,
) -> Result<Looked<'a>, TrainError> {
    let has_conditions = plan.conditions != ConditionRule::None;
    let (mut readable, mut glances, mut failures) = (vec![], vec![], vec![]);
    let (mut largest, mut sum) = (0, 0);
    let glance = |origin: Origin<'a>, image: &Image| {
        let intensity = has_conditions.then(|| intensity_statistics(&image.luma()));
        let thumbnail = (plan.group == GroupRule::Auto).then(|| Thumbnail::of(image)).flatten();
        let size_px = (image.height_px(), image.width_px());
        let (digest, levels, has_roi) = (digest(image), Levels::of(image), image.roi().is_some());
        let light = light_statistics(image);
        Glance { origin, intensity, light, digest, thumbnail, levels, has_roi, size_px }
    };
    let Originals { samples, origins } = originals;
    progress.begin("reading", samples.len());
    in_batches(origins, &Flow { batch: flow.batch * 4, ..*flow }, |range, decoded| {
        go_on(progress)?;
        let look = |(d, origin): (&Decoded<'_>, &Origin<'a>)| match &d.image {
            Ok(image) => Ok(glance(*origin, image)),
            Err(error) => Err(error.to_string()),
        };
        let looked: Vec<_> = decoded.par_iter().zip(&origins[range.clone()]).map(look).collect();
        for ((sample, decoded), looked) in samples[range.clone()].iter().zip(&decoded).zip(looked) {
            match looked {
                Ok(glance) => {
                    readable.push(sample);
                    glances.push(glance);
                    largest = largest.max(decoded.peak_bytes);
                    sum += decoded.peak_bytes;
                }
                Err(reason) => failures.push(Failure { name: sample.name.clone(), reason }),
            }
        }
        progress.advance(range.len());
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    let largest_px = glances.iter().map(|glance| glance.size_px.0 as u64 * glance.size_px.1 as u64).max().unwrap_or(0);
    let (mean, counted) = (sum / readable.len().max(1) as u64, (flow.image_bytes, flow.pixel_bytes));
    let peaks = Peaks { mean, largest, largest_px, counted };
    for unusual in Levels::unusual(glances.iter().map(|glance| glance.levels)) {
        progress.warn(&format!(
            "{}; give the range that becomes 0 to 1, such as `Preprocessing::range` {}",
            unusual.found, unusual.range
        ));
    }
    match failures.first() {
        Some(first) if readable.is_empty() => {
            Err(TrainError::NothingReadable { n_images: samples.len(), first: first.reason.clone() })
        }
        Some(_) | None if readable.is_empty() => Err(TrainError::TooFew { n_images: 0 }),
        Some(_) | None => Ok((readable, glances, failures, peaks)),
    }
}

/// Images that are decoded or at work at a time.
pub(super) fn n_ahead(flow: &Flow) -> u64 {
    (2 * flow.batch + rayon::current_num_threads()) as u64
}

/// Refuses images that are not those that were looked at: the bundle has to be of the images that its fingerprint names.
/// `images[i]` is that of `seen[i]`.
pub(super) fn check_unchanged(seen: &[(&Sample, &Glance<'_>)], images: &[&Image]) -> Result<(), DetectError> {
    let changed = seen.par_iter().zip(images).find_first(|((_, glance), image)| digest(image) != glance.digest);
    match changed {
        Some(((sample, _), _)) => Err(DetectError::Changed { path: sample.path.clone() }),
        None => Ok(()),
    }
}

/// The SHA-256 of an image's size and pixels, and of what is looked at of it alone.
pub(crate) fn digest(image: &Image) -> [u8; 32] {
    let mut hash = Sha256::new();
    for side in [image.height_px(), image.width_px(), image.n_channels()] {
        hash.update((side as u64).to_le_bytes());
    }
    for pixel in image.pixels() {
        hash.update(pixel.to_le_bytes());
    }
    if let Some(roi) = image.roi() {
        roi.inside.iter().chain(&roi.ignored).for_each(|area| hash.update(format!("{area:?}")));
    }
    hash.finalize().into()
}

pub(super) fn fingerprint(samples: &[&Sample], glances: &[Glance<'_>]) -> String {
    fingerprint_of(samples.iter().zip(glances).map(|(sample, glance)| (&*sample.name, &glance.digest)))
}

/// SHA-256 over the names of images and the digests of their pixels.
pub(crate) fn fingerprint_of<'a>(images: impl Iterator<Item = (&'a str, &'a [u8; 32])>) -> String {
    let mut hash = Sha256::new();
    for (name, digest) in images {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(digest);
    }
    HEXLOWER.encode(&hash.finalize())
}

/// That of images that came to others.
pub(crate) fn joined_fingerprint(before: &str, added: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(added);
    HEXLOWER.encode(&hash.finalize())
}

/// Position of the 90th percentile among the intensity statistics.
const P90: usize = 6;

/// What [`label`] finds.
pub(super) struct Labels {
    /// Names of the conditions, sorted.
    pub(super) conditions: Vec<String>,
    /// Which of them each image has.
    pub(super) of_image: Vec<usize>,
    /// The gate by level, where the level made the conditions.
    pub(super) level: Option<Gate>,
}

/// The condition of each image.
pub(super) fn label(samples: &[&Sample], glances: &[Glance<'_>], rule: &ConditionRule) -> Result<Labels, TrainError> {
    let p90s: Vec<f32> = glances.iter().map(|g| g.intensity.map_or(0.0, |statistics| statistics[P90])).collect();
    let limit = match rule {
        ConditionRule::P90 { limit: Some(limit) } => Some(*limit),
        ConditionRule::P90 { limit: None } => Some(find_limit(&p90s)?),
        ConditionRule::None | ConditionRule::Index { .. } | ConditionRule::Folder | ConditionRule::Table(_) => None,
    };
    let names = condition_of(rule, samples, limit.map(|limit| (p90s.as_slice(), limit)))?;
    let names = all_named(names, samples)?;
    let mut conditions: Vec<String> = match limit {
        // The gate numbers them by level, and both exist even where the training images show only one.
        Some(_) => vec![ConditionRule::LOW.to_owned(), ConditionRule::HIGH.to_owned()],
        None => names.clone(),
    };
    conditions.sort();
    conditions.dedup();
    let of_image = names.iter().map(|n| conditions.iter().position(|c| c == n).unwrap_or(0)).collect();
    Ok(Labels { conditions, of_image, level: limit.map(|limit| Gate::p90(limit, &p90s)) })
}

/// The names, where every sample has one.
pub(super) fn all_named(names: Vec<Option<String>>, samples: &[&Sample]) -> Result<Vec<String>, TrainError> {
    let missing: Vec<usize> = (0..names.len()).filter(|i| names[*i].is_none()).collect();
    if let Some(first) = missing.first() {
        return Err(TrainError::NoCondition {
            n_missing: missing.len(),
            n_images: samples.len(),
            first: samples[*first].name.clone(),
        });
    }
    Ok(names.into_iter().flatten().collect())
}
