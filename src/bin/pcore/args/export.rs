//! Settings of an export.

use super::TrustArgs;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Settings of an export.
#[derive(ClapArgs)]
pub(crate) struct ExportArgs {
    /// Folders that `pcore infer --out` or `pcore eval --out` wrote; a bundle file for onnxdemo, and for tensorboard if its fit
    /// is meant
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// Format to write
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What Label Studio finds images by, put before their paths, such as '/data/local-files/?d='
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// tasks.json and labels.xml of Label Studio: verdicts as choices, regions as brushes and rectangles
    LabelStudio,
    /// coco.json: masks (RLE), boxes, areas and scores
    Coco,
    /// images.parquet and regions.parquet
    Parquet,
    /// summary.csv: a line for each image with label, defect, box, area, time and overlay
    Csv,
    /// Event files of TensorBoard: scores, figures, overlays; of a bundle its fit
    #[value(name = "tensorboard")]
    TensorBoard,
    /// gallery_f32.bin, threshold.json and meta.json of the .NET line station
    Onnxdemo,
}
