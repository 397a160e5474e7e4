//! Opening a bundle for a verb that uses one.

use super::fitting;
use super::sign::read_trusted;
use super::summary::summary;
use crate::args::{BundleArgs, RunArgs};
use crate::console::{Console, detail, say, warning};
use crate::home;
use crate::terminal;
use anyhow::{Context, Result};
use pcore::bank::MemoryBank;
use pcore::bundle::Contents;
use pcore::condition::ConditionRule;
use pcore::dataset::{ConditionTable, Listing};
use pcore::infer::Inspector;
use pcore::model::OpenDevice;
use pcore::progress::Progress;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A bundle, ready.
pub(crate) struct Opened {
    pub(crate) inspector: Inspector,
    pub(crate) device: OpenDevice,
    pub(crate) path: PathBuf,
    /// Why this one.
    pub(crate) how: String,
}

/// Opens the bundle for these images; refuses one that nobody named and that is of another domain or product.
pub(super) fn open(args: &BundleArgs, run: &RunArgs, listing: &Listing) -> Result<Opened> {
    let domains = fitting::domains(listing);
    let (path, how) = home::bundle_to_read(args.bundle.as_deref(), args.domain.as_deref(), &domains)?;
    let begun = Instant::now();
    let (contents, signer) = read_trusted(&path, &args.trust)?;
    let reason = fitting::reason(&how, &path, &contents.manifest, listing)?;
    let signed = signer.map_or(String::new(), |key| format!(", signed with the key {key}"));
    let mut opened = open_contents(contents, &path, (&format!("{}{signed}", reason.how), begun), run)?;
    reason.warnings.iter().for_each(|warning| Console::new().warn(warning));
    opened.inspector.set_gate_use(args.gate);
    if let Some(page) = args.pages {
        opened.inspector.choose_page(page);
    }
    if let Some(policy) = args.policy {
        opened.inspector.set_policy(policy)?;
    }
    Ok(opened)
}

pub(super) fn open_contents(
    contents: Contents,
    path: &Path,
    (how, begun): (&str, Instant),
    run: &RunArgs,
) -> Result<Opened> {
    let read_s = begun.elapsed().as_secs_f64();
    let device = device(run)?;
    let inspector = Inspector::open(contents, &device).with_context(|| format!("opening {}", path.display()))?;
    tell(&inspector, read_s, begun.elapsed().as_secs_f64());
    say!("bundle {} ({how}), device {}", terminal::shown(path), device.description());
    if device.is_gpu() && !inspector.is_searched_on_device() {
        say!(
            "the CPU searches the bank: the device cannot hold its {} rows, or does not compute exactly enough",
            inspector.bank().map_or(0, MemoryBank::n_rows)
        );
    }
    if let Some((fitted, here)) = inspector.precision_change() {
        warning!(
            "the bundle was fitted in {fitted} and is used in {here}: scores move a little against its thresholds (see docs/parity.md); fit in {here} to have thresholds of its own"
        );
    }
    Ok(Opened { inspector, device, path: path.to_owned(), how: how.to_owned() })
}

/// With `--verbose`: what the bundle decides.
fn tell(inspector: &Inspector, read_s: f64, open_s: f64) {
    let manifest = inspector.manifest();
    detail(&format!(
        "bundle of pcore {}, {} images; read and verified in {read_s:.2} s, ready after {open_s:.2} s",
        manifest.pcore_version,
        manifest.sources.len()
    ));
    detail(summary(manifest).trim_end());
}

/// The device that was asked for, in the precision that was asked for. Where a bound on memory was given, what is freed
/// counts as free from here on.
pub(super) fn device(run: &RunArgs) -> Result<OpenDevice> {
    if run.memory.is_some() {
        pcore::kernel::give_back_large_blocks();
    }
    Ok(OpenDevice::open(run.device)?.with_precision(run.precision)?)
}

/// Images that a warning names.
const MAX_NAMED: usize = 5;

/// Refuses a rule whose table can't be read, before the work.
pub(super) fn check_rule(rule: &ConditionRule) -> Result<()> {
    match rule {
        ConditionRule::Table(path) => Ok(ConditionTable::read(path).map(drop)?),
        _ => Ok(()),
    }
}

/// Tables that are used without being named, when they lie at the dataset's root.
const KNOWN_TABLES: [&str; 2] = ["conditions.csv", "manifest.csv"];

/// Refuses a table that names none of the images, and says which it leaves out.
fn warn_of_missing(table: &ConditionTable, path: &Path, listing: &Listing) -> Result<()> {
    table.names_any_of(&listing.samples.iter().collect::<Vec<_>>())?;
    let missing: Vec<&str> = listing.samples.iter().filter(|s| table.get(s).is_none()).map(|s| &*s.name).collect();
    if !missing.is_empty() {
        let more = if missing.len() > MAX_NAMED { ", ..." } else { "" };
        warning!(
            "{} of {} images are not in {} ({}{more}): the gate tells their condition",
            missing.len(),
            listing.samples.len(),
            path.display(),
            missing[..missing.len().min(MAX_NAMED)].join(", ")
        );
    }
    Ok(())
}

/// The condition table: `--conditions`, else one at the listing's root that names conditions of the bundle.
pub(super) fn condition_table(
    args: &BundleArgs,
    listing: &Listing,
    inspector: &Inspector,
) -> Result<Option<ConditionTable>> {
    if let Some(path) = &args.conditions {
        let table = ConditionTable::read(path)?;
        warn_of_missing(&table, path, listing)?;
        let is_known = |name: &&str| inspector.conditions().iter().any(|known| known.as_str() == *name);
        let strange: Vec<&str> = table.conditions().into_iter().filter(|name| !is_known(name)).collect();
        if !strange.is_empty() {
            warning!(
                "{} names conditions that the bundle does not know ({}): their images count as of unknown condition",
                path.display(),
                strange.join(", ")
            );
        }
        return Ok(Some(table));
    }
    if inspector.conditions().len() < 2 {
        return Ok(None);
    }
    let roots = listing.root.ancestors().take(2);
    for path in roots.flat_map(|root| KNOWN_TABLES.map(|name| root.join(name))) {
        if !path.is_file() {
            continue;
        }
        let table = ConditionTable::read(&path)?;
        let known = |c: &str| inspector.conditions().iter().any(|k| k.as_str() == c);
        if table.conditions().into_iter().all(known) {
            say!("conditions from {} (--conditions chooses another table)", path.display());
            return Ok(Some(table));
        }
    }
    Ok(None)
}
