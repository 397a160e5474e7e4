//! A convolutional autoencoder that draws what it sees through a bottleneck of 4 x 4 places: it has learned to draw normal images,
//! and where it draws otherwise there is something else.
//!
//! Two are trained, each without half of the groups of images, and judge together; what an image would score had it never been seen
//! is said by the one that has not seen it.

mod augment;
mod batches;
mod canvas;
mod detector;
mod fit;
mod fitted;
mod judge;
mod section;
mod settings;

use super::{DetectError, Kind, Method, Options, Preset, Quality, Sees};
use crate::score::ImageScore;
use fit::Networks;
use std::sync::Arc;

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "a network that is trained to draw normal images, judged by what it draws otherwise",
    method: Some(method),
    preset,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    living: None,
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Networks::new(options)?))
}

/// The image score is the mean of this share of the pixels, the largest errors: of a single one chance decides.
const TOP: f64 = 0.01;

fn preset(quality: Quality) -> Preset {
    let scales_px: &[usize] = match quality {
        Quality::Fast => &[256],
        Quality::Balanced | Quality::Best => &[512],
    };
    Preset { scales_px, image_score: ImageScore::Top(TOP), sees: Sees::Pixels, ..Preset::SINGLE }
}
