//! What held-out normals score.

use crate::score::{Conformal, HeldOutScores};

/// What the held-out normals score under one view.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels {
    /// All of them.
    pub(super) global: Conformal,
    /// Those of each condition; all of them where it has none.
    pub(super) per_condition: Vec<Conformal>,
    /// The scores themselves.
    pub(super) held_out: HeldOut,
}

/// The scores of held-out normals under one view.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeldOut {
    pub(super) global: HeldOutScores,
    /// Those of each condition; all of them where it has too few.
    pub(super) per_condition: Vec<HeldOutScores>,
}

impl Levels {
    /// The calibration of images of this condition, and the scores that it rests on.
    pub(super) fn of(&self, condition: Option<usize>) -> (&Conformal, &HeldOutScores) {
        let own = condition.and_then(|c| Some((self.per_condition.get(c)?, self.held_out.per_condition.get(c)?)));
        own.filter(|(conformal, _)| conformal.threshold.is_some()).unwrap_or((&self.global, &self.held_out.global))
    }
}
