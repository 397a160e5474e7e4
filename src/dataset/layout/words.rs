//! What names say: of normal images, of defects, of masks.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Folders of normal images, in the order in which they are looked for.
pub(in crate::dataset) const NORMAL: [&str; 5] = ["good", "ok", "normal", "normals", "nominal"];
/// Folders of normal images kept for testing, beside those of [`NORMAL`].
pub(super) const NORMAL_TEST: [&str; 6] =
    ["normal_test", "test_normal", "good_test", "test_good", "ok_test", "test_ok"];
/// Folders of anomalous images.
pub(super) const ABNORMAL: [&str; 21] = [
    "abnormal",
    "abnormals",
    "anomaly",
    "anomalies",
    "anomalous",
    "bad",
    "defect",
    "defects",
    "defective",
    "fault",
    "faults",
    "faulty",
    "ko",
    "ng",
    "nok",
    "nio",
    "not_ok",
    "not_good",
    "reject",
    "rejects",
    "rejected",
];
/// Folders of masks.
pub(super) const MASKS: [&str; 11] = [
    "ground_truth",
    "groundtruth",
    "gt",
    "mask",
    "masks",
    "label",
    "labels",
    "annotation",
    "annotations",
    "segmentation",
    "segmentations",
];
/// Those beside `test`, or in it. `label` is none of them: it may be a defect.
pub(super) const MASK_FOLDERS: [&str; 5] = ["ground_truth", "groundtruth", "masks", "mask", "gt"];
/// What a mask's name adds to that of its image, lower case; the first is the commonest.
pub(super) const MASK_SUFFIXES: [&str; 9] =
    ["_mask", "_label", "_gt", "_ground_truth", "_groundtruth", "_annotation", "_segmentation", "_seg", "-mask"];
/// Words inside a longer name that tell of defects: `bad_parts`, `NG-12`.
const DEFECT_WORDS: [&str; 44] = [
    "abnormal",
    "anomaly",
    "anomalies",
    "anomalous",
    "bad",
    "defect",
    "defects",
    "defective",
    "def",
    "faulty",
    "ko",
    "ng",
    "nok",
    "nio",
    "reject",
    "rejects",
    "rejected",
    "fail",
    "fails",
    "failed",
    "failure",
    "failures",
    "fault",
    "faults",
    "damage",
    "damaged",
    "broken",
    "scratch",
    "scratches",
    "scratched",
    "crack",
    "cracks",
    "cracked",
    "dent",
    "dents",
    "dented",
    "contamination",
    "contaminated",
    "schlecht",
    "defekt",
    "defekte",
    "fehler",
    "ausschuss",
    "mauvais",
];
/// Folders that tell normal from anomalous only together.
const OPPOSITES: [[&str; 2]; 4] = [["0", "1"], ["negative", "positive"], ["neg", "pos"], ["false", "true"]];
/// Words that turn the meaning of those after or before them round.
const DENIALS: [&str; 6] = ["no", "non", "not", "without", "free", "zero"];

/// Whether `name` is one of `names`, in upper or lower case.
pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a folder is called as those of normal images or of masks are.
pub(in crate::dataset) fn is_no_defect(name: &str) -> bool {
    [&NORMAL[..], &NORMAL_TEST, &MASK_FOLDERS].iter().any(|names| is_one_of(name, names))
}

/// The first of `names`, in their order, that is among `found`, as it is written there.
pub(super) fn first_of<'a>(found: &'a [String], names: &[&str]) -> Option<&'a String> {
    names.iter().find_map(|name| found.iter().find(|found| found.eq_ignore_ascii_case(name)))
}

/// The stem without what marks a mask, if it ends so.
pub(super) fn without_suffix(stem: &str) -> Option<(&str, usize)> {
    MASK_SUFFIXES.iter().enumerate().find_map(|(rank, suffix)| {
        let at = stem.len().checked_sub(suffix.len())?;
        let (base, end) = (stem.get(..at)?, stem.get(at..)?);
        (!base.is_empty() && end.eq_ignore_ascii_case(suffix)).then_some((base, rank))
    })
}

