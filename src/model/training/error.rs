//! What can end a training.

use crate::files::is_full;
use crate::model::ModelError;
use std::io;
use std::path::PathBuf;

/// Why a training did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The device, or a state of something else.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A loss or a gradient that is no number.
    #[error(
        "the training of {name} diverged: the loss of step {step} is {loss} or its gradient is no number; use a smaller `TrainingOptions::rate`, or `TrainingOptions::clip_norm`{}",
        checkpoint.as_ref().map(|path| format!("; the last checkpoint, {}, is whole", path.display())).unwrap_or_default()
    )]
    Diverged {
        /// What was trained.
        name: String,
        /// The step, counted from 1.
        step: usize,
        /// Its loss.
        loss: f32,
        /// The last checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// Nothing is kept apart to be evaluated.
    #[error(
        "there is nothing to watch of {name}: the images are of too few groups to keep some apart; leave out `TrainingOptions::watch`, or give more images"
    )]
    NothingToWatch {
        /// What was to be trained.
        name: String,
    },
    /// A checkpoint that can't be written.
    #[error("the checkpoint {} can't be written: {}{}", path.display(), full(source), kept(checkpoint.as_ref()))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// The last one that was.
        checkpoint: Option<PathBuf>,
    },
    /// A checkpoint that can't be read.
    #[error(
        "the checkpoint {} can't be read: {reason}; remove it to begin this part of the training anew, or name another folder with `Checkpoints::folder`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another training.
    #[error(
        "the checkpoint {} is of another training: the images, the settings, the seed or the version of pcore are not those that it was written with; give those again, or name another folder with `Checkpoints::folder`",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Checkpoints that would be lost.
    #[error(
        "{} is a checkpoint of a training before: go on from it with `Checkpoints::resume`, or name another folder with `Checkpoints::folder`",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// [`Progress::is_cancelled`](crate::progress::Progress::is_cancelled) said so.
    #[error("stopped before the end")]
    Cancelled,
}

fn full(error: &io::Error) -> String {
    if is_full(error) { format!("{error}; make room, or name a folder elsewhere") } else { error.to_string() }
}

fn kept(checkpoint: Option<&PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("; {} is whole, and `Checkpoints::resume` goes on from it", path.display()),
        None => String::new(),
    }
}
