//! Steps of the training.

use super::HeadWeights;
use super::network::{Layers, read};
use crate::model::guard::catch;
use crate::model::{ModelError, OpenDevice};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// How a head is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadPlan {
    /// Values of its hidden layer.
    pub n_hidden: usize,
    /// Steps.
    pub n_steps: usize,
    /// The rate of the first step; that of the others follows a half cosine down to none.
    pub rate: f64,
    /// What `AdamW` takes from each weight, as a share of the rate.
    pub weight_decay: f64,
    /// Deviation of the noise that makes an adapted normal patch an anomalous one.
    pub noise: f32,
    /// Seed of all that is drawn.
    pub seed: u64,
}

impl Default for HeadPlan {
    fn default() -> Self {
        Self { n_hidden: 256, n_steps: 1000, rate: 1e-3, weight_decay: 1e-5, noise: 0.5, seed: 0 }
    }
}

/// Descriptors of a step.
#[derive(Clone, Debug, Default)]
pub struct HeadBatch {
    /// Of normal patches, `[n, dim]`.
    pub normal: Vec<f32>,
    /// Of anomalous patches, `[n, dim]`.
    pub anomalous: Vec<f32>,
    /// Of normal patches that are to be made anomalous by noise, `[n, dim]`.
    pub noisy: Vec<f32>,
}

/// The margin within which the truncated L1 loss of `SuperSimpleNet` (its equation 3) still counts.
const MARGIN: f32 = 0.5;
/// How much the focal loss (Lin et al., *Focal Loss for Dense Object Detection*, ICCV 2017, equation 4) attends to what is hard.
const FOCUS: f32 = 4.0;

/// A head that learns.
pub struct Learner {
    plan: HeadPlan,
    layers: Layers,
    optimiser: ModuleOptimizer,
    device: Device,
    random: ChaCha8Rng,
    dim: usize,
    n_done: usize,
}

impl Learner {
    /// Of descriptors of `dim` values that lie around 0 and vary about alike in all directions.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub fn new(plan: HeadPlan, dim: usize, device: &OpenDevice) -> Result<Self, ModelError> {
        catch(|| {
            let device = device.device.clone().autodiff();
            let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
            let layers = Layers::drawn(dim, plan.n_hidden, &mut random, &device);
            let optimiser = AdamWConfig::new().with_weight_decay(plan.weight_decay as f32).init();
            Ok(Self { plan, layers, optimiser, device, random, dim, n_done: 0 })
        })
    }

    /// Learns from a batch; the loss before.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails, [`ModelError::Diverged`] for a loss that is no number.
    pub fn step(&mut self, batch: &HeadBatch) -> Result<f32, ModelError> {
        let dim = self.dim;
        let (n_normal, n_all) =
            (batch.normal.len() / dim, (batch.normal.len() + batch.anomalous.len() + batch.noisy.len()) / dim);
        let n_noisy = batch.noisy.len() / dim;
        let values = [&*batch.normal, &batch.anomalous, &batch.noisy].concat();
        let mut noise = vec![0.0f32; (n_all - n_noisy) * dim];
        let drawn = |_| -> f32 { StandardNormal.sample(&mut self.random) };
        noise.extend((0..n_noisy * dim).map(drawn).map(|value| value * self.plan.noise));
        let rate = self.plan.rate * 0.5 * (1.0 + (PI * self.n_done as f64 / self.plan.n_steps.max(1) as f64).cos());
        let layers = self.layers.clone();
        let (layers, loss) = catch(|| {
            let tensor = |values| Tensor::<2>::from_data(TensorData::new(values, [n_all, dim]), &self.device);
            let said = layers.forward(tensor(values), tensor(noise));
            let of = |range: std::ops::Range<usize>| said.clone().slice([range, 0..1]);
            let (normal, anomalous) = (of(0..n_normal), of(n_normal..n_all));
            // Both kinds count the same, however many there are of each.
            let loss = activation::relu(normal.clone() + MARGIN).mean()
                + activation::relu(-anomalous.clone() + MARGIN).mean()
                + focal(-normal)
                + focal(anomalous);
            let value = read(loss.clone().inner())?.first().copied().unwrap_or(f32::NAN);
            let gradients = GradientsParams::from_grads(loss.backward(), &layers);
            Ok((self.optimiser.step(rate, layers, gradients), value))
        })?;
        if !loss.is_finite() {
            return Err(ModelError::Diverged { step: self.n_done, loss });
        }
        self.layers = layers;
        self.n_done += 1;
        Ok(loss)
    }

    /// What it has learned.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub fn weights(&self) -> Result<HeadWeights, ModelError> {
        catch(|| self.layers.weights())
    }
}

