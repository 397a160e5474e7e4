//! The manifest: how the detector was made and how its scores become verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ChosenEntry, LightEntry, LineageEntry, PooledEntry, RoiEntry, SectionEntry, SuspectsEntry, exact, unique};

/// Everything in a bundle that is not a tensor.
///
/// Field names are those of the JSON object in the file. A field that is removed or changes its meaning needs a new
/// [`FORMAT_VERSION`](super::FORMAT_VERSION), and so does one that every file has; one that is left out where it says nothing
/// does not: a reader that does not know it refuses the files that have it, by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the file format. Set by the writer.
    pub format_version: u32,
    /// Version of the pcore that wrote the file. Set by the writer.
    pub pcore_version: String,
    /// Name of the settings that the detector was fitted with: `fast`, `balanced`, `best`; `pcore` where they were chosen one by
    /// one, `onnxdemo` of an imported one.
    pub profile: String,
    /// Name of the product or machine the bank belongs to, as given to the fit.
    pub domain: Option<String>,
    /// The fitted method, and how it describes images.
    pub detector: SectionEntry,
    /// The operating conditions, at least one.
    pub conditions: Vec<ConditionEntry>,
    /// The rule that labelled the training images: `none`, `p90`, `index:500`, `folder`, `file`.
    pub condition_rule: String,
    /// How the condition of a new image is recognised.
    pub gate: GateEntry,
    /// Scores of held-out normal images and the thresholds drawn from them.
    pub calibration: CalibrationEntry,
    /// Which part of every image is looked at; `None`, and left out of the file, where all of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roi: Option<RoiEntry>,
    /// Whether masks, one for each image, said what is looked at; left out of the file where they did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_roi: bool,
    /// Copies of each training image that were learned from, evenly turned, itself among them; `None`, and left out of the file,
    /// for itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<usize>,
    /// Threshold of the anomaly map, for masks and contours; `None` where there is none.
    #[serde(with = "exact")]
    pub pixel_threshold: Option<f32>,
    /// Seed of the whole fit.
    pub seed: u64,
    /// SHA-256, 64 lower-case hex digits, over names and content digests of the training images; of an imported bank
    /// over its files.
    pub data_fingerprint: String,
    /// Names of the training images.
    pub sources: Vec<String>,
    /// Training images that score unlike the others; `None`, and left out of the file, where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspects: Option<SuspectsEntry>,
    /// How training images were lit; `None`, and left out of the file, where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light: Option<LightEntry>,
    /// What training images look like to the network; `None`, and left out of the file, where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled: Option<PooledEntry>,
    /// What was done to it after its fit; `None`, and left out of the file, where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<LineageEntry>,
    /// Where the bank comes from when it was not fitted by pcore; `None` when it was.
    pub imported: Option<ImportedEntry>,
    /// SHA-256 of the tensor data, 64 lower-case hex digits. Set by the writer.
    pub tensors_sha256: String,
    /// SHA-256 of the header, 64 lower-case hex digits. Set by the writer.
    pub header_sha256: String,
}

/// The files of another program that the bank was imported from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedEntry {
    /// Name of the foreign format: `onnxdemo`.
    pub format: String,
    /// The small text files as they were, by file name, so that an export can give them back unchanged.
    #[serde(deserialize_with = "unique::deserialize")]
    pub files: BTreeMap<String, String>,
}

/// One operating condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionEntry {
    /// Its name, unique in the bundle.
    pub name: String,
    /// Training images that had it.
    pub n_images: usize,
}

