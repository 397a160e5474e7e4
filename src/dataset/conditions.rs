//! Named conditions from a CSV file.
//!
//! ```text
//! path,condition
//! train/good/000.png,mono
//! test/defect/014.png,poly
//! ```
//! Paths are relative to the CSV file's folder, or absolute; where no file has that name, also as results write it
//! ([`path_text`](super::path_text), and `'` before what a spreadsheet would run). Further columns are ignored. Names and
//! conditions may be composed or decomposed Unicode.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::failed;
use super::names::path_from_text;
use super::place::absolute;
use super::unicode::{composed, composed_path};
use super::{DatasetError, Listing, Sample};

/// Length of a condition table: 256 MiB, several million lines.
pub const MAX_TABLE_BYTES: u64 = 256 << 20;

/// The condition of each image a CSV file names.
#[derive(Clone, Debug)]
pub struct ConditionTable {
    /// Condition and line of each image, by its real path, or its cleaned absolute path where there
    /// is no such file.
    by_path: HashMap<PathBuf, Entry>,
    /// Keys of [`Self::by_path`] that are no file, by their composed form: a file of another form may be meant.
    by_composed: HashMap<PathBuf, PathBuf>,
    /// The file.
    csv: PathBuf,
}

#[derive(Clone, Debug)]
struct Entry {
    condition: String,
    line: u64,
}

impl ConditionTable {
    /// Reads the table. Lines may name images that do not exist.
    ///
    /// # Errors
    /// If the file cannot be read or is larger than [`MAX_TABLE_BYTES`], a column is missing, or a
    /// line is damaged, has an empty field, or names an image for the second time (whatever
    /// condition it gives); lines are named by their number.
    pub fn read(csv: &Path) -> Result<Self, DatasetError> {
        Self::read_column(csv, "condition")
    }

    /// As [`Self::read`], of the column `value` in place of `condition`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_column(csv: &Path, value: &'static str) -> Result<Self, DatasetError> {
        let mut table = ConditionTable { by_path: HashMap::new(), by_composed: HashMap::new(), csv: csv.to_path_buf() };
        for_each_line(csv, (["path", value], value), |folder, line, [image, condition]| {
            let refuse = |reason: String| Err(DatasetError::TableLine { path: csv.to_path_buf(), line, reason });
            if image.is_empty() || condition.is_empty() {
                return refuse(format!("path and {value} must not be empty"));
            }
            let condition = composed(condition).into_owned();
            if let Some(first) = table.add(key(folder, image)?, Entry { condition: condition.clone(), line }) {
                return refuse(if first.condition == condition {
                    format!("{image} is already named in line {}", first.line)
                } else {
                    format!("{image} has {value} {condition} here and {} in line {}", first.condition, first.line)
                });
            }
            Ok(())
        })?;
        Ok(table)
    }

    /// The condition that its folder says of each image in a tree of products: of its product and the folder inside
    /// ([`Product::condition`](super::Product::condition)) where `is_known` knows that, else of its product.
    ///
    /// # Errors
    /// If the absolute path of an image can't be found.
    pub fn of_products(listing: &Listing, is_known: impl Fn(&str) -> bool) -> Result<Self, DatasetError> {
        let mut table =
            ConditionTable { by_path: HashMap::new(), by_composed: HashMap::new(), csv: listing.root.clone() };
        for sample in &listing.samples {
            let Some(product) = &sample.product else { continue };
            let condition = Some(product.condition()).filter(|whole| is_known(whole));
            let condition = condition.unwrap_or_else(|| composed(&product.name).into_owned());
            table.add(real_path(&sample.path)?, Entry { condition, line: 0 });
        }
        Ok(table)
    }

    /// Gives back the entry that has the same image already.
    fn add(&mut self, key: PathBuf, entry: Entry) -> Option<Entry> {
        if !key.exists()
            && let Some(first) = self.by_composed.insert(composed_path(&key), key.clone())
        {
            return self.by_path.get(&first).cloned();
        }
        self.by_path.insert(key, entry)
    }

    /// The condition of an image, if the table names it, by whichever path it was reached and in whichever Unicode form.
    pub fn get(&self, sample: &Sample) -> Option<&str> {
        let key = real_path(&sample.path).ok()?;
        let of_other_form = || self.by_path.get(self.by_composed.get(&composed_path(&key))?);
        self.by_path.get(&key).or_else(of_other_form).map(|entry| entry.condition.as_str())
    }

    /// Refuses a table that names none of these images.
    ///
    /// # Errors
    /// [`DatasetError::TableMatchesNothing`], with an example of each side; never without images.
    pub fn names_any_of(&self, samples: &[&Sample]) -> Result<(), DatasetError> {
        let Some(image) = samples.first() else { return Ok(()) };
        if samples.iter().any(|sample| self.get(sample).is_some()) {
            return Ok(());
        }
        let named = self.by_path.iter().min_by_key(|(_, entry)| entry.line).map(|(path, _)| path.clone());
        Err(DatasetError::TableMatchesNothing {
            path: self.csv.clone(),
            n_images: samples.len(),
            named,
            image: real_path(&image.path).unwrap_or_else(|_| image.path.clone()),
        })
    }

    /// All conditions that occur, sorted.
    pub fn conditions(&self) -> BTreeSet<&str> {
        self.by_path.values().map(|entry| entry.condition.as_str()).collect()
    }

    /// Number of images named.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether no image is named.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }
}

