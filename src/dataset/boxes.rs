//! Rectangles around defects, from a CSV file.
//!
//! ```text
//! path,left,top,width,height
//! stain/003.png,120,44,30,18
//! stain/003.png,10,200,12,12
//! ```
//! Paths as in a table of conditions ([`ConditionTable`](super::ConditionTable)); pixels of the image, from its left and its top; one
//! line for each rectangle. Further columns are ignored.

use super::conditions::{key, line_error, read_bytes, real_path};
use super::place::absolute;
use super::{DatasetError, Sample};
use crate::image::PixelBox;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The columns beside `path`.
const SIDES: [&str; 4] = ["left", "top", "width", "height"];

/// The rectangles of each image that a CSV file names.
#[derive(Clone, Debug)]
pub struct BoxTable {
    by_path: HashMap<PathBuf, Vec<PixelBox>>,
    /// The first image that it names.
    first: Option<PathBuf>,
    csv: PathBuf,
}

impl BoxTable {
    /// Reads the table. Lines may name images that do not exist.
    ///
    /// # Errors
    /// If the file cannot be read or is larger than [`MAX_TABLE_BYTES`](super::MAX_TABLE_BYTES), a column is missing, or a line is
    /// damaged, names no image, or a rectangle without pixels; lines are named by their number.
    pub fn read(csv: &Path) -> Result<Self, DatasetError> {
        let bytes = read_bytes(csv)?;
        let folder = real_path(absolute(csv)?.parent().unwrap_or(Path::new("")))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*bytes);
        let header = reader.headers().map_err(|error| line_error(csv, &error))?.clone();
        let column = |missing: &'static str| {
            header.iter().position(|name| name == missing).ok_or_else(|| DatasetError::TableColumns {
                path: csv.to_path_buf(),
                missing,
                value: "left, top, width and height",
                found: header.iter().map(str::to_owned).collect(),
            })
        };
        let (path_column, columns) = (column("path")?, SIDES.map(column));
        let [left, top, width, height] = columns;
        let columns = [left?, top?, width?, height?];
        let mut table = Self { by_path: HashMap::new(), first: None, csv: csv.to_path_buf() };
        for record in reader.records() {
            let record = record.map_err(|error| line_error(csv, &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let refused = |reason: String| DatasetError::TableLine { path: csv.to_path_buf(), line, reason };
            let image = record.get(path_column).unwrap_or("");
            if image.is_empty() {
                return Err(refused("path must not be empty".to_owned()));
            }
            let number = |at: usize| {
                let text = record.get(columns[at]).unwrap_or("");
                let whole = || refused(format!("{} {text:?} is no whole number of pixels", SIDES[at]));
                text.parse::<u32>().map(|pixels| pixels as usize).map_err(|_| whole())
            };
            let own = PixelBox { left_px: number(0)?, top_px: number(1)?, width_px: number(2)?, height_px: number(3)? };
            if own.width_px == 0 || own.height_px == 0 {
                return Err(refused("a rectangle has at least one pixel".to_owned()));
            }
            let image = key(&folder, image)?;
            table.first.get_or_insert_with(|| image.clone());
            table.by_path.entry(image).or_default().push(own);
        }
        Ok(table)
    }

    /// The rectangles of an image, by whichever path it was reached.
    #[must_use]
    pub fn get(&self, sample: &Sample) -> &[PixelBox] {
        let found = real_path(&sample.path).ok().and_then(|path| self.by_path.get(&path));
        found.map_or(&[], Vec::as_slice)
    }

    /// Refuses a table that names none of these images.
    ///
    /// # Errors
    /// [`DatasetError::TableMatchesNothing`], with an example of each side; never without images.
    pub fn names_any_of(&self, samples: &[Sample]) -> Result<(), DatasetError> {
        let Some(image) = samples.first() else { return Ok(()) };
        if samples.iter().any(|sample| !self.get(sample).is_empty()) {
            return Ok(());
        }
        Err(DatasetError::TableMatchesNothing {
            path: self.csv.clone(),
            n_images: samples.len(),
            named: self.first.clone(),
            image: real_path(&image.path).unwrap_or_else(|_| image.path.clone()),
        })
    }
}
