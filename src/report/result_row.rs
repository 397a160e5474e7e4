//! What is recorded about one image.

use crate::score::Verdict;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is recorded about one image; a failed one has an error and no scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResultRow {
    /// As it was given, in the form of [`path_text`](crate::dataset::path_text).
    pub path: String,
    /// Score as measured.
    pub raw_score: Option<f32>,
    /// Calibrated score, the one that is compared with the threshold.
    pub score: Option<f32>,
    /// What it was compared with.
    pub threshold: Option<f32>,
    /// How often a normal image scores so high or higher, by the bundle's held-out normals, in `(0, 1]`.
    pub p_value: Option<f64>,
    /// `normal` or `anomalous`.
    #[serde(serialize_with = "verdict_word", deserialize_with = "word_verdict")]
    pub verdict: Option<Verdict>,
    /// The condition the threshold belongs to.
    pub condition: Option<String>,
    /// How sure the gate was of the condition, in `[0, 1]`.
    pub gate_confidence: Option<f32>,
    /// The image was far from the training images of every condition, so it has none.
    pub unknown_condition: Option<bool>,
    /// Time spent on the image, in milliseconds.
    pub ms: Option<f64>,
    /// Why the image could not be inspected.
    pub error: Option<String>,
    /// Where its overlay is, below the folder of results, its parts joined by `/`.
    pub overlay: Option<String>,
    /// Why a picture of it could not be written; its scores are as good as any.
    pub picture_error: Option<String>,
    /// Where its map exceeds the pixel threshold, the region with the largest peak first; `None` where there is no such
    /// threshold.
    pub regions: Option<Vec<RegionRow>>,
    /// Columns of the image.
    pub width: Option<usize>,
    /// Rows of the image.
    pub height: Option<usize>,
    /// What the layout says of it, `normal` or `anomalous`.
    pub label: Option<String>,
    /// The defect that the layout names.
    pub defect: Option<String>,
}

/// A region, in pixels of the source image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionRow {
    /// First column of its box.
    pub left: usize,
    /// First row of its box.
    pub top: usize,
    /// Columns of its box.
    pub width: usize,
    /// Rows of its box.
    pub height: usize,
    /// Its area.
    pub area: f64,
    /// The largest value of the map in it.
    pub peak: f32,
    /// The mean of the map in it.
    pub mean: f32,
    /// The corners `[x, y]` of its outline, see [`Region::polygon`](crate::score::Region::polygon).
    pub polygon: Vec<[f32; 2]>,
}

// The signature is serde's.
fn verdict_word<S: Serializer>(verdict: &Option<Verdict>, serializer: S) -> Result<S::Ok, S::Error> {
    verdict.map(Verdict::as_str).serialize(serializer)
}

fn word_verdict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Verdict>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    let known = |word: &str| [Verdict::Normal, Verdict::Anomalous].into_iter().find(|verdict| verdict.as_str() == word);
    let unknown = |word: &str| serde::de::Error::custom(format!("verdict {word:?}: expected normal or anomalous"));
    word.map(|word| known(&word).ok_or_else(|| unknown(&word))).transpose()
}
