//! From the folder of the station to plain data.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::json::{MetaJson, ThresholdJson, parse};
use super::{
    GALLERY_FILE, MAX_GALLERY_BYTES, MAX_JSON_BYTES, META_FILE, METRIC, NORM_TOLERANCE, StationArtefact, StationError,
    StationMeta, StationThreshold, THRESHOLD_FILE,
};

/// Standard deviations that colours from 0 to 1 can have been divided by.
const MIN_STD: f64 = 1e-3;
const MAX_STD: f64 = 10.0;

/// Bytes read and converted at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Reads the folder of a station: `gallery_f32.bin`, `threshold.json` and `meta.json`.
///
/// `dim` is the number of values per row, as the network gives them. Without it, it follows from
/// `ntotal` and the size of the gallery.
///
/// # Errors
/// A [`StationError`] where a file is missing, does not read, contradicts another one, or where the
/// gallery is cut short, not finite or not normalised.
pub fn read(folder: &Path, dim: Option<usize>) -> Result<StationArtefact, StationError> {
    let threshold = parse_threshold(read_text(&folder.join(THRESHOLD_FILE))?)?;
    let meta = parse_meta(read_text(&folder.join(META_FILE))?)?;
    let path = folder.join(GALLERY_FILE);
    let (mut file, n_bytes) = open(&path, MAX_GALLERY_BYTES)?;
    let dim = gallery_dim(n_bytes, dim, threshold.n_rows)?;
    let rows = read_values(&mut file, &path, n_bytes)?;
    let artefact = StationArtefact { rows, dim, threshold, meta };
    artefact.check()?;
    Ok(artefact)
}

/// Reads `meta.json` of the folder of a station.
///
/// # Errors
/// A [`StationError`] where it is missing or does not read.
pub fn read_meta(folder: &Path) -> Result<StationMeta, StationError> {
    parse_meta(read_text(&folder.join(META_FILE))?)
}

/// Reads the text of `threshold.json`.
///
/// # Errors
/// A [`StationError`] where it does not read, is not finite, or asks for another metric than cosine.
pub fn parse_threshold(text: String) -> Result<StationThreshold, StationError> {
    let json: ThresholdJson = parse(THRESHOLD_FILE, &text)?;
    check_metric(THRESHOLD_FILE, &json.metric)?;
    let threshold = StationThreshold {
        value: json.value,
        q: json.q,
        // The station's own default for a missing count is 0.
        n_rows: json.ntotal.filter(|&n_rows| n_rows > 0),
        text: Some(text),
    };
    threshold.check()?;
    Ok(threshold)
}

/// Reads the text of `meta.json`.
///
/// # Errors
/// A [`StationError`] where it does not read, holds an impossible size, or asks for another metric than cosine.
pub fn parse_meta(text: String) -> Result<StationMeta, StationError> {
    let json: MetaJson = parse(META_FILE, &text)?;
    check_metric(META_FILE, &json.metric)?;
    let [grid_rows, grid_cols] = json.grid;
    let meta = StationMeta {
        input_size_px: json.input_size,
        mean: json.mean,
        std: json.std,
        grid_rows,
        grid_cols,
        backbone: json.backbone,
        layers: json.layers,
        data_name: json.data_name,
        text: Some(text),
    };
    meta.check()?;
    Ok(meta)
}

impl StationArtefact {
    /// Checks that the gallery is one, and that the files belong together.
    pub(super) fn check(&self) -> Result<(), StationError> {
        self.threshold.check()?;
        self.meta.check()?;
        let dim = gallery_dim(4 * self.rows.len() as u64, Some(self.dim), self.threshold.n_rows)?;
        for (row, values) in self.rows.chunks_exact(dim).enumerate() {
            if let Some(col) = values.iter().position(|value| !value.is_finite()) {
                return Err(StationError::NotFinite { row, col, value: values[col] });
            }
            let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if (norm - 1.0).abs() > NORM_TOLERANCE {
                return Err(StationError::NotNormalised { row, norm, dim });
            }
        }
        Ok(())
    }
}

impl StationThreshold {
    fn check(&self) -> Result<(), StationError> {
        let field = |holds: bool, field, expected, found: String| {
            if holds { Ok(()) } else { Err(StationError::Field { file: THRESHOLD_FILE, field, expected, found }) }
        };
        // One minus a cosine.
        field((0.0..=2.0).contains(&self.value), "value", "a cosine distance, from 0 to 2", self.value.to_string())?;
        field(
            self.q.is_none_or(|q| (0.0..=1.0).contains(&q)),
            "q",
            "a share from 0 to 1",
            self.q.unwrap_or_default().to_string(),
        )
    }
}

