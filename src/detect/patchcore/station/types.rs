//! What the files hold, as plain data.

/// File name of the memory bank.
pub const GALLERY_FILE: &str = "gallery_f32.bin";

/// File name of the threshold.
pub const THRESHOLD_FILE: &str = "threshold.json";

/// File name of the description.
pub const META_FILE: &str = "meta.json";

/// Most bytes a gallery may have: 8 GiB.
pub const MAX_GALLERY_BYTES: u64 = 8 << 30;

/// Most bytes `threshold.json` or `meta.json` may have: 1 MiB.
pub const MAX_JSON_BYTES: u64 = 1 << 20;

/// Largest deviation of the length of a row from 1. Rows normalised in half precision stay well below.
pub const NORM_TOLERANCE: f64 = 1e-3;

/// The only distance the station knows.
pub(super) const METRIC: &str = "cosine";

/// What the station keeps of one product.
#[derive(Clone, Debug, PartialEq)]
pub struct StationArtefact {
    /// Memory bank `[n_rows, dim]`, row-major; finite, every row of Euclidean length 1.
    pub rows: Vec<f32>,
    /// Numbers per row.
    pub dim: usize,
    /// The content of `threshold.json`.
    pub threshold: StationThreshold,
    /// The content of `meta.json`.
    pub meta: StationMeta,
}

impl StationArtefact {
    /// Rows of the memory bank.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.len().checked_div(self.dim).unwrap_or(0)
    }
}

/// The content of `threshold.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct StationThreshold {
    /// The threshold as written; see [`cut`](Self::cut).
    pub value: f64,
    /// Quantile of the leave-one-out distances of the bank rows from which the value was taken.
    pub q: Option<f64>,
    /// Rows of the bank; `None` where the file does not say (or says 0, which means the same there).
    pub n_rows: Option<u64>,
    /// The file as it was read; written back as it is while the other fields agree with it.
    pub text: Option<String>,
}

impl StationThreshold {
    /// What the station compares with: an image is rejected when its score is greater.
    #[must_use]
    pub fn cut(&self) -> f32 {
        self.value as f32
    }
}

/// The content of `meta.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct StationMeta {
    /// Side of the square network input, pixels.
    pub input_size_px: u32,
    /// Subtracted from each channel (red, green, blue) after scaling to 0..1.
    pub mean: [f64; 3],
    /// Divides each channel after the mean is subtracted; above 0.
    pub std: [f64; 3],
    /// Rows of the patch grid.
    pub grid_rows: u32,
    /// Columns of the patch grid.
    pub grid_cols: u32,
    /// Name of the network.
    pub backbone: String,
    /// Names of the tapped layers; `None` where the file does not say.
    pub layers: Option<Vec<String>>,
    /// Name of the product; `None` where the file does not say.
    pub data_name: Option<String>,
    /// The file as it was read; written back as it is while the other fields agree with it.
    pub text: Option<String>,
}
