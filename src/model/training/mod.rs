//! Trainings: the loop, the schedule of the learning rate, the optimiser, checkpoints and what is recorded.
//!
//! What is trained keeps [`Trainee`], what it learns from [`Batches`]; [`train`] does the rest. Other modules see host data alone.

mod checkpoint;
mod course;
mod error;
mod optimiser;
mod plan;
mod run;
mod schedule;
#[cfg(test)]
mod tests;
mod trainee;

pub use course::{Task, Trained, train};
pub use error::TrainingError;
pub(in crate::model) use optimiser::Optimiser;
pub use plan::{Figure, MAX_BATCH, MAX_STEPS, Mode, Plan, Stop};
pub use run::{Checkpoints, TrainingRun};
pub use schedule::{Every, MAX_RESTARTS, Schedule, UnknownSchedule};
pub use trainee::{Batches, Entry, Journal, Named, Stepped, Trainee};
