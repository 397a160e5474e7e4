//! Masks that say by their pixels which images are anomalous: Kolektor (both sets), DAGM.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::names::{Layout, LayoutHints, is_wanted};
use super::paths::{beside_image, folders_below, named_masks};
use super::rule::{Described, Kind, Part, Rule, Said};
use super::words::without_suffix;
use crate::dataset::DatasetError;
use crate::dataset::place::absolute;
use crate::dataset::walk::subfolders;
use crate::image::is_image_path;

/// Subfolders looked into for masks beside images.
const N_LOOKED_INTO: usize = 3;

/// Images whose masks tell their label.
#[derive(Debug)]
pub(in crate::dataset) struct Beside {
    at: PathBuf,
    /// Names of the folders that keep training and test images apart, below `at`.
    parts: Option<[&'static str; 2]>,
    /// The folder of masks beside the images; `None`: they lie among them.
    folder: Option<&'static str>,
    masks: Option<PathBuf>,
}

impl Rule for Beside {
    fn kind(&self, place: &Path, _finder: &mut MaskFinder) -> Kind {
        let folders = folders_below(&self.at, place);
        let is_label = |name: &String| self.folder.is_some_and(|folder| name == folder);
        let stem = place.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let is_suffixed = self.folder.is_none() && self.masks.is_none() && without_suffix(&stem).is_some();
        if is_suffixed
            || folders.last().is_some_and(is_label)
            || self.masks.as_ref().is_some_and(|m| place.starts_with(m))
        {
            return Kind::Mask;
        }
        let part = match (self.parts, folders.first()) {
            (None, _) => Part::Any,
            (Some([train, _]), Some(first)) if first == train => Part::Train,
            (Some([_, test]), Some(first)) if first == test => Part::Test,
            (Some(_), _) => return Kind::Unlabelled("neither a training nor a test image"),
        };
        Kind::Image { part, said: Said::ByMask, defect: None }
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        let Some(parent) = place.parent() else { return vec![] };
        let any = |folder: PathBuf| vec![MaskPlace { folder, names: MaskNames::Any }];
        match (&self.masks, self.folder) {
            (Some(masks), _) => any(masks.join(parent.strip_prefix(&self.at).unwrap_or(parent))),
            (None, Some(folder)) => any(parent.join(folder)),
            (None, None) => vec![beside_image(parent, MaskNames::Suffixed)],
        }
    }
}

/// DAGM: `Train/0001.PNG`, `Train/Label/0001_label.PNG` for the anomalous ones, `Test` alike.
pub(super) fn dagm(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if !is_wanted(hints, Layout::Dagm) {
        return Ok(None);
    }
    let parts = ["Train", "Test"];
    let has_parts = parts.iter().any(|part| root.join(part).join("Label").is_dir());
    let is_part = root.join("Label").is_dir() && holds(root, is_image_path);
    if !has_parts && !is_part {
        return Ok(None);
    }
    // A `Label` whose files have no such names holds something else.
    let is_label = |path: &Path| mask_base(path).is_some();
    let labels = parts.map(|part| root.join(part).join("Label")).into_iter().chain([root.join("Label")]);
    if !labels.into_iter().any(|folder| holds(&folder, is_label)) {
        return Ok(None);
    }
    let folder = Some("Label");
    described(
        root,
        Layout::Dagm,
        "Label",
        Beside { at: absolute(root)?, parts: has_parts.then_some(parts), folder, masks: named_masks(root, hints)? },
    )
    .map(Some)
}

/// Kolektor: `kos01/Part0.jpg` and `Part0_label.bmp`. Kolektor 2: `train/10000.png` and `10000_GT.png`. The root may
/// be one of these folders.
pub(super) fn kolektor(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    let parts = ["train", "test"];
    let in_parts = parts.iter().any(|part| mask_beside(&root.join(part), None).is_some());
    let inner = subfolders(root)?;
    let looked_into = inner.iter().take(N_LOOKED_INTO).map(|name| root.join(name)).chain([root.to_path_buf()]);
    // A mask of another name, beside an image somewhere, is too little to go by unless the layout was said.
    let suffixes: Option<&[&str]> = if hints.layout.is_some() { None } else { Some(&["_label", "_gt"]) };
    let example = looked_into.into_iter().find_map(|folder| mask_beside(&folder, suffixes));
    let layout = if in_parts { Layout::Kolektor2 } else { Layout::Kolektor };
    if !is_wanted(hints, layout) || !in_parts && example.is_none() {
        return Ok(None);
    }
    let detail = example.or_else(|| parts.iter().find_map(|part| mask_beside(&root.join(part), None)));
    let detail = detail.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
    let parts = in_parts.then_some(parts);
    let beside = Beside { at: absolute(root)?, parts, folder: None, masks: named_masks(root, hints)? };
    described(root, layout, &detail, beside).map(Some)
}

fn described(root: &Path, layout: Layout, detail: &str, beside: Beside) -> Result<Described, DatasetError> {
    Ok(Described {
        layout,
        detail: detail.to_owned(),
        at: absolute(root)?,
        walk: vec![root.to_path_buf()],
        rule: Box::new(beside),
        warnings: vec![],
    })
}

/// A mask directly in `folder` beside its image, whose name ends as one of `suffixes` says, or as any mask's.
fn mask_beside(folder: &Path, suffixes: Option<&[&str]>) -> Option<PathBuf> {
    let files: Vec<PathBuf> = entries(folder).filter(|path| is_image_path(path)).collect();
    let stems: std::collections::HashSet<_> = files.iter().filter_map(|path| path.file_stem()).collect();
    let mut masks: Vec<&PathBuf> = files.iter().filter(|path| is_beside(path, &stems, suffixes)).collect();
    masks.sort();
    masks.first().map(|path| (*path).clone())
}

fn is_beside(path: &Path, stems: &std::collections::HashSet<&std::ffi::OsStr>, suffixes: Option<&[&str]>) -> bool {
    let Some(base) = mask_base(path) else { return false };
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("").to_lowercase();
    let fits = suffixes.is_none_or(|suffixes| suffixes.iter().any(|suffix| stem.ends_with(suffix)));
    fits && stems.contains(std::ffi::OsStr::new(&base))
}

/// The stem of the image a mask belongs to, by the mask's name.
fn mask_base(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    without_suffix(stem).map(|(base, _)| base.to_owned()).filter(|_| is_image_path(path))
}

fn holds(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> bool {
    entries(folder).any(|path| is_meant(&path))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}
