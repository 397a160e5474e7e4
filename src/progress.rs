//! How long work tells a program how far it is, and is told to stop. The library never prints.

/// Receives the progress of long work.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn begin(&self, stage: &str, total: usize);
    /// `n` more steps of the stage are done.
    fn advance(&self, n: usize);
    /// The stage is over.
    fn end(&self);
    /// Something the user should know, which stops nothing.
    fn note(&self, message: &str);
    /// Something that may make results other than the user expects: it stops nothing, and must not be overlooked.
    fn warn(&self, message: &str);
    /// Whether the work is to stop: asked between images, batches and stages, answered with an error that says so.
    fn is_cancelled(&self) -> bool {
        false
    }
    /// Who or what asked it to stop, for the files of results; asked only where [`Self::is_cancelled`].
    fn cancelled_by(&self) -> String {
        "request".to_owned()
    }
}

/// Part of a work whose stages are not told; whoever listens can stop it all the same.
#[derive(Clone, Copy)]
pub struct Quiet<'a>(pub &'a dyn Progress);

impl Progress for Quiet<'_> {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _n: usize) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn cancelled_by(&self) -> String {
        self.0.cancelled_by()
    }
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _n: usize) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}
}
