//! Opening a bundle for a verb that uses one.

use super::fitting;
use super::sign::read_trusted;
use super::summary::summary;
use crate::args::{BundleArgs, MachineArgs, RunArgs};
use crate::console::{Console, detail, say, warning};
use crate::home;
use crate::terminal;
use anyhow::Result;
use pcore::bank::MemoryBank;
use pcore::bundle::Contents;
use pcore::dataset::{self, Listing, Shown};
use pcore::infer::Inspector;
pub(super) use pcore::job::Opened;
use pcore::model::OpenDevice;
use pcore::progress::Progress;
use pcore::score::Conformal;
use pcore::train::TileRule;
use std::path::Path;
use std::time::Instant;

/// Opens the bundle for these images; refuses one that nobody named and that is of another domain or product.
///
/// Finds the masks of the images, where they have some.
pub(super) fn open(args: &BundleArgs, run: &RunArgs, listing: &mut Listing) -> Result<Opened> {
    if let Some(masks) = &args.roi_masks {
        dataset::look_at(&mut listing.samples, masks)?;
    }
    let listing = &*listing;
    let domains = fitting::domains(listing);
    let (path, how) = home::bundle_to_read(args.bundle.as_deref(), args.domain.as_deref(), &domains)?;
    let begun = Instant::now();
    let (contents, signer) = read_trusted(&path, &args.trust)?;
    let reason = fitting::reason(&how, &path, &contents.manifest, listing)?;
    let signed = signer.map_or(String::new(), |key| format!(", signed with the key {key}"));
    let mut opened = open_contents(contents, &path, (&format!("{}{signed}", reason.how), begun), run)?;
    reason.warnings.iter().for_each(|warning| Console::new().warn(warning));
    if opened.inspector.manifest().own_roi && args.roi_masks.is_none() {
        warning!(
            "the bundle was fitted on images with a mask of what is looked at each; without --roi-masks all of an image is judged"
        );
    }
    opened.inspector.set_gate_use(args.gate);
    if let Some(page) = args.pages {
        opened.inspector.choose_page(page);
    }
    if let Some(rule) = args.tiles {
        let tiles = match rule {
            TileRule::Of(tiles) => Some(tiles),
            _ => None,
        };
        if opened.inspector.set_tiles(tiles)? {
            warning!(
                "images are cut otherwise than those that the bundle was fitted on: an image of more tiles has more to be odd in, and its threshold promises nothing; fit with --tiles {rule} to have one"
            );
        }
    }
    if let Some(policy) = args.policy {
        opened.inspector.set_policy(policy)?;
    }
    let cut = args.cut.cut();
    if !cut.is_none() {
        opened.inspector.set_cut(&cut)?;
        say!("the line is drawn anew: {}", cut_line(&opened.inspector));
    }
    Ok(opened)
}

/// The thresholds in force.
fn cut_line(inspector: &Inspector) -> String {
    let of = |conformal: &Conformal| conformal.threshold.map_or_else(|| "none".to_owned(), |at| format!("{at:.4}"));
    match inspector.conditions() {
        [] | [_] => format!("threshold {}", of(inspector.global())),
        several => {
            let each = several.iter().zip(inspector.per_condition());
            let each: Vec<String> =
                each.map(|(name, own)| format!("{} {}", Shown::name(name.as_str()), of(own))).collect();
            format!("thresholds {}; {} of images of no known condition", each.join(", "), of(inspector.global()))
        }
    }
}

pub(super) fn open_contents(
    contents: Contents,
    path: &Path,
    (how, begun): (&str, Instant),
    run: &RunArgs,
) -> Result<Opened> {
    let read_s = begun.elapsed().as_secs_f64();
    let device = device(&run.machine)?;
    let opened = Opened::open(contents, path, how, device)?;
    let Opened { inspector, device, .. } = &opened;
    tell(inspector, read_s, begun.elapsed().as_secs_f64());
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
    Ok(opened)
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
pub(super) fn device(machine: &MachineArgs) -> Result<OpenDevice> {
    if machine.memory.is_some() {
        pcore::kernel::give_back_large_blocks();
    }
    Ok(OpenDevice::open(machine.device)?.with_precision(machine.precision)?)
}
