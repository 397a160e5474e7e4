//! Kinds of detectors, and what a program knows of them.

use super::{DetectError, Detector, FeaturePipeline, Living, Method, Options, Preset, Quality};
use crate::bundle::{Defect, FeaturesEntry, Manifest, Section, SectionEntry, TensorSpec, TensorsOf};
use std::fmt;
use std::sync::Arc;

/// Makes a section ready.
pub type Open = fn(Section, &Manifest, &mut Opening<'_>) -> Result<Box<dyn Detector>, DetectError>;

/// The method of these settings.
pub type MethodOf = fn(&Options) -> Result<Arc<dyn Method>, DetectError>;

/// A detector of this kind as one that goes on learning.
pub type LivingOf = for<'a> fn(&'a dyn Detector) -> Option<&'a dyn Living>;

/// How a detector takes conditions that were fitted later, each from its own images alone.
#[derive(Clone, Copy)]
pub struct Growth {
    /// The settings that a section was fitted with.
    pub options: fn(&SectionEntry) -> Result<Options, DetectError>,
    /// One section of both: the conditions of the first, then those of the second.
    pub join: fn(Section, &Section) -> Result<Section, DetectError>,
}

/// One kind of detector.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// How it is fitted with these settings; `None` for one that is made of others.
    pub method: Option<MethodOf>,
    /// What a quality sets for it.
    pub preset: fn(Quality) -> Preset,
    /// The tensors that its settings call for; see [`Sections::tensors`](crate::bundle::Sections::tensors).
    pub tensors: fn(&SectionEntry, &Manifest) -> Result<Vec<TensorSpec>, Defect>,
    /// What their values must keep among each other; see [`Sections::check`](crate::bundle::Sections::check).
    pub check: fn(&SectionEntry, TensorsOf<'_>, &Manifest) -> Result<(), Defect>,
    /// What its settings say, for people: names of at most twelve characters, and values.
    pub facts: fn(&SectionEntry, &Manifest) -> Vec<(String, String)>,
    /// How conditions can be added to it; `None` where it has to be fitted again.
    pub growth: Option<Growth>,
    /// How a detector of it goes on learning after its fit; `None` where it does not.
    pub living: Option<LivingOf>,
    /// Makes a section ready, the manifest telling the rest.
    pub open: Open,
}

/// The kinds of detectors that a program knows.
#[derive(Clone)]
pub struct Registry {
    pub(super) kinds: Vec<Kind>,
}

impl Registry {
    /// These, and one more; it takes the place of one with the same name. `examples/custom_detector.rs` adds one.
    #[must_use]
    pub fn with(&self, kind: Kind) -> Self {
        let others = self.kinds.iter().copied().filter(|other| other.name != kind.name);
        Self { kinds: others.chain([kind]).collect() }
    }

    /// The kinds, the default first.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The names of those that are fitted by themselves, the default first.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().filter(|kind| kind.method.is_some()).map(|kind| kind.name)
    }

    /// The method of this name with these settings.
    ///
    /// # Errors
    /// [`DetectError::UnknownDetector`], and what the method says of the settings.
    pub fn method(&self, name: &str, options: &Options) -> Result<Arc<dyn Method>, DetectError> {
        let known = || self.methods().collect::<Vec<_>>().join(", ");
        let unknown = || DetectError::UnknownDetector { found: name.to_owned(), known: known() };
        let kind = self.kinds.iter().find(|kind| kind.name == name).ok_or_else(unknown)?;
        (kind.method.ok_or_else(unknown)?)(options)
    }

    /// What a quality sets for the detector of this name; [`Preset::SINGLE`] for an unknown one.
    #[must_use]
    pub fn preset(&self, name: &str, quality: Quality) -> Preset {
        self.kind(name).map_or(Preset::SINGLE, |kind| (kind.preset)(quality))
    }

    /// The detector of a section.
    ///
    /// # Errors
    /// What its kind says, and [`Defect::UnknownDetector`].
    pub fn open(
        &self,
        section: Section,
        shared: &Manifest,
        features: &mut dyn FnMut(&FeaturesEntry) -> Result<FeaturePipeline, DetectError>,
    ) -> Result<Box<dyn Detector>, DetectError> {
        let kind = self.kind(&section.entry.kind).map_err(DetectError::defect)?;
        (kind.open)(section, shared, &mut Opening { registry: self, features })
    }

    /// How conditions can be added to a section; `None` where it has to be fitted again.
    #[must_use]
    pub fn growth(&self, entry: &SectionEntry) -> Option<Growth> {
        self.kind(&entry.kind).ok().and_then(|kind| kind.growth)
    }

    /// How a detector goes on learning after its fit, where its kind does.
    #[must_use]
    pub fn living<'a>(&self, detector: &'a dyn Detector) -> Option<&'a dyn Living> {
        self.kind(detector.kind()).ok().and_then(|kind| kind.living).and_then(|living| living(detector))
    }

    /// What the settings of a section say, for people, then what those of its parts do, each after its number.
    #[must_use]
    pub fn facts(&self, entry: &SectionEntry, shared: &Manifest) -> Vec<(String, String)> {
        let own = self.kind(&entry.kind).map_or_else(|_| vec![], |kind| (kind.facts)(entry, shared));
        let of_part = |(index, part): (usize, &SectionEntry)| {
            let kind = (format!("part {}", index + 1), part.kind.clone());
            std::iter::once(kind).chain(self.facts(part, shared)).collect::<Vec<_>>()
        };
        own.into_iter().chain(entry.parts.iter().enumerate().flat_map(of_part)).collect()
    }

    pub(super) fn kind(&self, name: &str) -> Result<&Kind, Defect> {
        let unknown = || Defect::UnknownDetector { kind: name.chars().take(40).collect(), known: self.names() };
        self.kinds.iter().find(|kind| kind.name == name).ok_or_else(unknown)
    }

    fn names(&self) -> String {
        self.kinds.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|kind| kind.name)).finish()
    }
}

/// What a section is opened with.
pub struct Opening<'a> {
    registry: &'a Registry,
    features: &'a mut dyn FnMut(&FeaturesEntry) -> Result<FeaturePipeline, DetectError>,
}

impl Opening<'_> {
    /// The pipeline that a section names.
    ///
    /// # Errors
    /// What the network refuses, and a [`Defect`] where the section names none.
    pub fn features(&mut self, entry: &SectionEntry) -> Result<FeaturePipeline, DetectError> {
        (self.features)(entry.described().map_err(DetectError::defect)?)
    }

    /// A part of the section.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn part(&mut self, section: Section, shared: &Manifest) -> Result<Box<dyn Detector>, DetectError> {
        let kind = self.registry.kind(&section.entry.kind).map_err(DetectError::defect)?;
        (kind.open)(section, shared, self)
    }
}
