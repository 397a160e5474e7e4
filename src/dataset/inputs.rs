//! Images to inspect: whatever was named.

use std::path::{Path, PathBuf};

use super::error::failed;
use super::place::{GROUND_TRUTH, absolute, domain_name, domain_of};
use super::seen::Seen;
use super::walk::{FoundFile, Walk};
use super::{DatasetError, Label, Layout, LayoutHints, Listing, Why, listing};

/// [`inputs_as`] without hints.
///
/// # Errors
/// Those of [`inputs_as`].
pub fn inputs(paths: &[PathBuf], domain: Option<&str>) -> Result<Listing, DatasetError> {
    inputs_as(paths, domain, &LayoutHints::default())
}

/// Lists the images of `paths`: folders (entered to any depth), files (taken whatever their
/// extension, as the content decides), and patterns with `*`, `?`, `[…]` and `**` for names that do
/// not exist as they stand. Masks are left out: folders called `ground_truth`, what a known layout
/// has for masks, and a mask beside its image (`STEM_mask`), unless the file itself was named.
///
/// Labels, defects, masks and domains are filled in where the layout tells them. With `domain`
/// (`C` or `domain_C`), images of other domains are skipped.
///
/// # Errors
/// If nothing is named, a name does not exist or a pattern matches nothing, a named folder cannot be
/// read or holds results of pcore, there is no image, or none of the chosen domain, or `hints` do not
/// fit. Folders further down that cannot be read are skipped.
pub fn inputs_as(paths: &[PathBuf], domain: Option<&str>, hints: &LayoutHints) -> Result<Listing, DatasetError> {
    let mut walk = Walk::default();
    let mut given = Vec::new();
    for path in paths {
        if path.exists() || path.is_symlink() {
            given.push(path.clone());
            named(path, &mut walk)?;
        } else {
            let matches = matches(path)?;
            for found in &matches {
                matched(found, &mut walk)?;
            }
            given.extend(matches);
        }
    }
    let root = common_folder(&given)?;
    if let Some(wanted) = domain.map(domain_name) {
        keep_domain(&root, wanted, &mut walk)?;
    }
    let mut seen = Seen::new(&given, hints)?;
    let files = paths.iter().filter(|path| path.is_file()).map(|path| absolute(path));
    seen.leave_out(&files.collect::<Result<_, _>>()?, &mut walk);
    let mut listing = listing::build(&root, Layout::Flat, walk, domain, |place| seen.role(place))?;
    (listing.layout, listing.notes.detail) = seen.layout(layout(&listing));
    Ok(listing)
}

/// A path the user wrote out: a file is taken as it is.
fn named(path: &Path, walk: &mut Walk) -> Result<(), DatasetError> {
    if path.is_dir() {
        return walk.folder(path, &[GROUND_TRUTH]);
    }
    walk.named_file(FoundFile { path: path.to_path_buf(), place: absolute(path)? });
    Ok(())
}

/// A path a pattern produced: only images are meant.
fn matched(path: &Path, walk: &mut Walk) -> Result<(), DatasetError> {
    if path.is_dir() {
        return match walk.folder(path, &[GROUND_TRUTH]) {
            Err(DatasetError::OwnOutput { path, .. }) => {
                walk.skip(path, Why::OwnOutput);
                Ok(())
            }
            other => other,
        };
    }
    walk.matched_file(FoundFile { path: path.to_path_buf(), place: absolute(path)? });
    Ok(())
}

/// What a pattern stands for, in the order of its names.
fn matches(pattern: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let is_pattern = |text: &&str| text.contains(['*', '?', '[']);
    let Some(text) = pattern.to_str().filter(is_pattern) else {
        return Err(DatasetError::NotFound { path: pattern.to_path_buf() });
    };
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(text, options)
        .map_err(|error| DatasetError::Pattern { pattern: text.to_owned(), reason: error.to_string() })?;
    let mut matches = Vec::new();
    for path in found {
        matches.push(path.map_err(|error| {
            let folder = error.path().to_path_buf();
            failed("list the folder", &folder)(error.into())
        })?);
    }
    if matches.is_empty() {
        return Err(DatasetError::NoMatch { pattern: text.to_owned() });
    }
    Ok(matches)
}

/// A folder given alone is the root as it was written; of several things it is the deepest folder
/// that holds them all.
fn common_folder(given: &[PathBuf]) -> Result<PathBuf, DatasetError> {
    if let [only] = given
        && only.is_dir()
    {
        return Ok(only.clone());
    }
    let mut common: Option<PathBuf> = None;
    for path in given {
        let place = absolute(path)?;
        let folder = if path.is_dir() { place.as_path() } else { place.parent().unwrap_or(&place) };
        common = Some(match common {
            None => folder.to_path_buf(),
            Some(so_far) => so_far.iter().zip(folder.iter()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        });
    }
    common.ok_or(DatasetError::NoInputs)
}

/// Skips what belongs to another domain.
fn keep_domain(root: &Path, wanted: &str, walk: &mut Walk) -> Result<(), DatasetError> {
    let mut others = Vec::new();
    for found in std::mem::take(&mut walk.files) {
        match domain_of(&found.place) {
            Some(other) if other != wanted => {
                walk.skip(found.path, Why::OtherDomain { domain: other.clone() });
                others.push(other);
            }
            _ => walk.files.push(found),
        }
    }
    if walk.files.is_empty() && !others.is_empty() {
        others.sort();
        others.dedup();
        let (path, wanted) = (root.to_path_buf(), wanted.to_owned());
        return Err(DatasetError::NoSuchDomain { path, wanted, found: others });
    }
    Ok(())
}

/// The most that is known of any image.
fn layout(listing: &Listing) -> Layout {
    let samples = &listing.samples;
    let is_labelled = |label| samples.iter().any(|sample| sample.label == Some(label));
    match (is_labelled(Label::Normal), is_labelled(Label::Anomalous)) {
        (false, false) => Layout::Flat,
        _ if samples.iter().any(|sample| sample.domain.is_some() && lies_in_domain(&sample.path)) => Layout::Hdmap,
        (_, true) => Layout::Mvtec,
        (true, false) => Layout::Good,
    }
}

fn lies_in_domain(path: &Path) -> bool {
    absolute(path).is_ok_and(|place| domain_of(&place).is_some())
}
