//! From files met on a walk to a sorted listing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::names::name;
use super::place::{Role, absolute, domain_name, domain_of};
use super::walk::{FoundFile, Walk};
use super::{DatasetError, Layout, Listing, Notes, Sample, Skipped, Why};

/// Names, sorts and removes double files. `shown` is the root as the user wrote it.
pub(super) fn build(
    shown: &Path,
    layout: Layout,
    walk: Walk,
    domain: Option<&str>,
    mut role: impl FnMut(&Path) -> Role,
) -> Result<Listing, DatasetError> {
    let root = absolute(shown)?;
    let mut named: Vec<(String, FoundFile)> =
        walk.files.into_iter().map(|found| (name(below(&root, &found.place)), found)).collect();
    // The path decides where the same file was named in two ways.
    named.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.path.cmp(&b.1.path)));

    let mut skipped = walk.skipped;
    let mut samples: Vec<Sample> = Vec::with_capacity(named.len());
    let mut taken: HashMap<PathBuf, usize> = HashMap::new();
    let mut in_domain = false;
    for (name, found) in named {
        // A dangling link has no real path; it stands for itself.
        let real = found.path.canonicalize().unwrap_or_else(|_| found.place.clone());
        if let Some(&first) = taken.get(&real) {
            // The same path given twice is no news; another name for the same file is.
            if samples[first].name != name {
                let why = Why::SameFile { name: samples[first].name.clone() };
                skipped.push(Skipped { path: found.path, why });
            }
            continue;
        }
        taken.insert(real, samples.len());
        let Role { label, defect, mask, product } = role(&found.place);
        let own_domain = domain_of(&found.place);
        in_domain |= own_domain.is_some();
        let domain = own_domain.or(domain.map(|name| domain_name(name).to_owned()));
        samples.push(Sample { path: found.path, name, label, defect, mask, roi: None, domain, product });
    }
    if samples.is_empty() {
        return Err(DatasetError::NoImages { path: shown.to_path_buf(), skipped });
    }
    skipped.sort();
    skipped.dedup();
    // A part of a domain given by its own path is HDMAP as well.
    let is_own = matches!(layout, Layout::Flat | Layout::Products);
    let layout = if in_domain && !is_own { Layout::Hdmap } else { layout };
    let notes = Notes::default();
    Ok(Listing { root: shown.to_path_buf(), layout, samples, skipped, notes })
}

fn below<'a>(root: &Path, place: &'a Path) -> &'a Path {
    place.strip_prefix(root).unwrap_or(place)
}
