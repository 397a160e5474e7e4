//! `PatchCore` (Roth et al., *Towards Total Recall in Industrial Anomaly Detection*, CVPR 2022): distances to a memory bank of
//! patch descriptors of normal images.

mod base;
mod detector;
mod fit;
mod fitted;
mod format1;
mod going_on;
mod index;
mod living;
mod scoring;
mod section;
mod settings;
pub mod station;

use super::{DetectError, Kind, MAX_WHITENING, Method, Metric, Options, Preset, Quality};
use crate::bank::CoresetSize;
use fit::Plan;
pub(super) use format1::upgrade;
use std::sync::Arc;

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "distances to a memory bank of normal patches",
    method: Some(method),
    preset,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    living: Some(living::of),
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    match (options.whitening, options.metric) {
        (Some(floor), _) if !(0.0..=MAX_WHITENING).contains(&floor) => Err(DetectError::Setting {
            setting: "whitening",
            expected: format!("a floor from 0 to {MAX_WHITENING}"),
            found: floor.to_string(),
        }),
        (Some(_), metric) if metric != Metric::L2 => Err(DetectError::Setting {
            setting: "whitening",
            expected: "Euclidean distances: a cosine is of rows as they are".to_owned(),
            found: "cosine".to_owned(),
        }),
        (_, _) => Ok(Arc::new(Plan::new(options))),
    }
}

/// Floor of the whitening ([ADR 22](../../../docs/adr/0022-whitening.md)).
const FLOOR: f64 = 3.0;

/// A defect has a size, and one input size sees one of them: two of them, chosen over five products ([ADR
/// 19](../../../docs/adr/0019-scales.md)).
fn preset(quality: Quality) -> Preset {
    match quality {
        Quality::Fast => Preset::SINGLE,
        Quality::Balanced => Preset { scales_px: &[128, 384], whitening: Some(FLOOR), ..Preset::SINGLE },
        Quality::Best => Preset {
            scales_px: &[128, 384],
            coreset: CoresetSize::Ratio(0.03),
            whitening: Some(FLOOR),
            ..Preset::SINGLE
        },
    }
}

/// One that takes all settings.
pub(super) fn default_method(options: &Options) -> Arc<dyn Method> {
    Arc::new(Plan::new(options))
}
