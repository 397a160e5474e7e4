//! How many layers, and how wide.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::LEAK;
use crate::kernel::strided::Strided;

/// Places of the bottleneck along a side.
const BOTTLENECK_SIDE: usize = 4;
/// Values of the first layer; each further one has twice as many.
const FIRST_WIDTH: usize = 32;
/// Values of a layer, at most.
const MOST_WIDTH: usize = 256;
/// Values of each place of the bottleneck: what is not normal must not fit through it.
const BOTTLENECK_WIDTH: usize = 64;
/// Kernels have so many taps.
pub(super) const TAPS: usize = 16;

/// The layers of an autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoencoderShape {
    /// Values of a pixel: 1 of grey images, 3 of colour.
    pub n_channels: usize,
    /// Layers that halve, and as many that double.
    pub n_levels: usize,
}

/// One layer: a convolution that halves `[2h, 2w, from]` to `[h, w, to]`, or its transpose from `[h, w, to]` to `[2h, 2w, from]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// `[4, 4, from, to]`: rows and columns of the kernel first.
    pub weight: Vec<f32>,
    /// One for each value of its output.
    pub bias: Vec<f32>,
}

impl AutoencoderShape {
    /// Layers at most: the canvas is 2048 pixels wide.
    pub const MOST_LEVELS: usize = 9;
    /// Layers at least.
    pub const LEAST_LEVELS: usize = 2;

    /// The one whose canvas is just large enough for images of this size; `None` where none is.
    #[must_use]
    pub fn holding(n_channels: usize, height_px: usize, width_px: usize) -> Option<Self> {
        let all = (Self::LEAST_LEVELS..=Self::MOST_LEVELS).map(|n_levels| Self { n_channels, n_levels });
        all.into_iter().find(|shape| shape.side_px() >= height_px.max(width_px))
    }

    /// Rows and columns of the canvas that it draws on.
    #[must_use]
    pub fn side_px(self) -> usize {
        BOTTLENECK_SIDE << self.n_levels
    }

    /// Values of a canvas.
    #[must_use]
    pub fn canvas_len(self) -> usize {
        self.side_px() * self.side_px() * self.n_channels
    }

    /// Values of each pixel or place after so many layers that halve.
    #[must_use]
    pub fn width(self, level: usize) -> usize {
        match level {
            0 => self.n_channels,
            level if level == self.n_levels => BOTTLENECK_WIDTH,
            level => (FIRST_WIDTH << (level - 1).min(16)).min(MOST_WIDTH),
        }
    }

    /// `from` and `to` of each layer, as of [`LayerWeights`]: those that halve, then those that double.
    pub(super) fn layers(self) -> impl Iterator<Item = Sides> {
        let own = move |level: usize, doubles: bool| Sides {
            from: self.width(level),
            to: self.width(level + 1),
            side_px: self.side_px() >> (level + 1),
            doubles,
        };
        (0..self.n_levels)
            .map(move |level| own(level, false))
            .chain((0..self.n_levels).rev().map(move |l| own(l, true)))
    }

    /// Lengths of the weights and of the biases of each layer.
    pub fn lengths(self) -> impl Iterator<Item = (usize, usize)> {
        self.layers().map(|sides| (TAPS * sides.from * sides.to, sides.n_out()))
    }

    /// Weights as He et al. draw them (*Delving Deep into Rectifiers*, ICCV 2015, equation 14): every value of a layer that doubles
    /// hangs on four taps of each input.
    #[must_use]
    pub fn drawn(self, seed: u64) -> Vec<LayerWeights> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut one = |sides: Sides| {
            let n_from = if sides.doubles { 4 * sides.to } else { TAPS * sides.from };
            let deviation = (2.0 / ((1.0 + LEAK * LEAK) * n_from as f32)).sqrt();
            let value = |_| -> f32 { StandardNormal.sample(&mut random) };
            let weight: Vec<f32> = (0..TAPS * sides.from * sides.to).map(value).collect();
            LayerWeights {
                weight: weight.into_iter().map(|value| value * deviation).collect(),
                bias: vec![0.0; sides.n_out()],
            }
        };
        self.layers().map(&mut one).collect()
    }
}

/// The two ends of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Rows and columns of its smaller end.
    pub(super) side_px: usize,
    pub(super) doubles: bool,
}

impl Sides {
    /// For the kernels, of so many canvases.
    pub(super) fn shape(self, n: usize) -> Strided {
        Strided { n, height: self.side_px, width: self.side_px, from: self.from, to: self.to }
    }

    /// Values of each place of its output.
    pub(super) fn n_out(self) -> usize {
        if self.doubles { self.from } else { self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_finds_the_smallest_canvas_that_holds_it() {
        for (size, side) in
            [((1, 1), 16), ((16, 16), 16), ((17, 4), 32), ((31, 95), 128), ((512, 512), 512), ((2048, 9), 2048)]
        {
            assert_eq!(AutoencoderShape::holding(1, size.0, size.1).unwrap().side_px(), side);
        }
        assert_eq!(AutoencoderShape::holding(1, 2049, 1), None);
    }

    #[test]
    fn layers_lead_to_a_bottleneck_of_four_by_four_and_back() {
        let shape = AutoencoderShape { n_channels: 3, n_levels: 5 };
        let widths: Vec<(usize, usize)> = shape.layers().map(|sides| (sides.from, sides.to)).collect();
        let down = [(3, 32), (32, 64), (64, 128), (128, 256), (256, 64)];
        assert_eq!(widths[..5], down);
        assert!(widths[5..].iter().eq(down.iter().rev()));
        assert_eq!(shape.layers().nth(4).unwrap().side_px, 4);
        let weights = shape.drawn(0);
        assert!(weights.iter().zip(shape.lengths()).all(|(w, (n, b))| (w.weight.len(), w.bias.len()) == (n, b)));
        assert_eq!(weights, shape.drawn(0));
    }
}
