//! What a detector adds to a bundle: settings and named tensors. The bundle knows none of them by name.

use std::collections::BTreeMap;

use half::f16;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BackboneEntry, Defect, DescriptorEntry, MAX_MAGNITUDE, Manifest, PreprocessingEntry, unique};

/// What is put before the names of a detector's tensors in the file.
pub(super) const PREFIX: &str = "detector.";

/// Most parts of a detector, and most levels of parts.
pub const MAX_PARTS: usize = 16;
/// See [`MAX_PARTS`].
const MAX_LEVELS: usize = 3;

/// Settings of one detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionEntry {
    /// Its name in the registry.
    pub kind: String,
    /// How images are described; `None`, and left out of the file, for a detector that has parts to do so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesEntry>,
    /// Its own settings, which only it understands.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "unique::map")]
    pub settings: Map<String, Value>,
    /// The detectors it is made of; none, and left out of the file, for a single one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SectionEntry>,
}

/// How images become patch descriptors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesEntry {
    /// The network the descriptors come from.
    pub backbone: BackboneEntry,
    /// How an image becomes the input of the network.
    pub preprocessing: PreprocessingEntry,
    /// How feature maps become patch descriptors.
    pub descriptor: DescriptorEntry,
}

impl SectionEntry {
    /// How the detector describes images; of one with parts, how its first part does: the gate sees those descriptors.
    #[must_use]
    pub fn lead(&self) -> Option<&FeaturesEntry> {
        self.features.as_ref().or_else(|| self.parts.first().and_then(Self::lead))
    }

    /// All ways in which images are described, in the order of the parts.
    #[must_use]
    pub fn all_features(&self) -> Vec<&FeaturesEntry> {
        self.features.iter().chain(self.parts.iter().flat_map(Self::all_features)).collect()
    }

    /// The same, to be changed.
    pub fn all_features_mut(&mut self) -> Vec<&mut FeaturesEntry> {
        self.features.iter_mut().chain(self.parts.iter_mut().flat_map(Self::all_features_mut)).collect()
    }

    /// The settings, once the detector has named their type.
    ///
    /// # Errors
    /// [`Defect::Settings`].
    pub fn settings<T: serde::de::DeserializeOwned>(&self) -> Result<T, Defect> {
        serde_json::from_value(Value::Object(self.settings.clone()))
            .map_err(|source| Defect::Settings { kind: super::header::shorten(&self.kind), source })
    }

    /// An entry with these settings.
    ///
    /// # Errors
    /// [`Defect::Settings`] for what is no object.
    pub fn new(kind: &str, features: Option<FeaturesEntry>, settings: &impl Serialize) -> Result<Self, Defect> {
        let object = serde_json::to_value(settings).and_then(serde_json::from_value::<Map<String, Value>>);
        let settings = object.map_err(|source| Defect::Settings { kind: kind.to_owned(), source })?;
        Ok(Self { kind: kind.to_owned(), features, settings, parts: vec![] })
    }

    /// Calls `visit` with every entry and what is put before the names of its tensors, parents first.
    pub(super) fn visit<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a Self, &str) -> Result<(), Defect>,
    ) -> Result<(), Defect> {
        visit(self, prefix)?;
        for (index, part) in self.parts.iter().enumerate() {
            part.visit(&part_name(prefix, index, ""), visit)?;
        }
        Ok(())
    }

    /// Levels of parts below, this one included.
    pub(super) fn is_deeper_than_allowed(&self) -> bool {
        fn levels(entry: &SectionEntry) -> usize {
            1 + entry.parts.iter().map(levels).max().unwrap_or(0)
        }
        levels(self) > MAX_LEVELS
    }
}

/// The name of a part's tensor among those of the whole.
fn part_name(prefix: &str, index: usize, name: &str) -> String {
    format!("{prefix}{index}.{name}")
}

/// A tensor's values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Finite numbers.
    Numbers(Vec<f32>),
    /// Finite numbers of half precision.
    Halves(Vec<f16>),
    /// Indices.
    Indices(Vec<u32>),
}

