//! Trained autoencoders at work.

use super::canvas::{Canvas, Range, on_canvas};
use crate::detect::{DetectError, Distances, Patches, View};
use crate::model::reconstruction::{Autoencoder, AutoencoderShape};
use crate::score::ImageScore;

/// Errors are averaged over this share of the canvas's side to both sides of a pixel: one pixel says little.
const REACH: usize = 64;

/// Autoencoders of one shape.
pub(super) struct Judge {
    pub(super) shape: AutoencoderShape,
    pub(super) range: Range,
    pub(super) networks: Vec<Autoencoder>,
}

impl Judge {
    /// What they say of the pixels of an image together, under each view: how far on average they draw each pixel from what it is,
    /// averaged over pixels nearby. Structural similarity, a third of what they are trained to, says less here: where a texture begins
    /// hardly shows, and is seldom drawn right. `only`: what one of them says.
    pub(super) fn judged(
        &self,
        only: Option<usize>,
        image_score: ImageScore,
        patches: Patches<'_>,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        let Canvas { values, counts } = Canvas::of(patches, self.shape, self.range);
        let (n_channels, side) = (self.shape.n_channels, self.shape.side_px());
        let asked = match only {
            Some(one) => &self.networks[one..=one],
            None => &self.networks,
        };
        let mut errors = vec![0.0f32; side * side];
        for network in asked {
            let drawn = network.draw(&values)?;
            let pixels = values.chunks_exact(n_channels).zip(drawn.chunks_exact(n_channels)).zip(&counts);
            for (sum, ((given, drawn), _)) in errors.iter_mut().zip(pixels).filter(|(_, (_, counts))| **counts) {
                let off: f32 = given.iter().zip(drawn).map(|(given, drawn)| (given - drawn).abs()).sum();
                *sum += off / (n_channels * asked.len()) as f32;
            }
        }
        let near = averaged(&errors, &counts, side);
        let values: Vec<f32> = patches.places().map(|place| near[on_canvas(place, patches, side)]).collect();
        Distances::under_every_view(values, image_score, views)
    }
}

impl Judge {
    /// What they draw of the pixels of an image on average, a plane for each channel, on the grid of the patches.
    pub(super) fn drawn(&self, patches: Patches<'_>) -> Result<Vec<Vec<f32>>, DetectError> {
        let (n_channels, side) = (self.shape.n_channels, self.shape.side_px());
        let Canvas { values, .. } = Canvas::of(patches, self.shape, self.range);
        let mut mean = vec![0.0f32; values.len()];
        for network in &self.networks {
            let drawn = network.draw(&values)?;
            mean.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value / self.networks.len() as f32);
        }
        let whole = Patches { rows: &[], places: None, ..patches };
        let plane = |channel: usize| -> Vec<f32> {
            let at = |place| mean[on_canvas(place, whole, side) * n_channels + channel];
            whole.places().map(|place| self.range.pixel(at(place))).collect()
        };
        Ok((0..n_channels).map(plane).collect())
    }
}

/// The mean of the values around each pixel that count.
fn averaged(values: &[f32], counts: &[bool], side: usize) -> Vec<f32> {
    let reach = side / REACH;
    let known: Vec<f32> = counts.iter().map(|counts| f32::from(u8::from(*counts))).collect();
    let (sums, numbers) = (sums(values, side, reach), sums(&known, side, reach));
    sums.iter().zip(&numbers).map(|(sum, n)| sum / n.max(1.0)).collect()
}

/// The sum of the values in a square around each pixel, of those that are 0 where they do not count.
fn sums(values: &[f32], side: usize, reach: usize) -> Vec<f32> {
    let span = |at: usize| at.saturating_sub(reach)..(at + reach + 1).min(side);
    let mut along = vec![0.0f32; side * side];
    for (to, line) in along.chunks_exact_mut(side).zip(values.chunks_exact(side)) {
        to.iter_mut().enumerate().for_each(|(x, to)| *to = line[span(x)].iter().sum());
    }
    let mut all = vec![0.0f32; side * side];
    for (y, to) in all.chunks_exact_mut(side).enumerate() {
        for line in span(y) {
            to.iter_mut().zip(&along[line * side..]).for_each(|(to, value)| *to += value);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_of_what_counts() {
        let side = 64;
        let counts: Vec<bool> = (0..side * side).map(|at| at % side < 40).collect();
        let values: Vec<f32> = counts.iter().map(|counts| if *counts { 2.0 } else { 0.0 }).collect();
        let found = averaged(&values, &counts, side);
        let bad = found.iter().zip(&counts).filter(|(value, counts)| **counts && (**value - 2.0).abs() > 1e-6);
        assert_eq!(bad.count(), 0);
    }
}