/// The first path, from `folder` on, whose name shows that not all images below `folder` are normal: a folder for
/// defects or masks, a mask beside its image, or, in a flat folder, a file named after a defect.
pub(in crate::dataset) fn not_normal<'a>(
    folder: &Path,
    files: impl Iterator<Item = &'a Path> + Clone,
    is_flat: bool,
) -> Option<PathBuf> {
    let stem = |file: &'a Path| Some((file.parent()?, file.file_stem()?.to_str()?));
    let stems: HashSet<(&Path, &str)> = files.clone().filter_map(stem).collect();
    let mut known: HashMap<&Path, Option<PathBuf>> = HashMap::new();
    for file in files {
        let parent = file.parent().unwrap_or(file);
        if let Some(inner) = known.entry(parent).or_insert_with(|| folder_not_normal(folder, parent)) {
            return Some(inner.clone());
        }
        let Some((_, name)) = stem(file) else { continue };
        let is_mask = without_suffix(name).is_some_and(|(base, _)| stems.contains(&(parent, base)));
        if is_mask || is_flat && tells_of_defects(name) {
            return Some(file.to_path_buf());
        }
    }
    None
}

fn folder_not_normal(folder: &Path, parent: &Path) -> Option<PathBuf> {
    let mut inner = folder.to_path_buf();
    for part in parent.strip_prefix(folder).ok()?.iter() {
        inner.push(part);
        let name = part.to_string_lossy();
        let is_part = ["train", "test"].contains(&&*name);
        if is_part || is_one_of(&name, &ABNORMAL) || is_one_of(&name, &MASKS) || tells_of_defects(&name) {
            return Some(inner);
        }
    }
    None
}

/// The folder among `names`, side by side, that the others show to be of another kind: one is called normal and it is not
/// (`good parts` and `edges`), or the two are opposites (`0` and `1`).
pub(in crate::dataset) fn odd_one_out<'a>(names: &[&'a str]) -> Option<&'a str> {
    if let [first, second] = names {
        let is_pair = |[a, b]: &[&str; 2]| first.eq_ignore_ascii_case(a) && second.eq_ignore_ascii_case(b);
        if OPPOSITES.iter().any(is_pair) {
            return Some(second);
        }
    }
    let is_normal =
        |name: &str| words(&name.to_lowercase()).iter().any(|word| NORMAL.contains(word) || *word == "pass");
    let (normal, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| is_normal(name));
    others.first().copied().filter(|_| !normal.is_empty())
}

fn words(lower: &str) -> Vec<&str> {
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

fn tells_of_defects(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words = words(&lower);
    let denied = |at: usize| {
        let beside = [at.checked_sub(1), Some(at + 1)];
        beside.into_iter().flatten().any(|at| words.get(at).is_some_and(|word| DENIALS.contains(word)))
    };
    let is_told = |(at, word): (usize, &&str)| DEFECT_WORDS.contains(word) && !denied(at);
    words.iter().enumerate().any(is_told)
        || words.windows(2).any(|pair| pair == ["not", "ok"] || pair == ["not", "good"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_of_defects_unless_they_deny_it() {
        let told = [
            "bad_parts",
            "NG-12",
            "0001_NG",
            "defect",
            "not_ok",
            "def_front",
            "line 2 KO",
            "FAIL",
            "scratched",
            "Ausschuss",
        ];
        let silent = ["good", "badge", "no_defect", "defect-free", "king", "angle", "ok", "cold", "not_bad", "kong_1"];
        assert!(told.iter().all(|name| tells_of_defects(name)));
        assert_eq!(silent.iter().filter(|name| tells_of_defects(name)).count(), 0);
    }

    #[test]
    fn folders_side_by_side_tell_of_each_other() {
        for (names, odd) in [
            (&["good parts", "others"][..], Some("others")),
            (&["edges", "pass"], Some("edges")),
            (&["0", "1"], Some("1")),
            (&["Negative", "Positive"], Some("Positive")),
            (&["0", "1", "2"], None),
            (&["good_cold", "good_warm"], None),
            (&["cold", "warm"], None),
            (&["good"], None),
            (&[], None),
        ] {
            assert_eq!(odd_one_out(names), odd, "{names:?}");
        }
    }

    #[test]
    fn a_mask_suffix_is_taken_off_in_any_case() {
        assert_eq!(without_suffix("001_MASK"), Some(("001", 0)));
        assert_eq!(without_suffix("10000_GT"), Some(("10000", 2)));
        assert_eq!(without_suffix("_mask"), None);
        assert_eq!(without_suffix("001"), None);
        assert_eq!(without_suffix("é"), None);
    }
}
