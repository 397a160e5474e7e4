//! `pcore infer`: images to scores, verdicts and pictures.

use super::explain::{DEFAULT_FOLDER, Explainer};
use super::levels::LevelWatch;
use super::open::{Opened, condition_table, open};
use super::page::{self, Page, report_image};
use super::pictures::{PictureNames, is_disk_full, write_below, write_bytes};
use super::results::Output;
use super::{left_out, listed};
use crate::args::{InferArgs, MapFormat};
use crate::console::{Console, print_row, say};
use crate::message::error_text;
use crate::output;
use crate::run_info::RunInfo;
use crate::terminal::{self, Tone};
use crate::{Outcome, is_broken_pipe};
use anyhow::{Context, Result};
use pcore::dataset::{self, ConditionTable, Listing, Sample, Shown, mark_output};
use pcore::image::{Image, write_png_grey8, write_tiff_f32};
use pcore::infer::{ExplainPlan, Inspecting, Inspection, Item, inspect_and};
use pcore::report::{DrawStyle, JsonlResults, ReportImage, ResultRow, draw_inspection};
use pcore::score::Verdict;
use std::path::Path;
use std::time::Instant;

pub(crate) fn run(args: &InferArgs) -> Result<Outcome> {
    let explanations = args.explain.explain.then_some(Path::new(DEFAULT_FOLDER));
    if let Some(folder) = args.out.as_deref().or(explanations) {
        output::check_folder(folder)?;
    }
    let listing = dataset::inputs_as(&args.paths, args.bundle.domain.as_deref(), &args.layout.hints())?;
    if args.paths.iter().any(|path| path.is_dir()) {
        listed::say(&listing);
    }
    let opened = open(&args.bundle, &args.run, &listing)?;
    let table = condition_table(&args.bundle, &listing, &opened.inspector)?;
    let calibration = args.bundle.calibrate.into();
    if let Some(folder) = &args.out {
        let pictures = if args.maps.is_empty() { &["overlays"][..] } else { &["overlays", "maps"] };
        mark_output(folder, pictures).with_context(|| format!("writing into {}", folder.display()))?;
    }
    let Inspected { images, output, watch, seconds } = inspect(args, &opened, &listing, table.as_ref())?;
    let tally = Tally::of(&images);
    tally.tell(images.len(), seconds);
    watch.tell(opened.inspector.reading().range.is_some());
    left_out::tell(&listing, "inspected");
    if let (Some(output), Some(folder)) = (output, &args.out) {
        let title = format!("Inspection of {}", listing.root.display());
        let (samples, n_images) = (&listing.samples, images.len());
        let page = Page { title, samples, images, evaluation: None, table: table.as_ref(), calibration };
        output.finish((n_images, tally.n_failed), seconds, |folder, run| {
            page::write_report(folder, &opened, run, page)
        })?;
        say!("written to {}", terminal::shown(folder));
    }
    Ok(match (tally.n_failed + tally.n_undrawn, tally.n_anomalous) {
        (1.., _) => Outcome::SomeFailed,
        (0, 1..) if args.fail_on_anomaly => Outcome::Anomalous,
        (0, _) => Outcome::Done,
    })
}

/// All images, inspected.
struct Inspected {
    images: Vec<ReportImage>,
    /// The files of results, where they were asked for, to be completed.
    output: Option<Output>,
    watch: LevelWatch,
    seconds: f64,
}

