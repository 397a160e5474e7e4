//! Several detectors as one: each score in standard deviations above that of held-out normals, all of them added. A defect has a
//! size, and one input size sees one of them; a bank and statistics fail on different images. The sum is near the best of its
//! parts without knowing which that is.

mod detector;
mod fit;
mod fitted;
mod joining;
mod levels;
mod section;

use super::{Kind, Preset};
pub(crate) use fit::{FittedPart, Said, joined, leave_out, levels_of, standardised};
pub use levels::{Level, PartLevels};

/// The registry's line. It is fitted by naming its parts: `A+B`.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "several detectors as one",
    method: None,
    preset: |_| Preset::SINGLE,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    living: None,
    open: section::open,
};