/// Reads a table: `receive` gets the folder that paths are relative to, the number of each line, and its fields in these columns.
/// `value`: how the columns beside `path` are called where one is missing.
pub(super) fn for_each_line<const N: usize>(
    csv: &Path,
    (columns, value): ([&'static str; N], &'static str),
    mut receive: impl FnMut(&Path, u64, [&str; N]) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    let bytes = read_bytes(csv)?;
    let folder = real_path(absolute(csv)?.parent().unwrap_or(Path::new("")))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*bytes);
    let header = reader.headers().map_err(|error| line_error(csv, &error))?.clone();
    let place = |missing: &&'static str| {
        header.iter().position(|name| name == *missing).ok_or_else(|| DatasetError::TableColumns {
            path: csv.to_path_buf(),
            missing,
            value,
            found: header.iter().map(str::to_owned).collect(),
        })
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    for record in reader.records() {
        let record = record.map_err(|error| line_error(csv, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        receive(&folder, line, std::array::from_fn(|at| record.get(places[at]).unwrap_or("")))?;
    }
    Ok(())
}

pub(super) fn read_bytes(csv: &Path) -> Result<Vec<u8>, DatasetError> {
    if !csv.exists() {
        return Err(DatasetError::NotFound { path: csv.to_path_buf() });
    }
    let mut bytes = Vec::new();
    let file = File::open(csv).map_err(failed("open", csv))?;
    let n_read = file.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes);
    let found = n_read.map_err(failed("read", csv))? as u64;
    if found > MAX_TABLE_BYTES {
        let (path, limit) = (csv.to_path_buf(), MAX_TABLE_BYTES);
        return Err(DatasetError::TableSize { path, found, limit });
    }
    Ok(bytes)
}

/// The image a line names. Tables written on Windows separate folders by `\`; lines copied from results name some files in
/// another way than they are called.
pub(super) fn key(folder: &Path, image: &str) -> Result<PathBuf, DatasetError> {
    let as_written = folder.join(image);
    if as_written.exists() {
        return real_path(&as_written);
    }
    let as_in_results = folder.join(path_from_text(image.strip_prefix('\'').unwrap_or(image)));
    if as_in_results.exists() {
        return real_path(&as_in_results);
    }
    real_path(&folder.join(image.replace('\\', "/")))
}

pub(super) fn real_path(path: &Path) -> Result<PathBuf, DatasetError> {
    path.canonicalize().or_else(|_| absolute(path))
}

pub(super) fn line_error(csv: &Path, error: &csv::Error) -> DatasetError {
    let line = error.position().map_or(1, csv::Position::line);
    DatasetError::TableLine { path: csv.to_path_buf(), line, reason: error.to_string() }
}
