//! What a run found.

/// What one cell says of the test images with one seed. All lists are in the order of [`StudyData::test`](super::StudyData::test).
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The cell's name.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// The conditions of the bank.
    pub conditions: Vec<String>,
    /// Rows of the bank.
    pub n_rows: usize,
    /// Image scores.
    pub raw: Vec<f32>,
    /// The scores in standard deviations above the mean of held-out normals.
    pub calibrated: Vec<f32>,
    /// Raw scores above it are anomalous.
    pub threshold: Vec<f32>,
    /// The condition that the gate told, as a position in `conditions`.
    pub told: Vec<Option<u32>>,
    /// The condition of the row nearest to the worst patch.
    pub nearest: Vec<u32>,
}
