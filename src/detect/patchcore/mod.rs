//! `PatchCore` (Roth et al., *Towards Total Recall in Industrial Anomaly Detection*, CVPR 2022): distances to a memory bank of
//! patch descriptors of normal images.

mod detector;
mod fit;
mod fitted;
mod format1;
mod index;
mod scoring;
mod section;
mod settings;
pub mod station;

use super::{DetectError, Kind, Method, Options};
use fit::Plan;
pub(super) use format1::upgrade;
use std::sync::Arc;

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "distances to a memory bank of normal patches",
    method: Some(method),
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Plan::new(options)))
}

/// With the default settings.
pub(super) fn default_method() -> Arc<dyn Method> {
    Arc::new(Plan::new(&Options::default()))
}
