//! Steps of the training.

use super::HeadWeights;
use super::network::Layers;
use crate::model::feature_map::host_values;
use crate::model::guard::catch;
use crate::model::training::{Named, Optimiser, Plan, Schedule, Stepped, Trainee};
use crate::model::{ModelError, OpenDevice};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// How a head is made and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadPlan {
    /// Values of its hidden layer.
    pub n_hidden: usize,
    /// What `AdamW` takes from each weight, as a share of the rate.
    pub weight_decay: f64,
    /// Norm that gradients are cut down to.
    pub clip_norm: Option<f64>,
    /// Deviation of the noise that makes an adapted normal patch an anomalous one.
    pub noise: f32,
    /// Seed of all that is drawn.
    pub seed: u64,
}

impl HeadPlan {
    /// A head whose training is not changed: 256 patches of each kind in a step, the first rate 1e-3, a half cosine.
    #[must_use]
    pub fn usual_training() -> Plan {
        Plan {
            steps: 1000,
            batch: 256,
            rate: 1e-3,
            schedule: Schedule::Cosine,
            weight_decay: Self::default().weight_decay,
            clip_norm: None,
            evaluate: 50,
            watch: 0.0,
            stop: None,
        }
    }
}

impl Default for HeadPlan {
    fn default() -> Self {
        Self { n_hidden: 256, weight_decay: 1e-5, clip_norm: None, noise: 0.5, seed: 0 }
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

/// Number of the random numbers for batches that it does not learn from.
const WATCH_STREAM: u64 = 2;

/// A head that learns.
pub struct Learner {
    plan: HeadPlan,
    layers: Layers,
    optimiser: Optimiser,
    device: Device,
    random: ChaCha8Rng,
    /// Where the noise of the first step begins among the random numbers.
    first_noise: u128,
    /// The step whose noise comes next.
    next: usize,
    dim: usize,
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
            let optimiser = Optimiser::new(plan.weight_decay, plan.clip_norm);
            let first_noise = random.get_word_pos();
            Ok(Self { plan, layers, optimiser, device, random, first_noise, next: 0, dim })
        })
    }

    /// The loss of a batch, `[1]`, with noise of `n_noisy * dim` values for those that are to be made anomalous.
    fn loss_of(&self, batch: &HeadBatch, mut noise: Vec<f32>) -> Tensor<1> {
        let dim = self.dim;
        let values = [&*batch.normal, &batch.anomalous, &batch.noisy].concat();
        let (n_normal, n_all) = (batch.normal.len() / dim, values.len() / dim);
        let mut all_noise = vec![0.0f32; values.len() - noise.len()];
        all_noise.append(&mut noise);
        let tensor = |values| Tensor::<2>::from_data(TensorData::new(values, [n_all, dim]), &self.device);
        let said = self.layers.forward(tensor(values), tensor(all_noise));
        let of = |range: std::ops::Range<usize>| said.clone().slice([range, 0..1]);
        let (normal, anomalous) = (of(0..n_normal), of(n_normal..n_all));
        // Both kinds count the same, however many there are of each.
        activation::relu(normal.clone() + MARGIN).mean()
            + activation::relu(-anomalous.clone() + MARGIN).mean()
            + focal(-normal)
            + focal(anomalous)
    }

    /// The noise of a step: so many values, the same number in each step. Those of steps before are drawn again where they were not.
    fn noise(&mut self, step: usize, n: usize) -> Vec<f32> {
        if step < self.next {
            self.next = 0;
            self.random.set_word_pos(self.first_noise);
        }
        let random = &mut self.random;
        let mut drawn = || -> f32 { StandardNormal.sample(random) };
        for _ in 0..(step - self.next) * n {
            let _before = drawn();
        }
        self.next = step + 1;
        (0..n).map(|_| drawn() * self.plan.noise).collect()
    }

    /// What it has learned.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub fn weights(&self) -> Result<HeadWeights, ModelError> {
        catch(|| self.layers.weights())
    }
}

impl Trainee for Learner {
    type Batch = HeadBatch;

