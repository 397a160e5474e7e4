//! How well scores and maps separate normal from anomalous images.
//!
//! Pure functions on host slices, reading order: `ranking` (one score per
//! image), `verdicts` (decisions at the threshold), `components`, `pixels`,
//! `bins` and `pixel_set` (maps against masks), `bootstrap` (how sure the figures are),
//! `evaluation` (all of it for a test set, by condition and by defect),
//! `gate_answers` (which conditions a gate told).
//!
//! Every figure is computed on unclamped scores. A score that was squeezed
//! into `[0, 1]` for display ties images that the detector told apart, which
//! lowers the area under the ROC curve; such scores don't belong here.
//!
//! A figure that the data leave undefined (no anomalous image, no mask) is
//! `None`, never zero.

mod agreement;
mod at_alpha;
mod bins;
mod bootstrap;
mod components;
mod error;
mod evaluation;
mod gate_answers;
mod masks;
mod pixel_set;
mod pixels;
mod ranking;
mod scored_image;
pub mod study;
#[cfg(test)]
mod twin;
mod verdicts;

pub use agreement::{Agreement, LEAST_AGREEMENT, MayReplace, PairedVerdict};
pub use at_alpha::{ALPHAS, AtAlpha, at_alphas};
pub use bootstrap::{Bootstrap, Interval, Resampled, auroc_difference_interval, auroc_differences, auroc_interval};
pub use components::{Components, connected_components};
pub use error::EvalError;
pub use evaluation::{Evaluation, Metrics, PixelError, evaluate, evaluate_set};
pub use gate_answers::{GateAnswers, Told, ToldCounts};
pub use masks::{MaskCount, mask_at_input};
pub use pixel_set::{PixelPair, PixelSet};
pub use pixels::{
    Bounded, DEFAULT_FPR_LIMIT, MOST_BINS, MOST_EXACT_PIXELS, MaskedMap, PixelRanking, PixelTally, aupro, pixel_auroc,
};
pub use ranking::{F1Max, RocPoint, average_precision, f1_max, image_auroc, roc_curve};
pub use scored_image::ScoredImage;
pub use verdicts::Confusion;
