//! How the files of a data set lie: one description says what is fitted on, what is measured on, and which file is the
//! mask of which image. `docs/layouts.md` shows every layout.

mod beside;
mod folders;
mod masks;
mod named;
mod products;
mod split;
mod tree;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::place::absolute;
use super::{DatasetError, Product, Skipped};
pub(super) use masks::MaskFinder;
use masks::{MaskNames, MaskPlace};
pub(super) use tree::SeenFromBelow;
pub(super) use words::{not_normal, odd_one_out};

/// How the files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Images, files and folders without a recognised meaning.
    Flat,
    /// A folder with `good/`, and perhaps one folder per defect.
    Good,
    /// `train/good`, `test/good`, `test/DEFECT`.
    Mvtec,
    /// `train/good`, `test_public/{good,bad}`, masks inside `test_public`.
    MvtecAd2,
    /// As MVTec, each folder with `rgb`, `xyz` and `gt`.
    Mvtec3d,
    /// As MVTec, a folder of masks for each image.
    Loco,
    /// As MVTec, inside one `domain_X`.
    Hdmap,
    /// `train/ok`, `test/{ok,ko}`.
    Btad,
    /// `Data/Images/{Normal,Anomaly}`, `Data/Masks`.
    Visa,
    /// A folder of normal images beside one of anomalous images, and perhaps one of masks.
    Folder,
    /// A mask beside each image, black for a normal one.
    Kolektor,
    /// `train` and `test`, a mask beside each image, black for a normal one.
    Kolektor2,
    /// `OK/SAMPLE`, `NG/DEFECT/SAMPLE`, masks beside the images.
    RealIad,
    /// `Train`, `Test`, in each `Label` with the masks of the anomalous images.
    Dagm,
    /// A folder for each product, each with `train` and `test`.
    Products,
    /// Folders that were named.
    Named,
    /// A table says it of each image.
    Split,
}

/// Folders above a given one that are looked at: `Data/Images/Anomaly` lies so deep.
const N_ABOVE: usize = 4;

/// Name for the command line, name for people, and what must be there.
const NAMES: [(Layout, &str, &str, &str); 15] = [
    (Layout::Flat, "flat", "flat", "images"),
    (Layout::Good, "good", "good/", "a folder good"),
    (Layout::Mvtec, "mvtec", "MVTec AD", "train/good, test/good and test/DEFECT"),
    (Layout::MvtecAd2, "mvtec-ad2", "MVTec AD 2", "train/good, test_public/good and test_public/bad"),
    (Layout::Mvtec3d, "mvtec-3d", "MVTec 3D-AD", "train/good/rgb and test/DEFECT/rgb"),
    (Layout::Loco, "mvtec-loco", "MVTec LOCO AD", "train/good, test/logical_anomalies and test/structural_anomalies"),
    (Layout::Hdmap, "hdmap", "HDMAP", "domain_X/train/good and domain_X/test"),
    (Layout::Btad, "btad", "BTAD", "train/ok, test/ok and test/ko"),
    (Layout::Visa, "visa", "VisA", "Data/Images/Normal and Data/Images/Anomaly"),
    (Layout::Folder, "folder", "anomalib Folder", "a folder normal, good or ok"),
    (Layout::Kolektor, "kolektor", "KolektorSDD", "a mask such as Part0_label.bmp beside each image"),
    (Layout::Kolektor2, "kolektor2", "KolektorSDD 2", "train and test, a mask such as 10000_GT.png beside each image"),
    (Layout::RealIad, "real-iad", "Real-IAD", "OK/S0001 and NG/DEFECT/S0001"),
    (Layout::Dagm, "dagm", "DAGM", "Train, Train/Label, Test and Test/Label"),
    (Layout::Products, "products", "product tree", "two or more folders with train and test in each"),
];

impl Layout {
    /// What must be there for it, in words.
    fn expected(self) -> &'static str {
        NAMES.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.3)
    }

    /// The names that [`Layout::from_str`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|entry| entry.1)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|entry| entry.0 == *self);
        f.write_str(match self {
            Layout::Named => "folders as named",
            Layout::Split => "split table",
            _ => named.map_or("", |entry| entry.2),
        })
    }
}

impl FromStr for Layout {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        let found = NAMES.iter().find(|entry| entry.1 == text);
        found.map(|entry| entry.0).ok_or_else(|| DatasetError::UnknownLayout { found: text.to_owned() })
    }
}

