//! The layers on burn: for devices that pcore has no kernels for, and what its kernels are held to.

use super::LEAK;
use super::loss::MSE_SHARE;
use super::shape::{AutoencoderShape, LayerWeights, Sides, TAPS};
use super::ssim::{C1, C2, WINDOW, n_windows, taps};
use burn::module::{Module, Param, ParamId};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData, activation};

/// Weights `[16 * from, to]` and biases of each layer, as of [`LayerWeights`].
#[derive(Module, Debug)]
pub(super) struct Layers {
    pub(super) weights: Vec<Param<Tensor<2>>>,
    pub(super) biases: Vec<Param<Tensor<1>>>,
}

impl Layers {
    pub(super) fn of(shape: AutoencoderShape, weights: &[LayerWeights], device: &Device) -> Self {
        let sides = || shape.layers().zip(weights).enumerate();
        // The same numbers in every process: what an optimiser remembers is filed under them.
        let weight = |(at, (sides, own)): (usize, (Sides, &LayerWeights))| {
            let data = TensorData::new(own.weight.clone(), [TAPS * sides.from, sides.to]);
            Param::initialized(ParamId::from(2 * at as u64), Tensor::from_data(data, device).require_grad())
        };
        let bias = |(at, (_, own)): (usize, (Sides, &LayerWeights))| {
            let data = TensorData::new(own.bias.clone(), [own.bias.len()]);
            Param::initialized(ParamId::from(2 * at as u64 + 1), Tensor::from_data(data, device).require_grad())
        };
        Self { weights: sides().map(weight).collect(), biases: sides().map(bias).collect() }
    }

    /// What is drawn of canvases `[n, side, side, n_channels]`.
    pub(super) fn forward(&self, shape: AutoencoderShape, given: Tensor<4>) -> Tensor<4> {
        // Around 0, as the kernels have it.
        let mut values = given.permute([0, 3, 1, 2]) * 2.0 - 1.0;
        let last = 2 * shape.n_levels - 1;
        for (at, sides) in shape.layers().enumerate() {
            let weight = self.weights[at].val().reshape([4, 4, sides.from, sides.to]).permute([3, 2, 0, 1]);
            let bias = Some(self.biases[at].val());
            values = if sides.doubles {
                conv_transpose2d(values, weight, bias, ConvTransposeOptions::new([2, 2], [1, 1], [0, 0], [1, 1], 1))
            } else {
                conv2d(values, weight, bias, ConvOptions::new([2, 2], [1, 1], [1, 1], 1))
            };
            if at < last {
                values = activation::leaky_relu(values, f64::from(LEAK));
            }
        }
        (values * 0.5 + 0.5).permute([0, 2, 3, 1])
    }
}

/// As [`Loss::with_gradient`](super::Loss::with_gradient); `counts` and `whole` are 1 where pixels and windows count.
///
/// # Shapes
/// `counts`: `[n, side, side, 1]`; `whole`: `[n, n_windows, n_windows, 1]`.
pub(super) fn loss(given: Tensor<4>, drawn: Tensor<4>, counts: Tensor<4>, whole: Tensor<4>) -> Tensor<1> {
    let [n, side, _, n_channels] = given.dims();
    let per_canvas = |values: Tensor<4>| values.sum_dim(1).sum_dim(2).clamp_min(1.0);
    let share = 1.0 / (n * n_channels) as f32;
    let by_pixel = counts.clone() / per_canvas(counts);
    let squares = ((given.clone() - drawn.clone()).square() * by_pixel).sum() * (MSE_SHARE * share);
    if n_windows(side) == 0 {
        return squares;
    }
    let device = given.device();
    let band = band(side, &device);
    // [n, channels, side, side] to sums of windows, by rows, then by columns.
    let windows = |values: Tensor<4>| band.clone().matmul(values).matmul(band.clone().swap_dims(2, 3));
    let (x, y) = (given.permute([0, 3, 1, 2]), drawn.permute([0, 3, 1, 2]));
    let (mx, my) = (windows(x.clone()), windows(y.clone()));
    let (xx, yy, xy) = (windows(x.clone().square()), windows(y.clone().square()), windows(x * y));
    let product = mx.clone() * my.clone();
    let squared = mx.square() + my.square();
    let above = (product.clone() * 2.0 + C1) * ((xy - product) * 2.0 + C2);
    let below = (squared.clone() + C1) * (xx + yy - squared + C2);
    let unlike = (above / below).neg() + 1.0;
    let by_window = (whole.clone() / per_canvas(whole)).permute([0, 3, 1, 2]);
    squares + (unlike * by_window).sum() * ((1.0 - MSE_SHARE) * share)
}

/// The matrix that makes sums of windows along a side, `[1, 1, n_windows, side]`.
fn band(side: usize, device: &Device) -> Tensor<4> {
    let (n, taps) = (n_windows(side), taps());
    let mut values = vec![0.0f32; n * side];
    for (window, row) in values.chunks_exact_mut(side).enumerate() {
        row[window..window + WINDOW].copy_from_slice(&taps);
    }
    Tensor::from_data(TensorData::new(values, [1, 1, n, side]), device)
}
