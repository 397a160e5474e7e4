//! A table that says of each image what it is for: the split files of VisA, or one of the user's own.
//!
//! ```text
//! object,split,label,image,mask
//! candle,train,normal,candle/Data/Images/Normal/0100.JPG,
//! candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png
//! ```
//! The column of images may also be called `path`; `mask`, `defect` and any other column may be missing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskNames, MaskPlace};
use super::names::Layout;
use super::paths::beside_image;
use super::rule::{Described, Kind, Normals, Part, Rule};
use super::words::{ABNORMAL, NORMAL, is_one_of};
use crate::dataset::DatasetError;
use crate::dataset::conditions::{line_error, read_bytes, real_path};
use crate::dataset::place::absolute;

/// The split of VisA for one class, below the folder of its products.
const VISA_SPLIT: &str = "split_csv/1cls.csv";

/// What a table says of the images below one folder.
#[derive(Debug)]
pub(in crate::dataset) struct SplitTable {
    by_path: HashMap<PathBuf, Entry>,
    /// The masks that the table names, by their real paths.
    masks: HashSet<PathBuf>,
    /// What the folders say of masks that the table does not name.
    below: Option<Box<dyn Rule>>,
    /// Masks that the table names and that are not there.
    missing_masks: Vec<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    part: Part,
    is_normal: bool,
    defect: Option<String>,
    mask: Option<PathBuf>,
    line: u64,
}

impl SplitTable {
    /// Whether no line names an image that is there.
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }
}

impl Rule for SplitTable {
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        let real = real_path(place).unwrap_or_else(|_| place.to_path_buf());
        match self.by_path.get(&real) {
            Some(Entry { part, is_normal: true, .. }) => Kind::normal(*part),
            Some(Entry { part, defect, .. }) => Kind::anomalous(*part, defect.clone().or_else(|| folder_name(place))),
            None if self.masks.contains(&real) => Kind::Mask,
            None => match self.below.as_ref().map(|rule| rule.kind(place, finder)) {
                Some(Kind::Mask) => Kind::Mask,
                _ if finder.is_beside_its_image(place) => Kind::Mask,
                _ => Kind::Unlabelled("not in the split table"),
            },
        }
    }

    fn mask(&self, place: &Path, finder: &mut MaskFinder) -> Option<PathBuf> {
        let entry = self.by_path.get(&real_path(place).ok()?)?;
        match &entry.mask {
            Some(mask) => mask.is_file().then(|| finder.take(mask.clone())),
            None => match &self.below {
                Some(rule) => rule.mask(place, finder),
                None => finder.find(place, &[beside_image(place.parent()?, MaskNames::Suffixed)]),
            },
        }
    }

    fn mask_places(&self, _place: &Path) -> Vec<MaskPlace> {
        vec![]
    }

    fn missing_masks(&self) -> &[PathBuf] {
        &self.missing_masks
    }
}

fn folder_name(place: &Path) -> Option<String> {
    place.parent()?.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Adds the split that came with VisA, where it lies beside the products or in `root`, to what the folders say.
pub(super) fn of_visa(root: &Path, folders: Described) -> Result<Described, DatasetError> {
    let place = absolute(root)?;
    let table = place.ancestors().take(4).map(|folder| folder.join(VISA_SPLIT)).find(|table| table.is_file());
    let Some(table) = table else { return Ok(folders) };
    let (layout, rule) = (folders.layout, folders.rule);
    let (rule, warnings) = read(root, &table, Some(rule))?;
    if rule.is_empty() {
        let warning = format!("{} names no image below {}, so it is not used", table.display(), root.display());
        let Some(rule) = rule.below else { return Err(DatasetError::NotFound { path: table }) };
        return Ok(Described { rule, warnings: vec![warning], ..folders_of(root, layout, folders.detail)? });
    }
    described(root, layout, VISA_SPLIT.to_owned(), rule, warnings)
}

pub(super) fn described(
    root: &Path,
    layout: Layout,
    detail: String,
    table: SplitTable,
    warnings: Vec<String>,
) -> Result<Described, DatasetError> {
    let rule = Box::new(table);
    Ok(Described { rule, warnings, ..folders_of(root, layout, detail)? })
}

fn folders_of(root: &Path, layout: Layout, detail: String) -> Result<Described, DatasetError> {
    let (at, walk) = (absolute(root)?, vec![root.to_path_buf()]);
    Ok(Described { layout, detail, at, walk, rule: Box::new(Normals { check: true, masks: None }), warnings: vec![] })
}

/// The columns of a table, by position.
struct Columns {
    image: usize,
    split: usize,
    label: usize,
    mask: Option<usize>,
    defect: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord, table: &Path) -> Result<Self, DatasetError> {
        let at = |names: &[&str]| header.iter().position(|found| is_one_of(found, names));
        let need = |missing: &'static str, names: &[&str]| {
            at(names).ok_or_else(|| DatasetError::TableColumns {
                path: table.to_path_buf(),
                value: "split` and `label",
                missing,
                found: header.iter().map(str::to_owned).collect(),
            })
        };
        Ok(Columns {
            image: need("path", &["image", "path", "image_path", "file", "filename"])?,
            split: need("split", &["split", "set", "subset"])?,
            label: need("label", &["label", "class"])?,
            mask: at(&["mask", "mask_path"]),
            defect: at(&["defect", "defect_type"]),
        })
    }
}

