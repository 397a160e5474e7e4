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
    let How { truth, calibration, run, out, title } = how;
    let has_masks = listing.samples.iter().any(|s| s.mask.is_some());
    let (mut scored, mut pixels, mut images): (Vec<ScoredImage>, Vec<PixelPair>, Vec<ReportImage>) =
        (vec![], vec![], vec![]);
    let mut masks = MaskCount { unmatched: listing.notes.unmatched_masks.clone(), ..MaskCount::default() };
    let mut answers = GateAnswers::default();
    let mut n_failed = left_out::n_failures(listing);
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
                Ok((image, inspection)) => {
                    let anomalous = item.sample.label == Some(Label::Anomalous);
                    let condition = truth.condition(item.sample, inspection);
                    truth.count(&mut answers, item.sample, inspection);
                    if has_masks {
                        match pixel_pair((item.sample, *truth), (image, inspection), anomalous, condition.clone()) {
                            Ok(pair) => {
                                if anomalous {
                                    masks.add(pair.as_ref().map(|pair| &*pair.mask));
                                }
                                pixels.extend(pair);
                            }
                            Err(error) => {
                                problem!("mask left out: {}", error_text(&error));
                                masks.add_unusable();
                                n_failed += 1;
                            }
                        }
                    } else if anomalous {
                        masks.add(None);
                    }
                    scored.push(ScoredImage {
                        anomalous,
                        raw_score: inspection.raw_score,
                        calibrated_score: inspection.calibrated_score,
                        verdict: inspection.verdict,
                        condition,
                        defect: truth.defect(item.sample),
                    });
                }
                Err(error) => {
                    problem!("left out: {error}");
                    n_failed += 1;
                }
            }
            let row = page::row(&item);
            output.as_mut().map_or(Ok(()), |output| output.add(&row))?;
            images.push(report_image(item.sample, row));
            anyhow::Ok(())
        },
    );
    let ended = ended.and_then(|()| {
        for failed in left_out::failed_rows(listing) {
            output.as_mut().map_or(Ok(()), |output| output.add(&failed.row))?;
            images.push(failed);
        }
        left_out::tell(listing, "used");
        say_masks(&masks);
        Ok(evaluate(&scored, &pixels)?)
    });
    let seconds = start.elapsed().as_secs_f64();
    let evaluation = match ended {
        Ok(figures) => Evaluation {
            masks: Some(masks),
            mean_of_conditions: truth.mean(&figures.per_condition),
            gate: Some(answers).filter(|answers| answers.n_images() > 0),
            ..figures
        },
        Err(error) => {
            output.into_iter().for_each(|output| output.keep(listing.samples.len(), &error));
            return Err(error);
        }
    };
    if let (Some(output), Some(folder)) = (output, out) {
        let n_images = images.len();
        let json = serde_json::to_string_pretty(&EvaluationJson::from(&evaluation))? + "\n";
        let page = Page {
            title: title.clone(),
            samples: &listing.samples,
            images,
            evaluation: Some(evaluation.clone()),
            table: truth.table(),
            calibration: *calibration,
        };
        output.finish((n_images, n_failed), seconds, |folder, info| {
            page::write_text(&folder.join("evaluation.json"), &json)?;
            page::write_report(folder, opened, info, page)
        })?;
        say!("written to {}", terminal::shown(folder));
    }
    Ok(Evaluated { evaluation, n_failed })
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
