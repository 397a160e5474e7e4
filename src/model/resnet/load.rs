//! From the tensors of a file to the folded weights of a residual network.

use std::collections::{BTreeMap, BTreeSet};

use super::config::ResNetConfig;
use super::onnx;
use super::plan::{ConvPlan, Plan};
use crate::model::weights::{self, Digest, NamedTensors, Parameter, WeightsError};

/// Added to the variance; torchvision and timm agree.
const EPSILON: f64 = 1e-5;

/// The network's own names of all its tensors with their names in a file.
pub(crate) struct Names {
    /// Own name to name in the file.
    pub(crate) map: BTreeMap<String, String>,
    /// The tensors in the order of the network.
    pub(crate) parameters: Vec<Parameter>,
}

/// A convolution with its normalisation folded in.
pub(super) struct Folded {
    /// `[out, in, rows, columns]`.
    pub(super) weight: Vec<f32>,
    /// One value per output channel.
    pub(super) bias: Vec<f32>,
}

/// The convolutions of `plan`, in the order of [`Plan::convs`], and the hash of their weights.
pub(super) fn folded(
    config: &ResNetConfig,
    plan: &Plan,
    tensors: &NamedTensors,
) -> Result<(Vec<Folded>, String), WeightsError> {
    let names = canonical(config, tensors, plan.stages.len())?;
    let mut digest = Digest::default();
    let convs = plan.convs().map(|conv| read(conv, tensors, &names.map, &mut digest)).collect::<Result<_, _>>()?;
    Ok((convs, digest.finish()))
}

/// Finds every tensor of the first `depth` stages in a file and checks its shape.
pub(crate) fn canonical(config: &ResNetConfig, tensors: &NamedTensors, depth: usize) -> Result<Names, WeightsError> {
    if let Some(graph) = tensors.graph() {
        let plan = Plan::new(config, depth);
        let (map, folded) = onnx::recognise(&config.name, &plan, graph, tensors)?;
        return Ok(Names { map, parameters: plan.parameters(folded) });
    }
    let prefix = weights::prefix(tensors, &config.name, "layer1.0.conv1.weight")?;
    let folded = tensors.shape(&format!("{prefix}bn1.weight")).is_none()
        && tensors.shape(&format!("{prefix}conv1.bias")).is_some();
    let parameters = Plan::new(config, depth).parameters(folded);
    let whole: BTreeSet<String> = Plan::new(config, 4).parameters(folded).into_iter().map(|p| p.name).collect();
    weights::check(
        &config.name,
        &parameters,
        |name| tensors.shape(&format!("{prefix}{name}")).map(<[usize]>::to_vec),
        tensors.names().filter_map(|name| name.strip_prefix(prefix.as_str())),
        |name| name.starts_with("fc.") || name.ends_with(".num_batches_tracked") || whole.contains(name),
    )?;
    let map = parameters.iter().map(|p| (p.name.clone(), format!("{prefix}{}", p.name))).collect();
    Ok(Names { map, parameters })
}

/// The deepest stage that a file has a tensor of; all four for a graph, and where it has none.
pub(crate) fn deepest_stage(config: &ResNetConfig, tensors: &NamedTensors) -> Result<usize, WeightsError> {
    if tensors.graph().is_some() {
        return Ok(4);
    }
    let prefix = weights::prefix(tensors, &config.name, "layer1.0.conv1.weight")?;
    let has = |stage: &usize| {
        let start = format!("{prefix}layer{stage}.");
        tensors.names().any(|name| name.starts_with(&start))
    };
    Ok((1..=4).rev().find(has).unwrap_or(4))
}

/// Reads and folds the first `depth` stages, and keeps nothing.
pub(crate) fn rehearse(config: &ResNetConfig, tensors: &NamedTensors, depth: usize) -> Result<(), WeightsError> {
    folded(config, &Plan::new(config, depth), tensors).map(drop)
}

fn read(
    conv: &ConvPlan,
    tensors: &NamedTensors,
    names: &BTreeMap<String, String>,
    digest: &mut Digest,
) -> Result<Folded, WeightsError> {
    let value = |owner: &str, part: &str| -> Result<Option<Vec<f32>>, WeightsError> {
        names.get(&format!("{owner}.{part}")).map(|name| tensors.values(name)).transpose()
    };
    let missing = |part: &str| WeightsError::NoSuchTensor { name: format!("{}.{part}", conv.name) };
    let mut weight = value(&conv.name, "weight")?.ok_or_else(|| missing("weight"))?;
    let bias = match value(&conv.name, "bias")? {
        Some(bias) => bias,
        None => {
            let part = |part: &str| value(&conv.norm, part)?.ok_or_else(|| missing(part));
            let variance = part("running_var")?;
            if let Some(index) = variance.iter().position(|v| *v < 0.0) {
                let reason = format!(
                    "{}.running_var holds {} at element {index}; a variance is not negative",
                    conv.norm, variance[index]
                );
                return Err(WeightsError::malformed("weight", reason));
            }
            fold(&mut weight, &part("weight")?, &part("bias")?, &part("running_mean")?, &variance)
        }
    };
    if !weight.iter().chain(&bias).all(|value| value.is_finite()) {
        let reason = format!("{} leaves the range of f32 once {} is folded into it", conv.name, conv.norm);
        return Err(WeightsError::malformed("weight", reason));
    }
    digest.update(&weight);
    digest.update(&bias);
    Ok(Folded { weight, bias })
}

/// Scales the kernel of each output channel and returns the bias; all slices have one value per output channel.
fn fold(weight: &mut [f32], gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32]) -> Vec<f32> {
    let per_channel = weight.len() / gamma.len().max(1);
    let scales =
        gamma.iter().zip(variance).map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + EPSILON).sqrt());
    let scales: Vec<f64> = scales.collect();
    for (kernel, scale) in weight.chunks_mut(per_channel.max(1)).zip(&scales) {
        kernel.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
    }
    let shifts = beta.iter().zip(mean).zip(&scales);
    shifts.map(|((beta, mean), scale)| (f64::from(*beta) - f64::from(*mean) * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_equals_convolution_then_normalisation() {
        let (w, x) = ([0.5_f32, -2.0, 3.0, 0.25], [1.5_f32, -0.75]);
        let (gamma, beta, mean, variance) = ([1.5_f32, -0.5], [0.1_f32, 0.2], [0.3_f32, -0.4], [2.0_f32, 0.5]);
        let mut folded = w;
        let bias = fold(&mut folded, &gamma, &beta, &mean, &variance);
        for channel in 0..2 {
            let dot = |w: &[f32]| f64::from(w[2 * channel] * x[0] + w[2 * channel + 1] * x[1]);
            let normalised = (dot(&w) - f64::from(mean[channel])) / (f64::from(variance[channel]) + EPSILON).sqrt();
            let expected = normalised * f64::from(gamma[channel]) + f64::from(beta[channel]);
            assert!((dot(&folded) + f64::from(bias[channel]) - expected).abs() < 1e-6);
        }
    }
}
