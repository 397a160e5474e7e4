//! Many files through one inspector.

use super::{Calibration, InferError, Inspection, Inspector};
use crate::dataset::{ConditionTable, Sample};
use crate::image::{self, Image, ImageError, Limits};
use crate::progress::Progress;
use rayon::prelude::*;
use std::time::Instant;

/// Images per pass through the network: enough to keep all cores busy, few enough to stay in cache.
pub const DEFAULT_BATCH: usize = 8;

/// One file's outcome.
pub struct Item<'a> {
    /// The file.
    pub sample: &'a Sample,
    /// Its pixels and what pcore says of them, or why it could not be read.
    pub outcome: Result<(Image, Inspection), ImageError>,
    /// Wall time per image of its batch, decoding included, in milliseconds.
    pub ms: f64,
}

/// Inspects `samples` in order, `batch` at a time, and hands each outcome to `receive`. A file that can't be read is an
/// outcome like any other and stops nothing. A condition found in `table` overrules the gate.
///
/// # Errors
/// What `receive` returns, or what makes every image fail: a network or bank that refuses its input.
pub fn inspect_all<E: From<InferError>>(
    inspector: &Inspector,
    samples: &[Sample],
    table: Option<&ConditionTable>,
    calibration: Calibration,
    batch: usize,
    progress: &dyn Progress,
    mut receive: impl FnMut(Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let limits = Limits::default();
    progress.begin("inspecting", samples.len());
    for chunk in samples.chunks(batch.max(1)) {
        let start = Instant::now();
        let decoded: Vec<Result<Image, ImageError>> = chunk.par_iter().map(|s| image::read(&s.path, &limits)).collect();
        let readable: Vec<(&Sample, &Image)> =
            chunk.iter().zip(&decoded).filter_map(|(s, d)| d.as_ref().ok().map(|image| (s, image))).collect();
        let mut inspections = if readable.is_empty() {
            vec![]
        } else {
            let conditions: Vec<Option<&str>> = readable.iter().map(|(s, _)| table.and_then(|t| t.get(s))).collect();
            let images: Vec<&Image> = readable.iter().map(|(_, image)| *image).collect();
            inspector.inspect(&images, &conditions, calibration)?
        }
        .into_iter();
        let ms = start.elapsed().as_secs_f64() * 1e3 / chunk.len() as f64;
        for (sample, decoded) in chunk.iter().zip(decoded) {
            let outcome = match decoded {
                Ok(image) => match inspections.next() {
                    Some(inspection) => Ok((image, inspection)),
                    None => continue,
                },
                Err(error) => Err(error),
            };
            receive(Item { sample, outcome, ms })?;
        }
        progress.advance(chunk.len());
    }
    progress.end();
    Ok(())
}
