//! Settings of a training, for detectors that train.

use super::headings::{METHOD, OUTPUT};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// How a training goes, and what is kept of it.
#[derive(ClapArgs)]
pub(crate) struct TrainingArgs {
    /// Settings of the training, a TOML file: steps, rate, schedule, early stopping
    ///
    /// For detectors that train, such as discriminative; docs/training.md has every key. What is given here besides, such as
    /// --steps, wins.
    #[arg(long, value_name = "FILE", help_heading = METHOD, hide_short_help = true)]
    pub(crate) training: Option<PathBuf>,
    /// Write a record of the training there: training.csv, training.jsonl and an event file of TensorBoard
    ///
    /// Loss, learning rate, norm of the gradient, loss of what is kept apart and steps per second, as they come.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) record: Option<PathBuf>,
    /// Write checkpoints of the training there, from which --resume goes on
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Go on from the last checkpoint in --checkpoints, or begin where there is none
    ///
    /// On the CPU the bundle is the one of a fit that was not interrupted, byte for byte. Checkpoints of other images, settings or
    /// another seed are refused.
    #[arg(long, requires = "checkpoints", help_heading = METHOD, hide_short_help = true)]
    pub(crate) resume: bool,
}
