//! Folders whose names say what is in them: VisA, anomalib Folder, Real-IAD.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::names::{Layout, LayoutHints, is_wanted};
use super::paths::{beside_image, folders_below, named_masks};
use super::rule::{Described, Kind, Part, Rule};
use super::words::{ABNORMAL, MASKS, NORMAL, NORMAL_TEST, first_of, is_one_of};
use super::{split, test_folder};
use crate::dataset::DatasetError;
use crate::dataset::place::{GOOD, absolute};
use crate::dataset::walk::subfolders;

/// Folders of normal images, of anomalous ones and of masks; all absolute.
#[derive(Debug, Default)]
pub(in crate::dataset) struct FolderSets {
    pub(super) normal: Vec<PathBuf>,
    /// Normal images that are for testing only.
    pub(super) normal_test: Vec<PathBuf>,
    pub(super) anomalous: Vec<PathBuf>,
    pub(super) masks: Vec<PathBuf>,
    /// Whether a mask has the name of its image and lies beside it.
    pub(super) same_stem: bool,
}

impl Rule for FolderSets {
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        let is_in = |folders: &[PathBuf]| folders.iter().any(|folder| place.starts_with(folder));
        if is_in(&self.masks) {
            return Kind::Mask;
        }
        if is_in(&self.normal) || is_in(&self.normal_test) {
            return match (finder.is_beside_its_image(place), is_in(&self.normal_test), self.normal_test.is_empty()) {
                (true, ..) => Kind::Mask,
                (false, true, _) => Kind::normal(Part::Test),
                (false, false, true) => Kind::normal(Part::Any),
                (false, false, false) => Kind::normal(Part::Train),
            };
        }
        let Some(anomalous) = self.anomalous.iter().find(|folder| place.starts_with(folder)) else {
            return Kind::Unlabelled("in no folder that tells whether it is normal");
        };
        let inner = folders_below(anomalous, place).into_iter().next();
        let is_mask = inner.as_deref().is_some_and(|name| is_one_of(name, &MASKS));
        if is_mask || finder.is_beside_its_image(place) || self.same_stem && is_mask_of_a_photograph(place) {
            return Kind::Mask;
        }
        let own = anomalous.file_name().map(|name| name.to_string_lossy().into_owned());
        Kind::anomalous(Part::Test, inner.or(own))
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        let Some(parent) = place.parent() else { return vec![] };
        let any = |folder: PathBuf| MaskPlace { folder, names: MaskNames::Any };
        let mut places = vec![];
        if let Some(anomalous) = self.anomalous.iter().find(|folder| place.starts_with(folder)) {
            let inside: PathBuf = folders_below(anomalous, place).iter().collect();
            for masks in &self.masks {
                let named = anomalous.file_name().map(|name| masks.join(name).join(&inside));
                // Without a folder for each defect, two defects' images of one name would share a mask.
                let shared = (self.anomalous.len() == 1).then(|| masks.join(&inside));
                places.extend(named.into_iter().chain(shared).map(any));
            }
            let own = MASKS.map(|name| anomalous.join(name).join(&inside));
            places.extend(own.into_iter().filter(|folder| folder.is_dir()).map(any));
        }
        let names = if self.same_stem { MaskNames::SameStem } else { MaskNames::Suffixed };
        places.push(beside_image(parent, names));
        places
    }

    fn mask_roots(&self) -> Vec<PathBuf> {
        self.masks.clone()
    }
}

/// Real-IAD: `0001.png` is the mask of `0001.jpg` beside it.
fn is_mask_of_a_photograph(place: &Path) -> bool {
    let is_png = place.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    is_png && ["jpg", "JPG", "jpeg"].iter().any(|extension| place.with_extension(extension).is_file())
}