    fn step(&mut self, number: usize, rate: f64, batch: &HeadBatch) -> Result<Stepped, ModelError> {
        let noise = self.noise(number, batch.noisy.len());
        let layers = self.layers.clone();
        let (layers, stepped) = catch(|| {
            let loss = self.loss_of(batch, noise);
            self.optimiser.step((number, rate), layers, &loss)
        })?;
        self.layers = layers;
        Ok(stepped)
    }

    fn loss(&mut self, batch: &HeadBatch) -> Result<f32, ModelError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.plan.seed);
        random.set_stream(WATCH_STREAM);
        let drawn = |_| -> f32 { StandardNormal.sample(&mut random) };
        let noise = (0..batch.noisy.len()).map(drawn).map(|value| value * self.plan.noise).collect();
        catch(|| Ok(host_values(self.loss_of(batch, noise).inner())?.first().copied().unwrap_or(f32::NAN)))
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
        let plan = HeadPlan { n_hidden: 16, seed, ..HeadPlan::default() };
        let mut learner = Learner::new(plan, DIM, &OpenDevice::cpu()).unwrap();
        let rate = |step| Schedule::Cosine.rate(1e-2, step, n_steps);
        let mut one = |step| learner.step(step, rate(step), &batch(step as u64)).unwrap().loss;
        let losses: Vec<f32> = (0..n_steps).map(&mut one).collect();
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
        let plan = HeadPlan { n_hidden: 16, noise: 1.0, ..HeadPlan::default() };
        let mut learner = Learner::new(plan, DIM, &OpenDevice::cpu()).unwrap();
        for step in 0..300 {
            let HeadBatch { normal, .. } = batch(step as u64);
            let rate = Schedule::Cosine.rate(1e-2, step, 300);
            learner.step(step, rate, &HeadBatch { noisy: normal.clone(), normal, anomalous: vec![] }).unwrap();
        }
        let (weights, fresh) = (learner.weights().unwrap(), batch(777));
        let mean = |rows: &[f32]| rows.chunks_exact(DIM).map(|row| said(&weights, row)).sum::<f32>() / 64.0;
        assert!(mean(&fresh.anomalous) > mean(&fresh.normal) + 0.3);
    }

    #[test]
    fn one_that_goes_back_to_a_state_goes_on_bit_for_bit_as_the_one_that_it_is_of() {
        let noisy = |step: usize| {
            let own = batch(step as u64);
            HeadBatch { noisy: own.normal.clone(), ..own }
        };
        let plan = HeadPlan { n_hidden: 16, seed: 3, ..HeadPlan::default() };
        let fresh = || Learner::new(plan.clone(), DIM, &OpenDevice::cpu()).unwrap();
        let mut learner = fresh();
        let step = |learner: &mut Learner, at: usize| assert!(learner.step(at, 1e-2, &noisy(at)).is_ok());
        (0..7).for_each(|at| step(&mut learner, at));
        let state = learner.state().unwrap();
        (7..20).for_each(|at| step(&mut learner, at));
        let mut second = fresh();
        second.restore(state.clone()).unwrap();
        assert_eq!(second.state().unwrap(), state);
        // What is asked between steps changes none.
        assert!(second.loss(&noisy(99)).unwrap().is_finite());
        (7..20).for_each(|at| step(&mut second, at));
        assert_eq!(second.state().unwrap(), learner.state().unwrap());
        // A state of something else changes nothing.
        let before = second.state().unwrap();
        let changes: [fn(&mut Vec<Named>); 3] = [|s| drop(s.pop()), |s| s[0].shape[0] += 1, |s| s[0].name.push('x')];
        for change in changes {
            let mut other = state.clone();
            change(&mut other);
            assert!(matches!(second.restore(other), Err(ModelError::State { .. })));
        }
        assert_eq!(second.state().unwrap(), before);
    }

    #[test]
    fn a_loss_that_is_no_number_is_an_error() {
        let mut learner = Learner::new(HeadPlan::default(), DIM, &OpenDevice::cpu()).unwrap();
        let broken = HeadBatch { normal: vec![f32::NAN; DIM], anomalous: vec![1.0; DIM], noisy: vec![] };
        let before = learner.state().unwrap();
        assert!(matches!(learner.step(0, 1e-3, &broken), Err(ModelError::Diverged { step: 0, .. })));
        assert_eq!(learner.state().unwrap(), before);
    }
}
