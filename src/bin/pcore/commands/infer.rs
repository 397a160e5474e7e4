//! `pcore infer`: images to scores, verdicts and pictures.

use super::explained;
use super::open::{Opened, open};
use super::printer::Printer;
use super::{left_out, listed};
use crate::Outcome;
use crate::args::{InferArgs, MapFormat};
use crate::console::{Console, context, say, warning};
use crate::home;
use crate::terminal;
use anyhow::{Error, Result};
use pcore::dataset;
use pcore::infer::ExplainPlan;
use pcore::job::{self, Explaining, InspectJob, Inspected, known_conditions};
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &InferArgs) -> Result<Outcome> {
    let explanations = args.explain.explain.then_some(Path::new(DEFAULT_FOLDER));
    if let Some(folder) = args.out.as_deref().or(explanations) {
        job::check_folder(folder)?;
    }
    args.history.as_deref().map(job::check_folder).transpose()?;
    let mut listing = dataset::inputs_as(&args.paths, args.bundle.domain.as_deref(), &args.layout.hints())?;
    if args.paths.iter().any(|path| path.is_dir()) {
        listed::say(&listing);
    }
    let mut opened = open(&args.bundle, &args.run, &mut listing)?;
    opened.inspector.set_min_region_area(args.regions.min_area);
    let console = Console::new();
    let named = args.bundle.conditions.as_deref();
    let table = known_conditions(named, &listing, &opened.inspector, &console)?;
    let explaining = args.explain.explain.then(|| explaining(args, &opened));
    let maps: Vec<job::MapFormat> = args.maps.iter().copied().map(MapFormat::into).collect();
    let work = InspectJob {
        table: table.as_ref(),
        calibration: args.bundle.calibrate.into(),
        out: args.out.as_deref(),
        history: args.history.as_deref(),
        history_time: args.history_time.into(),
        maps: &maps,
        explaining: explaining.as_ref(),
        ..InspectJob::new(&opened, &listing)
    };
    let mut printer = Printer::new(args);
    let done = job::inspect(&work, &context(&console, &args.run), |row, why| {
        printer.print(row)?;
        why.filter(|_| !args.run.json).map_or(Ok(()), explained::print)?;
        Ok::<_, Error>(())
    })?;
    printer.finish()?;
    tell(&done);
    warn_of_values(&done, opened.inspector.reading().range.is_some());
    left_out::tell(&listing, "inspected");
    if let (Some(explained), Some(explaining)) = (&done.explained, &explaining) {
        explained::tell(explained, explaining);
    }
    args.out.iter().for_each(|folder| say!("written to {}", terminal::shown(folder)));
    Ok(match (done.n_failed() + done.n_undrawn(), done.n_anomalous()) {
        (1.., _) => Outcome::SomeFailed,
        (0, 1..) if args.fail_on_anomaly => Outcome::Anomalous,
        (0, _) => Outcome::Done,
    })
}

/// Where explanations go when `--out` names no folder.
const DEFAULT_FOLDER: &str = "pcore-explain";

/// What was asked for; the training images lie where they were fitted from on this machine, if nobody says otherwise.
fn explaining(args: &InferArgs, opened: &Opened) -> Explaining {
    let recalled = || home::recall_normals(&opened.inspector.manifest().data_fingerprint);
    Explaining {
        plan: ExplainPlan { n_patches: args.explain.patches, n_matches: args.explain.matches },
        normals: args.explain.normal.clone().or_else(recalled),
        folder: args.out.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER)),
    }
}

/// What became of the images.
fn tell(done: &Inspected) {
    let (n_images, n_anomalous, n_failed) = (done.images.len(), done.n_anomalous(), done.n_failed());
    let undrawn = match done.n_undrawn() {
        0 => String::new(),
        n => format!(", {n} without pictures (the column picture_error says why)"),
    };
    say!(
        "{n_images} images: {n_anomalous} anomalous, {} normal, {n_failed} not readable{undrawn}; {:.1} ms per image",
        n_images - n_anomalous - n_failed,
        done.seconds * 1e3 / n_images.max(1) as f64
    );
}

/// Warns of values that the network does not expect; `has_range` says that the bundle has a range of its own.
fn warn_of_values(done: &Inspected, has_range: bool) {
    for unusual in &done.unusual {
        let way_out = if has_range {
            "check that they come from the camera that the bundle was fitted for".to_owned()
        } else {
            format!("their range is given when fitting, such as pcore fit --range {}", unusual.range)
        };
        warning!("{}; unless the bundle was fitted on such images its verdicts mean nothing: {way_out}", unusual.found);
    }
}
