//! Settings of a screening.

use super::fit::{PipelineArgs, RunArgs};
use super::headings::{INPUT, METHOD, OUTPUT};
use super::layout::LayoutArgs;
use super::values::{parse_keep, parse_size};
use clap::Args as ClapArgs;
use pcore::job::Keep;
use std::path::PathBuf;

/// Settings of a screening.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
pub(crate) struct ScreenArgs {
    /// Images, folders or patterns such as 'line1/*.png', of one product
    #[arg(required = true, value_name = "PATH", help_heading = INPUT)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Write screening.csv and overlays/ of the oddest images there
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    /// Also write normal.txt there: the names of the most normal images, a number or a share of all
    ///
    /// `pcore fit --normal PATH --shots-list DIR/normal.txt` fits on them.
    #[arg(long, value_name = "N|SHARE", requires = "out", value_parser = parse_keep, help_heading = OUTPUT)]
    pub(crate) keep: Option<Keep>,
    /// Size of the network's input
    #[arg(long, value_name = "HxW", default_value = "256x256", value_parser = parse_size, help_heading = METHOD)]
    pub(crate) image_size: (usize, usize),
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}
