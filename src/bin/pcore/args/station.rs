//! Settings of the exchange with a line station.

use super::{RunArgs, TrustArgs};
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Settings of an import.
#[derive(ClapArgs)]
pub(crate) struct ImportArgs {
    /// The station's folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Name of the product or domain; names the bundle
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Bundle file to write [default: .pcore/DOMAIN.pcore, or in $PCORE_HOME]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Network that the gallery was made with, as named by `pcore devices` [default: the one in meta.json]
    #[arg(long, value_name = "NAME")]
    pub(crate) backbone: Option<String>,
    /// Layer that the gallery was made of [default: the one in meta.json]
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    pub(crate) layers: Vec<String>,
    /// Folder of normal images, not those of the gallery, to set the threshold anew
    #[arg(long, value_name = "NORMALS")]
    pub(crate) recalibrate: Option<PathBuf>,
    /// False alarms wanted among normal images, with --recalibrate
    #[arg(long, value_name = "RATE", default_value_t = pcore::train::DEFAULT_ALPHA)]
    pub(crate) alpha: f64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Settings of an export.
#[derive(ClapArgs)]
pub(crate) struct ExportArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Format to write
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// gallery_f32.bin, threshold.json and meta.json of the .NET line station
    Onnxdemo,
}
