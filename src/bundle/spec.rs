//! The tensors that a detector's settings call for.

use super::limits::MAX_MAGNITUDE;

/// A tensor that a detector's settings call for.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its shape, row-major. A tensor with a zero in it is left out of the file.
    pub shape: Vec<usize>,
    /// What it holds.
    pub holds: Holds,
}

/// What the values of a tensor may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holds {
    /// Finite `f32`, in a range.
    Numbers {
        /// The least.
        least: f32,
        /// The most.
        most: f32,
    },
    /// Finite `f16`.
    Halves,
    /// `u32` below a limit.
    Indices {
        /// What they count.
        of: &'static str,
        /// The limit.
        limit: usize,
        /// Whether [`UNKNOWN`](super::UNKNOWN) may stand there too.
        or_unknown: bool,
    },
}

impl TensorSpec {
    /// Finite numbers of any size that can be computed with.
    #[must_use]
    pub fn numbers(name: &str, shape: &[usize]) -> Self {
        let holds = Holds::Numbers { least: -MAX_MAGNITUDE, most: MAX_MAGNITUDE };
        Self { name: name.to_owned(), shape: shape.to_vec(), holds }
    }

    /// Finite numbers from `least` to `most`.
    #[must_use]
    pub fn within(name: &str, shape: &[usize], least: f32, most: f32) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), holds: Holds::Numbers { least, most } }
    }

    /// Finite numbers of half precision.
    #[must_use]
    pub fn halves(name: &str, shape: &[usize]) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), holds: Holds::Halves }
    }

    /// Bytes of each value in the file.
    pub(super) fn width(&self) -> usize {
        match self.holds {
            Holds::Numbers { .. } | Holds::Indices { .. } => 4,
            Holds::Halves => 2,
        }
    }

    /// Indices below `limit`, of what they count.
    #[must_use]
    pub fn indices(name: &str, shape: &[usize], of: &'static str, limit: usize) -> Self {
        let holds = Holds::Indices { of, limit, or_unknown: false };
        Self { name: name.to_owned(), shape: shape.to_vec(), holds }
    }

    /// The same, where an index may be unknown.
    #[must_use]
    pub fn or_unknown(mut self) -> Self {
        if let Holds::Indices { or_unknown, .. } = &mut self.holds {
            *or_unknown = true;
        }
        self
    }

    /// Values of this shape; `None` for more than there can be.
    #[must_use]
    pub fn n_values(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side))
    }
}
