//! `train` and `test` with a folder of normal images in each: MVTec AD and what is laid out like it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::defects;
use super::masks::MaskFinder;
use super::names::{Layout, LayoutHints};
use super::paths::{folders_below, named_masks};
use super::rule::{Described, Kind, Normals, Part, Purpose, Rule, Said};
use super::test_folder::{NOT_RGB, RGB, TestFolder};
use super::words::{NORMAL, first_of, is_one_of};
use crate::dataset::place::{GOOD, TEST, TEST_PUBLIC, TRAIN, absolute};
use crate::dataset::walk::subfolders;
use crate::dataset::{DatasetError, domains};

/// Whether a layout is one of these.
pub(super) fn is_tree(layout: Layout) -> bool {
    use Layout::{Btad, Good, Hdmap, Loco, Mvtec, Mvtec3d, MvtecAd2};
    [Good, Mvtec, MvtecAd2, Mvtec3d, Loco, Hdmap, Btad].contains(&layout)
}

/// Describes `root` if it is such a tree, a part of it, or a tree of domains.
pub(super) fn describe(
    root: &Path,
    domain: Option<&str>,
    hints: &LayoutHints,
    purpose: Purpose,
) -> Result<Option<Described>, DatasetError> {
    if hints.layout.is_some_and(|layout| !is_tree(layout)) {
        return Ok(None);
    }
    let found = enter(root, domain, purpose)?;
    let names = subfolders(&found.folder)?;
    let good = match good_names(&names, hints, found.is_inside) {
        // At any depth elsewhere: another description serves that.
        good if !hints.good.is_empty() && (good.is_empty() || !found.is_inside) => return Ok(None),
        good => good,
    };
    let layout = found.layout(good.first().map(String::as_str));
    if layout == Layout::Flat || !hints.layout.is_none_or(|wanted| wanted == layout || wanted == Layout::Mvtec) {
        return Ok(None);
    }
    match purpose {
        Purpose::Fit => normals(root, found.folder, &good, layout).map(Some),
        Purpose::Defects if good.is_empty() => defects::describe(root, found.folder, layout, hints).map(Some),
        Purpose::Evaluate if good.is_empty() => Err(DatasetError::NoGood { path: found.folder, found: names }),
        Purpose::Evaluate | Purpose::Defects => test(root, found.folder, good, layout, hints).map(Some),
    }
}

/// A folder without a recognised meaning.
pub(super) fn flat(root: &Path, hints: &LayoutHints, purpose: Purpose) -> Result<Described, DatasetError> {
    if purpose != Purpose::Fit {
        return Err(DatasetError::NoGood { path: root.to_path_buf(), found: subfolders(root)? });
    }
    let mut described = normals(root, root.to_path_buf(), &[], Layout::Flat)?;
    described.rule = Box::new(Normals { check: hints.layout != Some(Layout::Flat), masks: named_masks(root, hints)? });
    Ok(described)
}

/// Where the way into a tree ends.
struct Entered {
    folder: PathBuf,
    in_domain: bool,
    is_inside: bool,
    /// The folder that holds `train` and `test`, where it was given or passed.
    set: Option<PathBuf>,
}

/// Follows `domain_C/train`, `train/domain_C` and their shorter forms: each is entered at most once, whichever comes first.
fn enter(root: &Path, domain: Option<&str>, purpose: Purpose) -> Result<Entered, DatasetError> {
    let parts: &[&str] = match purpose {
        Purpose::Fit => &[TRAIN],
        Purpose::Evaluate | Purpose::Defects => &[TEST, TEST_PUBLIC],
    };
    let mut at = Entered { folder: root.to_path_buf(), in_domain: false, is_inside: false, set: None };
    loop {
        if !at.in_domain
            && let Some(chosen) = domains::choose(&at.folder, domain)?
        {
            (at.folder, at.in_domain) = (chosen, true);
        } else if !at.is_inside
            && let Some(part) = parts.iter().find(|part| at.folder.join(part).is_dir())
        {
            at.set = Some(at.folder.clone());
            (at.folder, at.is_inside) = (at.folder.join(part), true);
        } else {
            return Ok(at);
        }
    }
}

impl Entered {
    fn layout(&self, good: Option<&str>) -> Layout {
        let holds = |folder: &Path, name: &str| folder.join(name).is_dir();
        let Some(set) = &self.set else {
            return match good {
                _ if self.in_domain => Layout::Hdmap,
                Some(good) if holds(&self.folder.join(good), RGB) => Layout::Mvtec3d,
                Some(_) => Layout::Good,
                None => Layout::Flat,
            };
        };
        let has_rgb = good.is_some_and(|good| holds(&self.folder.join(good), RGB));
        match good {
            _ if self.in_domain => Layout::Hdmap,
            _ if holds(set, TEST_PUBLIC) => Layout::MvtecAd2,
            _ if has_rgb => Layout::Mvtec3d,
            _ if ["logical_anomalies", "structural_anomalies"].iter().any(|kind| holds(&set.join(TEST), kind)) => {
                Layout::Loco
            }
            Some("ok") => Layout::Btad,
            _ => Layout::Mvtec,
        }
    }
}

