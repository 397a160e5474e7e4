//! From the tensors of a file to the modules of a residual network.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::blocks::{Block, Stages};
use super::plan::{ConvPlan, Plan};
use super::{ResNetConfig, onnx};
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

/// The modules up to stage `depth` and the hash of their weights.
pub(super) fn stages(
    config: &ResNetConfig,
    tensors: &NamedTensors,
    depth: usize,
    device: &Device,
) -> Result<(Stages, String), WeightsError> {
    let names = canonical(config, tensors, depth)?;
    let plan = Plan::new(config, depth);
    let mut digest = Digest::default();
    let mut build = |conv: &ConvPlan| module(conv, tensors, &names.map, &mut digest, device);
    let stem = build(&plan.stem)?;
    let mut stages = Vec::new();
    for stage in &plan.stages {
        let mut blocks = Vec::new();
        for block in stage {
            let convs = block.convs.iter().map(&mut build).collect::<Result<_, _>>()?;
            let downsample = block.downsample.as_ref().map(&mut build).transpose()?;
            blocks.push(Block { convs, downsample });
        }
        stages.push(blocks);
    }
    Ok((Stages { stem, stages }, digest.finish()))
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

fn module(
    conv: &ConvPlan,
    tensors: &NamedTensors,
    names: &BTreeMap<String, String>,
    digest: &mut Digest,
    device: &Device,
) -> Result<Conv2d, WeightsError> {
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
    digest.update(&weight);
    digest.update(&bias);
    let padding = conv.kernel / 2;
    let mut module = Conv2dConfig::new(conv.channels, [conv.kernel; 2])
        .with_stride([conv.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .init(device);
    module.weight = Param::from_tensor(Tensor::from_data(TensorData::new(weight, conv.shape()), device));
    module.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(bias, [conv.channels[1]]), device)));
    Ok(module)
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
