//! Rectangles around defects, from a CSV file.
//!
//! ```text
//! path,left,top,width,height
//! stain/003.png,120,44,30,18
//! stain/003.png,10,200,12,12
//! ```
//! Paths as in a table of conditions ([`ConditionTable`](super::ConditionTable)); pixels of the image, from its left and its top; one
//! line for each rectangle. Further columns are ignored.

use super::conditions::{for_each_line, key, real_path};
use super::unicode::composed_path;
use super::{DatasetError, Sample, Shown};
use crate::image::PixelBox;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 5] = ["path", "left", "top", "width", "height"];

/// The rectangles of each image that a CSV file names.
#[derive(Clone, Debug)]
pub struct BoxTable {
    /// By its real path in composed Unicode: the line that names it first, and its rectangles.
    by_path: HashMap<PathBuf, (u64, Vec<PixelBox>)>,
    csv: PathBuf,
}

impl BoxTable {
    /// Reads the table.
    ///
    /// # Errors
    /// If the file cannot be read or is larger than [`MAX_TABLE_BYTES`](super::MAX_TABLE_BYTES), a column is missing, or a line is
    /// damaged, names no image, or a rectangle without pixels; lines are named by their number.
    pub fn read(csv: &Path) -> Result<Self, DatasetError> {
        let mut table = Self { by_path: HashMap::new(), csv: csv.to_path_buf() };
        for_each_line(csv, (COLUMNS, "left, top, width and height"), |folder, line, [image, sides @ ..]| {
            let refused = |reason: String| DatasetError::TableLine { path: csv.to_path_buf(), line, reason };
            if image.is_empty() {
                return Err(refused("path must not be empty".to_owned()));
            }
            let number = |at: usize| {
                let whole = || refused(format!("{} {:?} is no whole number of pixels", COLUMNS[at + 1], sides[at]));
                sides[at].parse::<usize>().map_err(|_| whole())
            };
            let own = PixelBox { left_px: number(0)?, top_px: number(1)?, width_px: number(2)?, height_px: number(3)? };
            if own.width_px == 0 || own.height_px == 0 {
                return Err(refused("a rectangle has at least one pixel".to_owned()));
            }
            let image = composed_path(&key(folder, image)?);
            table.by_path.entry(image).or_insert((line, vec![])).1.push(own);
            Ok(())
        })?;
        Ok(table)
    }

    /// The rectangles of an image, by whichever path it was reached and in whichever Unicode form.
    #[must_use]
    pub fn get(&self, sample: &Sample) -> &[PixelBox] {
        let found = own_key(sample).and_then(|path| self.by_path.get(&path));
        found.map_or(&[], |(_, boxes)| boxes)
    }

    /// Refuses a table with a line that names none of these images: its rectangles would count for nothing.
    ///
    /// # Errors
    /// [`DatasetError::TableLine`].
    pub fn check_names(&self, samples: &[Sample]) -> Result<(), DatasetError> {
        let known: HashSet<PathBuf> = samples.iter().filter_map(own_key).collect();
        let strange = self.by_path.iter().filter(|(path, _)| !known.contains(*path));
        let Some((path, (line, _))) = strange.min_by_key(|(_, (line, _))| *line) else { return Ok(()) };
        let reason = format!(
            "{} is none of the {} defective images; paths are relative to the table",
            Shown::path(path),
            samples.len()
        );
        Err(DatasetError::TableLine { path: self.csv.clone(), line: *line, reason })
    }
}

/// How the table knows an image.
fn own_key(sample: &Sample) -> Option<PathBuf> {
    real_path(&sample.path).ok().map(|path| composed_path(&path))
}
