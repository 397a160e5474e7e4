//! `pcore serve`: the server of a station.

use super::open;
use crate::Outcome;
use crate::args::{LogForm, ServeArgs};
use crate::console::{print_line, say, warning};
use crate::message::as_typed;
use crate::{signals, terminal};
use anyhow::{Context as _, Result, bail};
use data_encoding::BASE32_NOPAD;
use pcore::serve::{ServeOptions, Server, api_description};
use rand::Rng;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use tracing::Level;

/// The longest first line of a file with a password.
const LONGEST_PASSWORD: usize = 1000;

pub(crate) fn run(args: &ServeArgs) -> Result<Outcome> {
    if args.api {
        print_line(&api_description()?)?;
        return Ok(Outcome::Done);
    }
    log(args.log);
    let device = open::device(&args.machine)?;
    let mut options = ServeOptions::new(args.data.clone(), args.listen);
    options.admin = args.access.admin.as_deref().map(|name| admin(name, args)).transpose()?;
    options.folders.clone_from(&args.access.folder);
    options.allows_commands = args.access.allow_commands;
    options.secure_cookies = args.access.secure_cookies;
    options.keep_days = args.keep_days;
    options.proxies.clone_from(&args.access.proxy);
    options.max_request_bytes = args.access.max_upload;
    options.max_requests = args.access.max_requests;
    options.pace = args.machine.pace();
    let server = Server::start(options, device, |text| as_typed(text).into_owned())?;
    let has_accounts = server.has_accounts()?;
    let listening = |address: SocketAddr| {
        say!("pcore serves http://{address}, data in {}", terminal::shown(&args.data));
        if !has_accounts {
            say!("nobody needs a password, so this machine alone is answered; --admin NAME makes accounts");
        }
        if args.open {
            show(&format!("http://{address}/"));
        }
    };
    server.run(|| signals::caught().is_some(), listening)?;
    say!("ended; what waits is inspected after the next start");
    Ok(Outcome::Done)
}

/// Name and password of the account.
fn admin(name: &str, args: &ServeArgs) -> Result<(String, String)> {
    if let Some(path) = &args.access.password_file {
        return Ok((name.to_owned(), first_line(path)?));
    }
    if let Some(password) = std::env::var_os("PCORE_PASSWORD") {
        let password = password.into_string().ok().context("PCORE_PASSWORD is no text")?;
        return Ok((name.to_owned(), password));
    }
    let password = BASE32_NOPAD.encode(&rand::rng().random::<[u8; 15]>()).to_lowercase();
    say!("the password of {name} is {password}: it is not told again");
    Ok((name.to_owned(), password))
}

fn first_line(path: &Path) -> Result<String> {
    let bytes = pcore::job::read_at_most(path, LONGEST_PASSWORD as u64)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{} is no text", path.display()))?;
    match text.lines().next().map(str::trim_end).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => bail!("the first line of {} is empty: write the password there", path.display()),
    }
}

/// Writes what the server tells to stderr.
fn log(form: LogForm) {
    let level = match (terminal::is_verbose(), terminal::is_quiet()) {
        (true, _) => Level::DEBUG,
        (_, true) => Level::WARN,
        _ => Level::INFO,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(io::stderr);
    let begun = match form {
        LogForm::Text => builder.with_ansi(terminal::is_stderr_coloured()).try_init(),
        LogForm::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = begun {
        warning!("the log can't be written: {error}");
    }
}

/// Opens an address in the browser of this machine.
fn show(address: &str) {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let quiet = || Stdio::null();
    let opened = Command::new(program).args(before).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    if let Err(error) = opened {
        warning!("no browser could be opened ({program}: {error}): open {address} yourself");
    }
}
