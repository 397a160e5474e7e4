//! `pcore eval`: a labelled dataset to figures.

use super::open::{Opened, open};
use super::page::{self, Page, report_image};
use super::results::Output;
use super::truth::Truth;
use super::{left_out, listed};
use crate::Outcome;
use crate::args::{EvalArgs, RunArgs};
use crate::console::{Console, print, print_line, problem, say, warning};
use crate::message::error_text;
use crate::output;
use crate::run_info::RunInfo;
use crate::terminal;
use anyhow::{Context, Result};
use pcore::dataset::{self, Label, Listing, Sample, mark_output};
use pcore::eval::{Evaluation, GateAnswers, MaskCount, PixelPair, ScoredImage, evaluate, mask_at_input};
use pcore::image::{Image, Limits, read_mask_of};
use pcore::infer::{Calibration, Inspection, inspect_all};
use pcore::report::{EvaluationJson, ReportImage, evaluation_table};
use std::path::Path;
use std::time::Instant;

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    if let Some(folder) = &args.out {
        output::check_folder(folder)?;
    }
    let listing = dataset::labelled_as(&args.root, args.bundle.domain.as_deref(), &args.layout.hints())?;
    listed::say(&listing);
    let opened = open(&args.bundle, &args.run, &listing)?;
    let how = How {
        truth: &Truth::of(&args.bundle, &listing, &opened.inspector)?,
        calibration: args.bundle.calibrate.into(),
        run: &args.run,
        out: args.out.as_deref(),
        title: format!("Evaluation on {}", args.root.display()),
    };
    let evaluated = evaluate_listing(&opened, &listing, &how)?;
    if args.run.json {
        print_line(&serde_json::to_string_pretty(&EvaluationJson::from(&evaluated.evaluation))?)?;
    } else {
        print(&evaluation_table(&evaluated.evaluation))?;
    }
    Ok(if evaluated.n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The figures, and how many images or masks could not be read.
pub(super) struct Evaluated {
    pub(super) evaluation: Evaluation,
    pub(super) n_failed: usize,
}

/// How to evaluate.
pub(super) struct How<'a> {
    /// Known conditions.
    pub(super) truth: &'a Truth,
    pub(super) calibration: Calibration,
    pub(super) run: &'a RunArgs,
    /// Where to write everything, if anywhere.
    pub(super) out: Option<&'a Path>,
    pub(super) title: String,
}

/// Scores every labelled image, computes the figures and, given a folder, writes everything there.
pub(super) fn evaluate_listing(opened: &Opened, listing: &Listing, how: &How<'_>) -> Result<Evaluated> {
    let How { truth, calibration, run, out, .. } = how;
    let mut seen = Seen::new(listing, truth);
    let mut images: Vec<ReportImage> = vec![];
    if let Some(folder) = out {
        mark_output(folder, &[]).with_context(|| format!("writing into {}", folder.display()))?;
    }
    let info = RunInfo::new("eval", opened, listing);
    let mut output = out.map(|folder| Output::begin(folder, info)).transpose()?;
    let start = Instant::now();
    let ended = inspect_all(
        &opened.inspector,
        &listing.samples,
        truth.table(),
        *calibration,
        &run.pace(0),
        &Console::new(),
        |item| {
            match &item.outcome {
                Ok((image, inspection)) => seen.add(item.sample, (image, inspection)),
                Err(error) => {
                    problem!("left out: {error}");
                    seen.n_failed += 1;
                }
            }
            let row = page::row(&item);
            output.as_mut().map_or(Ok(()), |output| output.add(&row))?;
            images.push(report_image(item.sample, row));
            anyhow::Ok(())
        },
    );
    let n_failed = seen.n_failed;
    let ended = ended.and_then(|()| {
        for failed in left_out::failed_rows(listing) {
            output.as_mut().map_or(Ok(()), |output| output.add(&failed.row))?;
            images.push(failed);
        }
        left_out::tell(listing, "used");
        seen.evaluation()
    });
    let seconds = start.elapsed().as_secs_f64();
    let evaluation = match ended {
        Ok(evaluation) => evaluation,
        Err(error) => {
            output.into_iter().for_each(|output| output.keep(listing.samples.len(), &error));
            return Err(error);
        }
    };
    let evaluated = Evaluated { evaluation, n_failed };
    if let Some(output) = output {
        write(output, (opened, listing, how), images, &evaluated, seconds)?;
    }
    Ok(evaluated)
}

