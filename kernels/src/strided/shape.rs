//! The shape of a layer, and what must fit it.

use crate::KernelError;

/// Taps of a kernel along a side.
pub(super) const SIDE: usize = 4;
/// Taps of a kernel.
pub(super) const TAPS: usize = SIDE * SIDE;

/// A layer between a large end, `[n, 2 height, 2 width, from]`, and a small one, `[n, height, width, to]`. Its weights are
/// `[4, 4, from, to]`, rows and columns of the kernel first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    /// Images.
    pub n: usize,
    /// Rows of the small end.
    pub height: usize,
    /// Columns of the small end.
    pub width: usize,
    /// Values of a pixel of the large end.
    pub from: usize,
    /// Values of a pixel of the small end.
    pub to: usize,
}

/// What a slice is to a layer.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Large,
    Small,
    Weight,
    /// What is added to each pixel of the large end.
    LargeBias,
    /// What is added to each pixel of the small end.
    SmallBias,
}

impl Strided {
    /// Rows of the small end, of all images.
    pub(super) fn rows(self) -> usize {
        self.n * self.height
    }

    pub(super) fn weights_len(self) -> usize {
        TAPS * self.from * self.to
    }

    /// Refuses what is empty, and slices of other lengths.
    pub(super) fn check(self, parts: &[(Part, &[f32])]) -> Result<(), KernelError> {
        let Self { n, height, width, from, to } = self;
        for (what, found) in [("n", n), ("height", height), ("width", width), ("from", from), ("to", to)] {
            if found == 0 {
                return Err(KernelError::Empty { what });
            }
        }
        for (part, values) in parts {
            let (what, sizes): (_, &[usize]) = match part {
                Part::Large => ("length of the large end", &[4, n, height, width, from]),
                Part::Small => ("length of the small end", &[n, height, width, to]),
                Part::Weight => ("length of the weights", &[TAPS, from, to]),
                Part::LargeBias => ("length of the bias", &[from]),
                Part::SmallBias => ("length of the bias", &[to]),
            };
            // What is too long for memory no slice has.
            let expected = sizes.iter().try_fold(1usize, |len, size| len.checked_mul(*size)).unwrap_or(usize::MAX);
            if values.len() != expected {
                return Err(KernelError::OutOfRange { what, found: values.len(), low: expected, high: expected });
            }
        }
        Ok(())
    }
}
