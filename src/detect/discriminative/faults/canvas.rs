//! An image that is being changed.

use crate::image::{Image, Roi};

/// Pixels that are changed.
pub(super) struct Canvas<'a> {
    pub(super) from: &'a Image,
    /// Which pixels are looked at; what the others are is not known.
    pub(super) inside: Option<Vec<bool>>,
    pub(super) pixels: Vec<f32>,
    pub(super) share: Vec<f32>,
    /// The least and the largest value.
    pub(super) extrema: [f32; 2],
    /// Deviation of each channel.
    pub(super) levels: Vec<f32>,
}

impl<'a> Canvas<'a> {
    pub(super) fn of(from: &'a Image, rois: &[&Roi]) -> Self {
        let (height, width, n_channels) = (from.height_px(), from.width_px(), from.n_channels());
        let centre = |at: usize, n: usize| (at as f64 + 0.5) / n as f64;
        let is_in =
            |at: usize| rois.iter().all(|roi| roi.contains(centre(at / width, height), centre(at % width, width)));
        let inside: Option<Vec<bool>> = (!rois.is_empty()).then(|| (0..height * width).map(is_in).collect());
        let known = |at: &usize| inside.as_ref().is_none_or(|inside| inside[*at]);
        let n = (0..height * width).filter(known).count().max(1) as f64;
        let (mut sums, mut extrema) = (vec![(0.0f64, 0.0f64); n_channels], [f32::INFINITY, f32::NEG_INFINITY]);
        for at in (0..height * width).filter(known) {
            for (sum, value) in sums.iter_mut().zip(&from.pixels()[at * n_channels..]) {
                let wide = f64::from(*value);
                *sum = (sum.0 + wide, sum.1 + wide * wide);
                extrema = [extrema[0].min(*value), extrema[1].max(*value)];
            }
        }
        if extrema[0] > extrema[1] {
            extrema = [0.0, 1.0];
        }
        let level = |(sum, square): (f64, f64)| (square / n - (sum / n).powi(2)).max(0.0).sqrt() as f32;
        let levels = sums.into_iter().map(level).collect();
        Self { from, inside, pixels: from.pixels().to_vec(), share: vec![0.0; height * width], extrema, levels }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.from.height_px(), self.from.width_px())
    }

    /// Changes a pixel by so much of these values.
    pub(super) fn mix(&mut self, at: usize, share: f32, value: impl Fn(usize, f32) -> f32) {
        let n_channels = self.from.n_channels();
        for (channel, pixel) in self.pixels[at * n_channels..][..n_channels].iter_mut().enumerate() {
            *pixel += share * (value(channel, *pixel) - *pixel);
        }
        self.share[at] = self.share[at].max(share);
    }
}
