//! What a bundle says of it.

use crate::bundle::settings::{MAX_COUNT, check_between, check_count, check_named, check_share, check_size, require};
use crate::bundle::{Defect, MAX_MAP_NEIGHBOURS, MAX_MAP_SIGMA_PX, MAX_SCORE, exact};
use crate::detect::{DetectError, MAX_WHITENING, Metric, Scoring};
use serde::{Deserialize, Serialize};

/// Settings of a fitted memory bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The distance between descriptors.
    pub(super) metric: Metric,
    /// How the rows of the bank were chosen.
    pub(super) coreset: CoresetEntry,
    /// Share of the patches that were left out before, the least like those at the same place of the other images, 0 to 1; `None`, and
    /// left out of the file, where none were.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact")]
    pub(super) filter_patches: Option<f64>,
    /// How rows are whitened before they are compared; `None`, and left out of the file, where they are compared as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) whitening: Option<WhiteningEntry>,
    /// How the rows are searched; `None`, and left out of the file, where all of them are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<IndexEntry>,
    /// How patch distances become an image score and an anomaly map.
    pub(super) score: ScoreEntry,
    /// Nearest rows whose mean distance is the local density (`row_scale`), at least 1; `None`, and left out of the file, where
    /// it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) density_neighbours: Option<usize>,
    /// Rows of the bank from each condition.
    pub(super) rows_of_condition: Vec<usize>,
}

/// How the rows of the bank were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CoresetEntry {
    /// Share of the candidates asked for; `None` where a count was asked for or all rows were kept.
    #[serde(with = "exact")]
    pub(super) ratio: Option<f64>,
    /// Rows in the bank.
    pub(super) n_picked: usize,
    /// Rows they were picked from; `None` where that is not known (an imported bank).
    pub(super) n_candidates: Option<usize>,
    /// The space rows were compared in while picking: `pca`, `none`, or a number of random directions; `None` where that
    /// is not known (an imported bank).
    pub(super) projection: Option<String>,
    /// Seed of a random projection.
    pub(super) seed: u64,
    /// Largest distance from a candidate to its nearest picked row; `None` where not measured.
    #[serde(with = "exact")]
    pub(super) covering_radius: Option<f32>,
}

/// A whitening of the rows; `whitening_mean` and `whitening` are its mean and its matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhiteningEntry {
    /// Added to each variance, in mean variances.
    #[serde(with = "exact")]
    pub(super) floor: f64,
    /// Values of a whitened row.
    pub(super) n_values: usize,
}

/// An index for searching the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexEntry {
    /// Name of the index: `ivf`, an inverted file.
    pub(super) kind: String,
    /// Its lists; `row_list` tells the list of each row.
    pub(super) n_lists: usize,
    /// Lists looked into for each patch.
    pub(super) n_probes: usize,
    /// Share of `n_measured` left-out normal patches whose nearest row is in those lists, 0 to 1.
    #[serde(with = "exact")]
    pub(super) recall: f64,
    /// Patches that the share was measured on.
    pub(super) n_measured: usize,
}

/// How patch distances become an image score and an anomaly map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScoreEntry {
    /// The image score: `max`, `reweighted:9` (Eq. 7 of Roth et al. 2022 with 9 neighbours), `top:0.01`.
    pub(super) image_score: String,
    /// Nearest rows whose mean distance is a patch's value in the map, at least 1.
    pub(super) map_neighbours: usize,
    /// Standard deviation of the Gaussian that smooths the map, pixels; 0 smooths nothing.
    #[serde(with = "exact")]
    pub(super) map_sigma_px: f32,
}

impl ScoreEntry {
    pub(super) fn new(scoring: &Scoring) -> Self {
        Self {
            image_score: scoring.image_score.to_string(),
            map_neighbours: scoring.map_neighbours,
            map_sigma_px: scoring.map_sigma_px,
        }
    }

    pub(super) fn scoring(&self) -> Result<Scoring, DetectError> {
        Ok(Scoring {
            image_score: DetectError::parse("image score", &self.image_score)?,
            map_neighbours: self.map_neighbours,
            map_sigma_px: self.map_sigma_px,
        })
    }
}

impl Settings {
    /// Checks every field, within the limits of the bundle.
    pub(super) fn check(&self, n_conditions: usize) -> Result<(), Defect> {
        check_coreset(&self.coreset)?;
        if let Some(share) = self.filter_patches {
            check_share("filter_patches", share)?;
        }
        if let Some(WhiteningEntry { floor, n_values }) = &self.whitening {
            check_between("whitening.floor", *floor as f32, 0.0, MAX_WHITENING as f32)?;
            check_size("whitening.n_values", *n_values, MAX_COUNT)?;
            require(self.metric == Metric::L2, format!("{:?}", self.metric), || {
                ("metric".into(), "l2 where rows are whitened".into())
            })?;
        }
        if let Some(index) = &self.index {
            check_index(index, self.coreset.n_picked)?;
        }
        if let Some(neighbours) = self.density_neighbours {
            check_size("density_neighbours", neighbours, MAX_MAP_NEIGHBOURS)?;
        }
        let found = &self.rows_of_condition;
        require(found.len() == n_conditions, found.len(), || {
            ("rows_of_condition".into(), format!("a number for each of {n_conditions} conditions"))
        })?;
        check_scoring(&self.score)
    }
}

fn check_coreset(coreset: &CoresetEntry) -> Result<(), Defect> {
    // Rows and images are counted in 32 bits, and the last number means that something is unknown.
    check_size("coreset.n_picked", coreset.n_picked, coreset.n_candidates.unwrap_or(MAX_COUNT).min(MAX_COUNT - 1))?;
    if let Some(radius) = coreset.covering_radius {
        check_between("coreset.covering_radius", radius, 0.0, MAX_SCORE)?;
    }
    if let Some(projection) = &coreset.projection {
        check_named("coreset.projection", projection)?;
    }
    require(coreset.ratio.is_none_or(|ratio| ratio > 0.0 && ratio <= 1.0), format!("{:?}", coreset.ratio), || {
        ("coreset.ratio".into(), "a share above 0, at most 1".into())
    })
}

fn check_index(index: &IndexEntry, n_rows: usize) -> Result<(), Defect> {
    check_named("index.kind", &index.kind)?;
    check_size("index.n_lists", index.n_lists, n_rows)?;
    check_size("index.n_probes", index.n_probes, index.n_lists)?;
    check_count("index.n_measured", index.n_measured)?;
    check_share("index.recall", index.recall)
}

fn check_scoring(score: &ScoreEntry) -> Result<(), Defect> {
    check_named("score.image_score", &score.image_score)?;
    check_size("score.map_neighbours", score.map_neighbours, MAX_MAP_NEIGHBOURS)?;
    check_between("score.map_sigma_px", score.map_sigma_px, 0.0, MAX_MAP_SIGMA_PX)
}