/// The mean focal loss of values that should be large.
fn focal(values: Tensor<2>) -> Tensor<1> {
    let missing = activation::sigmoid(-values.clone());
    (missing.powf_scalar(FOCUS) * -activation::log_sigmoid(values)).mean()
}

#[cfg(test)]
mod tests {
    use super::super::LEAK;
    use super::*;

    const DIM: usize = 6;

    /// Normal patches vary along one direction, anomalous ones leave it.
    fn batch(seed: u64) -> HeadBatch {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut rows = |off: f32| -> Vec<f32> {
            let mut one = || -> f32 { StandardNormal.sample(&mut random) };
            (0..64)
                .flat_map(|_| {
                    let along = one();
                    (0..DIM).map(|d| along + 0.1 * one() + if d == 2 { off } else { 0.0 }).collect::<Vec<_>>()
                })
                .collect()
        };
        HeadBatch { normal: rows(0.0), anomalous: rows(2.0), noisy: vec![] }
    }

    fn trained(n_steps: usize, seed: u64) -> HeadWeights {
        let plan = HeadPlan { n_hidden: 16, n_steps, rate: 1e-2, seed, ..HeadPlan::default() };
        let mut learner = Learner::new(plan, DIM, &OpenDevice::cpu()).unwrap();
        let losses: Vec<f32> = (0..n_steps).map(|step| learner.step(&batch(step as u64)).unwrap()).collect();
        assert!(losses[n_steps - 1] < 0.2 * losses[0], "{losses:?}");
        learner.weights().unwrap()
    }

    fn said(weights: &HeadWeights, row: &[f32]) -> f32 {
        let hidden = weights.hidden.chunks_exact(DIM).zip(&weights.bias).zip(&weights.out);
        let one = |((w, bias), out): ((&[f32], &f32), &f32)| {
            let sum: f32 = w.iter().zip(row).map(|(w, v)| w * v).sum::<f32>() + bias;
            out * if sum < 0.0 { LEAK * sum } else { sum }
        };
        hidden.map(one).sum::<f32>() + weights.out_bias
    }

    #[test]
    fn it_learns_what_sets_anomalous_patches_apart_and_the_joined_weights_say_it() {
        let weights = trained(200, 1);
        let fresh = batch(9999);
        let wrong = |rows: &[f32], should: bool| {
            rows.chunks_exact(DIM).filter(|row| (said(&weights, row) > 0.0) != should).count()
        };
        assert!(wrong(&fresh.normal, false) <= 2 && wrong(&fresh.anomalous, true) <= 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_and_another_one_others() {
        assert_eq!(trained(60, 1), trained(60, 1));
        assert_ne!(trained(60, 1), trained(60, 2));
    }

    #[test]
    fn noise_alone_teaches_what_is_off_the_normal_patches() {
        let plan = HeadPlan { n_hidden: 16, n_steps: 300, rate: 1e-2, noise: 1.0, ..HeadPlan::default() };
        let mut learner = Learner::new(plan, DIM, &OpenDevice::cpu()).unwrap();
        for step in 0..300 {
            let HeadBatch { normal, .. } = batch(step);
            learner.step(&HeadBatch { noisy: normal.clone(), normal, anomalous: vec![] }).unwrap();
        }
        let (weights, fresh) = (learner.weights().unwrap(), batch(777));
        let mean = |rows: &[f32]| rows.chunks_exact(DIM).map(|row| said(&weights, row)).sum::<f32>() / 64.0;
        assert!(mean(&fresh.anomalous) > mean(&fresh.normal) + 0.3);
    }

    #[test]
    fn a_loss_that_is_no_number_is_an_error() {
        let mut learner = Learner::new(HeadPlan::default(), DIM, &OpenDevice::cpu()).unwrap();
        let broken = HeadBatch { normal: vec![f32::NAN; DIM], anomalous: vec![1.0; DIM], noisy: vec![] };
        assert!(matches!(learner.step(&broken), Err(ModelError::Diverged { step: 0, .. })));
    }
}
