//! Conditions that are added later: each is a distribution of its own, the others stay as they are.

use super::section::SCALE;
use super::settings::Settings;
use crate::bundle::{Section, SectionEntry, Values};
use crate::detect::{DetectError, Options};

/// The settings that a section was fitted with.
pub(super) fn options(entry: &SectionEntry) -> Result<Options, DetectError> {
    let settings: Settings = entry.settings().map_err(DetectError::defect)?;
    let (shape, scoring) = (settings.shape()?, settings.scoring()?);
    Ok(Options { shape, scoring, shrinkage: settings.shrinkage, ..Options::default() })
}

/// One section of both. The second was fitted with the settings of the first.
pub(super) fn join(first: Section, second: &Section) -> Result<Section, DetectError> {
    let Section { mut entry, mut tensors } = first;
    let mut own: Settings = entry.settings().map_err(DetectError::defect)?;
    let added: Settings = second.entry.settings().map_err(DetectError::defect)?;
    let of_first = |settings: &Settings| (settings.shape.clone(), settings.image_score.clone(), settings.shrinkage);
    if of_first(&own) != of_first(&added) || entry.features != second.entry.features {
        let (expected, found) = ("the settings of the bundle".to_owned(), "others".to_owned());
        return Err(DetectError::Setting { setting: "settings of the added conditions", expected, found });
    }
    let dim = entry.features.as_ref().map_or(1, |features| features.descriptor.dim);
    let n_factors = tensors.numbers(SCALE).len() / dim.max(1);
    own.conditions.extend(added.conditions.into_iter().map(|mut law| {
        law.factor += n_factors;
        law
    }));
    // The random channels of places are those of the same seed; all else follows the first one's.
    let names: Vec<String> =
        second.tensors.names().filter(|name| *name != super::section::CHANNELS).map(str::to_owned).collect();
    for name in names {
        let joined = match (tensors.get(&name), second.tensors.get(&name)) {
            (Some(Values::Numbers(a)), Some(Values::Numbers(b))) => Values::Numbers([&a[..], b].concat()),
            (Some(Values::Halves(a)), Some(Values::Halves(b))) => Values::Halves([&a[..], b].concat()),
            (_, Some(only)) => only.clone(),
            (_, None) => continue,
        };
        tensors.set(&name, joined);
    }
    if tensors.get(super::section::CHANNELS) != second.tensors.get(super::section::CHANNELS) {
        let (expected, found) = ("the channels of the bundle".to_owned(), "others".to_owned());
        return Err(DetectError::Setting { setting: "channels of the added conditions", expected, found });
    }
    entry.settings = SectionEntry::new(&entry.kind, None, &own).map_err(DetectError::defect)?.settings;
    Ok(Section { entry, tensors })
}
