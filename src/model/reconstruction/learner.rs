//! Steps of the training.

use super::burn_layers::{Layers, loss};
use super::network::Autoencoder;
use super::ssim::{n_windows, whole_windows};
use super::{AutoencoderShape, LayerWeights, Loss};
use crate::model::feature_map::host_values;
use crate::model::guard::catch;
use crate::model::{ModelError, OpenDevice};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use std::f64::consts::PI;

/// How an autoencoder is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoencoderPlan {
    /// Its layers.
    pub shape: AutoencoderShape,
    /// Steps.
    pub n_steps: usize,
    /// The rate of the first step; that of the others follows a half cosine down to none.
    pub rate: f64,
    /// What `AdamW` takes from each weight, as a share of the rate.
    pub weight_decay: f64,
    /// Seed of the first weights.
    pub seed: u64,
}

impl AutoencoderPlan {
    /// For an autoencoder of this shape, all else at its default.
    #[must_use]
    pub fn new(shape: AutoencoderShape) -> Self {
        Self { shape, n_steps: 1000, rate: 1e-3, weight_decay: 1e-5, seed: 0 }
    }
}

/// Canvases of a step.
#[derive(Clone, Debug, Default)]
pub struct CanvasBatch {
    /// Values from 0 to 1 or so, `[n, side, side, n_channels]`.
    pub given: Vec<f32>,
    /// Which pixels count, `[n, side, side]`.
    pub counts: Vec<bool>,
}

/// An autoencoder that learns.
pub struct Learner {
    plan: AutoencoderPlan,
    layers: Layers,
    optimiser: ModuleOptimizer,
    device: Device,
    /// Whether pcore's own kernels compute the layers: burn's take more than twice as long (docs/benchmarks.md).
    kernels: bool,
    n_done: usize,
}

impl Learner {
    /// With weights drawn by the plan's seed.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub fn new(plan: &AutoencoderPlan, device: &OpenDevice) -> Result<Self, ModelError> {
        Self::with(plan, &plan.shape.drawn(plan.seed), device)
    }

    /// With these weights.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(plan: &AutoencoderPlan, weights: &[LayerWeights], device: &OpenDevice) -> Result<Self, ModelError> {
        let kernels = device.kernels;
        catch(|| {
            let device = device.device.clone().autodiff();
            let layers = Layers::of(plan.shape, weights, &device);
            let optimiser = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(plan.weight_decay as f32).init();
            Ok(Self { plan: plan.clone(), layers, optimiser, device, kernels, n_done: 0 })
        })
    }

    /// Its layers.
    #[must_use]
    pub fn shape(&self) -> AutoencoderShape {
        self.plan.shape
    }

    /// Learns from a batch; the loss before.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails, [`ModelError::Diverged`] for a loss that is no number.
    pub fn step(&mut self, batch: &CanvasBatch) -> Result<f32, ModelError> {
        let share = self.n_done as f64 / self.plan.n_steps.max(1) as f64;
        let rate = self.plan.rate * 0.5 * (1.0 + (PI * share).cos());
        let (value, gradients) = catch(|| if self.kernels { self.by_kernels(batch) } else { self.by_burn(batch) })?;
        if !value.is_finite() {
            return Err(ModelError::Diverged { step: self.n_done, loss: value });
        }
        let layers = self.layers.clone();
        self.layers = catch(|| Ok(self.optimiser.step(rate, layers, gradients)))?;
        self.n_done += 1;
        Ok(value)
    }

    fn by_kernels(&self, batch: &CanvasBatch) -> Result<(f32, GradientsParams), ModelError> {
        let network = Autoencoder::new(self.plan.shape, self.weights()?)?;
        let said = network.said(&batch.given, true)?;
        let (value, of_drawn) = Loss::new(self.plan.shape).with_gradient(&batch.given, &said.drawn(), &batch.counts);
        let mut gradients = GradientsParams::new();
        let device = self.device.clone().inner();
        let params = self.layers.weights.iter().zip(&self.layers.biases);
        for ((weight, bias), own) in params.zip(network.gradients(&said, &of_drawn)?) {
            let data = TensorData::new(own.weight, weight.val().dims());
            gradients.register::<2>(weight.id, Tensor::from_data(data, &device));
            let data = TensorData::new(own.bias, bias.val().dims());
            gradients.register::<1>(bias.id, Tensor::from_data(data, &device));
        }
        Ok((value, gradients))
    }

    fn by_burn(&self, batch: &CanvasBatch) -> Result<(f32, GradientsParams), ModelError> {
        let (shape, side) = (self.plan.shape, self.plan.shape.side_px());
        let (n, w) = (batch.given.len() / shape.canvas_len(), n_windows(side));
        let tensor = |values: Vec<f32>, sides| Tensor::<4>::from_data(TensorData::new(values, sides), &self.device);
        let shares = |flags: &[bool]| flags.iter().map(|flag| f32::from(u8::from(*flag))).collect::<Vec<f32>>();
        let whole = batch.counts.chunks_exact(side * side).flat_map(|counts| shares(&whole_windows(counts, side)));
        let whole = tensor(whole.collect(), [n, w, w, 1]);
        let counts = tensor(shares(&batch.counts), [n, side, side, 1]);
        let given = tensor(batch.given.clone(), [n, side, side, shape.n_channels]);
        let loss = loss(given.clone(), self.layers.forward(shape, given), counts, whole);
        let value = host_values(loss.clone().inner())?.first().copied().unwrap_or(f32::NAN);
        Ok((value, GradientsParams::from_grads(loss.backward(), &self.layers)))
    }

    /// What it has learned.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub fn weights(&self) -> Result<Vec<LayerWeights>, ModelError> {
        let layers = self.layers.clone();
        catch(|| {
            let own = layers.weights.iter().zip(&layers.biases);
            own.map(|(weight, bias)| {
                let (weight, bias) = (host_values(weight.val().inner())?, host_values(bias.val().inner())?);
                Ok(LayerWeights { weight, bias })
            })
            .collect()
        })
    }
}
