//! Trainings: their settings in a file, and a record of their steps.

mod plan_file;
mod record;

pub use plan_file::{MAX_TRAINING_BYTES, TrainingFile, TrainingFileError, training_from_toml};
pub use record::{RECORD_FILES, TrainingRecord};
