//! What images take on their way through a pipeline.

use super::DetectError;
use super::features::FeaturePipeline;
use super::tiling::TILES_AT_A_TIME;
use crate::flow::{Flow, Needs, Pace};
use crate::image::{Preprocessing, Reading, Tiles};

/// Bytes for each value of its input that a network is taken to hold where it does not say.
const UNKNOWN_BYTES: u64 = 128;

/// Values of an anomaly map, for each pixel that it is drawn on, while it is: one for each way to read a detector, and copies.
const MAPS: u64 = 8;

impl FeaturePipeline {
    /// Bytes that `n` images take on their way from pixels to distances, beside those pixels and what is kept of them: the
    /// network's input, what it holds, descriptors, and what is at work on them.
    ///
    /// Of images that are cut into tiles, so many tiles are on their way at a time, however many images there are.
    fn batch_bytes(&self, n: usize) -> Result<u64, DetectError> {
        let n = if self.preprocessing.tiles.is_some() { TILES_AT_A_TIME } else { n };
        let input = self.preprocessing.input_len()? as u64;
        // An unknown network: each pixel of the input as some hundred values.
        let unknown = || if self.device.is_gpu() { 0 } else { n as u64 * input * UNKNOWN_BYTES };
        let footprint = self.source.footprint(n, &self.preprocessing)?;
        let network = footprint.map_or_else(unknown, |found| found.bytes);
        let rows = self.patches()?.map_or(0, |(grid, dim)| grid.n_patches() as u64 * dim as u64);
        let threads = rayon::current_num_threads() as u64;
        // Descriptors of all; of those at work also a copy for the search, and the map while it is drawn.
        let at_work = threads.min(n as u64) * (2 * rows + 2 * input);
        let values = (n as u64).saturating_mul(input.saturating_add(rows)).saturating_add(at_work);
        Ok(network.saturating_add(values.saturating_mul(size_of::<f32>() as u64)))
    }

    /// How images are read for it, see [`Pace::flow`].
    pub(crate) fn flow(&self, pace: &Pace, afterwards: u64) -> Result<Flow, DetectError> {
        Self::flow_for(&[self], pace, afterwards)
    }

    /// How images are read that pass through several of them, at least one.
    pub(crate) fn flow_for(all: &[&Self], pace: &Pace, afterwards: u64) -> Result<Flow, DetectError> {
        let size = |one: &Self| (one.preprocessing.height_px, one.preprocessing.width_px);
        let sum = |of: &dyn Fn(&Self) -> Result<u64, DetectError>| {
            all.iter().try_fold(0u64, |sum, one| Ok::<_, DetectError>(sum.saturating_add(of(one)?)))
        };
        let needs = Needs {
            reading: all.first().map_or_else(Reading::default, |one| one.reading()),
            input_px: all.iter().map(|one| size(one)).max_by_key(|(h, w)| h * w).unwrap_or_default(),
            // A network keeps what it took for the next batch.
            batch_bytes: &|n| sum(&|one| one.batch_bytes(n)),
            image_bytes: sum(&Self::kept_bytes)?,
            pixel_bytes: all.iter().map(|one| one.pixel_bytes()).fold(0, u64::saturating_add),
        };
        pace.flow(&needs, afterwards)
    }

    /// Bytes that are kept of an inspected image, beside its pixels: the anomaly map and the distances of its patches.
    fn kept_bytes(&self) -> Result<u64, DetectError> {
        if self.preprocessing.tiles.is_some() {
            return Ok(0);
        }
        Ok(self.preprocessing.input_len()? as u64 / 3 * 2 * size_of::<f32>() as u64)
    }

    /// The same for each pixel of an image that is cut into tiles, with the maps while they are drawn.
    fn pixel_bytes(&self) -> u64 {
        let Preprocessing { tiles, height_px, width_px, .. } = self.preprocessing;
        let values = |tiles: Tiles| (MAPS * (height_px * width_px) as u64).div_ceil((tiles.size_px as u64).pow(2));
        tiles.map_or(0, |tiles| values(tiles) * size_of::<f32>() as u64)
    }
}
