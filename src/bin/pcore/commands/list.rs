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
use std::time::{SystemTime, UNIX_EPOCH};

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
    let written = file.as_ref().ok().and_then(|file| file.modified().ok()).map(utc);
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

/// A time as people and programs read it, in UTC: 2026-05-04T03:02:01Z.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of the year 0, so that a leap day ends its year; 400 years have 146,097 days.
    let (era, day) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month, next) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1, u64::from(month >= 10));
    let year = era * 400 + year + next;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// As `date -u -d @SECONDS` prints them.
    #[test]
    fn times_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
