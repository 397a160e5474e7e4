//! Settings of an import from a line station.

use super::RunArgs;
use clap::Args as ClapArgs;
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
