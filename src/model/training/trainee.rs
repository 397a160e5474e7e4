//! What is trained, and what is told of it: host data alone.

use crate::model::ModelError;
use std::fmt;
use std::io;

/// A tensor of a state: its name, its shape, and its values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Unique in the state.
    pub name: String,
    /// Extents; their product is the number of values.
    pub shape: Vec<usize>,
    /// Values, all finite.
    pub values: Vec<f32>,
}

/// What a step found before it changed anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped {
    /// The loss of the batch.
    pub loss: f32,
    /// The Euclidean norm of the gradient of all weights together, before it was cut down.
    pub gradient_norm: f64,
}

/// Something that learns from batches.
///
/// What a step does depends on what was trained so far, the number of the step, the rate and the batch, and on nothing else: whatever
/// it draws, it draws from its seed and the number. Then a training that was interrupted ends as one that was not.
pub trait Trainee {
    /// What a step sees.
    type Batch;

    /// Learns from a batch: step `number`, counted from 0. Numbers come in order; the first may be any after [`Self::restore`].
    ///
    /// # Errors
    /// [`ModelError::Diverged`] for a loss or a gradient that is no number: nothing is changed then. [`ModelError::Device`] where the
    /// device fails.
    fn step(&mut self, number: usize, rate: f64, batch: &Self::Batch) -> Result<Stepped, ModelError>;

    /// The loss of a batch, from which it does not learn.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    fn loss(&mut self, batch: &Self::Batch) -> Result<f32, ModelError>;

    /// All that decides what it does in later steps: weights, and what the optimiser remembers.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    fn state(&self) -> Result<Vec<Named>, ModelError>;

    /// Goes back to a state that [`Self::state`] gave, of this one or of another of the same plan, and goes on bit for bit as that.
    ///
    /// # Errors
    /// [`ModelError::State`] for a state of something else, which changes nothing.
    fn restore(&mut self, state: Vec<Named>) -> Result<(), ModelError>;
}

/// What a training learns from.
pub trait Batches {
    /// What a step sees.
    type Batch;
    /// What can go wrong.
    type Error: From<super::TrainingError>;

    /// The batch of a step, counted from 0: the same whenever it is asked for.
    ///
    /// # Errors
    /// What can go wrong.
    fn batch(&mut self, step: usize) -> Result<Self::Batch, Self::Error>;

    /// The batch of this index of the examples that are kept apart ([`Plan::watch`](super::Plan::watch)), the same whenever it is
    /// asked for; `None` after the last.
    ///
    /// # Errors
    /// What can go wrong.
    fn watched(&mut self, _index: usize) -> Result<Option<Self::Batch>, Self::Error> {
        Ok(None)
    }
}

/// What is told of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// What is trained.
    pub name: &'a str,
    /// The step, counted from 1.
    pub step: usize,
    /// Its loss.
    pub loss: f32,
    /// Its learning rate.
    pub rate: f64,
    /// The norm of its gradient.
    pub gradient_norm: f64,
    /// The mean loss of the examples that are kept apart, where it was measured.
    pub watch: Option<f64>,
    /// Steps a second since the entry before.
    pub steps_per_second: f64,
}

impl<'a> Entry<'a> {
    /// A step of which nothing is told yet.
    #[must_use]
    pub fn of(name: &'a str, step: usize) -> Self {
        Self { name, step, loss: 0.0, rate: 0.0, gradient_norm: 0.0, watch: None, steps_per_second: 0.0 }
    }
}

/// Keeps a record of trainings.
pub trait Journal: fmt::Debug + Send + Sync {
    /// A training begins, or goes on, with step `from`, counted from 1: what was told of it from that step on counts no longer.
    ///
    /// # Errors
    /// What the system says.
    fn begin(&self, name: &str, from: usize) -> io::Result<()>;

    /// A step was done.
    ///
    /// # Errors
    /// What the system says.
    fn tell(&self, entry: &Entry<'_>) -> io::Result<()>;
}
