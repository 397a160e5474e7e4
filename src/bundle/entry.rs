//! The settings of one detector, and of its parts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Defect;
use super::features::FeaturesEntry;
use super::shown::shorten;
use super::tensors::part_name;
use super::unique;

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

impl SectionEntry {
    /// How the detector describes images; of one with parts, how its first part does: the gate sees those descriptors.
    #[must_use]
    pub fn lead(&self) -> Option<&FeaturesEntry> {
        self.features.as_ref().or_else(|| self.parts.first().and_then(Self::lead))
    }

    /// How it describes images itself.
    ///
    /// # Errors
    /// [`Defect::Field`] where it says nothing of that.
    pub fn described(&self) -> Result<&FeaturesEntry, Defect> {
        self.features.as_ref().ok_or_else(|| Defect::Field {
            field: "detector.features".to_owned(),
            expected: "how images are described".to_owned(),
            found: "nothing".to_owned(),
        })
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
            .map_err(|source| Defect::Settings { kind: shorten(&self.kind), source })
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
