//! The layers while they learn.

use super::{HeadWeights, LEAK};
use crate::model::ModelError;
use crate::model::feature_map::host_values;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// `adaptor` and `hidden` and `out`, each a matrix `[from, to]`, the last two with what is added.
#[derive(Module, Debug)]
pub(super) struct Layers {
    adaptor: Param<Tensor<2>>,
    hidden: Param<Tensor<2>>,
    hidden_bias: Param<Tensor<2>>,
    out: Param<Tensor<2>>,
    out_bias: Param<Tensor<2>>,
}

impl Layers {
    /// Drawn as Glorot and Bengio do (*Understanding the Difficulty of Training Deep Feedforward Neural Networks*, AISTATS 2010,
    /// equation 16).
    pub(super) fn drawn(dim: usize, n_hidden: usize, random: &mut ChaCha8Rng, device: &Device) -> Self {
        let mut drawn = |from: usize, to: usize| {
            let limit = (6.0 / (from + to) as f32).sqrt();
            let values: Vec<f32> = (0..from * to).map(|_| random.random_range(-limit..limit)).collect();
            parameter(values, [from, to], device)
        };
        let (adaptor, hidden, out) = (drawn(dim, dim), drawn(dim, n_hidden), drawn(n_hidden, 1));
        let zeros = |n: usize| parameter(vec![0.0; n], [1, n], device);
        Self { adaptor, hidden, hidden_bias: zeros(n_hidden), out, out_bias: zeros(1) }
    }

    /// What is said of patches `[n, dim]`, `[n, 1]`; `noise` is added to what the adaptor makes of them.
    pub(super) fn forward(&self, rows: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
        let adapted = rows.matmul(self.adaptor.val()) + noise;
        let hidden = adapted.matmul(self.hidden.val()) + self.hidden_bias.val();
        activation::leaky_relu(hidden, f64::from(LEAK)).matmul(self.out.val()) + self.out_bias.val()
    }

    /// The linear layers as one.
    pub(super) fn weights(&self) -> Result<HeadWeights, ModelError> {
        let bias = host_values(self.hidden_bias.val())?;
        // [dim, n_hidden], one after the other in double precision would gain nothing: they are read in single.
        let joined = host_values(self.adaptor.val().inner().matmul(self.hidden.val().inner()))?;
        let n_hidden = bias.len();
        let dim = joined.len() / n_hidden.max(1);
        let hidden = (0..joined.len()).map(|at| joined[at % dim * n_hidden + at / dim]).collect();
        let out_bias = host_values(self.out_bias.val())?.first().copied().unwrap_or(0.0);
        Ok(HeadWeights { hidden, bias, out: host_values(self.out.val())?, out_bias })
    }
}

fn parameter(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}
