//! Statistics of normal patches by condition: the Mahalanobis distance to a mean and a shrunk covariance (Lee et al., *A Simple
//! Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks*, `NeurIPS` 2018, equation 1), for each
//! place (`PaDiM`: Defard et al., ICPR 2021), or what the principal directions leave (`SubspaceAD`, CVPR 2026). A condition takes
//! as many bytes for a thousand images as for ten, and is fitted from its own images alone.

mod detector;
mod factor;
mod fit;
mod fitted;
mod grow;
mod law;
mod linear;
mod living;
mod making;
mod moments;
mod scoring;
mod section;
mod settings;

use super::{DetectError, Growth, Kind, Method, Options, Preset};
use fit::Plan;
use std::sync::Arc;

/// The registry's line.
pub(super) const KIND: Kind = Kind {
    name: fitted::NAME,
    summary: "mean and covariance of normal patches, by condition",
    method: Some(method),
    preset: |_| Preset::SINGLE,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    living: Some(living::of),
    growth: Some(Growth { options: grow::options, join: grow::join }),
    open: section::open,
};

fn method(options: &Options) -> Result<Arc<dyn Method>, DetectError> {
    Ok(Arc::new(Plan::new(options)?))
}
