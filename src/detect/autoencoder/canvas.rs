//! Between the pixels of an image, as a detector gets them, and the canvas of a network.

use crate::detect::Patches;
use crate::model::reconstruction::AutoencoderShape;

/// How pixels become values from 0 to 1 or so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    /// The value that becomes 0.
    pub(super) low: f32,
    /// The value that becomes 1, above `low`.
    pub(super) high: f32,
}

/// Values of a pixel as it is read.
pub(super) const CHANNELS: usize = 3;

/// The share of pixels that may lie beyond either end of a [`Range`].
const BEYOND: f64 = 0.001;

impl Range {
    /// Between the .1st and the 99.9th percentile of values; 0 to 1 of what does not vary.
    pub(super) fn of(mut values: Vec<f32>) -> Self {
        let last = values.len().saturating_sub(1);
        let mut at = |share: f64| {
            let rank = (last as f64 * share).round() as usize;
            values
                .get_mut(..)
                .filter(|all| !all.is_empty())
                .map(|all| *all.select_nth_unstable_by(rank, f32::total_cmp).1)
        };
        match (at(BEYOND), at(1.0 - BEYOND)) {
            (Some(low), Some(high)) if high > low && (high - low).is_normal() => Self { low, high },
            _ => Self { low: 0.0, high: 1.0 },
        }
    }

    /// The pixel that becomes this value.
    pub(super) fn pixel(self, value: f32) -> f32 {
        self.low + value * (self.high - self.low)
    }

    fn scaled(self, value: f32) -> f32 {
        (value - self.low) / (self.high - self.low)
    }
}

/// An image on the canvas of a network, at its upper left corner; what is not looked at, and what lies beyond the image, is of one
/// middle grey.
pub(super) struct Canvas {
    /// `[side, side, n_channels]`.
    pub(super) values: Vec<f32>,
    /// `[side, side]`.
    pub(super) counts: Vec<bool>,
}

const MIDDLE: f32 = 0.5;

impl Canvas {
    /// `patches`: pixels with [`CHANNELS`] values each.
    pub(super) fn of(patches: Patches<'_>, shape: AutoencoderShape, range: Range) -> Self {
        let (side, n) = (shape.side_px(), shape.n_channels);
        let mut values = vec![MIDDLE; shape.canvas_len()];
        let mut counts = vec![false; side * side];
        for (place, pixel) in patches.places().zip(patches.rows.chunks_exact(CHANNELS)) {
            let at = on_canvas(place, patches, side);
            counts[at] = true;
            let to = &mut values[at * n..][..n];
            if n == 1 {
                // Grey is grey, whatever the three say.
                to[0] = range.scaled(if pixel[0] == pixel[1] && pixel[1] == pixel[2] {
                    pixel[0]
                } else {
                    pixel.iter().sum::<f32>() / CHANNELS as f32
                });
            } else {
                to.iter_mut().zip(pixel).for_each(|(to, value)| *to = range.scaled(*value));
            }
        }
        Self { values, counts }
    }
}

/// Where a pixel of an image lies on the canvas.
pub(super) fn on_canvas(place: usize, patches: Patches<'_>, side: usize) -> usize {
    let n_cols = patches.grid.n_cols;
    place / n_cols * side + place % n_cols
}