/// Reads the lines that name images below `root`. Paths are relative to the table's folder, the one above it, or the root.
pub(super) fn read(
    root: &Path,
    table: &Path,
    below: Option<Box<dyn Rule>>,
) -> Result<(SplitTable, Vec<String>), DatasetError> {
    let bytes = read_bytes(table)?;
    let (place, folder) = (absolute(root)?, absolute(table)?);
    let bases: Vec<&Path> = folder.ancestors().skip(1).take(2).chain(place.ancestors().take(2)).collect();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*bytes);
    let header = reader.headers().map_err(|error| line_error(table, &error))?.clone();
    let columns = Columns::of(&header, table)?;
    let inside = real_path(&place)?;
    let mut found = SplitTable { by_path: HashMap::new(), masks: HashSet::new(), below, missing_masks: vec![] };
    let mut missing: Vec<(String, u64)> = vec![];
    // The folders that paths turned out to be relative to.
    let mut used: BTreeSet<&Path> = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| line_error(table, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: usize| record.get(column).unwrap_or("");
        let refuse = |reason| DatasetError::TableLine { path: table.to_path_buf(), line, reason };
        let image = field(columns.image);
        let part = part(field(columns.split)).map_err(refuse)?;
        let is_normal = is_normal(field(columns.label)).map_err(refuse)?;
        let Some((base, path)) = existing(&bases, image) else {
            missing.push((image.to_owned(), line));
            continue;
        };
        used.insert(base);
        let real = real_path(&path)?;
        if !real.starts_with(&inside) {
            continue;
        }
        let mask = columns.mask.map(field).filter(|mask| !mask.is_empty());
        let mask = mask.map(|mask| existing(&bases, mask).map_or_else(|| bases[0].join(mask), |found| found.1));
        found.masks.extend(mask.iter().filter_map(|mask| real_path(mask).ok()));
        found.missing_masks.extend(mask.clone().filter(|mask| !mask.is_file()));
        let defect = columns.defect.map(field).filter(|defect| !defect.is_empty()).map(str::to_owned);
        if let Some(first) = found.by_path.insert(real, Entry { part, is_normal, defect, mask, line }) {
            return Err(refuse(format!("{image} is already named in line {}", first.line)));
        }
    }
    missing.retain(|(image, _)| used.iter().any(|base| base.join(image).starts_with(&place)));
    let warning = (!missing.is_empty()).then(|| {
        let shown: Vec<String> = missing.iter().take(3).map(|(image, line)| format!("{image} (line {line})")).collect();
        format!("{}: {} images are not there: {}", table.display(), missing.len(), shown.join(", "))
    });
    Ok((found, warning.into_iter().collect()))
}

/// The first of `bases` in which `name` is there, and where; tables written on Windows separate folders by `\`.
fn existing<'a>(bases: &[&'a Path], name: &str) -> Option<(&'a Path, PathBuf)> {
    let names = [name.to_owned(), name.replace('\\', "/")];
    let tried = names.iter().flat_map(|name| bases.iter().map(move |base| (*base, base.join(name))));
    tried.filter(|_| !name.is_empty()).find(|(_, path)| path.exists())
}

fn part(split: &str) -> Result<Part, String> {
    match split.to_lowercase().as_str() {
        "train" | "training" => Ok(Part::Train),
        "test" | "testing" => Ok(Part::Test),
        "val" | "valid" | "validation" | "none" => Ok(Part::Neither),
        _ => Err(format!("the split {split} is none of train, test, validation")),
    }
}

fn is_normal(label: &str) -> Result<bool, String> {
    if label == "0" || is_one_of(label, &NORMAL) {
        Ok(true)
    } else if label == "1" || is_one_of(label, &ABNORMAL) {
        Ok(false)
    } else {
        Err(format!("the label {label} says neither normal (good, ok, 0) nor anomaly (bad, defect, 1)"))
    }
}
