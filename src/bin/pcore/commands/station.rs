//! To and from the files of the .NET line station: `pcore import`, and `pcore export` of a bundle.

use super::{left_out, listed, open, sign::read_trusted, summary::summary};
use crate::Outcome;
use crate::args::{ExportArgs, ImportArgs};
use crate::console::{Console, print, print_json, print_line, problem, say, warning};
use crate::home;
use crate::message::as_typed;
use anyhow::{Context, Result};
use pcore::bundle::Contents;
use pcore::dataset;
use pcore::detect::station::{
    self, GALLERY_FILE, ImportedStation, META_FILE, StationArtefact, StationOptions, StationWarning, THRESHOLD_FILE,
};
use pcore::job;
use pcore::live::{self, CalibratePlan, Calibrated};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn import(args: &ImportArgs) -> Result<Outcome> {
    let listing = args.recalibrate.as_deref().map(|normals| dataset::normals(normals, None)).transpose()?;
    listing.iter().for_each(listed::say);
    let path = home::bundle_to_write(args.bundle.as_deref(), args.domain.as_deref())?;
    job::check_bundle(&path)?;
    let device = open::device(&args.run.machine)?;
    let options = StationOptions {
        backbone: args.backbone.clone(),
        layers: args.layers.clone(),
        domain: args.domain.as_deref().map(home::domain_name).transpose()?.map(str::to_owned),
    };
    let ImportedStation { mut contents, mut warnings, .. } = station::import(&args.folder, &options, &device)
        .with_context(|| format!("importing {} (--backbone and --layers name the network)", args.folder.display()))?;
    let mut n_failed = 0;
    if let Some(listing) = listing {
        let plan = CalibratePlan {
            alpha: Some(args.alpha),
            pace: args.run.machine.pace(),
            at: None,
            ..CalibratePlan::default()
        };
        let found = live::calibrate(contents, &listing.samples, &plan, &device, &Console::new())
            .with_context(|| format!("recalibrating on {}", listing.root.display()))?;
        n_failed = found.failures.len() + listing.n_failures();
        left_out::tell(&listing, "used");
        tell(&found);
        contents = found.contents;
        warnings.retain(|w| !matches!(w, StationWarning::Threshold { .. }));
    }
    for warning in &warnings {
        warning!("{warning}");
    }
    write(&path, &contents)?;
    if args.run.json {
        let warnings: Vec<String> = warnings.iter().map(|w| as_typed(w.to_string()).into_owned()).collect();
        let summary = json!({"bundle": path, "manifest": contents.manifest, "warnings": warnings});
        print_json(&summary)?;
    } else {
        print(&summary(&contents.manifest))?;
        print_line(&format!("bundle       {}", path.display()))?;
    }
    Ok(if n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Writes the files of the station; says which.
pub(super) fn export(bundle: &Path, args: &ExportArgs) -> Result<Value> {
    let (contents, _signer) = read_trusted(bundle, &args.trust)?;
    let backbone = contents.manifest.detector.lead().map(|features| features.backbone.clone());
    let backbone = backbone.context("the bundle names no network")?;
    let artefact =
        StationArtefact::from_contents(contents).with_context(|| format!("exporting {}", bundle.display()))?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("creating {}", args.out.display()))?;
    station::write(&args.out, &artefact)?;
    say!(
        "the station also needs the network {} up to {} as ONNX beside them; a bundle holds no network (weights sha256 {})",
        backbone.name,
        backbone.layers.join(", "),
        backbone.weights_sha256
    );
    let files = [GALLERY_FILE, META_FILE, THRESHOLD_FILE].map(|file| args.out.join(file).display().to_string());
    Ok(json!({
        "files": files, "backbone": backbone.name, "layers": backbone.layers,
        "weights_sha256": backbone.weights_sha256,
    }))
}

/// What the normal images say about the old threshold, and about themselves.
fn tell(found: &Calibrated) {
    for failure in &found.failures {
        problem!("left out: {}: {}", failure.name, failure.reason);
    }
    let n = found.n_images;
    if let Some(rejected) = found.n_rejected_before {
        say!("the imported threshold rejects {rejected} of {n} normal images");
    }
    if found.n_in_bank > 0 {
        warning!(
            "{} of {n} normal images have patches that are in the bank; the bank seems to be built from them, so the new threshold is too low: use other images",
            found.n_in_bank
        );
    }
}

fn write(path: &Path, contents: &Contents) -> Result<()> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    contents.write(path)?;
    home::remember(path)
}
