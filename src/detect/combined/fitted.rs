//! What is known once it is fitted.

use super::levels::PartLevels;
use crate::detect::{Detector, View};

/// Its name in the registry.
pub(super) const NAME: &str = "combined";

/// Detectors and what their scores mean.
pub(super) struct Combined {
    pub(super) parts: Vec<Box<dyn Detector>>,
    /// `[part][view]`.
    pub(super) levels: Vec<Vec<PartLevels>>,
    pub(super) views: Vec<View>,
}
