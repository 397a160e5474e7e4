//! Settings of a comparison.

use super::fit::RunArgs;
use super::headings::{INPUT, OUTPUT};
use super::layout::LayoutArgs;
use super::sign::TrustArgs;
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// `pcore compare`.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct CompareArgs {
    /// The system that is: a bundle, a folder of results, or a CSV of another system (path and verdict, or path, score and threshold)
    #[arg(value_name = "A", help_heading = INPUT)]
    pub(crate) a: PathBuf,
    /// The one that may take its place, likewise
    #[arg(value_name = "B", help_heading = INPUT)]
    pub(crate) b: PathBuf,
    /// The images: a labelled data set as `pcore eval` takes it, or a folder of images nobody has labelled
    #[arg(value_name = "DIR", help_heading = INPUT)]
    pub(crate) images: PathBuf,
    /// Write compare.html, compare.json, flips.csv and pictures of the images judged differently there
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    /// End with exit code 1 unless B may replace A
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) fail_on_difference: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}
