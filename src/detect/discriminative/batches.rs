//! The batches of a head.

use super::examples::Seen;
use crate::detect::DetectError;
use crate::model::head::HeadBatch;
use crate::model::training::Batches;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Batches of the patches that are kept apart.
const N_WATCHED: usize = 4;
/// Numbers of the random numbers of steps, and of the first of these batches; the head itself draws those of 0 and 2.
const STEPS_STREAM: u64 = 1;
const WATCHED_STREAM: u64 = 3;

/// What a head learns from, and what it is watched on.
pub(super) struct HeadBatches<'a> {
    seen: Seen<'a>,
    watched: Option<Seen<'a>>,
    /// Patches of each kind.
    n: usize,
    seed: u64,
    random: ChaCha8Rng,
    /// The step that is drawn next.
    next: usize,
}

impl<'a> HeadBatches<'a> {
    /// Steps of `n` patches of each kind.
    pub(super) fn new((seen, watched): (Seen<'a>, Option<Seen<'a>>), n: usize, seed: u64) -> Self {
        Self { seen, watched, n, seed, random: stream(seed, STEPS_STREAM), next: 0 }
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

impl Batches for HeadBatches<'_> {
    type Batch = HeadBatch;
    type Error = DetectError;

    fn batch(&mut self, step: usize) -> Result<HeadBatch, DetectError> {
        if step < self.next {
            (self.random, self.next) = (stream(self.seed, STEPS_STREAM), 0);
        }
        // What steps before drew is drawn again: that takes far less time than they did.
        for _ in self.next..step {
            drop(self.seen.pick(self.n, &mut self.random));
        }
        self.next = step + 1;
        self.seen.batch(&self.seen.pick(self.n, &mut self.random))
    }

    fn watched(&mut self, index: usize) -> Result<Option<HeadBatch>, DetectError> {
        let Some(watched) = self.watched.as_ref().filter(|_| index < N_WATCHED) else { return Ok(None) };
        let picked = watched.pick(self.n, &mut stream(self.seed, WATCHED_STREAM + index as u64));
        watched.batch(&picked).map(Some)
    }
}
