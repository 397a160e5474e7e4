//! The condition of each training image.

use super::ConditionError;
use super::ConditionRule;
use crate::dataset::{ConditionTable, Sample, composed};
use std::collections::HashMap;

/// Folder names that say how an image was labelled, not in which condition it was taken.
const LABEL_FOLDERS: [&str; 6] = ["good", "train", "test", "normal", "fault", "validation"];

/// Names the condition of every sample, by the rule; `None` where the rule has nothing to say.
///
/// `p90`: the samples' 90th percentiles and the limit between the conditions, for [`ConditionRule::P90`].
///
/// # Errors
/// [`ConditionError::Dataset`] when the table can't be read.
pub fn condition_of(
    rule: &ConditionRule,
    samples: &[&Sample],
    p90: Option<(&[f32], f32)>,
) -> Result<Vec<Option<String>>, ConditionError> {
    let name = |high: bool| Some(if high { ConditionRule::HIGH } else { ConditionRule::LOW }.to_owned());
    Ok(match rule {
        ConditionRule::None => vec![Some(ConditionRule::ONLY.to_owned()); samples.len()],
        ConditionRule::P90 { .. } => match p90 {
            Some((values, limit)) => values.iter().map(|v| name(*v > limit)).collect(),
            None => vec![None; samples.len()],
        },
        ConditionRule::Index { boundary } => {
            let mut seen: HashMap<&str, usize> = HashMap::new();
            let mut index = |folder| {
                let count = seen.entry(folder).or_default();
                *count += 1;
                *count - 1
            };
            samples.iter().map(|s| name(index(folder(s)) >= *boundary)).collect()
        }
        ConditionRule::Folder => samples
            .iter()
            .map(|s| {
                if let Some(product) = &s.product {
                    return Some(product.condition());
                }
                let found = folder(s).rsplit('/').find(|part| !part.is_empty() && !LABEL_FOLDERS.contains(part));
                found.map(|name| composed(name).into_owned())
            })
            .collect(),
        ConditionRule::Table(path) => {
            let table = ConditionTable::read(path)?;
            table.names_any_of(samples)?;
            samples.iter().map(|s| table.get(s).map(str::to_owned)).collect()
        }
    })
}

/// The part of a sample's name before the last `/`.
fn folder(sample: &Sample) -> &str {
    sample.name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(names: &[&str]) -> Vec<Sample> {
        let sample = |name: &&str| Sample {
            path: name.into(),
            name: (*name).to_owned(),
            label: None,
            defect: None,
            mask: None,
            roi: None,
            domain: None,
            product: None,
        };
        names.iter().map(sample).collect()
    }

    fn labels(rule: &str, names: &[&str], p90: Option<(&[f32], f32)>) -> Vec<Option<String>> {
        let samples = samples(names);
        condition_of(&rule.parse().unwrap(), &samples.iter().collect::<Vec<_>>(), p90).unwrap()
    }

    #[test]
    fn an_index_counts_within_each_folder() {
        let found =
            labels("index:1", &["test/fault/0.png", "test/fault/1.png", "test/good/0.png", "test/good/1.png"], None);
        assert_eq!(found, ["cold", "warm", "cold", "warm"].map(|c| Some(c.to_owned())));
    }

    #[test]
    fn a_folder_names_the_condition_unless_it_names_a_label() {
        let found = labels("folder", &["train/good/wet/0.png", "dry/good/0.png", "good/0.png"], None);
        assert_eq!(found, [Some("wet".to_owned()), Some("dry".to_owned()), None]);
    }

    #[test]
    fn the_percentile_rule_splits_at_its_limit() {
        let found = labels("p90", &["0.png", "1.png"], Some((&[0.3, 0.30001], 0.3)));
        assert_eq!(found, ["cold", "warm"].map(|c| Some(c.to_owned())));
    }
}