/// How the condition of a new image is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateEntry {
    /// Name of the gate: `single`, `p90`, `knn`, `embedding`, `abstain`.
    pub kind: String,
    /// Limit the gate compares with, in the unit of its statistic; `None` where it has none.
    #[serde(with = "exact")]
    pub limit: Option<f32>,
    /// Further numbers of this kind of gate, by name.
    #[serde(with = "exact")]
    pub parameters: BTreeMap<String, f64>,
    /// The axes of the points the gate votes by, at most 8; empty for a gate without points.
    pub axes: Vec<GateAxisEntry>,
    /// Points in `gate_points`.
    pub n_points: usize,
    /// Per condition that has training images, lowest and highest value of the gate's statistic at which it is known
    /// (`p90`); empty where every value is.
    #[serde(default, with = "exact")]
    pub known: Vec<[f32; 2]>,
    /// Distance to the nearest point beyond which an image is of no known condition (`knn`, `embedding`); `None` where
    /// there is no limit.
    #[serde(default, with = "exact")]
    pub reach: Option<f32>,
    /// Training images of each condition (rows) by the condition the gate told in cross-validation (columns, the last one:
    /// it abstained); empty where it was not measured.
    pub confusion: Vec<Vec<usize>>,
}

/// One axis of a gate's points: a feature, standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAxisEntry {
    /// Index of the feature: of the eight intensity statistics (`knn`), or of the pooled descriptor (`embedding`).
    pub feature: usize,
    /// Its mean over the training images.
    #[serde(with = "exact")]
    pub mean: f32,
    /// Its standard deviation over them, divided by its correlation ratio with the condition; above 0.
    #[serde(with = "exact")]
    pub unit: f32,
}

/// Scores of held-out normal images and the thresholds drawn from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationEntry {
    /// Name of the method: `split-conformal`, `leave-one-out`, `cross-fit`, `constant`, `validated` (chosen on labelled images, see
    /// [`Self::chosen`]), `none`.
    pub method: String,
    /// Wanted share of false alarms among normal images, between 0 and 1.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// The views of the rows of `scores`, the default one first: `gated`, `density:mixed`.
    pub views: Vec<String>,
    /// Images that belong together; `None`, and left out of the file, where each is on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsEntry>,
    /// Scores at the end that were added after the fit, see [`HeldOutScores`](crate::score::HeldOutScores); `None`, and left out of
    /// the file, where none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_added: Option<usize>,
    /// Which of the manifest's `sources` each score is of, [`UNKNOWN`](super::UNKNOWN) for none of them; `None`, and left out of the file,
    /// where there is one score for each source, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<u32>>,
    /// How the thresholds were chosen on labelled images; `None`, and left out of the file, where they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ChosenEntry>,
    /// All calibration scores together.
    pub global: ConformalEntry,
    /// The calibration scores of single conditions, by name; empty where all share one threshold.
    #[serde(deserialize_with = "unique::deserialize")]
    pub per_condition: BTreeMap<String, ConformalEntry>,
}

/// Training images that belong together: there is one calibration score for each group, the largest of its images'.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupsEntry {
    /// What told them: `near-copies` where they were found, `folder`, `name:` and a pattern, or the name of a table.
    pub rule: String,
    /// Groups among the training images.
    pub n_groups: usize,
    /// Training images.
    pub n_images: usize,
}

/// One group of calibration scores and its threshold.
///
/// The threshold is the split-conformal quantile: the `ceil((1 - alpha) * (n + 1))`-th smallest of `n`
/// scores (Vovk, Gammerman, Shafer 2005; Angelopoulos and Bates 2021, Eq. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformalEntry {
    /// Number of scores.
    pub n: usize,
    /// Wanted share of false alarms.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// Smallest share of false alarms `n` scores can promise: `1 / (n + 1)`.
    #[serde(with = "exact")]
    pub smallest_alpha: f64,
    /// The threshold; an image is anomalous when its score is greater. `None` where `alpha` is out of reach.
    #[serde(with = "exact")]
    pub threshold: Option<f32>,
    /// Mean of the scores; `None` where there are none.
    #[serde(with = "exact")]
    pub mean: Option<f32>,
    /// Standard deviation of the scores; `None` where there are none.
    #[serde(with = "exact")]
    pub std: Option<f32>,
}
