//! What is kept and told of a training while it runs; none of it decides the weights.

use super::{Journal, TrainingError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// End of the names of checkpoints.
pub(super) const SUFFIX: &str = ".safetensors";

/// What is kept and told of the trainings of a run.
#[derive(Clone, Debug)]
pub struct TrainingRun {
    /// Where checkpoints go; `None` for none.
    pub checkpoints: Option<Checkpoints>,
    /// Who is told of steps.
    pub journal: Option<Arc<dyn Journal>>,
    /// Steps from one that is told to the next, at least 1; evaluations are told besides.
    pub record_every: usize,
}

impl Default for TrainingRun {
    /// Nothing is kept, nobody is told.
    fn default() -> Self {
        Self { checkpoints: None, journal: None, record_every: 10 }
    }
}

impl TrainingRun {
    /// Whether anything is kept or told.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.checkpoints.is_some() || self.journal.is_some()
    }

    /// A start of the names of what the next fit trains: a run that fits several times, as cross-fitting does, does so in the same
    /// order each time.
    #[must_use]
    pub fn next_fit(&self) -> String {
        match self.checkpoints.as_ref().map(|own| own.n_fits.fetch_add(1, Ordering::Relaxed)) {
            Some(0) | None => String::new(),
            Some(n) => format!("fit-{}.", n + 1),
        }
    }
}

/// Where and when checkpoints are written.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// The folder.
    pub folder: PathBuf,
    /// Steps from one to the next, at least 1; the last step has one as well.
    pub every: usize,
    /// Besides the last one, so many of the evaluations with the best figures are kept.
    pub best: usize,
    /// Whether trainings go on from the checkpoints that are there; else there must be none.
    pub resume: bool,
    n_fits: Arc<AtomicUsize>,
}

impl Checkpoints {
    /// In this folder, every 200 steps, with the best one besides, none before.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), every: 200, best: 1, resume: false, n_fits: Arc::default() }
    }

    /// The last checkpoint of what has this name.
    #[must_use]
    pub fn last(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{SUFFIX}"))
    }

    /// One that is kept for its figure, after so many steps.
    #[must_use]
    pub fn of_step(&self, name: &str, step: usize) -> PathBuf {
        self.folder.join(format!("{name}.step-{step:07}{SUFFIX}"))
    }

    /// Those that are kept for their figures, with their steps, in order.
    #[must_use]
    pub fn of_steps(&self, name: &str) -> Vec<(usize, PathBuf)> {
        let start = format!("{name}.step-");
        let step = |path: &Path| {
            let text = path.file_name()?.to_str()?.strip_prefix(&start)?.strip_suffix(SUFFIX)?;
            text.parse().ok()
        };
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries.filter_map(|e| Some((step(&e.path())?, e.path()))).collect();
        found.sort();
        found
    }

    /// Refuses a folder with checkpoints of a training before, unless it goes on from them.
    ///
    /// # Errors
    /// [`TrainingError::Exists`].
    pub fn check(&self) -> Result<(), TrainingError> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_own =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(SUFFIX.as_bytes()));
        let mut found: Vec<PathBuf> = entries.filter(|path| !self.resume && is_own(path)).collect();
        found.sort();
        found.into_iter().next().map_or(Ok(()), |path| Err(TrainingError::Exists { path }))
    }
}
