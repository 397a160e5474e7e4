//! Between a bundle's section and the detector.

use super::fitted::Gaussian;
use super::law::{Law, whitening};
use super::linear::{halved, packed_len, shares_len, whole};
use super::settings::{Settings, Sizes};
use crate::bundle::{Defect, Manifest, Section, SectionEntry, TensorSpec, Tensors, TensorsOf};
use crate::detect::{DetectError, Detector, Opening, Shape};
use crate::kernel::Projection;
use half::f16;
use std::sync::Arc;

const MEAN: &str = "mean";
pub(super) const SCALE: &str = "scale";
pub(super) const FACTOR: &str = "factor";
pub(super) const CHANNELS: &str = "channels";
const PLACE_MEAN: &str = "place_mean";
const PLACE_SCALE: &str = "place_scale";
const PLACE_FACTOR: &str = "place_factor";
const DIRECTIONS: &str = "directions";

fn sizes(entry: &SectionEntry, settings: &Settings) -> Result<Sizes, Defect> {
    let descriptor = &entry.described()?.descriptor;
    settings.sizes(descriptor.dim, descriptor.grid_rows.saturating_mul(descriptor.grid_cols))
}

/// `mean` f32 `[n_conditions, dim]`, and by shape: the inverses of the Cholesky factors, `scale` f32 `[n_factors, dim]` their
/// diagonals and `factor` f16 `[n_factors, dim (dim - 1) / 2]` what stands left of them, row by row, as shares of the
/// diagonal's value; or `channels` u32 `[n_channels]`, `place_mean` f32 `[n_conditions, n_patches,
/// n_channels]`, `place_scale` and `place_factor` likewise; or `directions` f32 `[n_directions, dim]`, those of one condition after the other.
pub(super) fn tensors(entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    let settings: Settings = entry.settings()?;
    settings.check(shared.conditions.len())?;
    let sizes = sizes(entry, &settings)?;
    let n_conditions = sizes.n_conditions;
    let n_means = if sizes.n_places > 0 { 0 } else { n_conditions };
    Ok(vec![
        TensorSpec::numbers(MEAN, &[n_means, sizes.dim]),
        TensorSpec::numbers(SCALE, &[sizes.n_factors, sizes.dim]),
        TensorSpec::halves(FACTOR, &[sizes.n_factors, sizes.factor_len()]),
        TensorSpec::indices(CHANNELS, &[sizes.n_channels], "the descriptor's values", sizes.dim),
        TensorSpec::numbers(PLACE_MEAN, &[n_conditions, sizes.n_places, sizes.n_channels]),
        TensorSpec::numbers(PLACE_SCALE, &[n_conditions, sizes.n_places, sizes.n_channels]),
        TensorSpec::halves(PLACE_FACTOR, &[n_conditions, sizes.n_places, sizes.place_len()]),
        TensorSpec::numbers(DIRECTIONS, &[sizes.n_directions, sizes.dim]),
    ])
}

pub(super) fn check(_entry: &SectionEntry, _tensors: TensorsOf<'_>, _shared: &Manifest) -> Result<(), Defect> {
    Ok(())
}

pub(super) fn facts(entry: &SectionEntry, _shared: &Manifest) -> Vec<(String, String)> {
    let Ok(settings) = entry.settings::<Settings>() else { return vec![] };
    let n = settings.conditions.len();
    let dim = entry.features.as_ref().map_or(0, |features| features.descriptor.dim);
    let shrinkage = settings.conditions.iter().map(|law| law.shrinkage).fold(0.0, f64::max);
    let factors = settings.conditions.iter().map(|law| law.factor).collect::<std::collections::BTreeSet<_>>().len();
    let some = |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let means = some(n, "mean", "means");
    let what = match settings.shape() {
        Ok(Shape::Whole) => {
            let covariances = some(factors, "covariance", "covariances");
            format!("{means} and {covariances} of {dim} values, shrunk by at most {shrinkage:.4}")
        }
        Ok(Shape::Places(channels)) => format!("{means} and covariances for each place, {channels} of {dim} values"),
        Ok(Shape::Residual(share)) => {
            let most = settings.conditions.iter().map(|law| law.n_directions).max().unwrap_or(0);
            format!("{means}, at most {most} directions of {dim} values, {} % of the variance", share * 100.0)
        }
        Err(_unknown) => String::new(),
    };
    vec![("gaussian".to_owned(), what)]
}

pub(super) fn open(
    section: Section,
    _shared: &Manifest,
    opening: &mut Opening<'_>,
) -> Result<Box<dyn Detector>, DetectError> {
    let features = opening.features(&section.entry)?;
    let settings: Settings = section.entry.settings().map_err(DetectError::defect)?;
    let sizes = sizes(&section.entry, &settings).map_err(DetectError::defect)?;
    let laws = laws(&section.tensors, &settings, &sizes)?;
    let scoring = settings.scoring()?;
    Ok(Box::new(Gaussian { features, scoring, laws, dim: sizes.dim, section }))
}

