//! What a detector adds to a bundle: settings and named tensors. The bundle knows none of them by name.

use serde_json::{Map, Value};

use super::{Defect, Manifest, SectionEntry, TensorSpec, Tensors, TensorsOf};

/// What is put before the names of a detector's tensors in the file.
pub(super) const PREFIX: &str = "detector.";

/// A detector as a bundle holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Kind and settings.
    pub entry: SectionEntry,
    /// Its tensors, and under their number those of its parts.
    pub tensors: Tensors,
}

/// What the reader and the writer of bundles must know of the detectors there are.
pub trait Sections: Sync {
    /// The tensors that a section's settings call for, without those of its parts. Checks the settings.
    ///
    /// # Errors
    /// [`Defect::UnknownDetector`] for a kind that is not there, [`Defect::Settings`] and [`Defect::Field`] for settings that
    /// do not read or are out of bounds.
    fn tensors(&self, entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect>;

    /// What the values must keep among each other, once each is within its own bounds.
    ///
    /// # Errors
    /// The first [`Defect`].
    fn check(&self, entry: &SectionEntry, tensors: TensorsOf<'_>, shared: &Manifest) -> Result<(), Defect>;

    /// A manifest of format 1 as one of format 2, with the tensors it calls for.
    ///
    /// # Errors
    /// [`Defect::Manifest`] or [`Defect::Field`] for what is none.
    fn upgrade(&self, manifest: Map<String, Value>) -> Result<Upgraded, Defect>;
}

/// A manifest of format 1, in today's form.
#[derive(Clone, Debug)]
pub struct Upgraded {
    /// Today's manifest.
    pub manifest: Value,
    /// The tensors of the file: each with the name that it has today. Several of the same name follow each other there.
    pub tensors: Vec<(TensorSpec, String)>,
    /// How many of them, from the first on, are in the file even when they are empty.
    pub n_always: usize,
}