/// Completes the files of results.
fn write(
    output: Output,
    (opened, listing, how): (&Opened, &Listing, &How<'_>),
    images: Vec<ReportImage>,
    Evaluated { evaluation, n_failed }: &Evaluated,
    seconds: f64,
) -> Result<()> {
    let How { truth, calibration, out, title, .. } = how;
    let n_images = images.len();
    let json = serde_json::to_string_pretty(&EvaluationJson::from(evaluation))? + "\n";
    let page = Page {
        title: title.clone(),
        samples: &listing.samples,
        images,
        evaluation: Some(evaluation.clone()),
        table: truth.table(),
        calibration: *calibration,
    };
    output.finish((n_images, *n_failed), seconds, |folder, info| {
        page::write_text(&folder.join("evaluation.json"), &json)?;
        page::write_report(folder, opened, info, page)
    })?;
    out.iter().for_each(|folder| say!("written to {}", terminal::shown(folder)));
    Ok(())
}

/// What the images said so far.
struct Seen<'a> {
    truth: &'a Truth,
    has_masks: bool,
    scored: Vec<ScoredImage>,
    pixels: Vec<PixelPair>,
    masks: MaskCount,
    answers: GateAnswers,
    /// Images and masks that could not be read.
    n_failed: usize,
}

impl<'a> Seen<'a> {
    fn new(listing: &Listing, truth: &'a Truth) -> Self {
        Self {
            truth,
            has_masks: listing.samples.iter().any(|s| s.mask.is_some()),
            scored: vec![],
            pixels: vec![],
            masks: MaskCount { unmatched: listing.notes.unmatched_masks.clone(), ..MaskCount::default() },
            answers: GateAnswers::default(),
            n_failed: left_out::n_failures(listing),
        }
    }

    fn add(&mut self, sample: &Sample, inspected: (&Image, &Inspection)) {
        let (_, inspection) = inspected;
        let anomalous = sample.label == Some(Label::Anomalous);
        let condition = self.truth.condition(sample, inspection);
        self.truth.count(&mut self.answers, sample, inspection);
        if self.has_masks {
            match pixel_pair((sample, self.truth), inspected, anomalous, condition.clone()) {
                Ok(pair) => {
                    if anomalous {
                        self.masks.add(pair.as_ref().map(|pair| &*pair.mask));
                    }
                    self.pixels.extend(pair);
                }
                Err(error) => {
                    problem!("mask left out: {}", error_text(&error));
                    self.masks.add_unusable();
                    self.n_failed += 1;
                }
            }
        } else if anomalous {
            self.masks.add(None);
        }
        self.scored.push(ScoredImage {
            anomalous,
            raw_score: inspection.raw_score,
            calibrated_score: inspection.calibrated_score,
            verdict: inspection.verdict,
            condition,
            defect: self.truth.defect(sample),
        });
    }

    /// The figures of all of them.
    fn evaluation(self) -> Result<Evaluation> {
        say_masks(&self.masks);
        let figures = evaluate(&self.scored, &self.pixels)?;
        Ok(Evaluation {
            masks: Some(self.masks),
            mean_of_conditions: self.truth.mean(&figures.per_condition),
            gate: Some(self.answers).filter(|answers| answers.n_images() > 0),
            ..figures
        })
    }
}

/// Says what the figures per pixel rest on.
fn say_masks(masks: &MaskCount) {
    say!("masks: {}", masks.summary());
    masks.warnings().iter().for_each(|warning| warning!("{warning}"));
}

/// The map with its mask, both at the network's input size; a faulty image without a mask has no pixel truth.
fn pixel_pair(
    (sample, truth): (&Sample, &Truth),
    (image, inspection): (&Image, &Inspection),
    anomalous: bool,
    condition: Option<String>,
) -> Result<Option<PixelPair>> {
    let map = &inspection.map;
    let mask = match &sample.mask {
        Some(path) => {
            let mask = read_mask_of(path, image, &Limits::default())?;
            mask_at_input(&mask, &inspection.placement, map.height_px, map.width_px)
        }
        None if anomalous => return Ok(None),
        None => vec![false; map.values.len()],
    };
    Ok(Some(PixelPair { map: map.clone(), mask, condition, defect: truth.defect(sample) }))
}
