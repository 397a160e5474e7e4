//! `pcore list`: the bundles at hand.

use super::summary::{Origin, threshold_line};
use crate::Outcome;
use crate::args::ListArgs;
use crate::console::{print, print_json, print_line};
use crate::home;
use crate::message::error_text;
use crate::terminal;
use anyhow::{Context, Result};
use pcore::bundle::{Contents, Manifest};
use pcore::model::{self, weights::Store};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// All bundles found.
#[derive(Serialize)]
struct Bundles {
    folder: String,
    bundles: Vec<Entry>,
}

/// One of them; what a broken one does not tell is `null`.
#[derive(Serialize, Default)]
struct Entry {
    name: String,
    path: String,
    /// Whether verbs take it when no other is named.
    last: bool,
    bytes: u64,
    /// When the file was written.
    written: Option<String>,
    domain: Option<String>,
    n_images: Option<usize>,
    conditions: Option<Vec<String>>,
    backbone: Option<String>,
    layers: Option<Vec<String>>,
    /// Where the network's weights are: `built in`, `stored` or `missing`.
    weights: Option<&'static str>,
    threshold: Option<f32>,
    /// The threshold and what it promises, in words.
    promise: Option<String>,
    /// Why the bundle can't be used.
    error: Option<String>,
}

pub(crate) fn run(args: &ListArgs) -> Result<Outcome> {
    let folder = args.folder.clone().unwrap_or_else(home::home);
    let last = home::last();
    let mut paths = bundles_in(&folder, args.folder.is_some())?;
    paths.extend(
        last.iter().filter(|path| args.folder.is_none() && !is_among(path, &paths)).cloned().collect::<Vec<_>>(),
    );
    let stored: Vec<String> = match Store::open_default().and_then(|store| store.list()) {
        Ok(weights) => weights.into_iter().map(|w| w.name).collect(),
        Err(_no_store) => vec![],
    };
    let is_last = |path: &Path| last.as_ref().is_some_and(|last| is_same(last, path));
    let bundles: Vec<Entry> = paths.iter().map(|path| entry(path, is_last(path), &stored)).collect();
    let outcome = if bundles.iter().any(|b| b.error.is_some()) { Outcome::SomeFailed } else { Outcome::Done };
    let found = Bundles { folder: folder.display().to_string(), bundles };
    if args.json {
        print_json(&found)?;
        return Ok(outcome);
    }
    for bundle in &found.bundles {
        print(&lines(bundle))?;
    }
    if found.bundles.is_empty() {
        print_line(&format!("no bundles in {}: pcore fit --normal DIR makes one", terminal::shown(&folder)))?;
    }
    Ok(outcome)
}

/// The bundle files of a folder, by name. A home that is not there yet has none.
fn bundles_in(folder: &Path, is_named: bool) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return Ok(vec![]),
        entries => entries.with_context(|| format!("listing {}", folder.display()))?,
    };
    let mut paths = vec![];
    for entry in entries {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        if path.extension().is_some_and(|e| e == "pcore") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn is_among(path: &Path, others: &[PathBuf]) -> bool {
    others.iter().any(|other| is_same(path, other))
}

fn entry(path: &Path, last: bool, stored: &[String]) -> Entry {
    let file = fs::metadata(path);
    let written = file
        .as_ref()
        .ok()
        .and_then(|file| file.modified().ok())
        .map(|time| humantime::format_rfc3339_seconds(time).to_string());
    let entry = Entry {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.display().to_string(),
        last,
        bytes: file.map_or(0, |file| file.len()),
        written,
        ..Entry::default()
    };
    match Contents::read(path) {
        Ok(contents) => described(entry, contents.manifest, stored),
        Err(error) => Entry { error: Some(error_text(&error.into())), ..entry },
    }
}

fn described(entry: Entry, manifest: Manifest, stored: &[String]) -> Entry {
    let Some(features) = manifest.detector.lead() else { return entry };
    let backbone = features.backbone.clone();
    let weights = if model::available().iter().any(|(name, _)| *name == backbone.name) {
        "built in"
    } else if stored.contains(&backbone.name) {
        "stored"
    } else {
        "missing"
    };
    let constant = if manifest.imported.is_some() { "as imported" } else { "as set by the user" };
    let calibration = &manifest.calibration;
    let of = Origin { method: &calibration.method, constant, is_grouped: calibration.groups.is_some() };
    let promise = threshold_line("", &manifest.calibration.global, of);
    Entry {
        domain: manifest.domain,
        n_images: Some(manifest.sources.len()),
        conditions: Some(manifest.conditions.into_iter().map(|c| c.name).collect()),
        backbone: Some(backbone.name),
        layers: Some(backbone.layers),
        weights: Some(weights),
        threshold: manifest.calibration.global.threshold,
        promise: Some(promise.trim_start_matches("threshold").trim_start().to_owned()),
        ..entry
    }
}

/// A bundle in two or three lines.
fn lines(bundle: &Entry) -> String {
    let mib = bundle.bytes as f64 / (1 << 20) as f64;
    let written = bundle.written.as_deref().unwrap_or("-");
    let last = if bundle.last { "  (the last one fitted)" } else { "" };
    let path = terminal::shown(Path::new(&bundle.path));
    let mut text = format!("{:16}  {written}  {mib:8.1} MiB  {path}{last}\n", bundle.name);
    if let Some(error) = &bundle.error {
        return text + &format!("    broken: {error}\n");
    }
    let domain = bundle.domain.as_ref().map_or_else(String::new, |domain| format!("domain {domain}, "));
    let n_images = bundle.n_images.unwrap_or_default();
    let backbone = bundle.backbone.as_deref().unwrap_or("-");
    let weights = match bundle.weights {
        Some("missing") => format!(", whose weights are missing (pcore weights add FILE --as {backbone})"),
        _ => String::new(),
    };
    text += &format!("    {domain}{n_images} images, network {backbone}{weights}\n");
    text + &format!("    threshold {}\n", bundle.promise.as_deref().unwrap_or("none"))
}
