//! The burn modules of a residual network, batch normalisation already folded.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};

use super::load::Folded;
use super::plan::{ConvPlan, Plan};

/// A residual block: convolutions with `ReLU` between them, plus the shortcut.
#[derive(Module, Debug)]
pub(super) struct Block {
    /// The main path.
    pub(super) convs: Vec<Conv2d>,
    /// The projection on the shortcut.
    pub(super) downsample: Option<Conv2d>,
}

/// Stem and stages.
#[derive(Module, Debug)]
pub(super) struct Stages {
    /// 7 x 7, stride 2.
    pub(super) stem: Conv2d,
    /// Stages of blocks.
    pub(super) stages: Vec<Vec<Block>>,
}

impl Block {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(conv) => conv.forward(input.clone()),
            None => input.clone(),
        };
        let mut x = input;
        for (i, conv) in self.convs.iter().enumerate() {
            x = conv.forward(x);
            if i + 1 < self.convs.len() {
                x = relu(x);
            }
        }
        relu(x + shortcut)
    }
}

impl Stages {
    /// The modules of `plan`, with its convolutions in the order of [`Plan::convs`].
    pub(super) fn new(plan: &Plan, convs: Vec<Folded>, device: &Device) -> Self {
        let mut convs = plan.convs().zip(convs).map(|(conv, folded)| module(conv, folded, device));
        let mut next = || convs.next().expect("one convolution per step of the plan");
        let stem = next();
        let mut stages = Vec::new();
        for stage in &plan.stages {
            let blocks = stage.iter().map(|block| {
                let convs = block.convs.iter().map(|_| next()).collect();
                let downsample = block.downsample.as_ref().map(|_| next());
                Block { convs, downsample }
            });
            stages.push(blocks.collect());
        }
        Self { stem, stages }
    }

    /// Outputs of the stages in `keep`; the others are dropped as soon as they are used.
    pub(super) fn forward(&self, pixels: Tensor<4>, keep: &[usize]) -> Vec<Option<Tensor<4>>> {
        let pool = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
        let mut x = max_pool2d(relu(self.stem.forward(pixels)), pool);
        let mut outputs = Vec::with_capacity(self.stages.len());
        for (i, stage) in self.stages.iter().enumerate() {
            for block in stage {
                x = block.forward(x);
            }
            outputs.push(keep.contains(&i).then(|| x.clone()));
        }
        outputs
    }
}

fn module(conv: &ConvPlan, Folded { weight, bias }: Folded, device: &Device) -> Conv2d {
    let padding = conv.kernel / 2;
    let mut module = Conv2dConfig::new(conv.channels, [conv.kernel; 2])
        .with_stride([conv.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .init(device);
    module.weight = Param::from_tensor(Tensor::from_data(TensorData::new(weight, conv.shape()), device));
    module.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(bias, [conv.channels[1]]), device)));
    module
}
