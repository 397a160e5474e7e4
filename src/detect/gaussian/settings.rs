//! What a bundle says of it.

use super::linear::shares_len;
use crate::bundle::settings::{check_between, check_count, check_named, check_share, check_size, require};
use crate::bundle::{Defect, MAX_MAP_SIGMA_PX, exact};
use crate::detect::{DetectError, Scoring, Shape};
use serde::{Deserialize, Serialize};

/// Settings of fitted distributions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// What a distribution is made of: `whole`, `places:100`, `residual:0.95`.
    pub(super) shape: String,
    /// The share of shrinkage that was asked for; `None` for that of Ledoit and Wolf.
    #[serde(with = "exact")]
    pub(super) shrinkage: Option<f64>,
    /// The image score: `max`, `top:0.01`.
    pub(super) image_score: String,
    /// Standard deviation of the Gaussian that smooths the map, pixels; 0 smooths nothing.
    #[serde(with = "exact")]
    pub(super) map_sigma_px: f32,
    /// The distribution of each condition, in their order.
    pub(super) conditions: Vec<LawEntry>,
}

/// One distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LawEntry {
    /// Patches that it was fitted to.
    pub(super) n_patches: usize,
    /// Share of the covariance that was replaced by a multiple of the identity; of places their mean, of a residual 0.
    #[serde(with = "exact")]
    pub(super) shrinkage: f64,
    /// Which of the factors is its own (`whole`): conditions with few patches share one; else 0.
    pub(super) factor: usize,
    /// Its principal directions (`residual`), else 0.
    pub(super) n_directions: usize,
}

/// The sizes that settings call for.
pub(super) struct Sizes {
    pub(super) dim: usize,
    pub(super) n_conditions: usize,
    pub(super) n_places: usize,
    pub(super) n_channels: usize,
    pub(super) n_factors: usize,
    pub(super) n_directions: usize,
}

impl Settings {
    pub(super) fn shape(&self) -> Result<Shape, DetectError> {
        DetectError::parse("shape", &self.shape)
    }

    pub(super) fn scoring(&self) -> Result<Scoring, DetectError> {
        Scoring::without_bank(&self.image_score, self.map_sigma_px)
    }

    /// Checks every field.
    pub(super) fn check(&self, n_conditions: usize) -> Result<(), Defect> {
        check_named("shape", &self.shape)?;
        check_named("image_score", &self.image_score)?;
        self.shrinkage.map_or(Ok(()), |share| check_share("shrinkage", share))?;
        check_between("map_sigma_px", self.map_sigma_px, 0.0, MAX_MAP_SIGMA_PX)?;
        let found = self.conditions.len();
        require(found == n_conditions, found, || {
            ("conditions".into(), format!("a distribution for each of {n_conditions} conditions"))
        })?;
        for law in &self.conditions {
            check_count("conditions.n_patches", law.n_patches)?;
            check_share("conditions.shrinkage", law.shrinkage)?;
            check_size("conditions.factor", law.factor.saturating_add(1), n_conditions)?;
        }
        Ok(())
    }

    /// The sizes of the tensors, for descriptors of `dim` values on a grid of `n_patches`.
    pub(super) fn sizes(&self, dim: usize, n_patches: usize) -> Result<Sizes, Defect> {
        let n_conditions = self.conditions.len();
        let none = Sizes { dim, n_conditions, n_places: 0, n_channels: 0, n_factors: 0, n_directions: 0 };
        match self.shape.parse::<Shape>() {
            Ok(Shape::Whole) => {
                let n_factors = self.conditions.iter().map(|law| law.factor + 1).max().unwrap_or(0);
                Ok(Sizes { n_factors, ..none })
            }
            Ok(Shape::Places(n)) => {
                require(n <= dim, n, || ("shape".into(), format!("at most {dim} channels")))?;
                Ok(Sizes { n_places: n_patches, n_channels: n, ..none })
            }
            Ok(Shape::Residual(_)) => {
                let counts = self.conditions.iter().map(|law| law.n_directions);
                for n in counts.clone() {
                    check_size("conditions.n_directions", n, dim)?;
                }
                Ok(Sizes { n_directions: counts.sum(), ..none })
            }
            Err(_unknown) => Err(Defect::Field {
                field: "shape".to_owned(),
                expected: "whole, places:CHANNELS or residual:SHARE".to_owned(),
                found: crate::bundle::shorten(&self.shape),
            }),
        }
    }
}

impl Sizes {
    /// Values left of a factor's diagonal.
    pub(super) fn factor_len(&self) -> usize {
        shares_len(self.dim)
    }

    /// The same of a place's.
    pub(super) fn place_len(&self) -> usize {
        shares_len(self.n_channels)
    }
}
