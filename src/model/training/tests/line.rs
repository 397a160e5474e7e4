//! A trainee whose answer is known.

use super::super::optimiser::Optimiser;
use super::super::{Named, Stepped, Trainee};
use crate::model::ModelError;
use crate::model::feature_map::host_values;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `y = x w + b` with `w` `[3, 1]` and `b` `[1]`.
#[derive(Module, Debug)]
pub(super) struct Line {
    weight: Param<Tensor<2>>,
    offset: Param<Tensor<1>>,
}

pub(super) const FIRST: [f32; 4] = [0.5, -0.25, 1.0, 0.1];

/// Learns a line by least squares.
pub(super) struct Learner {
    pub(super) line: Line,
    optimiser: Optimiser,
    device: Device,
}

/// Rows `[n, 3]`, and what to say of them.
pub(super) type Rows = (Vec<f32>, Vec<f32>);

impl Learner {
    pub(super) fn new(weight_decay: f64, clip_norm: Option<f64>) -> Self {
        let device = crate::model::OpenDevice::cpu().device.autodiff();
        let weight = Param::from_tensor(Tensor::from_data(TensorData::new(FIRST[..3].to_vec(), [3, 1]), &device));
        let offset = Param::from_tensor(Tensor::from_data(TensorData::new(FIRST[3..].to_vec(), [1]), &device));
        Self { line: Line { weight, offset }, optimiser: Optimiser::new(weight_decay, clip_norm), device }
    }

    pub(super) fn loss_of(&self, (rows, wanted): &Rows) -> Tensor<1> {
        let n = wanted.len();
        let tensor =
            |values: &[f32], width| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [n, width]), &self.device);
        let said = tensor(rows, 3).matmul(self.line.weight.val()) + self.line.offset.val().reshape([1, 1]);
        (said - tensor(wanted, 1)).square().mean()
    }

    pub(super) fn weights(&self) -> Vec<f32> {
        let weight = host_values(self.line.weight.val().inner()).unwrap();
        [weight, host_values(self.line.offset.val().inner()).unwrap()].concat()
    }
}

impl Trainee for Learner {
    type Batch = Rows;

    fn step(&mut self, number: usize, rate: f64, batch: &Rows) -> Result<Stepped, ModelError> {
        let loss = self.loss_of(batch);
        let (line, stepped) = self.optimiser.step((number, rate), self.line.clone(), &loss)?;
        self.line = line;
        Ok(stepped)
    }

    fn loss(&mut self, batch: &Rows) -> Result<f32, ModelError> {
        Ok(host_values(self.loss_of(batch).inner())?[0])
    }

    fn state(&self) -> Result<Vec<Named>, ModelError> {
        self.optimiser.state(&self.line)
    }

    fn restore(&mut self, state: Vec<Named>) -> Result<(), ModelError> {
        self.line = self.optimiser.restore(self.line.clone(), state, &self.device)?;
        Ok(())
    }
}

/// Points of a line with noise; those of a step are of its number.
pub(super) fn rows(seed: u64) -> Rows {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rows: Vec<f32> = (0..24).map(|_| random.random_range(-1.0..1.0)).collect();
    let wanted =
        rows.chunks_exact(3).map(|x| 2.0 * x[0] - x[1] + 0.5 * x[2] - 1.0 + random.random_range(-0.1..0.1)).collect();
    (rows, wanted)
}