impl Values {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Halves(values) => values.len(),
            Self::Indices(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tensors of a detector by name; empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(BTreeMap<String, Values>);

impl Tensors {
    /// Adds numbers.
    #[must_use]
    pub fn with_numbers(mut self, name: &str, values: Vec<f32>) -> Self {
        self.set(name, Values::Numbers(values));
        self
    }

    /// Adds numbers of half precision.
    #[must_use]
    pub fn with_halves(mut self, name: &str, values: Vec<f16>) -> Self {
        self.set(name, Values::Halves(values));
        self
    }

    /// The numbers of half precision of a tensor; none where there are none.
    #[must_use]
    pub fn halves(&self, name: &str) -> &[f16] {
        match self.0.get(name) {
            Some(Values::Halves(values)) => values,
            Some(Values::Numbers(_) | Values::Indices(_)) | None => &[],
        }
    }

    /// Adds indices.
    #[must_use]
    pub fn with_indices(mut self, name: &str, values: Vec<u32>) -> Self {
        self.set(name, Values::Indices(values));
        self
    }

    /// Sets, or with no values removes, a tensor.
    pub fn set(&mut self, name: &str, values: Values) {
        if values.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), values);
        }
    }

    /// One by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.0.get(name)
    }

    /// Takes numbers out; none where there are none.
    pub fn take_numbers(&mut self, name: &str) -> Vec<f32> {
        match self.0.remove(name) {
            Some(Values::Numbers(values)) => values,
            Some(Values::Halves(_) | Values::Indices(_)) | None => vec![],
        }
    }

    /// Takes indices out; none where there are none.
    pub fn take_indices(&mut self, name: &str) -> Vec<u32> {
        match self.0.remove(name) {
            Some(Values::Indices(values)) => values,
            Some(Values::Numbers(_) | Values::Halves(_)) | None => vec![],
        }
    }

    /// The numbers of a tensor; none where there are none.
    #[must_use]
    pub fn numbers(&self, name: &str) -> &[f32] {
        match self.0.get(name) {
            Some(Values::Numbers(values)) => values,
            Some(Values::Halves(_) | Values::Indices(_)) | None => &[],
        }
    }

    /// The indices of a tensor; none where there are none.
    #[must_use]
    pub fn indices(&self, name: &str) -> &[u32] {
        match self.0.get(name) {
            Some(Values::Indices(values)) => values,
            Some(Values::Numbers(_) | Values::Halves(_)) | None => &[],
        }
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes out the tensors of part `index`, under their own names.
    #[must_use]
    pub fn take_part(&mut self, index: usize) -> Self {
        let prefix = part_name("", index, "");
        let own: Vec<String> = self.0.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let taken = own.into_iter().filter_map(|name| {
            let values = self.0.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), values))
        });
        Self(taken.collect())
    }

    /// Adds the tensors of part `index`.
    pub fn put_part(&mut self, index: usize, part: Self) {
        self.0.extend(part.0.into_iter().map(|(name, values)| (part_name("", index, &name), values)));
    }
}

/// The tensors of a detector, or of one of its parts, by their own names.
#[derive(Clone, Copy, Debug)]
pub struct TensorsOf<'a> {
    pub(super) all: &'a Tensors,
    pub(super) prefix: &'a str,
}

impl<'a> TensorsOf<'a> {
    /// The numbers of a tensor; none where there are none.
    #[must_use]
    pub fn numbers(self, name: &str) -> &'a [f32] {
        self.all.numbers(&format!("{}{name}", self.prefix))
    }

    /// The indices of a tensor; none where there are none.
    #[must_use]
    pub fn indices(self, name: &str) -> &'a [u32] {
        self.all.indices(&format!("{}{name}", self.prefix))
    }
}

/// A detector as a bundle holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Kind and settings.
    pub entry: SectionEntry,
    /// Its tensors, and under their number those of its parts.
    pub tensors: Tensors,
}

/// A tensor that a detector's settings call for.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its shape, row-major. A tensor with a zero in it is left out of the file.
    pub shape: Vec<usize>,
    /// What it holds.
    pub holds: Holds,
}

/// What the values of a tensor may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holds {
    /// Finite `f32`, in a range.
    Numbers {
        /// The least.
        least: f32,
        /// The most.
        most: f32,
    },
    /// Finite `f16`.
    Halves,
    /// `u32` below a limit.
    Indices {
        /// What they count.
        of: &'static str,
        /// The limit.
        limit: usize,
        /// Whether [`UNKNOWN`](super::UNKNOWN) may stand there too.
        or_unknown: bool,
    },
}

impl TensorSpec {
    /// Finite numbers of any size that can be computed with.
    #[must_use]
    pub fn numbers(name: &str, shape: &[usize]) -> Self {
        let holds = Holds::Numbers { least: -MAX_MAGNITUDE, most: MAX_MAGNITUDE };
        Self { name: name.to_owned(), shape: shape.to_vec(), holds }
    }

    /// Finite numbers from `least` to `most`.
    #[must_use]
    pub fn within(name: &str, shape: &[usize], least: f32, most: f32) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), holds: Holds::Numbers { least, most } }
    }

    /// Finite numbers of half precision.
    #[must_use]
    pub fn halves(name: &str, shape: &[usize]) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), holds: Holds::Halves }
    }

    /// Bytes of each value in the file.
    pub(super) fn width(&self) -> usize {
        match self.holds {
            Holds::Numbers { .. } | Holds::Indices { .. } => 4,
            Holds::Halves => 2,
        }
    }

    /// Indices below `limit`, of what they count.
    #[must_use]
    pub fn indices(name: &str, shape: &[usize], of: &'static str, limit: usize) -> Self {
        let holds = Holds::Indices { of, limit, or_unknown: false };
        Self { name: name.to_owned(), shape: shape.to_vec(), holds }
    }

    /// The same, where an index may be unknown.
    #[must_use]
    pub fn or_unknown(mut self) -> Self {
        if let Holds::Indices { or_unknown, .. } = &mut self.holds {
            *or_unknown = true;
        }
        self
    }

    /// Values of this shape; `None` for more than there can be.
    #[must_use]
    pub fn n_values(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side))
    }
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
