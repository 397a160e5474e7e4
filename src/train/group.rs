//! Which training images show the same part.

use super::TrainError;
use super::near_copies::{self, Thumbnail};
use crate::dataset::{ConditionTable, Sample};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What tells which training images belong together: shots of one part, copies, or variants made of one image. They are
/// left out together, and count as one where a threshold is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupRule {
    /// Copies and near-copies are looked for.
    Auto,
    /// Each image is on its own.
    Single,
    /// The folder that holds the image.
    Folder,
    /// A pattern for the file's name.
    Name(NamePattern),
    /// A CSV file with the columns `path,group`.
    Table(PathBuf),
}

/// A pattern for a file's name without its folder and extension: `{}` stands for the name of the group (at least one
/// character, as few as possible), `#` for digits (at least one), `*` for anything, all else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: String,
}

impl NamePattern {
    /// The group that a name without folder and extension tells; `None` where it does not match.
    #[must_use]
    pub fn group_of<'a>(&self, stem: &'a str) -> Option<&'a str> {
        let (before, after) = self.text.split_once("{}")?;
        // As short a group as possible: starts and ends are tried from the left.
        let ends = || stem.char_indices().map(|(at, _)| at).chain([stem.len()]);
        ends().filter(|start| matches(before, &stem[..*start])).find_map(|start| {
            ends().filter(|end| *end > start).find(|end| matches(after, &stem[*end..])).map(|end| &stem[start..end])
        })
    }
}

/// Whether all of `text` fits a pattern of `*`, `#` and plain characters. The places that the pattern so far can reach are
/// kept, so that the time is at most the product of the lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            let before = at > 0 && (reached[at - 1] || (wanted == '#' || wanted == '*') && next[at - 1]);
            next[at] = match wanted {
                '*' => reached[at] || before,
                '#' => before && text[at - 1].is_ascii_digit(),
                plain => at > 0 && reached[at - 1] && text[at - 1] == plain,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

impl FromStr for GroupRule {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let is_csv = text.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("csv"));
        match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::Single),
            "folder" => return Ok(Self::Folder),
            _ => {}
        }
        match text.strip_prefix("name:") {
            Some(pattern) if pattern.matches("{}").count() == 1 => {
                Ok(Self::Name(NamePattern { text: pattern.to_owned() }))
            }
            None if is_csv => Ok(Self::Table(PathBuf::from(text))),
            Some(_) | None => Err(TrainError::GroupRule { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for GroupRule {
    /// A table by its file's name alone: the same data fitted from another folder must give the same bundle.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Single => f.write_str("none"),
            Self::Folder => f.write_str("folder"),
            Self::Name(pattern) => write!(f, "name:{}", pattern.text),
            Self::Table(path) => f.write_str(&path.file_name().unwrap_or_default().to_string_lossy()),
        }
    }
}

/// The group of every sample, numbered by first appearance, where the rule names groups; `None` for [`GroupRule::Auto`] and
/// [`GroupRule::Single`].
///
/// # Errors
/// [`TrainError::Dataset`] when the table can't be read or names none of the images; [`TrainError::NoGroup`] when an image
/// has no group.
pub(super) fn groups_by_rule(rule: &GroupRule, samples: &[&Sample]) -> Result<Option<Vec<usize>>, TrainError> {
    let names: Vec<Option<String>> = match rule {
        GroupRule::Auto | GroupRule::Single => return Ok(None),
        GroupRule::Folder => samples
            .iter()
            .map(|s| Some(s.path.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default()))
            .collect(),
        GroupRule::Name(pattern) => samples
            .iter()
            .map(|sample| {
                let (folder, file) = sample.name.rsplit_once('/').unwrap_or(("", &sample.name));
                let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
                pattern.group_of(stem).map(|group| format!("{folder}/{group}"))
            })
            .collect(),
        GroupRule::Table(path) => {
            let table = ConditionTable::read_column(path, "group")?;
            table.names_any_of(samples)?;
            samples.iter().map(|s| table.get(s).map(str::to_owned)).collect()
        }
    };
    let missing: Vec<usize> = (0..names.len()).filter(|i| names[*i].is_none()).collect();
    if let Some(first) = missing.first() {
        return Err(TrainError::NoGroup {
            rule: rule.to_string(),
            n_missing: missing.len(),
            n_images: samples.len(),
            first: samples[*first].name.clone(),
        });
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let number = |name: String| {
        let next = numbers.len();
        *numbers.entry(name).or_insert(next)
    };
    Ok(Some(names.into_iter().flatten().map(number).collect()))
}

/// Name of the rule where near-copies were found.
pub(crate) const FOUND: &str = "near-copies";

/// The group of each image, numbered from 0, and the name of what told it; `None` where each is on its own. Digests and
/// thumbnails tell near-copies, where no rule is given.
///
/// # Errors
/// As [`groups_by_rule`].
pub(crate) fn grouped(
    rule: &GroupRule,
    samples: &[&Sample],
    digests: &[[u8; 32]],
    thumbnails: &[Option<Thumbnail>],
) -> Result<Option<(Vec<usize>, String)>, TrainError> {
    if let Some(of_image) = groups_by_rule(rule, samples)? {
        return Ok(Some((of_image, rule.to_string())));
    }
    if *rule == GroupRule::Single {
        return Ok(None);
    }
    Ok(near_copies::find(digests, thumbnails).map(|of_image| (of_image, FOUND.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_round_trip_and_nonsense_is_refused() {
        for text in ["auto", "none", "folder", "name:part{}_*", "name:{}_#", "groups.csv"] {
            assert_eq!(text.parse::<GroupRule>().unwrap().to_string(), text);
        }
        assert_eq!("a/b/groups.CSV".parse::<GroupRule>().unwrap().to_string(), "groups.CSV");
        for text in ["", "name:", "name:part*", "name:{}_{}", "groups.txt", "column"] {
            assert!(matches!(text.parse::<GroupRule>(), Err(TrainError::GroupRule { .. })), "{text}");
        }
    }

    #[test]
    fn a_pattern_finds_the_group_in_a_name() {
        let cases = [
            ("part{}_*", "part0_3", Some("0")),
            ("part{}_*", "part12_0_9", Some("12")),
            ("{}_#", "line_a_part0_13", Some("line_a_part0")),
            ("{}_#", "line_a_part0_x3", None),
            ("#-{}-*", "20240131-SN77-left", Some("SN77")),
            ("*-{}", "a-b-c", Some("b-c")),
            ("{}", "whole", Some("whole")),
            ("{}_*", "_3", None),
            ("teil{}ä#", "teilüä7", Some("ü")),
            ("part{}_*", "Part0_3", None),
        ];
        for (pattern, stem, expected) in cases {
            let pattern = NamePattern { text: pattern.to_owned() };
            assert_eq!(pattern.group_of(stem), expected, "{pattern:?} {stem}");
        }
    }
}
