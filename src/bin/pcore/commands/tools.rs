//! `pcore completions` and `pcore manual`: made from the arguments themselves.

use crate::Outcome;
use crate::args::{Args, CompletionsArgs, ManualArgs};
use crate::console::{print, print_line};
use anyhow::{Context, Result, anyhow};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use pcore::job;

/// Name of the program in scripts and pages.
const PROGRAM: &str = "pcore";

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Args::command(), PROGRAM, &mut script);
    print(&String::from_utf8(script).context("the script is no text")?)?;
    Ok(Outcome::Done)
}

pub(crate) fn manual(args: &ManualArgs) -> Result<Outcome> {
    let mut command = Args::command();
    command.build();
    if let Some(folder) = &args.out {
        job::prepare_folder(folder)?;
        for page in pages(&command) {
            let path = folder.join(format!("{}.1", page.get_display_name().unwrap_or(PROGRAM)));
            std::fs::write(&path, text(page)?).with_context(|| format!("writing {}", path.display()))?;
            print_line(&path.display().to_string())?;
        }
        return Ok(Outcome::Done);
    }
    let page = match &args.topic {
        None => &command,
        Some(verb) => command.find_subcommand(verb).ok_or_else(|| {
            let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            anyhow!("no verb '{verb}': there are {}", verbs.join(", "))
        })?,
    };
    print(&String::from_utf8(text(page.clone())?).context("the page is no text")?)?;
    Ok(Outcome::Done)
}

/// The program's own page, then one per verb.
fn pages(command: &Command) -> Vec<Command> {
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help").cloned();
    std::iter::once(command.clone()).chain(verbs).collect()
}

/// A page in the language of `man`.
fn text(command: Command) -> Result<Vec<u8>> {
    let mut page = vec![];
    Man::new(command.version(env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    Ok(page)
}
