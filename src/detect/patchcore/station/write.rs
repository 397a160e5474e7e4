//! From plain data to the folder of the station.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::json::{MetaJson, ThresholdJson, parse};
use super::{
    GALLERY_FILE, META_FILE, METRIC, StationArtefact, StationError, StationMeta, StationThreshold, THRESHOLD_FILE,
    parse_meta, parse_threshold,
};

/// Values converted to bytes at a time.
const CHUNK_VALUES: usize = 1 << 14;

/// Writes `gallery_f32.bin`, `meta.json` and `threshold.json` into a folder that exists.
///
/// Each file is replaced in one step, the three are not: the threshold comes last, so that a folder
/// without it is not complete. A file that was read and whose fields were not changed is written back
/// byte for byte; otherwise the fields that the station does not know are kept, the layout is not.
///
/// # Errors
/// [`StationError::Write`] where the folder or the disk does not take a file, and the errors of
/// [`read`](super::read()) where the artefact is not one that it would read.
pub fn write(folder: &Path, artefact: &StationArtefact) -> Result<(), StationError> {
    artefact.check()?;
    let meta = meta_text(&artefact.meta)?;
    let threshold = threshold_text(&artefact.threshold)?;
    replace(folder, GALLERY_FILE, |file| write_values(file, &artefact.rows))?;
    replace(folder, META_FILE, |file| file.write_all(meta.as_bytes()))?;
    replace(folder, THRESHOLD_FILE, |file| file.write_all(threshold.as_bytes()))
}

pub(super) fn threshold_text(threshold: &StationThreshold) -> Result<String, StationError> {
    let StationThreshold { value, q, n_rows, text } = threshold;
    let mut other = Default::default();
    if let Some(text) = text {
        if parse_threshold(text.clone()).is_ok_and(|read| read == *threshold) {
            return Ok(text.clone());
        }
        if let Ok(json) = parse::<ThresholdJson>(THRESHOLD_FILE, text) {
            other = json.other;
        }
    }
    to_text(THRESHOLD_FILE, &ThresholdJson { value: *value, metric: METRIC.into(), q: *q, ntotal: *n_rows, other })
}

pub(super) fn meta_text(meta: &StationMeta) -> Result<String, StationError> {
    let mut other = Default::default();
    if let Some(text) = &meta.text {
        if parse_meta(text.clone()).is_ok_and(|read| read == *meta) {
            return Ok(text.clone());
        }
        if let Ok(json) = parse::<MetaJson>(META_FILE, text) {
            other = json.other;
        }
    }
    let json = MetaJson {
        input_size: meta.input_size_px,
        mean: meta.mean,
        std: meta.std,
        grid: [meta.grid_rows, meta.grid_cols],
        metric: METRIC.into(),
        backbone: meta.backbone.clone(),
        layers: meta.layers.clone(),
        data_name: meta.data_name.clone(),
        other,
    };
    to_text(META_FILE, &json)
}

fn to_text<T: Serialize>(file: &'static str, json: &T) -> Result<String, StationError> {
    serde_json::to_string_pretty(json).map_err(|source| StationError::Json { file, source })
}

fn replace(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&mut BufWriter<&std::fs::File>) -> io::Result<()>,
) -> Result<(), StationError> {
    let path = folder.join(name);
    crate::files::replace(&path, fill).map_err(|failure| StationError::Write { path, source: failure.into() })
}

fn write_values(writer: &mut impl Write, values: &[f32]) -> io::Result<()> {
    for chunk in values.chunks(CHUNK_VALUES) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
        writer.write_all(&bytes)?;
    }
    Ok(())
}
