//! The burn modules of a residual network, batch normalisation already folded.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

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
