//! A line that runs, as its threads see it.

use super::frames::Program;
use super::policy::Policy;
use crate::serve::store::LineSettings;
use crate::serve::work::Station;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How soon a thread hears that its line stops.
const HEAR: Duration = Duration::from_millis(50);

/// A line that runs, as its threads see it.
pub(super) struct Running {
    pub(super) station: Arc<Station>,
    pub(super) id: i64,
    pub(super) settings: LineSettings,
    pub(super) policy: Policy,
    pub(super) stop: AtomicBool,
    /// Why the source fails, and what each sink says.
    pub(super) source_error: Mutex<Option<String>>,
    pub(super) sink_errors: Mutex<HashMap<String, String>>,
    pub(super) program: Mutex<Option<Program>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// Whether the line, or the server, stops.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.station.hub.is_stopping()
    }

    /// Sleeps, unless the line stops.
    pub(super) fn sleep(&self, at_most: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < at_most && !self.is_stopped() {
            thread::sleep(HEAR.min(at_most.saturating_sub(begun.elapsed())));
        }
    }

    /// Says that the source works.
    pub(super) fn works(&self) {
        *lock(&self.source_error) = None;
    }

    /// Says why the source does not.
    pub(super) fn fails(&self, why: &str) {
        let mut error = lock(&self.source_error);
        if error.as_deref() != Some(why) {
            tracing::warn!(line = self.settings.name, error = why, "a line can't take images; it tries again");
            *error = Some(why.to_owned());
        }
    }

    /// Keeps the program that the source waits for.
    pub(super) fn has_program(&self, program: Option<Program>) {
        *lock(&self.program) = program;
    }
}
