//! Between a bundle's section and the detector.

use super::fitted::{Combined, NAME};
use super::levels::{Level, PartLevels};
use crate::bundle::settings::require;
use crate::bundle::{
    Defect, LEAST_SCORE_DEVIATION, MAX_ENTRIES, MAX_SCORE, Manifest, Section, SectionEntry, TensorSpec, Tensors,
    TensorsOf, shorten,
};
use crate::detect::{DetectError, Detector, Opening, View};
use serde_json::{Value, json};

const MEAN: &str = "level_mean";
const STD: &str = "level_std";
const VIEWS: &str = "views";
const RULE: &str = "rule";
/// The one rule there is: standardised maps are added, and the largest value is the score.
const MAP: &str = "map";

/// The names of the views, once the settings are found to be those it has.
fn views(entry: &SectionEntry) -> Result<Vec<String>, Defect> {
    let bad = |field: &str, expected: &str, found: &Value| Defect::Field {
        field: field.to_owned(),
        expected: expected.to_owned(),
        found: shorten(&found.to_string()),
    };
    if let Some((name, value)) = entry.settings.iter().find(|(name, _)| ![VIEWS, RULE].contains(&name.as_str())) {
        return Err(bad(&shorten(name), "no such setting", value));
    }
    let rule = entry.settings.get(RULE).unwrap_or(&Value::Null);
    if rule != MAP {
        return Err(bad(RULE, MAP, rule));
    }
    let found = entry.settings.get(VIEWS).unwrap_or(&Value::Null);
    let names: Option<Vec<String>> =
        found.as_array().map(|all| all.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect());
    let names = names.filter(|names| Some(names.len()) == found.as_array().map(Vec::len));
    names.filter(|names| (1..=MAX_ENTRIES).contains(&names.len())).ok_or_else(|| bad(VIEWS, "names of views", found))
}

/// `level_mean` and `level_std` f32 `[n_parts, n_views, n_conditions + 1]`: of the held-out normals of each condition, and of
/// all of them last.
pub(super) fn tensors(entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    let shape = [entry.parts.len(), views(entry)?.len(), shared.conditions.len() + 1];
    require(entry.parts.len() > 1, entry.parts.len(), || ("detector.parts".into(), "at least two".into()))?;
    Ok(vec![
        TensorSpec::within(MEAN, &shape, -MAX_SCORE, MAX_SCORE),
        TensorSpec::within(STD, &shape, LEAST_SCORE_DEVIATION, MAX_SCORE),
    ])
}

pub(super) fn check(_entry: &SectionEntry, _tensors: TensorsOf<'_>, _shared: &Manifest) -> Result<(), Defect> {
    Ok(())
}

/// Of its own it has no settings that tell anything; its parts have.
pub(super) fn facts(_entry: &SectionEntry, _shared: &Manifest) -> Vec<(String, String)> {
    vec![]
}

pub(super) fn open(
    section: Section,
    shared: &Manifest,
    opening: &mut Opening<'_>,
) -> Result<Box<dyn Detector>, DetectError> {
    let Section { entry, mut tensors } = section;
    let names = views(&entry).map_err(DetectError::defect)?;
    let views: Vec<View> =
        names.iter().map(|name| DetectError::parse("combined.views", name)).collect::<Result<_, _>>()?;
    let mut parts = vec![];
    for (index, part) in entry.parts.into_iter().enumerate() {
        let own = Section { entry: part, tensors: tensors.take_part(index) };
        parts.push(opening.part(own, shared)?);
    }
    let n = shared.conditions.len() + 1;
    let levels =
        tensors.numbers(MEAN).iter().zip(tensors.numbers(STD)).map(|(mean, std)| Level { mean: *mean, std: *std });
    let levels: Vec<Level> = levels.collect();
    let of_view = |of_view: &[Level]| PartLevels { all: of_view[n - 1], per_condition: of_view[..n - 1].to_vec() };
    let levels = levels.chunks_exact(n * views.len()).map(|part| part.chunks_exact(n).map(of_view).collect()).collect();
    Ok(Box::new(Combined { parts, levels, views }))
}

/// What the scores of the parts mean, and no part.
pub(super) fn without_parts(levels: &[Vec<PartLevels>], views: &[View]) -> Result<Section, DetectError> {
    let names: Vec<String> = views.iter().map(ToString::to_string).collect();
    let entry = SectionEntry::new(NAME, None, &json!({VIEWS: names, RULE: MAP})).map_err(DetectError::defect)?;
    let each = || levels.iter().flatten().flat_map(|view| view.per_condition.iter().chain([&view.all]));
    let tensors = Tensors::default()
        .with_numbers(MEAN, each().map(|level| level.mean).collect())
        .with_numbers(STD, each().map(|level| level.std).collect());
    Ok(Section { entry, tensors })
}

pub(super) fn of(combined: &Combined) -> Result<Section, DetectError> {
    let Section { mut entry, mut tensors } = without_parts(&combined.levels, &combined.views)?;
    for (index, part) in combined.parts.iter().enumerate() {
        let Section { entry: own, tensors: of_part } = part.section()?;
        entry.parts.push(own);
        tensors.put_part(index, of_part);
    }
    Ok(Section { entry, tensors })
}
