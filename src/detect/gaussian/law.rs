//! One fitted distribution, read as a distance.

use super::linear::{packed_len, unpacked};
use crate::bank::centred;
use crate::detect::{DetectError, Patches, Shape, finite};
use crate::kernel::Projection;
use std::sync::Arc;

/// Normal patches of one condition, as a distribution; the distance of a patch says how far it is from it.
pub(super) enum Law {
    /// One for all patches: the Mahalanobis distance `|W (x - mean)|`, where `W` is the inverse of the Cholesky factor of the
    /// covariance.
    Whole { mean: Vec<f32>, whitening: Arc<Projection> },
    /// One for each place of the grid, on a few channels (`PaDiM`).
    Places { channels: Arc<[usize]>, means: Vec<f32>, factors: Vec<f32> },
    /// What the principal directions do not explain: the length of `x - mean` without its share along them.
    Residual { mean: Vec<f32>, directions: Projection },
}

/// Refuses to compare by places where a place is of no part.
pub(super) fn no_places(found: String) -> DetectError {
    let expected = "whole or residual where images are cut into tiles or turned: a place is then of no part".to_owned();
    DetectError::Setting { setting: "shape", expected, found }
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum()
}

/// The projection of a packed inverse factor.
pub(super) fn whitening(factor: &[f32], dim: usize) -> Result<Projection, DetectError> {
    Projection::of_columns(&unpacked(factor, dim), dim).map_err(DetectError::from)
}

impl Law {
    /// The distance of each of these patches of an image.
    pub(super) fn distances(&self, patches: Patches<'_>, dim: usize) -> Result<Vec<f32>, DetectError> {
        finite(self.unchecked(patches, dim)?)
    }

    fn unchecked(&self, patches: Patches<'_>, dim: usize) -> Result<Vec<f32>, DetectError> {
        let rows = patches.rows;
        match self {
            Self::Whole { mean, whitening } => {
                let white = whitening.apply(&centred(rows, mean))?;
                Ok(white.chunks_exact(dim).map(|row| square(row).sqrt() as f32).collect())
            }
            Self::Residual { mean, directions } => {
                let centred = centred(rows, mean);
                let along = directions.apply(&centred)?;
                let rest = centred.chunks_exact(dim).zip(along.chunks_exact(directions.to()));
                Ok(rest.map(|(row, along)| (square(row) - square(along)).max(0.0).sqrt() as f32).collect())
            }
            // Of an image in tiles, which the fit saw whole.
            Self::Places { channels, means, .. } if patches.grid.n_patches() * channels.len() != means.len() => {
                Err(no_places(Shape::Places(channels.len()).to_string()))
            }
            Self::Places { channels, means, factors } => {
                let (d, packed) = (channels.len(), packed_len(channels.len()));
                let of_place = |place: usize| (&means[place * d..][..d], &factors[place * packed..][..packed]);
                let mut own = vec![0.0; d];
                let mut distance = |(row, (mean, factor)): (&[f32], (&[f32], &[f32]))| {
                    own.iter_mut().zip(channels.iter().zip(mean)).for_each(|(v, (c, m))| *v = row[*c] - m);
                    let (mut rest, mut sum) = (factor, 0.0);
                    for n in 1..=d {
                        let (weights, others) = rest.split_at(n);
                        sum += f64::from(weights.iter().zip(&own).map(|(w, v)| w * v).sum::<f32>()).powi(2);
                        rest = others;
                    }
                    sum.sqrt() as f32
                };
                Ok(rows.chunks_exact(dim).zip(patches.places().map(of_place)).map(&mut distance).collect())
            }
        }
    }
}
