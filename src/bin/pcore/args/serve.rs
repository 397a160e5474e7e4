//! What can be typed for `pcore serve`.

use super::MachineArgs;
use super::headings::{INPUT, OUTPUT};
use super::values::parse_bytes;
use clap::{Args as ClapArgs, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

#[derive(ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Folder that jobs, results, detectors and images are kept in
    #[arg(long, value_name = "DIR", default_value = "pcore-data")]
    pub(crate) data: PathBuf,
    /// Address to listen on
    ///
    /// Other addresses than those of this machine need an account first (--admin).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8642")]
    pub(crate) listen: SocketAddr,
    /// Days that images of results are kept; results stay, and images that somebody marked
    ///
    /// Files of watched folders are not touched. Left out, images are kept until their job or result is deleted.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_days: Option<u32>,
    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Print the description of the API (OpenAPI) and end
    #[arg(long, exclusive = true)]
    pub(crate) api: bool,
    /// How the log on stderr is written
    #[arg(long, value_enum, value_name = "text|json", default_value_t = LogForm::Text, hide_possible_values = true, help_heading = OUTPUT)]
    pub(crate) log: LogForm,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// Who may do what.
#[derive(ClapArgs)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Make an account of this name that may do everything, or give it a new password
    ///
    /// The password is that of --password-file, or of the environment variable PCORE_PASSWORD; else one is made up and told once.
    /// From then on everybody signs in, or sends a token.
    #[arg(long, value_name = "NAME")]
    pub(crate) admin: Option<String>,
    /// File whose first line is the password of --admin
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(crate) password_file: Option<PathBuf>,
    /// Folder that jobs and lines may read images from, and what is below it; may be given several times
    #[arg(long, value_name = "DIR", help_heading = INPUT)]
    pub(crate) folder: Vec<PathBuf>,
    /// Let admins have lines start programs, such as those that read a camera
    #[arg(long)]
    pub(crate) allow_commands: bool,
    /// Send cookies over HTTPS alone: behind a proxy that speaks it
    #[arg(long)]
    pub(crate) secure_cookies: bool,
    /// Address of a proxy before this server, which is believed who asks (X-Forwarded-For); may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) proxy: Vec<IpAddr>,
    /// The largest upload, such as 4GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "4GiB")]
    pub(crate) max_upload: u64,
    /// Requests in a second that one address is answered on average, and at once; the others are refused (429)
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) max_requests: NonZeroU32,
}

const EXAMPLES: &str = "\
Examples:
  pcore serve --open                                       a page for this machine, without accounts
  pcore serve --listen 0.0.0.0:8642 --admin anna           for others: with accounts
  pcore serve --folder /mnt/line1 --memory 4GiB            lines may watch folders below /mnt/line1";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}