/// Inspects every image, and writes and prints what it says of each.
fn inspect(args: &InferArgs, opened: &Opened, listing: &Listing, table: Option<&ConditionTable>) -> Result<Inspected> {
    let pixel_threshold = opened.inspector.manifest().pixel_threshold;
    let mut images: Vec<ReportImage> = Vec::with_capacity(listing.samples.len());
    let mut printer = Printer::new(args);
    let plan = ExplainPlan { n_patches: args.explain.patches, n_matches: args.explain.matches };
    let (normal, out) = (args.explain.normal.as_deref(), args.out.as_deref());
    let explainer = args.explain.explain.then(|| Explainer::new(opened, normal, out, !args.run.json));
    let mut explainer = explainer.transpose()?;
    let names = PictureNames::of(&listing.samples);
    let run = RunInfo::new("infer", opened, listing);
    let mut output = out.map(|folder| Output::begin(folder, run)).transpose()?;
    let mut watch = LevelWatch::default();
    let start = Instant::now();
    let draw = |item: &Item<'_>| match out {
        Some(folder) => write_pictures((folder, &names), item, pixel_threshold, &args.maps),
        None => Ok(Pictures::default()),
    };
    let ended = inspect_and(
        Inspecting {
            inspector: &opened.inspector,
            samples: &listing.samples,
            table,
            calibration: args.bundle.calibrate.into(),
            explain: args.explain.explain.then_some(plan),
        },
        &args.run.pace(if out.is_some() { DRAWING_BYTES } else { 0 }),
        &Console::new(),
        draw,
        |item, Pictures { overlay, error }| {
            if let Ok((image, _)) = &item.outcome {
                watch.look(image);
            }
            let row = ResultRow { overlay, picture_error: error, ..page::row(&item) };
            output.as_mut().map_or(Ok(()), |output| output.add(&row))?;
            printer.print(&row)?;
            if let (Some(explainer), Ok((image, _)), Some(why)) = (&mut explainer, &item.outcome, &item.explanation) {
                explainer.explain(opened, &names, (item.sample, image), why)?;
            }
            images.push(report_image(item.sample, row));
            anyhow::Ok(())
        },
    );
    let seconds = start.elapsed().as_secs_f64();
    let ended = ended.and_then(|()| {
        for failed in left_out::failed_rows(listing) {
            output.as_mut().map_or(Ok(()), |output| output.add(&failed.row))?;
            printer.print(&failed.row)?;
            images.push(failed);
        }
        printer.finish()?;
        explainer.map_or(Ok(()), Explainer::finish)
    });
    if let Err(error) = ended {
        output.into_iter().for_each(|output| output.keep(listing.samples.len(), &error));
        return Err(error);
    }
    Ok(Inspected { images, output, watch, seconds })
}

/// Bytes that pictures of an image take for each of its pixels while they are drawn: two maps of 32 bits, its colours, the
/// picture and its encoding.
const DRAWING_BYTES: u64 = 24;

/// What became of the images.
struct Tally {
    n_failed: usize,
    n_anomalous: usize,
    /// Images with a score whose pictures could not be written.
    n_undrawn: usize,
}

impl Tally {
    fn of(images: &[ReportImage]) -> Self {
        let count = |is: fn(&ResultRow) -> bool| images.iter().filter(|image| is(&image.row)).count();
        Self {
            n_failed: count(|row| row.error.is_some()),
            n_anomalous: count(|row| row.verdict == Some(Verdict::Anomalous)),
            n_undrawn: count(|row| row.picture_error.is_some()),
        }
    }

    fn tell(&self, n_images: usize, seconds: f64) {
        let Self { n_failed, n_anomalous, n_undrawn } = self;
        let undrawn = match n_undrawn {
            0 => String::new(),
            n => format!(", {n} without pictures (the column picture_error says why)"),
        };
        say!(
            "{n_images} images: {n_anomalous} anomalous, {} normal, {n_failed} not readable{undrawn}; {:.1} ms per image",
            n_images - n_anomalous - n_failed,
            seconds * 1e3 / n_images.max(1) as f64
        );
    }
}

/// One line per image on stdout: a table row for people, a JSON object for machines.
struct Printer {
    jsonl: Option<JsonlResults<terminal::Stdout>>,
    /// Whether there is more to do than to print: a reader that went away then ends the printing, not the run.
    goes_on: bool,
    is_closed: bool,
}

impl Printer {
    fn new(args: &InferArgs) -> Self {
        let jsonl = args.run.json.then(|| JsonlResults::new(terminal::Stdout));
        Self { jsonl, goes_on: args.out.is_some() || args.fail_on_anomaly, is_closed: false }
    }

