//! `pcore infer`: images to scores, verdicts and pictures.

use super::explain::Explainer;
use super::open::{condition_table, open};
use super::page::{self, Page, report_image};
use super::pictures::{Style, overlay_png, picture_path};
use super::{left_out, listed};
use crate::Outcome;
use crate::args::{InferArgs, MapFormat};
use crate::console::Console;
use crate::run_info::RunInfo;
use anyhow::{Context, Result};
use pcore::dataset::{self, Shown, mark_output};
use pcore::image::{write_png_grey8, write_tiff_f32};
use pcore::infer::{ExplainPlan, Item, inspect_and};
use pcore::report::{JsonlResults, ReportImage, ResultRow};
use pcore::score::Verdict;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

pub(crate) fn run(args: &InferArgs) -> Result<Outcome> {
    let listing = dataset::inputs_as(&args.paths, args.bundle.domain.as_deref(), &args.layout.hints())?;
    if args.paths.iter().any(|path| path.is_dir()) {
        listed::say(&listing);
    }
    let opened = open(&args.bundle, &args.run, &listing)?;
    let table = condition_table(&args.bundle, &listing, &opened.inspector)?;
    let calibration = args.bundle.calibrate.into();
    let pixel_threshold = opened.inspector.manifest().pixel_threshold;
    if let Some(folder) = &args.out {
        let pictures = if args.maps.is_empty() { &["overlays"][..] } else { &["overlays", "maps"] };
        mark_output(folder, pictures).with_context(|| format!("writing into {}", folder.display()))?;
    }
    let mut images: Vec<ReportImage> = Vec::with_capacity(listing.samples.len());
    let mut printer = Printer::new(args.run.json);
    let plan = ExplainPlan { n_patches: args.explain.patches, n_matches: args.explain.matches };
    let (normal, out) = (args.explain.normal.as_deref(), args.out.as_deref());
    let explainer = args.explain.explain.then(|| Explainer::new(&opened, plan, normal, out, !args.run.json));
    let mut explainer = explainer.transpose()?;
    let start = Instant::now();
    let draw = |item: &Item<'_>| match &args.out {
        Some(folder) => write_pictures(folder, item, pixel_threshold, &args.maps),
        None => Ok(()),
    };
    inspect_and(
        (&opened.inspector, &listing.samples, table.as_ref(), calibration),
        args.run.batch,
        &Console::new(),
        draw,
        |item, ()| {
            let row = page::row(&item);
            printer.print(&row)?;
            if let (Some(explainer), Ok((image, _))) = (&mut explainer, &item.outcome) {
                let condition = table.as_ref().and_then(|table| table.get(item.sample));
                explainer.explain(&opened, item.sample, image, condition, calibration)?;
            }
            images.push(report_image(item.sample, row));
            anyhow::Ok(())
        },
    )?;
    for failed in left_out::failed_rows(&listing) {
        printer.print(&failed.row)?;
        images.push(failed);
    }
    printer.finish()?;
    if let Some(explainer) = explainer {
        explainer.finish()?;
    }
    let n_failed = images.iter().filter(|i| i.row.error.is_some()).count();
    let n_anomalous = images.iter().filter(|i| i.row.verdict == Some(Verdict::Anomalous)).count();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{} images: {n_anomalous} anomalous, {} normal, {n_failed} not readable; {:.1} ms per image",
        images.len(),
        images.len() - n_anomalous - n_failed,
        seconds * 1e3 / images.len().max(1) as f64
    );
    left_out::tell(&listing, "inspected");
    if let Some(folder) = &args.out {
        let mut run = RunInfo::new("infer", &opened, &listing);
        run.finish(images.len(), n_failed, seconds);
        page::write_results(folder, &images)?;
        page::write_run(folder, &run)?;
        let title = format!("Inspection of {}", listing.root.display());
        let samples = &listing.samples;
        let page = Page { title, samples, images, evaluation: None, table: table.as_ref(), calibration };
        page::write_report(folder, &opened, &run, page)?;
        eprintln!("written to {}", Shown::path(folder));
    }
    Ok(match (n_failed, n_anomalous) {
        (1.., _) => Outcome::SomeFailed,
        (0, 1..) if args.fail_on_anomaly => Outcome::Anomalous,
        (0, _) => Outcome::Done,
    })
}

/// One line per image on stdout: a table row for people, a JSON object for machines.
struct Printer {
    jsonl: Option<JsonlResults<io::Stdout>>,
}

impl Printer {
    fn new(json: bool) -> Self {
        let jsonl = json.then(|| JsonlResults::new(io::stdout()));
        Self { jsonl }
    }

    fn print(&mut self, row: &ResultRow) -> Result<()> {
        if let Some(jsonl) = &mut self.jsonl {
            return Ok(jsonl.write(row)?);
        }
        let mut out = io::stdout().lock();
        match (&row.error, row.verdict, row.score, row.threshold) {
            (None, Some(verdict), Some(score), Some(threshold)) => writeln!(
                out,
                "{:9}  score {score:8.4}  threshold {threshold:7.4}  {:8}  {}",
                verdict.as_str(),
                match (row.condition.as_deref(), row.unknown_condition) {
                    (Some(condition), _) => Shown::name(condition).to_string(),
                    (None, Some(true)) => "unknown".to_owned(),
                    (None, Some(false) | None) => "-".to_owned(),
                },
                Shown::name(row.path.as_str())
            )?,
            (Some(error), ..) => writeln!(out, "{:9}  {}", "failed", Shown::name(error.as_str()))?,
            (None, ..) => writeln!(out, "{:9}  {}", "failed", Shown::name(row.path.as_str()))?,
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self.jsonl {
            Some(jsonl) => Ok(jsonl.finish()?),
            None => Ok(()),
        }
    }
}

fn write_pictures(folder: &Path, item: &Item<'_>, pixel_threshold: Option<f32>, maps: &[MapFormat]) -> Result<()> {
    let Ok((image, inspection)) = &item.outcome else { return Ok(()) };
    let name = &item.sample.name;
    let path = picture_path(&folder.join("overlays"), name, "png");
    let in_folder = |path: &Path| -> Result<()> {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))
    };
    in_folder(&path)?;
    let style = Style { pixel_threshold, truth: None, legend: true, max_side_px: None };
    let png = overlay_png(image, inspection, &style)?;
    fs::write(&path, png).with_context(|| format!("writing {}", path.display()))?;
    if maps.is_empty() {
        return Ok(());
    }
    let (height_px, width_px) = (image.height_px(), image.width_px());
    let map = inspection.map.at_source(&inspection.placement, height_px, width_px);
    for format in maps {
        match format {
            MapFormat::Tiff => {
                let path = picture_path(&folder.join("maps"), name, "tiff");
                in_folder(&path)?;
                write_tiff_f32(&path, &map.values, height_px, width_px)?;
            }
            MapFormat::Png => {
                let path = picture_path(&folder.join("maps"), name, "png");
                in_folder(&path)?;
                // The pixel threshold is mid-grey, so that a map can be read without its numbers.
                let full = 2.0 * pixel_threshold.unwrap_or_else(|| map.max()).max(f32::MIN_POSITIVE);
                let bytes: Vec<u8> =
                    map.values.iter().map(|v| (v / full * 255.0).clamp(0.0, 255.0).round() as u8).collect();
                write_png_grey8(&path, &bytes, height_px, width_px)?;
            }
        }
    }
    Ok(())
}