impl StationMeta {
    fn check(&self) -> Result<(), StationError> {
        /// Largest side of a network input, pixels.
        const MAX_SIDE_PX: u32 = 1 << 16;
        let field = |holds: bool, field, expected, found: String| {
            if holds { Ok(()) } else { Err(StationError::Field { file: META_FILE, field, expected, found }) }
        };
        let sides = 1..=MAX_SIDE_PX;
        field(sides.contains(&self.input_size_px), "input_size", "1 to 65536", self.input_size_px.to_string())?;
        field(
            sides.contains(&self.grid_rows) && sides.contains(&self.grid_cols),
            "grid",
            "two numbers from 1 to 65536",
            format!("[{}, {}]", self.grid_rows, self.grid_cols),
        )?;
        let finite = |value: f64| (value as f32).is_finite();
        // As OpenCV and mmcv have them: 123.675 and 58.395 of 255 are 0.485 and 0.229.
        let bytes = |value: &f64| (1.0..=255.0).contains(&value.abs());
        let on_bytes = self.mean.iter().chain(&self.std).all(|value| bytes(value) || *value == 0.0);
        if on_bytes && self.mean.iter().chain(&self.std).any(|value| *value > MAX_STD) {
            return Err(StationError::ByteScale { mean: self.mean, std: self.std });
        }
        field(self.mean.iter().all(|&mean| finite(mean)), "mean", "finite numbers", format!("{:?}", self.mean))?;
        // Colours lie between 0 and 1 there: no mean is beyond, and no deviation far beyond.
        field(
            self.mean.iter().all(|mean| (-1.0..=1.0).contains(mean)),
            "mean",
            "numbers on the scale 0 to 1",
            format!("{:?}", self.mean),
        )?;
        field(
            self.std.iter().all(|std| (MIN_STD..=MAX_STD).contains(std)),
            "std",
            "numbers from 0.001 to 10",
            format!("{:?}", self.std),
        )?;
        field(!self.backbone.is_empty(), "backbone", "a name", "empty".into())
    }
}

fn gallery_dim(n_bytes: u64, dim: Option<usize>, n_rows: Option<u64>) -> Result<usize, StationError> {
    if n_bytes == 0 {
        return Err(StationError::EmptyGallery);
    }
    let dim = match (dim, n_rows) {
        (Some(dim), _) => dim,
        (None, Some(n_rows)) => usize::try_from(n_bytes / 4 / n_rows).unwrap_or(usize::MAX),
        (None, None) => return Err(StationError::NoDim),
    };
    let row_bytes = (dim as u64).saturating_mul(4);
    if row_bytes == 0 || !n_bytes.is_multiple_of(row_bytes) {
        return Err(StationError::RaggedGallery { n_bytes, row_bytes, dim });
    }
    let found = n_bytes / row_bytes;
    match n_rows {
        Some(expected) if expected != found => Err(StationError::RowCount { expected, found, dim }),
        Some(_) | None => Ok(dim),
    }
}

fn open(path: &Path, limit: u64) -> Result<(File, u64), StationError> {
    let failed = |source| StationError::Read { path: path.into(), source };
    // Asked before opening: opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found > limit {
        return Err(StationError::TooLarge { path: path.into(), found, limit });
    }
    Ok((file, found))
}

fn read_text(path: &Path) -> Result<String, StationError> {
    let (file, _) = open(path, MAX_JSON_BYTES)?;
    let mut text = String::new();
    file.take(MAX_JSON_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| StationError::Read { path: path.into(), source })?;
    Ok(text)
}

fn read_values(reader: &mut impl Read, path: &Path, n_bytes: u64) -> Result<Vec<f32>, StationError> {
    let n_values = usize::try_from(n_bytes / 4).map_err(|_| StationError::OutOfMemory { n_bytes })?;
    let mut values = Vec::new();
    values.try_reserve_exact(n_values).map_err(|_| StationError::OutOfMemory { n_bytes })?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while values.len() < n_values {
        let bytes = &mut chunk[..CHUNK_BYTES.min(4 * (n_values - values.len()))];
        reader.read_exact(bytes).map_err(|source| StationError::Read { path: path.into(), source })?;
        values.extend(bytes.as_chunks::<4>().0.iter().copied().map(f32::from_le_bytes));
    }
    Ok(values)
}

/// The station trims the name and ignores its case; whatever it says, it compares by cosine.
fn check_metric(file: &'static str, metric: &str) -> Result<(), StationError> {
    if metric.trim().eq_ignore_ascii_case(METRIC) {
        return Ok(());
    }
    let found = format!("`{}`", crate::bundle::shorten(metric));
    let expected = "`cosine`, the only distance the station computes";
    Err(StationError::Field { file, field: "metric", expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(mean: &str, std: &str) -> Result<StationMeta, String> {
        let text = format!(
            r#"{{"input_size": 224, "mean": {mean}, "std": {std}, "grid": [14, 14], "metric": "cosine", "backbone": "n"}}"#
        );
        parse_meta(text).map_err(|error| error.to_string())
    }

    #[test]
    fn colours_on_the_scale_of_bytes_are_refused_with_the_right_numbers() {
        let error = meta("[123.675, 116.28, 103.53]", "[58.395, 57.12, 57.375]").unwrap_err();
        assert!(
            error.contains("0..255") && error.contains("mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]"),
            "{error}"
        );
        assert!(meta("[0, 0, 0]", "[255, 255, 255]").unwrap_err().contains("std [1, 1, 1]"));
        for (mean, std) in [
            ("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]"),
            ("[0, 0, 0]", "[1, 1, 1]"),
            ("[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]"),
        ] {
            meta(mean, std).unwrap();
        }
        for (mean, std, field) in [
            ("[0, 0, 0]", "[1, -1, 1]", "std"),
            ("[0, 0, 0]", "[1, 0, 1]", "std"),
            ("[0, 0, 0]", "[1, 1e-9, 1]", "std"),
            ("[0.5, 123.0, 0.5]", "[0.2, 0.2, 0.2]", "mean"),
        ] {
            let error = meta(mean, std).unwrap_err();
            assert!(error.contains(field), "{mean} {std}: {error}");
        }
    }

    #[test]
    fn thresholds_that_no_cosine_distance_can_be_are_refused() {
        let threshold = |value: &str| parse_threshold(format!(r#"{{"value": {value}, "metric": "cosine"}}"#));
        for value in ["0", "0.0509", "2"] {
            threshold(value).unwrap();
        }
        for value in ["-0.01", "2.5", "1e300", "NaN"] {
            assert!(threshold(value).is_err(), "{value}");
        }
    }
}