/// What is known of a layout beforehand; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayoutHints {
    /// The layout; recognised where it is not given.
    pub layout: Option<Layout>,
    /// Names of folders that hold normal images, in place of `good` and its like.
    pub good: Vec<String>,
    /// The folder of masks, as it stands or below the root.
    pub masks: Option<PathBuf>,
    /// A table that says of each image what it is for.
    pub split: Option<PathBuf>,
}

/// What images of a data set are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Test,
    /// The layout keeps none apart.
    Any,
    /// Neither: validation images.
    Neither,
}

/// What is said of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Normal,
    Anomalous,
    /// An empty mask, or none, means normal.
    ByMask,
    Nothing,
}

/// What a file of a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image {
        part: Part,
        said: Said,
        defect: Option<String>,
    },
    Mask,
    /// An image of which nothing is said, for this reason.
    Unlabelled(&'static str),
    /// No colour or grey image, for this reason.
    NoImage(&'static str),
}

impl Kind {
    fn normal(part: Part) -> Self {
        Kind::Image { part, said: Said::Normal, defect: None }
    }

    fn anomalous(part: Part, defect: Option<String>) -> Self {
        Kind::Image { part, said: Said::Anomalous, defect }
    }
}

/// What a listing is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Fit,
    Evaluate,
}

/// A data set whose layout is known.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) layout: Layout,
    /// What in the tree shows it, for people; may be empty.
    pub(super) detail: String,
    /// The folder that holds all of it, absolute.
    pub(super) at: PathBuf,
    /// The folders to look into, as they were written.
    pub(super) walk: Vec<PathBuf>,
    pub(super) rule: Rule,
    pub(super) warnings: Vec<String>,
}

/// What tells the files apart.
#[derive(Debug)]
pub(super) enum Rule {
    /// Everything below the folder but masks is a normal image, which is checked unless it was said.
    Normals {
        check: bool,
        masks: Option<PathBuf>,
    },
    Test(tree::TestFolder),
    Folders(folders::FolderSets),
    Beside(beside::Beside),
    Named(named::Named),
    Table(Box<split::SplitTable>),
    Products(products::Products),
}

impl Rule {
    /// What the file at the absolute path `place` is.
    pub(super) fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        match self {
            Rule::Normals { masks: Some(masks), .. } if place.starts_with(masks) => Kind::Mask,
            Rule::Normals { .. } => Kind::normal(Part::Train),
            Rule::Test(test) => test.kind(place, finder),
            Rule::Folders(sets) => sets.kind(place, finder),
            Rule::Beside(beside) => beside.kind(place),
            Rule::Named(named) => named.kind(place, finder),
            Rule::Table(table) => table.kind(place, finder),
            Rule::Products(products) => products.kind(place, finder),
        }
    }

    /// The mask of the image at the absolute path `place`.
    pub(super) fn mask(&self, place: &Path, finder: &mut MaskFinder) -> Option<PathBuf> {
        let places = match self {
            Rule::Normals { .. } => return None,
            Rule::Table(table) => return table.mask(place, finder),
            Rule::Test(test) => test.mask_places(place),
            Rule::Folders(sets) => sets.mask_places(place),
            Rule::Beside(beside) => beside.mask_places(place),
            Rule::Named(named) => named.mask_places(place),
            Rule::Products(products) => products.mask_places(place),
        };
        finder.find(place, &places)
    }

    /// The folders that hold nothing but masks.
    pub(super) fn mask_roots(&self) -> Vec<PathBuf> {
        match self {
            Rule::Normals { .. } | Rule::Table(_) | Rule::Beside(_) => vec![],
            Rule::Test(test) => test.mask_roots.clone(),
            Rule::Folders(sets) => sets.masks.clone(),
            Rule::Named(named) => named.masks.clone(),
            Rule::Products(products) => products.mask_roots(),
        }
    }

    /// Whether the folders looked into should hold normal images alone, and are checked for what tells of others.
    pub(super) fn is_checked(&self) -> bool {
        match self {
            Rule::Normals { check, .. } => *check,
            Rule::Products(products) => products.are_normals(),
            _ => false,
        }
    }

    /// The product of the image at the absolute path `place`, in a tree of several.
    pub(super) fn product(&self, place: &Path) -> Option<Product> {
        if let Rule::Products(products) = self { products.product(place) } else { None }
    }

    /// Folders that are no part of the data set.
    pub(super) fn passed_over(&self) -> &[Skipped] {
        if let Rule::Products(products) = self { &products.passed_over } else { &[] }
    }
}