    fn print(&mut self, row: &ResultRow) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        match self.try_print(row) {
            Err(error) if self.goes_on && is_broken_pipe(&error) => {
                self.is_closed = true;
                Ok(())
            }
            printed => printed,
        }
    }

    fn try_print(&mut self, row: &ResultRow) -> Result<()> {
        if let Some(jsonl) = &mut self.jsonl {
            return Ok(jsonl.write(row)?);
        }
        print_row(&row_line(row))?;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self.jsonl {
            Some(jsonl) if !self.is_closed => match jsonl.finish().map_err(anyhow::Error::from) {
                Err(error) if !(self.goes_on && is_broken_pipe(&error)) => Err(error),
                Ok(_) | Err(_) => Ok(()),
            },
            Some(_) | None => Ok(()),
        }
    }
}

/// A result as people read it.
fn row_line(row: &ResultRow) -> String {
    let (Some(verdict), Some(score), Some(threshold), None) = (row.verdict, row.score, row.threshold, &row.error)
    else {
        let failed = terminal::on_stdout(Tone::Doubtful, "failed   ");
        return format!("{failed}  {}", Shown::name(row.error.as_ref().unwrap_or(&row.path).as_str()));
    };
    let tone = match verdict {
        Verdict::Anomalous => Tone::Bad,
        Verdict::Normal => Tone::Good,
    };
    let condition = match (row.condition.as_deref(), row.unknown_condition) {
        (Some(condition), _) => Shown::name(condition).to_string(),
        (None, Some(true)) => "unknown".to_owned(),
        (None, Some(false) | None) => "-".to_owned(),
    };
    let figures = format!("  score {score:8.4}  threshold {threshold:7.4}  {condition:8}  ");
    let word = format!("{:9}", verdict.as_str());
    let path = terminal::fitting(&Shown::name(row.path.as_str()).to_string(), word.len() + figures.chars().count());
    format!("{}{figures}{path}", terminal::on_stdout(tone, &word))
}

/// What was drawn of an image.
#[derive(Default)]
struct Pictures {
    overlay: Option<String>,
    error: Option<String>,
}

/// A picture that can't be written is noted; a disk without room ends the run.
fn write_pictures(
    (folder, names): (&Path, &PictureNames<'_>),
    item: &Item<'_>,
    pixel_threshold: Option<f32>,
    maps: &[MapFormat],
) -> Result<Pictures> {
    let Ok((image, inspection)) = &item.outcome else { return Ok(Pictures::default()) };
    let place = names.place("overlays", item.sample, "png");
    let style = DrawStyle { pixel_threshold, truth: None, legend: true, max_side_px: None };
    let png = || Ok(draw_inspection(image, inspection, &style)?.png()?);
    let drawn = png().and_then(|png| write_bytes(folder, &place, &png));
    let overlay = drawn.is_ok().then_some(place);
    let written =
        drawn.and_then(|()| write_maps((folder, names), item.sample, (image, inspection), pixel_threshold, maps));
    match written {
        Err(error) if is_disk_full(&error) => Err(error),
        Err(error) => Ok(Pictures { overlay, error: Some(error_text(&error)) }),
        Ok(()) => Ok(Pictures { overlay, error: None }),
    }
}

fn write_maps(
    (folder, names): (&Path, &PictureNames<'_>),
    sample: &Sample,
    (image, inspection): (&Image, &Inspection),
    pixel_threshold: Option<f32>,
    formats: &[MapFormat],
) -> Result<()> {
    if formats.is_empty() {
        return Ok(());
    }
    let (height_px, width_px) = (image.height_px(), image.width_px());
    let map = inspection.map.at_source(&inspection.placement, height_px, width_px);
    for format in formats {
        match format {
            MapFormat::Tiff => write_below(folder, &names.place("maps", sample, "tiff"), |path| {
                Ok(write_tiff_f32(path, &map.values, height_px, width_px)?)
            })?,
            MapFormat::Png => {
                // The pixel threshold is mid-grey, so that a map can be read without its numbers.
                let full = 2.0 * pixel_threshold.unwrap_or_else(|| map.max()).max(f32::MIN_POSITIVE);
                let bytes: Vec<u8> =
                    map.values.iter().map(|v| (v / full * 255.0).clamp(0.0, 255.0).round() as u8).collect();
                write_below(folder, &names.place("maps", sample, "png"), |path| {
                    Ok(write_png_grey8(path, &bytes, height_px, width_px)?)
                })?;
            }
        }
    }
    Ok(())
}
