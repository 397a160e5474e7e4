//! The batches of an autoencoder.

use super::augment::vary;
use super::canvas::{Canvas, Range};
use crate::detect::{Augment, DetectError, Training};
use crate::model::reconstruction::{AutoencoderShape, CanvasBatch};
use crate::model::training::Batches;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Images that the training is watched on, at most.
const MOST_WATCHED: usize = 64;
/// The first number of the random numbers that vary images; those before are of orders.
const VARYING: u64 = 1 << 32;

/// Training images as canvases.
pub(super) struct Canvases<'a> {
    pub(super) training: &'a Training<'a>,
    pub(super) shape: AutoencoderShape,
    pub(super) range: Range,
    pub(super) augment: &'a [Augment],
    pub(super) seed: u64,
}

impl Canvases<'_> {
    fn stream(&self, number: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number);
        random
    }

    /// Adds the `index`-th image to a batch; `varies`: the number of its random numbers.
    fn add(&self, batch: &mut CanvasBatch, index: usize, varies: Option<u64>) -> Result<(), DetectError> {
        let described = self.training.described;
        let (rows, own) = (described.image(index)?, described.own_rows(index));
        let mut canvas = Canvas::of(described.patches(index, (&rows, own)), self.shape, self.range);
        if let Some(number) = varies.filter(|_| !self.augment.is_empty()) {
            vary(&mut canvas, self.shape, self.augment, &mut self.stream(number));
        }
        batch.given.extend(canvas.values);
        batch.counts.extend(canvas.counts);
        Ok(())
    }
}

/// All images in one order, then in another.
pub(super) struct CanvasBatches<'a> {
    canvases: Canvases<'a>,
    seen: Vec<usize>,
    watched: Vec<usize>,
    /// Images of a step.
    n: usize,
    /// The round, and its order.
    known: (usize, Vec<usize>),
}

impl<'a> CanvasBatches<'a> {
    /// Steps of `n` of the images that are seen, at least one.
    pub(super) fn new(canvases: Canvases<'a>, (seen, watched): (Vec<usize>, Vec<usize>), n: usize) -> Self {
        let n = n.min(seen.len());
        Self { canvases, seen, watched, n, known: (usize::MAX, vec![]) }
    }

    /// The image of this place in all orders one after the other.
    fn at(&mut self, place: usize) -> usize {
        let (round, at) = (place / self.seen.len(), place % self.seen.len());
        if self.known.0 != round {
            let mut order = self.seen.clone();
            order.shuffle(&mut self.canvases.stream(round as u64 + 1));
            self.known = (round, order);
        }
        self.known.1[at]
    }
}

impl Batches for CanvasBatches<'_> {
    type Batch = CanvasBatch;
    type Error = DetectError;

    fn batch(&mut self, step: usize) -> Result<CanvasBatch, DetectError> {
        let mut batch = CanvasBatch::default();
        for place in step * self.n..(step + 1) * self.n {
            let index = self.at(place);
            self.canvases.add(&mut batch, index, Some(VARYING + place as u64))?;
        }
        Ok(batch)
    }

    fn watched(&mut self, index: usize) -> Result<Option<CanvasBatch>, DetectError> {
        let all = &self.watched[..self.watched.len().min(MOST_WATCHED)];
        let own = all.chunks(self.n).nth(index);
        let mut batch = CanvasBatch::default();
        own.iter().flat_map(|own| own.iter()).try_for_each(|index| self.canvases.add(&mut batch, *index, None))?;
        Ok(own.map(|_| batch))
    }
}