/// Recognises the layout of `root`, for what is wanted of it.
pub(super) fn describe(
    root: &Path,
    domain: Option<&str>,
    hints: &LayoutHints,
    purpose: Purpose,
) -> Result<Described, DatasetError> {
    if let Some(table) = &hints.split {
        return split::describe(root, table, hints);
    }
    if let Some(described) = recognise(root, hints)? {
        return Ok(described);
    }
    if let Some(described) = tree::describe(root, domain, hints, purpose)? {
        return Ok(described);
    }
    if let Some(described) = products::describe(root, domain, hints, purpose)? {
        return Ok(described);
    }
    if !hints.good.is_empty() {
        return named::describe(root, hints);
    }
    match hints.layout {
        None | Some(Layout::Flat) => tree::flat(root, hints, purpose),
        Some(layout) => Err(refuse(root, layout)),
    }
}

/// The layouts that are no tree of `train` and `test`, whatever is wanted of them.
pub(super) fn recognise(root: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if !hints.good.is_empty() {
        return Ok(None);
    }
    for family in [folders::visa, beside::dagm, beside::kolektor, folders::real_iad, folders::folder] {
        if let Some(described) = family(root, hints)? {
            return Ok(Some(described));
        }
    }
    Ok(None)
}

/// The layout of a folder whose images are to be inspected, where it tells more than names on the way to an image.
pub(super) fn recognise_given(folder: &Path, hints: &LayoutHints) -> Result<Option<Described>, DatasetError> {
    if let Some(table) = &hints.split {
        return split::describe(folder, table, hints).map(Some);
    }
    match recognise(folder, hints)? {
        Some(described) => Ok(Some(described)),
        None if !hints.good.is_empty() => named::describe(folder, hints).map(Some),
        None => match hints.layout.filter(|layout| !tree::is_tree(*layout) && *layout != Layout::Products) {
            None | Some(Layout::Flat) => Ok(None),
            Some(layout) => Err(refuse(folder, layout)),
        },
    }
}

/// The layout of a tree of `train` and `test`, or of several, if `folder` is one.
pub(super) fn tree_layout(folder: &Path) -> Option<Layout> {
    let describe = |purpose| tree::describe(folder, None, &LayoutHints::default(), purpose).ok().flatten();
    let found = describe(Purpose::Evaluate).or_else(|| describe(Purpose::Fit));
    let found = found.map(|described| described.layout);
    found.or_else(|| products::is_tree_of_products(folder).then_some(Layout::Products))
}

/// The data set that a folder is a part of, where the folders above it say so.
pub(super) fn recognise_above(folder: &Path) -> Option<Described> {
    let hints = LayoutHints::default();
    let place = absolute(folder).ok()?;
    let mut above = place.ancestors().skip(1).take(N_ABOVE);
    above.find_map(|root| {
        let families = [folders::visa, beside::dagm, folders::real_iad];
        families.into_iter().find_map(|family| family(root, &hints).ok().flatten())
    })
}

/// Whether `layout` may be recognised.
fn is_wanted(hints: &LayoutHints, layout: Layout) -> bool {
    hints.layout.is_none_or(|wanted| wanted == layout)
}

fn refuse(root: &Path, layout: Layout) -> DatasetError {
    DatasetError::NotThatLayout { path: root.to_path_buf(), layout, expected: layout.expected() }
}

/// The folder of masks that was named: as it stands, else below the root.
pub(super) fn named_masks(root: &Path, hints: &LayoutHints) -> Result<Option<PathBuf>, DatasetError> {
    let Some(masks) = &hints.masks else { return Ok(None) };
    let found = [root.join(masks), masks.clone()].into_iter().find(|folder| folder.is_dir());
    let folder = found.ok_or_else(|| DatasetError::NotFound { path: masks.clone() })?;
    absolute(&folder).map(Some)
}

/// Where the mask of an image in `folder` may be, among the images.
fn beside_image(folder: &Path, names: MaskNames) -> MaskPlace {
    MaskPlace { folder: folder.to_path_buf(), names }
}

/// The names of folders on the way from `at` to `place`, the file left out.
fn folders_below(at: &Path, place: &Path) -> Vec<String> {
    let below = place.strip_prefix(at).ok().and_then(Path::parent);
    below.map(|below| below.iter().map(|part| part.to_string_lossy().into_owned()).collect()).unwrap_or_default()
}
