//! What every job is given.

use crate::flow::Pace;
use crate::progress::{Progress, Silent};
use crate::train::Failure;

/// How a job works, and who listens.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Is told how far the work is and what it leaves out, and may stop it.
    pub progress: &'a dyn Progress,
    /// Images at a time, and memory; what pictures take is added by the job.
    pub pace: Pace,
    /// Turns an error of the library into the words of whoever reads the results, such as settings as they are typed.
    pub wording: fn(&str) -> String,
}

impl Default for Context<'_> {
    /// Nobody listens, and errors stay as they are.
    fn default() -> Self {
        Self { progress: &Silent, pace: Pace::default(), wording: str::to_owned }
    }
}

/// Says which images could not be used.
pub(super) fn tell_left_out(failures: &[Failure], progress: &dyn Progress) {
    failures.iter().for_each(|failure| progress.warn(&format!("left out: {}: {}", failure.name, failure.reason)));
}
