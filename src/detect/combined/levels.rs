//! What the scores of parts mean.

/// Mean and standard deviation of held-out normals' scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The mean.
    pub mean: f32,
    /// The standard deviation, above 0.
    pub std: f32,
}

/// What the scores of one part mean under one view.
#[derive(Clone, Debug, PartialEq)]
pub struct PartLevels {
    /// Of all images.
    pub all: Level,
    /// Of those of each condition; of all where there are too few.
    pub per_condition: Vec<Level>,
}

impl PartLevels {
    pub(super) fn of(&self, condition: Option<usize>) -> Level {
        condition.and_then(|c| self.per_condition.get(c)).copied().unwrap_or(self.all)
    }
}
