//! What an autoencoder is trained to make small.

use super::shape::AutoencoderShape;
use super::ssim::{Windows, whole_windows};
use rayon::prelude::*;

/// The share of the squared error in the loss; the rest is 1 less the structural similarity.
pub const MSE_SHARE: f32 = 0.7;

/// How far drawn canvases are from the given ones: `.7 mse + .3 (1 - ssim)`, the mean of the pixels that count and of the windows
/// of 11 x 11 that hold nothing else (structural similarity: Wang et al., 2004, equation 13), of each channel for itself.
///
/// # Shapes
/// Canvases: `[n, side, side, n_channels]`, values from 0 to 1 where images have been.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    shape: AutoencoderShape,
}

/// One canvas: what was given, what was drawn, and which pixels count.
type Canvas<'a> = (&'a [f32], &'a [f32], &'a [bool]);

impl Loss {
    /// For canvases of this shape.
    #[must_use]
    pub fn new(shape: AutoencoderShape) -> Self {
        Self { shape }
    }

    /// The mean loss of canvases, and its gradient with respect to `drawn`.
    ///
    /// # Shapes
    /// `counts`: `[n, side, side]`.
    #[must_use]
    pub fn with_gradient(&self, given: &[f32], drawn: &[f32], counts: &[bool]) -> (f32, Vec<f32>) {
        let (len, n_pixels) = (self.shape.canvas_len(), self.shape.side_px().pow(2));
        let n = given.len() / len;
        let canvases =
            given.par_chunks_exact(len).zip(drawn.par_chunks_exact(len)).zip(counts.par_chunks_exact(n_pixels));
        let of_each: Vec<(f32, Vec<f32>)> =
            canvases.map(|((given, drawn), counts)| self.of_one((given, drawn, counts), 1.0 / n as f32)).collect();
        let loss = of_each.iter().map(|(loss, _)| loss).sum();
        (loss, of_each.into_iter().flat_map(|(_, gradient)| gradient).collect())
    }

    fn of_one(&self, (given, drawn, counts): Canvas<'_>, share: f32) -> (f32, Vec<f32>) {
        let (side, n_channels) = (self.shape.side_px(), self.shape.n_channels);
        let n_counting = counts.iter().filter(|counts| **counts).count().max(1) as f32;
        let by_pixel = MSE_SHARE * share / (n_counting * n_channels as f32);
        let mut loss = 0.0f64;
        let pairs = given.iter().zip(drawn).enumerate();
        let mut gradient: Vec<f32> = pairs
            .map(|(at, (given, drawn))| {
                let off = if counts[at / n_channels] { drawn - given } else { 0.0 };
                loss += f64::from(off * off);
                2.0 * by_pixel * off
            })
            .collect();
        loss *= f64::from(by_pixel);
        let whole = whole_windows(counts, side);
        let n_whole = whole.iter().filter(|whole| **whole).count();
        if n_whole > 0 {
            let windows = Windows::of(side);
            let weight = (1.0 - MSE_SHARE) * share / (n_whole * n_channels) as f32;
            let weights: Vec<f32> = whole.iter().map(|whole| if *whole { weight } else { 0.0 }).collect();
            for channel in 0..n_channels {
                let plane =
                    |values: &[f32]| values.iter().skip(channel).step_by(n_channels).copied().collect::<Vec<_>>();
                let (sum, by) = windows.weighted(&plane(given), &plane(drawn), &weights);
                loss += f64::from(weight) * n_whole as f64 - f64::from(sum);
                let own = gradient.iter_mut().skip(channel).step_by(n_channels);
                own.zip(by).for_each(|(gradient, by)| *gradient -= by);
            }
        }
        (loss as f32, gradient)
    }
}
