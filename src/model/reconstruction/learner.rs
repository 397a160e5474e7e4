//! Steps of the training.

use super::burn_layers::{Layers, loss};
use super::network::{Autoencoder, Said};
use super::ssim::{n_windows, whole_windows};
use super::{AutoencoderShape, LayerWeights, Loss};
use crate::model::feature_map::host_values;
use crate::model::guard::catch;
use crate::model::training::{Named, Optimiser, Plan, Schedule, Stepped, Trainee};
use crate::model::{ModelError, OpenDevice};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

/// What keeps `AdamW` from dividing by nothing: PyTorch's.
const EPSILON: f32 = 1e-8;

/// How an autoencoder is made and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoencoderPlan {
    /// Its layers.
    pub shape: AutoencoderShape,
    /// What `AdamW` takes from each weight, as a share of the rate.
    pub weight_decay: f64,
    /// Norm that gradients are cut down to.
    pub clip_norm: Option<f64>,
    /// Seed of the first weights.
    pub seed: u64,
}

impl AutoencoderPlan {
    /// For an autoencoder of this shape, all else at its default.
    #[must_use]
    pub fn new(shape: AutoencoderShape) -> Self {
        Self { shape, weight_decay: 1e-5, clip_norm: None, seed: 0 }
    }

    /// A training that is not changed: eight images in a step, the first rate 1e-3, a half cosine.
    #[must_use]
    pub fn usual_training() -> Plan {
        Plan {
            steps: 1000,
            batch: 8,
            rate: 1e-3,
            schedule: Schedule::Cosine,
            weight_decay: 1e-5,
            clip_norm: None,
            evaluate: 50,
            watch: 0.0,
            stop: None,
        }
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
    optimiser: Optimiser,
    device: Device,
    /// Whether pcore's own kernels compute the layers: burn's take more than twice as long (docs/benchmarks.md).
    kernels: bool,
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
            let optimiser = Optimiser::with_epsilon(plan.weight_decay, plan.clip_norm, EPSILON);
            Ok(Self { plan: plan.clone(), layers, optimiser, device, kernels })
        })
    }

    /// Its layers.
    #[must_use]
    pub fn shape(&self) -> AutoencoderShape {
        self.plan.shape
    }

    /// What the layers say of a batch, and the loss of that with its gradient with respect to what was drawn.
    fn compared(&self, batch: &CanvasBatch) -> Result<(Autoencoder, Said, f32, Vec<f32>), ModelError> {
        let network = Autoencoder::new(self.plan.shape, self.weights()?)?;
        let said = network.said(&batch.given, true)?;
        let loss = Loss::new(self.plan.shape);
        let (value, of_drawn) = loss.with_gradient(&batch.given, &said.drawn(), &batch.counts);
        Ok((network, said, value, of_drawn))
    }

    /// The gradients of all weights as burn has them.
    fn registered(&self, found: Vec<LayerWeights>) -> GradientsParams {
        let (mut gradients, device) = (GradientsParams::new(), self.device.clone().inner());
        for ((weight, bias), own) in self.layers.weights.iter().zip(&self.layers.biases).zip(found) {
            let data = TensorData::new(own.weight, weight.val().dims());
            gradients.register::<2>(weight.id, Tensor::from_data(data, &device));
            let data = TensorData::new(own.bias, bias.val().dims());
            gradients.register::<1>(bias.id, Tensor::from_data(data, &device));
        }
        gradients
    }

    /// The loss of a batch, `[1]`, by burn.
    fn loss_of(&self, batch: &CanvasBatch) -> Tensor<1> {
        let (shape, side) = (self.plan.shape, self.plan.shape.side_px());
        let (n, w) = (batch.given.len() / shape.canvas_len(), n_windows(side));
        let tensor = |values: Vec<f32>, sides| Tensor::<4>::from_data(TensorData::new(values, sides), &self.device);
        let shares = |flags: &[bool]| flags.iter().map(|flag| f32::from(u8::from(*flag))).collect::<Vec<f32>>();
        let whole = batch.counts.chunks_exact(side * side).flat_map(|counts| shares(&whole_windows(counts, side)));
        let whole = tensor(whole.collect(), [n, w, w, 1]);
        let counts = tensor(shares(&batch.counts), [n, side, side, 1]);
        let given = tensor(batch.given.clone(), [n, side, side, shape.n_channels]);
        loss(given.clone(), self.layers.forward(shape, given), counts, whole)
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

impl Trainee for Learner {
    type Batch = CanvasBatch;

    fn step(&mut self, number: usize, rate: f64, batch: &CanvasBatch) -> Result<Stepped, ModelError> {
        let layers = self.layers.clone();
        let (layers, stepped) = catch(|| {
            if !self.kernels {
                let loss = self.loss_of(batch);
                return self.optimiser.step((number, rate), layers, &loss);
            }
            let (network, said, value, of_drawn) = self.compared(batch)?;
            let gradients = self.registered(network.gradients(&said, &of_drawn)?);
            self.optimiser.step_by((number, rate), layers, value, gradients)
        })?;
        self.layers = layers;
        Ok(stepped)
    }

    fn loss(&mut self, batch: &CanvasBatch) -> Result<f32, ModelError> {
        catch(|| match self.kernels {
            true => Ok(self.compared(batch)?.2),
            false => Ok(host_values(self.loss_of(batch).inner())?.first().copied().unwrap_or(f32::NAN)),
        })
    }

    fn state(&self) -> Result<Vec<Named>, ModelError> {
        catch(|| self.optimiser.state(&self.layers))
    }

    fn restore(&mut self, state: Vec<Named>) -> Result<(), ModelError> {
        let layers = self.layers.clone();
        self.layers = catch(|| self.optimiser.restore(layers, state, &self.device))?;
        Ok(())
    }
}
