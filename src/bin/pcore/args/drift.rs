//! Settings of the search for drift.

use super::RunArgs;
use super::layout::LayoutArgs;
use super::sign::TrustArgs;
use super::values::parse_rate;
use clap::{Args as ClapArgs, ValueEnum};
use pcore::job::PartOrder;
use std::path::PathBuf;

/// `pcore drift`.
#[derive(ClapArgs)]
pub(crate) struct DriftArgs {
    /// The bundle file
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Images, folders or patterns, in the order of the line; or folders of `pcore infer --history`, or of `--out`, whose scores
    /// are taken
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// In which order images came
    #[arg(long, value_enum, default_value = "name")]
    pub(crate) order: OrderArg,
    /// The probability of a false alarm over the whole run that is at most taken
    #[arg(long, value_name = "RATE", default_value_t = 0.01, value_parser = parse_rate)]
    pub(crate) delta: f64,
    /// Seed of what decides among equal numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write drift.html with the evidence plotted over the parts, and drift.csv, there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// End with exit code 1 when drift is found
    #[arg(long)]
    pub(crate) fail_on_drift: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum OrderArg {
    /// By their names
    Name,
    /// By the time at which their files were last written
    Time,
    /// By the time at which they were taken, as EXIF tells it; those that do not tell it by the time of their files
    Exif,
}

impl From<OrderArg> for PartOrder {
    fn from(arg: OrderArg) -> Self {
        match arg {
            OrderArg::Name => Self::Name,
            OrderArg::Time => Self::Time,
            OrderArg::Exif => Self::Exif,
        }
    }
}