/// The packed factor of a whole distribution.
pub(super) fn factor_of(tensors: &Tensors, law: &super::settings::LawEntry, dim: usize) -> Vec<f32> {
    wholes(tensors.numbers(SCALE), tensors.halves(FACTOR), dim).nth(law.factor).unwrap_or_default()
}

/// The random channels of places; none of other shapes.
pub(super) fn channels_of(tensors: &Tensors) -> Vec<usize> {
    tensors.indices(CHANNELS).iter().map(|channel| *channel as usize).collect()
}

/// The distributions that the tensors hold.
pub(super) fn laws(tensors: &Tensors, settings: &Settings, sizes: &Sizes) -> Result<Vec<Arc<Law>>, DetectError> {
    let dim = sizes.dim;
    let mean = |condition: usize| tensors.numbers(MEAN)[condition * dim..][..dim].to_vec();
    match settings.shape()? {
        Shape::Whole => {
            let factors = wholes(tensors.numbers(SCALE), tensors.halves(FACTOR), dim);
            let factors: Vec<Arc<Projection>> =
                factors.map(|factor| Ok(Arc::new(whitening(&factor, dim)?))).collect::<Result<_, DetectError>>()?;
            let law = |(condition, law): (usize, &super::settings::LawEntry)| {
                Arc::new(Law::Whole { mean: mean(condition), whitening: Arc::clone(&factors[law.factor]) })
            };
            Ok(settings.conditions.iter().enumerate().map(law).collect())
        }
        Shape::Places(_) => {
            let channels: Arc<[usize]> = tensors.indices(CHANNELS).iter().map(|c| *c as usize).collect();
            let (n_means, n_shares) = (sizes.n_places * sizes.n_channels, sizes.n_places * sizes.place_len());
            let law = |condition: usize| {
                Arc::new(Law::Places {
                    channels: Arc::clone(&channels),
                    means: tensors.numbers(PLACE_MEAN)[condition * n_means..][..n_means].to_vec(),
                    factors: wholes(
                        &tensors.numbers(PLACE_SCALE)[condition * n_means..][..n_means],
                        &tensors.halves(PLACE_FACTOR)[condition * n_shares..][..n_shares],
                        sizes.n_channels,
                    )
                    .flatten()
                    .collect(),
                })
            };
            Ok((0..sizes.n_conditions).map(law).collect())
        }
        Shape::Residual(_) => {
            let mut rest = tensors.numbers(DIRECTIONS);
            let mut laws = vec![];
            for (condition, law) in settings.conditions.iter().enumerate() {
                let (own, others) = rest.split_at(law.n_directions * dim);
                let directions = Projection::of_columns(own, dim)?;
                laws.push(Arc::new(Law::Residual { mean: mean(condition), directions }));
                rest = others;
            }
            Ok(laws)
        }
    }
}

/// The packed triangles of so many rows that tensors hold, one after the other.
fn wholes<'a>(scales: &'a [f32], shares: &'a [f16], n: usize) -> impl Iterator<Item = Vec<f32>> + 'a {
    let of = move |at: usize| {
        let n_shares = shares_len(n);
        whole(&scales[at * n..][..n], &shares[at * n_shares..][..n_shares])
    };
    (0..scales.len() / n.max(1)).map(of)
}

/// One distribution as tensors hold it.
pub(super) enum Parts {
    Whole { mean: Vec<f32>, factor: Vec<f32> },
    Places { means: Vec<f32>, factors: Vec<f32> },
    Residual { mean: Vec<f32>, directions: Vec<f32> },
}

/// The tensors of these distributions; the `factor` of a whole one may be empty where an earlier one's is shared.
pub(super) fn gathered(parts: Vec<Parts>, channels: &[usize], dim: usize) -> Tensors {
    let (mut means, mut factors) = (vec![], vec![]);
    let (mut place_means, mut place_factors, mut all_directions) = (vec![], vec![], vec![]);
    let halved_all = |packed: &[f32], n: usize| -> (Vec<f32>, Vec<f16>) {
        let each = packed.chunks_exact(packed_len(n).max(1)).map(|one| halved(one, n));
        let (scales, shares): (Vec<_>, Vec<_>) = each.unzip();
        (scales.concat(), shares.concat())
    };
    for part in parts {
        match part {
            Parts::Whole { mean, factor } => {
                means.extend(mean);
                factors.extend(factor);
            }
            Parts::Places { means, factors } => {
                place_means.extend(means);
                place_factors.extend(factors);
            }
            Parts::Residual { mean, directions } => {
                means.extend(mean);
                all_directions.extend(directions);
            }
        }
    }
    let (scales, shares) = halved_all(&factors, dim);
    let (place_scales, place_shares) = halved_all(&place_factors, channels.len());
    Tensors::default()
        .with_numbers(MEAN, means)
        .with_numbers(SCALE, scales)
        .with_halves(FACTOR, shares)
        .with_indices(CHANNELS, channels.iter().map(|c| *c as u32).collect())
        .with_numbers(PLACE_MEAN, place_means)
        .with_numbers(PLACE_SCALE, place_scales)
        .with_halves(PLACE_FACTOR, place_shares)
        .with_numbers(DIRECTIONS, all_directions)
}
