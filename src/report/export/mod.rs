//! Results in the formats of other programs: [`LabelStudio`], [`Coco`], [`ResultTable`] (Parquet, CSV), [`EventFile`]
//! (TensorBoard).
//!
//! Where the pixels of regions are meant, they are [`Spot`]s: the parts of a stored map above its threshold, or outlines of
//! results, filled.

mod coco;
mod event_file;
mod events;
mod label_studio;
mod parquet_table;
mod result_table;
mod rle;
mod spot;

pub use coco::Coco;
pub use event_file::EventFile;
pub(crate) use events::wall_time;
pub use events::{bundle_events, events_name, figure_events, result_events};
pub use label_studio::{LABEL_CONFIG, LabelStudio};
pub use parquet_table::{Column, parquet_table};
pub use result_table::ResultTable;
pub use rle::{brush, coco_counts, coco_text};
pub use spot::Spot;

use super::ResultRow;

/// The label of everything that is marked.
pub(crate) const ANOMALY: &str = "anomaly";

/// The run that results are of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportRun {
    /// Its name, that of its folder.
    pub name: String,
    /// What scored, with its version.
    pub model_version: String,
    /// When it began, in UTC; empty where that is not known.
    pub began: String,
}

/// Pixels that are marked, and the largest value of the map among them, where that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    /// The pixels.
    pub spot: Spot,
    /// The largest value.
    pub peak: f32,
}

/// An image with what was found in it.
#[derive(Clone, Copy, Debug)]
pub struct ExportImage<'a> {
    /// The run.
    pub run: &'a ExportRun,
    /// Its row.
    pub row: &'a ResultRow,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Where it is anomalous.
    pub marked: &'a [Marked],
}
