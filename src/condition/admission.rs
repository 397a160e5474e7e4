//! What a gate answers.

/// A gate's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Admission {
    /// Index of the condition, `None` when the gate abstains.
    pub condition: Option<usize>,
    /// How sure the gate is, 0..1; 0 when it abstains.
    pub confidence: f32,
    /// The gate abstains because the image is far from the training images of every condition.
    pub is_unknown: bool,
}

impl Admission {
    /// The condition is given, or beyond doubt.
    #[must_use]
    pub fn certain(condition: usize) -> Self {
        Self { condition: Some(condition), confidence: 1.0, is_unknown: false }
    }

    /// Nothing tells the condition.
    #[must_use]
    pub fn abstained() -> Self {
        Self { condition: None, confidence: 0.0, is_unknown: false }
    }

    /// The condition is none of those known.
    #[must_use]
    pub fn unknown() -> Self {
        Self { is_unknown: true, ..Self::abstained() }
    }
}

/// Training images below which a gate calls nothing unknown.
pub const KNOWN_FROM: usize = 8;
