//! Settings of how the program speaks, and of the verbs that tell about it.

use super::headings::OUTPUT;
use clap::{Args as ClapArgs, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// How the program speaks; every verb takes these.
#[derive(ClapArgs)]
#[command(next_help_heading = "Messages")]
pub(crate) struct TalkArgs {
    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto, hide_possible_values = true)]
    pub(crate) color: Colour,
    /// Only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Also what was decided, and how long it took
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// Where a terminal shows them
    Auto,
    /// Also in files and pipes
    Always,
    /// Nowhere
    Never,
}

#[derive(ClapArgs)]
pub(crate) struct DevicesArgs {
    /// Print them as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct ListArgs {
    /// Folder to look in [default: $PCORE_HOME, else .pcore in the working folder]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Print them as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(ClapArgs)]
pub(crate) struct ManualArgs {
    /// Print the page of this verb
    #[arg(value_name = "VERB", conflicts_with = "out")]
    pub(crate) topic: Option<String>,
    /// Write pcore.1, pcore-fit.1 and so on there
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
}
