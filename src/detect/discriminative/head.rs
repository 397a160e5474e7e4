//! A trained head at work.

use crate::bank::centred;
use crate::detect::{DetectError, Distances, Patches, View};
use crate::kernel::Projection;
use crate::model::head::{HeadWeights, LEAK};
use crate::score::ImageScore;
use std::sync::Arc;

/// How steeply a value becomes a distance: values lie around -.5 where normal and .5 where anomalous.
const STEEPNESS: f32 = 2.0;

/// A head, ready to judge patches.
pub(super) struct Head {
    mean: Arc<[f32]>,
    hidden: Projection,
    bias: Vec<f32>,
    out: Vec<f32>,
    out_bias: f32,
}

impl Head {
    /// `mean`: what is taken from a descriptor before the weights see it.
    pub(super) fn new(mean: Arc<[f32]>, weights: HeadWeights) -> Result<Self, DetectError> {
        let HeadWeights { hidden, bias, out, out_bias } = weights;
        Ok(Self { hidden: Projection::of_columns(&hidden, mean.len())?, mean, bias, out, out_bias })
    }

    /// Adds what it says of each row, `[n, dim]`, to `sums`, `[n]`.
    fn add(&self, rows: &[f32], sums: &mut [f32]) -> Result<(), DetectError> {
        let Self { bias, out, out_bias, .. } = self;
        let hidden = self.hidden.apply(&centred(rows, &self.mean))?;
        for (sum, hidden) in sums.iter_mut().zip(hidden.chunks_exact(out.len())) {
            let one = |((value, bias), out): ((&f32, &f32), &f32)| {
                let value = value + bias;
                out * if value < 0.0 { LEAK * value } else { value }
            };
            *sum += hidden.iter().zip(bias).zip(out).map(one).sum::<f32>() + out_bias;
        }
        Ok(())
    }
}

/// What heads say of patches together, under each view: the mean of their values `v` as a distance, `ln(1 + e^(2 v))`.
pub(super) fn judged<'a>(
    heads: impl ExactSizeIterator<Item = &'a Head>,
    image_score: ImageScore,
    (patches, dim): (Patches<'_>, usize),
    views: &[View],
) -> Result<Distances, DetectError> {
    let n_heads = heads.len() as f32;
    let mut values = vec![0.0; patches.rows.len() / dim];
    for head in heads {
        head.add(patches.rows, &mut values)?;
    }
    for value in &mut values {
        // Its logarithm does not overflow: of large values it is the value.
        let steep = STEEPNESS * *value / n_heads;
        *value = steep.max(0.0) + (-steep.abs()).exp().ln_1p();
    }
    Distances::under_every_view(values, image_score, views)
}