/// VisA: `Data/Images/{Normal,Anomaly}`, `Data/Masks/Anomaly`; `root` may also be `Data` or `Data/Images`.
pub(super) fn visa(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    let place = absolute(root)?;
    let above = place.parent().filter(|data| place.ends_with("Images") && data.join("Masks").is_dir());
    let data = [Some(place.join("Data")), Some(place.clone()), above.map(Path::to_path_buf)];
    let holds_images =
        |data: &PathBuf| ["Normal", "Anomaly"].iter().all(|name| data.join("Images").join(name).is_dir());
    let Some(data) = data.into_iter().flatten().find(holds_images).filter(|_| is_wanted(hints, Layout::Visa)) else {
        return Ok(None);
    };
    let sets = FolderSets {
        normal: vec![data.join("Images/Normal")],
        anomalous: vec![data.join("Images/Anomaly")],
        masks: vec![named_masks(root, hints)?.unwrap_or_else(|| data.join("Masks"))],
        ..FolderSets::default()
    };
    let described = from_sets(root, Layout::Visa, "Images/Normal".to_owned(), sets)?;
    split::of_visa(root, described).map(Some)
}

/// Real-IAD: `OK/S0001/*.jpg`, `NG/DEFECT/S0001/*.jpg` with masks beside.
pub(super) fn real_iad(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    let place = absolute(root)?;
    let (ok, ng) = (place.join("OK"), place.join("NG"));
    if !is_wanted(hints, Layout::RealIad) || !ok.is_dir() || !ng.is_dir() {
        return Ok(None);
    }
    let is_sample = |name: &String| name.strip_prefix('S').is_some_and(|n| n.parse::<u64>().is_ok());
    if hints.layout.is_none() && !subfolders(&ok)?.iter().any(is_sample) {
        return Ok(None);
    }
    let masks = named_masks(root, hints)?.into_iter().collect();
    let sets = FolderSets { normal: vec![ok], anomalous: vec![ng], masks, same_stem: true, ..FolderSets::default() };
    from_sets(root, Layout::RealIad, "OK".to_owned(), sets).map(Some)
}

/// anomalib Folder: a folder of normal images beside one of anomalous ones, or one for each defect, and perhaps masks. A
/// `good` with nothing but defects beside it is [`Layout::Good`].
pub(super) fn folder(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if !is_wanted(hints, Layout::Folder) {
        return Ok(None);
    }
    let names = subfolders(root)?;
    let Some(normal) = first_of(&names, &NORMAL) else { return Ok(None) };
    let is = |known: &'static [&str]| move |name: &&String| is_one_of(name, known);
    let has_masks = names.iter().any(|name| is_one_of(name, &MASKS));
    let has_tests = names.iter().any(|name| is_one_of(name, &NORMAL_TEST));
    if normal == GOOD && !has_masks && !has_tests && hints.masks.is_none() && hints.layout.is_none() {
        return Ok(None);
    }
    let place = absolute(root)?;
    let all = |known| names.iter().filter(is(known)).map(|name| place.join(name)).collect::<Vec<PathBuf>>();
    let mut anomalous = all(&ABNORMAL);
    if anomalous.is_empty() {
        let is_known = |name: &&String| [&NORMAL[..], &NORMAL_TEST, &MASKS].iter().any(|known| is_one_of(name, known));
        anomalous = names.iter().filter(|name| !is_known(name)).map(|name| place.join(name)).collect();
    }
    let masks = match named_masks(root, hints)? {
        Some(masks) => vec![masks],
        None => all(&MASKS).into_iter().chain(test_folder::mask_folders(&place)).collect(),
    };
    let mut sets =
        FolderSets { normal: all(&NORMAL), normal_test: all(&NORMAL_TEST), anomalous, ..FolderSets::default() };
    for folder in masks {
        if !sets.masks.contains(&folder) {
            sets.anomalous.retain(|anomalous| *anomalous != folder);
            sets.masks.push(folder);
        }
    }
    from_sets(root, Layout::Folder, normal.clone(), sets).map(Some)
}

fn from_sets(root: &Path, layout: Layout, detail: String, sets: FolderSets) -> Result<Described, DatasetError> {
    Ok(Described {
        layout,
        detail,
        at: absolute(root)?,
        walk: vec![root.to_path_buf()],
        rule: Box::new(sets),
        warnings: vec![],
    })
}
