//! Who listens to the work in tests.

use pcore::progress::Progress;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Keeps what it is told, and stops at a question.
pub(crate) struct Listener {
    told: Mutex<Vec<String>>,
    left: AtomicUsize,
}

impl Listener {
    pub(crate) fn stopping_at(n: usize) -> Self {
        Self { told: Mutex::default(), left: AtomicUsize::new(n) }
    }

    /// Never stops.
    pub(crate) fn patient() -> Self {
        Self::stopping_at(usize::MAX)
    }

    pub(crate) fn heard(&self, words: &str) -> bool {
        self.told().contains(words)
    }

    /// All notes and warnings, a line each.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

impl Progress for Listener {
    fn begin(&self, _: &str, _: usize) {}
    fn advance(&self, _: usize) {}
    fn end(&self) {}
    fn note(&self, message: &str) {
        self.told.lock().unwrap().push(format!("note: {message}"));
    }
    fn warn(&self, message: &str) {
        self.told.lock().unwrap().push(format!("warning: {message}"));
    }
    fn is_cancelled(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
    }
    fn cancelled_by(&self) -> String {
        "the shift's end".to_owned()
    }
}
