//! What people and other programs get to see: result files, tables, pictures
//! and the page.
//!
//! - [`CsvResults`], [`JsonlResults`]: one row per image, for machines; [`RunInfo`]: what made them.
//! - [`EvaluationJson`], [`evaluation_table`]: the figures of a test set.
//! - [`draw_inspection`], [`overlay`], [`score_histogram`], [`roc_chart`]: pictures.
//! - [`ExplanationJson`], [`explain_picture`]: why an image got its score.
//! - [`drift`]: whether a line has drifted.
//! - [`export`]: results in the formats of other programs.
//! - [`html_page`]: all of it as one page that needs no network; [`suspects_page`]: training images unlike the others.
//!
//! Nothing here opens a file: writers take any output, pages and pictures are
//! bytes in memory.

mod chart;
pub mod compare;
mod csv_row;
mod csv_text;
mod drawn;
pub mod drift;
mod error;
mod explain;
pub mod export;
mod feedback;
mod gallery;
mod history;
pub(crate) mod html;
mod json_text;
mod left_out;
mod number;
mod picture;
mod picture_names;
mod picture_set;
mod read_results;
mod report_image;
mod result_row;
mod results;
mod rows;
mod run_info;
pub mod study;
mod suspects;
mod table;
mod template;
pub mod training;
mod wire;

pub use chart::{HistogramData, NamedInterval, Scene, interval_chart, roc_chart, score_histogram};
pub use csv_text::{csv_quoted, csv_text};
pub use drawn::{DrawStyle, colours, draw_image, draw_inspection, draw_map};
pub use error::ReportError;
pub use explain::{ExplanationJson, NormalPatches, explain_picture};
pub use feedback::{Feedback, FeedbackRow, Mark};
pub use gallery::{GalleryGroup, GalleryItem, GalleryPick, PICTURE_FOLDERS, select_gallery};
pub use history::{HistoryRow, history_table, read_history};
pub use html::{
    Legend, MAX_GALLERY_BYTES, MAX_PAGE_BYTES, MAX_TABLE_ROWS, Report, ThresholdNote, ThresholdSource, html_page,
};
pub use json_text::json_text;
pub use left_out::LeftOut;
pub use picture::{
    Caption, ColourScale, MAX_SIDE_PX, Overlay, Picture, SourceImage, colour, display_rgb, display_white, overlay,
};
pub use picture_names::picture_names;
pub use picture_set::{Beside, PictureSet, shared_colours};
pub use read_results::PastRun;
pub use report_image::ReportImage;
pub use result_row::{RegionRow, ResultRow};
pub use results::{CsvResults, JsonlResults};
pub use run_info::{RunInfo, Used};
pub use suspects::{ShownSuspect, SuspectPictures, SuspectsReport, suspects_page};
pub use table::evaluation_table;
pub use wire::EvaluationJson;