/// The folders of normal images among `names`. Outside `train` and `test` only `good` is meant: other names there are those
/// of another layout.
fn good_names(names: &[String], hints: &LayoutHints, is_inside: bool) -> Vec<String> {
    if !hints.good.is_empty() {
        return hints.good.iter().filter(|good| names.contains(good)).cloned().collect();
    }
    let known: &[&str] = if is_inside { &NORMAL } else { &[GOOD] };
    first_of(names, known).cloned().into_iter().collect()
}

fn normals(root: &Path, folder: PathBuf, good: &[String], layout: Layout) -> Result<Described, DatasetError> {
    let chosen = if good.is_empty() { vec![folder] } else { good.iter().map(|name| folder.join(name)).collect() };
    // In MVTec 3D-AD the colour images lie beside maps of points.
    let only_rgb = |folder: PathBuf| if folder.join(RGB).is_dir() { folder.join(RGB) } else { folder };
    let walk: Vec<PathBuf> = chosen.into_iter().map(only_rgb).collect();
    Ok(Described {
        layout,
        detail: shown_below(root, &walk),
        at: absolute(root)?,
        walk,
        rule: Box::new(Normals { check: true, masks: None }),
        warnings: vec![],
    })
}

fn test(
    root: &Path,
    folder: PathBuf,
    good: Vec<String>,
    layout: Layout,
    hints: &LayoutHints,
) -> Result<Described, DatasetError> {
    let at = absolute(&folder)?;
    let detail = shown_below(root, std::slice::from_ref(&folder));
    let rule = Box::new(TestFolder::new(at.clone(), good, named_masks(root, hints)?));
    Ok(Described { layout, detail, at, walk: vec![folder], rule, warnings: vec![] })
}

/// The folders as seen from `root`.
pub(super) fn shown_below(root: &Path, folders: &[PathBuf]) -> String {
    let below = folders.iter().filter_map(|folder| folder.strip_prefix(root).ok());
    let names: Vec<String> = below.map(|below| below.display().to_string()).filter(|name| !name.is_empty()).collect();
    names.join(", ")
}

/// What the folders above an image say of it, where no root says more; looks at each folder once.
#[derive(Debug, Default)]
pub(in crate::dataset) struct SeenFromBelow {
    /// The folders called `test` or `test_public` that hold a folder of normal images.
    tests: HashMap<PathBuf, Option<TestFolder>>,
    has_rgb: HashMap<PathBuf, bool>,
}

impl SeenFromBelow {
    /// Kind and mask of the image at the absolute path `place`: below `good` it is normal; below another folder it is
    /// anomalous only if that folder lies in `test` beside a `good`. A folder that merely happens to be called `test` says
    /// nothing.
    pub(in crate::dataset) fn kind(&mut self, place: &Path, finder: &mut MaskFinder) -> (Kind, Option<PathBuf>) {
        for folder in place.parent().into_iter().flat_map(Path::ancestors) {
            let Some((above, name)) = folder.parent().zip(folder.file_name()) else { continue };
            let name = name.to_string_lossy();
            if above.ends_with(TEST) || above.ends_with(TEST_PUBLIC) {
                let known = self.tests.entry(above.to_path_buf());
                if let Some(test) = known.or_insert_with(|| test_folder(above)) {
                    let kind = test.kind(place, finder);
                    let is_anomalous = matches!(kind, Kind::Image { said: Said::Anomalous, .. });
                    let mask = is_anomalous.then(|| finder.find(place, &test.mask_places(place))).flatten();
                    return (kind, mask);
                }
            }
            if name == GOOD || above.ends_with(TRAIN) && is_one_of(&name, &NORMAL) {
                return (self.in_good(folder, place), None);
            }
        }
        (Kind::Image { part: Part::Any, said: Said::Nothing, defect: None }, None)
    }

    fn in_good(&mut self, good: &Path, place: &Path) -> Kind {
        let known = self.has_rgb.entry(good.to_path_buf());
        let is_3d = *known.or_insert_with(|| good.join(RGB).is_dir());
        match folders_below(good, place).first().map(String::as_str) {
            Some("gt") if is_3d => Kind::Mask,
            Some(inner) if is_3d && inner != RGB => Kind::NoImage(NOT_RGB),
            _ => Kind::normal(Part::Any),
        }
    }
}

fn test_folder(at: &Path) -> Option<TestFolder> {
    let good = first_of(&subfolders(at).unwrap_or_default(), &NORMAL).cloned()?;
    Some(TestFolder::new(at.to_path_buf(), vec![good], None))
}
