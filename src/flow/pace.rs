//! How many images at a time, in how much memory.

use super::decode::Flow;
use super::machine::{half_of_free_memory, own_memory};
use crate::image::Reading;

/// Images per pass through the network: enough to keep all cores busy, few enough to stay in cache.
pub const DEFAULT_BATCH: usize = 8;
/// Taken for the process where the system does not tell: code, network, bank.
const UNKNOWN_OWN_BYTES: u64 = 512 << 20;
/// Part of the memory left to what is not counted: pages that the allocator does not give back at once.
pub(crate) const SLACK: u64 = 20;
/// Part of the free memory that is kept for images, as far as the batch can be smaller.
const IMAGES: u64 = 4;

/// How many images at a time, in how much memory. Neither changes a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Images per pass through the network, at most.
    pub batch: usize,
    /// Memory that the process may take, in bytes; `None` for half of what is free.
    pub memory_bytes: Option<u64>,
    /// Bytes that the caller takes for each pixel of an image while it works on the outcome, such as drawing it.
    pub pixel_bytes: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch: DEFAULT_BATCH, memory_bytes: None, pixel_bytes: 0 }
    }
}

impl Pace {
    /// Memory that the process may take, in bytes.
    pub(crate) fn allowed_bytes(&self) -> u64 {
        self.memory_bytes.unwrap_or_else(half_of_free_memory)
    }

    /// The largest batch that leaves room for images, and that room: what is allowed, less what the process holds now and
    /// what the work takes. `afterwards`: bytes that the caller needs when the images are gone, but not yet all of the memory
    /// that they were in; left out where there is no room for them.
    ///
    /// # Errors
    /// [`NoMemory`] where not even one image can be worked on, and what `needs` says.
    pub(crate) fn flow<E: From<NoMemory>>(&self, needs: &Needs<'_, E>, afterwards: u64) -> Result<Flow, E> {
        let (allowed, own) = (self.allowed_bytes(), own_bytes());
        let free = (allowed - allowed / SLACK).saturating_sub(own);
        let mut batch = self.batch.max(1);
        let mut needed = (needs.batch_bytes)(batch)?;
        while batch > 1 && (needed > free - free / IMAGES || needed.saturating_add(afterwards) > free) {
            batch = batch.div_ceil(2);
            needed = (needs.batch_bytes)(batch)?;
        }
        let room_bytes = match free.saturating_sub(needed.saturating_add(afterwards)) {
            0 => free.saturating_sub(needed),
            room => room,
        };
        if room_bytes == 0 {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let (height_px, width_px) = needs.input_px;
            let (needed_mib, own_mib, allowed_mib) = (mib(needed), mib(own), allowed >> 20);
            return Err(NoMemory { height_px, width_px, needed_mib, own_mib, allowed_mib }.into());
        }
        Ok(Flow {
            reading: needs.reading,
            batch,
            work_bytes: own.saturating_add(needed),
            room_bytes,
            image_bytes: needs.image_bytes,
            pixel_bytes: self.pixel_bytes.saturating_add(needs.pixel_bytes),
        })
    }
}

/// What work on images takes.
pub(crate) struct Needs<'a, E> {
    /// How their files are read.
    pub(crate) reading: Reading,
    /// Rows and columns of what an image is turned into.
    pub(crate) input_px: (usize, usize),
    /// Bytes that so many images take at a time, beside their pixels.
    pub(crate) batch_bytes: &'a dyn Fn(usize) -> Result<u64, E>,
    /// Bytes that are kept of each image that was worked on.
    pub(crate) image_bytes: u64,
    /// The same for each of its pixels.
    pub(crate) pixel_bytes: u64,
}

/// Not even one image can be worked on in the memory allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "one input of {height_px} x {width_px} pixels takes {needed_mib} MiB on its way through the network, and the program itself holds {own_mib} MiB; {allowed_mib} MiB are allowed: allow more (`Pace::memory_bytes`), or take a smaller `PipelineSpec::preprocessing` or fewer `PipelineSpec::layers`"
)]
pub struct NoMemory {
    /// Rows of the network's input.
    pub height_px: usize,
    /// Its columns.
    pub width_px: usize,
    /// What it takes.
    pub needed_mib: u64,
    /// What the process holds: code, network, bank.
    pub own_mib: u64,
    /// What was allowed.
    pub allowed_mib: u64,
}

/// What the process holds now.
fn own_bytes() -> u64 {
    own_memory().map_or(UNKNOWN_OWN_BYTES, |(now, _)| now)
}
