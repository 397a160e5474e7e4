//! A head that learns what sets faults apart from normal patches, from faults that are made (`SuperSimpleNet`: Rolih, Fučka and
//! Skočaj, ICPR 2024): pasted into normal images, and as noise on normal descriptors. Each patch is judged by itself.
//!
//! Four heads, each trained without a fourth of the groups of images, judge together; what an image would score had it never been
//! seen is said by the one that has not seen it.

mod batches;
mod detector;
mod examples;
mod faults;
mod fit;
mod fitted;
mod head;
mod input;
mod section;
mod settings;

use super::{DetectError, Kind, Method, Options, Preset};
use fit::Heads;
use std::sync::Arc;

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "a trained head that knows faults pasted into normal images",
    method: Some(method),
    preset: |_| Preset::SINGLE,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    living: None,
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Heads::new(options)?))
}
