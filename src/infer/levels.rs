//! What held-out normals score.

use crate::score::Conformal;

/// What the held-out normals score under one policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels {
    /// All of them.
    pub(super) global: Conformal,
    /// Those of each condition; all of them where it has none.
    pub(super) per_condition: Vec<Conformal>,
}
