//! The verbs that change a bundle: `pcore calibrate`, `update`, `merge`, `undo`; and `feedback`, which they heed.

use super::summary::{percent, summary};
use super::{left_out, listed, open, sign::read_trusted};
use crate::Outcome;
use crate::args::{BestArg, CalibrateArgs, ChangeArgs, FeedbackArgs, MergeArgs, UndoArgs, UpdateArgs};
use crate::console::{Console, context, print, print_json, print_line, say, warning};
use crate::terminal;
use anyhow::{Result, bail};
use pcore::bundle::{Contents, signature_path};
use pcore::dataset::{self, Label, Listing, Sample, Shown};
use pcore::job::{self, ChangeJob, Evidence, MarkJob, UpdateDone};
use pcore::live::{self, Aim, CalibratePlan, Calibrated, ChoosePlan, Chosen, Costs, UpdatePlan, Updated, Weighed};
use pcore::model::OpenDevice;
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

pub(crate) fn calibrate(args: &CalibrateArgs) -> Result<Outcome> {
    let (mut contents, _signer) = read_trusted(&args.change.bundle, &args.change.trust)?;
    let device = open::device(&args.run.machine)?;
    let console = Console::new();
    let (mut n_failed, mut answer) = (0, json!({}));
    let mut out = args.change.out.clone();
    let aim = aim(args)?;
    // Where the bundle is once other normals have calibrated it.
    let place = args.change.out.as_deref().filter(|_| args.normal.is_some()).unwrap_or(&args.change.bundle);
    if let Some(normal) = &args.normal {
        let listing = dataset::normals_as(normal, None, &args.layout.hints())?;
        listed::say(&listing);
        left_out::tell(&listing, "used");
        let plan = CalibratePlan {
            alpha: args.alpha,
            told: args.told.told(),
            group: args.told.group.clone(),
            ..CalibratePlan::default()
        };
        let work = change(&args.change, &contents, out.as_deref());
        let done = job::calibrate(&work, &listing, &plan, &device, &context(&console, &args.run))?;
        warn_of(&done);
        let n_images = listing.samples.len() - done.failures.len();
        if let Some(n) = done.n_rejected_before {
            say!("the thresholds before reject {n} of {n_images} normal images");
        }
        n_failed += done.failures.len() + listing.n_failures();
        answer = json!({"n_images": n_images, "n_scores": done.n_scores, "n_untold": done.n_untold,
            "n_rejected_before": done.n_rejected_before, "failed": left_out::failed(&done.failures)});
        contents = done.contents;
        // What comes next changes the same file once more.
        out = None;
    }
    if let Some(alpha) = args.alpha.filter(|_| args.normal.is_none()) {
        if aim.is_some() {
            bail!("--alpha and labelled images both set the threshold: give one of them, or --normal as well");
        }
        let work = change(&args.change, &contents, out.as_deref());
        contents = job::set_alpha(&work, alpha)?;
        answer["alpha"] = json!(alpha);
    }
    if let Some(rule) = args.cut {
        contents = job::set_cut(&ChangeJob { contents: &contents, bundle: place, out: out.as_deref() }, rule)?;
        answer["cut"] = json!(rule.to_string());
    }
    if let Some(aim) = aim {
        let work = ChangeJob { contents: &contents, bundle: place, out: out.as_deref() };
        let (done, n) = choose(args, aim, &work, &device, &console)?;
        n_failed += n;
        answer["chosen"] = serde_json::to_value(&done.entry)?;
        contents = done.contents;
    }
    tell(&args.change, &contents, answer, args.run.json)?;
    Ok(if n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Sets the threshold that is best on labelled images; gives how many of them failed, too.
fn choose(
    args: &CalibrateArgs,
    aim: Aim,
    work: &ChangeJob<'_>,
    device: &OpenDevice,
    console: &Console,
) -> Result<(Chosen, usize)> {
    let validation = args.validation.as_ref().map(|root| dataset::labelled_as(root, None, &args.layout.hints()));
    let validation = validation.transpose()?;
    validation.iter().for_each(listed::say);
    let mut samples = validation.as_ref().map_or_else(Vec::new, |listing| listing.samples.clone());
    samples.extend(job::marked(&args.feedback)?);
    let told = args.told.told();
    let plan = ChoosePlan { aim, told, pace: args.run.machine.pace(), at: Some(SystemTime::now()) };
    let done = job::choose_threshold(work, &samples, &plan, device, &context(console, &args.run))?;
    say!(
        "on {} defective and {} normal images the threshold finds {} and rejects {}",
        done.entry.n_defects,
        done.entry.n_normals,
        percent(done.entry.recall),
        percent(done.entry.false_alarm_rate)
    );
    let n_failed = done.failures.len() + validation.as_ref().map_or(0, Listing::n_failures);
    Ok((done, n_failed))
}

/// What a threshold is to be best at on labelled images; `None` where there are none.
fn aim(args: &CalibrateArgs) -> Result<Option<Aim>> {
    if args.validation.is_none() && args.feedback.is_empty() {
        return Ok(None);
    }
    Ok(Some(match (args.miss_cost, args.best) {
        (Some(miss), _) => Aim::Cost(Costs { miss, defect_rate: args.defect_rate }),
        (None, Some(BestArg::F1)) => Aim::F1,
        (None, Some(BestArg::Youden)) => Aim::Youden,
        (None, None) => {
            bail!("labelled images need to know what the threshold is to be best at: name --miss-cost or --best")
        }
    }))
}

/// What may be wrong with the images.
fn warn_of(done: &Calibrated) {
    if done.n_in_bank > 0 {
        warning!(
            "{} images have patches that are in the bank, which seems to be built from them, so the new threshold is too low: use other images",
            done.n_in_bank
        );
    }
    if done.n_untold > 0 {
        warning!(
            "the gate tells no condition of {} images: they calibrate nothing; --condition or --conditions names it",
            done.n_untold
        );
    }
}

pub(crate) fn update(args: &UpdateArgs) -> Result<Outcome> {
    let (mut contents, _signer) = read_trusted(&args.change.bundle, &args.change.trust)?;
    let device = open::device(&args.run.machine)?;
    let (mut n_failed, mut answer) = (0, json!({}));
    let (mut bundle, mut out) = (&*args.change.bundle, args.change.out.as_deref());
    // Refused before anything is changed.
    let listing =
        args.normal.as_ref().map(|normal| dataset::normals_as(normal, None, &args.layout.hints())).transpose()?;
    let evidence = evidence(args)?;
    if !args.forget.is_empty() {
        let work = ChangeJob { contents: &contents, bundle, out };
        let done = job::forget(&work, &args.forget, &device, Some(SystemTime::now()))?;
        let rows = done.n_rows.map_or_else(String::new, |[old, new]| format!(": {old} rows become {new}"));
        say!("{} images are forgotten{rows}", done.names.len());
        if done.n_scores_kept > 0 {
            warning!(
                "the bundle does not say whose the held-out scores are, so those of {} images stay: pcore calibrate sets thresholds anew",
                done.n_scores_kept
            );
        }
        answer["forgotten"] = json!(done.names);
        contents = done.contents;
        (bundle, out) = (out.unwrap_or(bundle), None);
    }
    if listing.is_some() || !args.feedback.is_empty() {
        listing.iter().for_each(|listing| {
            listed::say(listing);
            left_out::tell(listing, "used");
        });
        let plan = UpdatePlan {
            told: args.told.told(),
            group: args.told.group.clone(),
            cap: args.cap,
            ..UpdatePlan::default()
        };
        let work = ChangeJob { contents: &contents, bundle, out };
        let normals = listing.as_ref().map_or(&[][..], |listing| &listing.samples);
        let done = job::update(&work, (normals, &evidence), &plan, &device, &context(&Console::new(), &args.run))?;
        let updated = &done.updated;
        n_failed += updated.failures.len() + updated.untold.len() + listing.as_ref().map_or(0, Listing::n_failures);
        tell_updated(updated);
        tell_weighed(&done);
        answer["learned"] = json!(updated.names);
        answer["untold"] = json!(updated.untold);
        answer["failed"] = json!(left_out::failed(&updated.failures));
        answer["suspects"] = serde_json::to_value(&updated.suspects)?;
        answer["costly"] = json!(done.left_out);
        contents = done.updated.contents;
    }
    tell(&args.change, &contents, answer, args.run.json)?;
    Ok(if n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// What people said of results, and what else is known to be defective.
fn evidence(args: &UpdateArgs) -> Result<Evidence> {
    let marked = job::marked(&args.feedback)?;
    let validation = args.validation.as_ref().map(|root| dataset::labelled_as(root, None, &args.layout.hints()));
    let labelled = validation.transpose()?.map_or_else(Vec::new, |listing| listing.samples);
    let is = |sample: &Sample, label| sample.label == Some(label);
    let false_alarms = marked.iter().filter(|sample| is(sample, Label::Normal)).cloned().collect();
    let defects = marked.iter().chain(&labelled).filter(|sample| is(sample, Label::Anomalous)).cloned().collect();
    Ok(Evidence { false_alarms, defects, keeps_costly: args.keep_costly })
}

/// What false alarms cost.
fn tell_weighed(done: &UpdateDone) {
    let at = |threshold: Option<f32>| threshold.map_or_else(|| "none".to_owned(), |at| format!("{at:.4}"));
    for weighed in done.weighed.iter().filter(|weighed| weighed.is_costly()) {
        let Weighed { name, n_found: [with, without], n_defects, thresholds, .. } = weighed;
        let [learned, left] = thresholds.map(at);
        let then = if done.left_out.contains(name) {
            "it was not learned; --keep-costly learns it all the same"
        } else {
            "it was learned all the same"
        };
        warning!(
            "{}: with it {with} of {n_defects} known defects are found, without it {without} (threshold {learned} and {left}): {then}",
            Shown::name(name)
        );
    }
}

pub(crate) fn feedback(args: &FeedbackArgs) -> Result<Outcome> {
    let done = job::mark(&MarkJob {
        results: &args.results,
        false_alarms: &args.false_alarm,
        missed: &args.missed,
        cleared: &args.clear,
        at: None,
    })?;
    if args.json {
        print_json(&done)?;
        return Ok(Outcome::Done);
    }
    for row in &done.marks {
        let score = row.raw_score.map_or_else(String::new, |score| format!("  raw score {score:.4}"));
        print_line(&format!("{:11}  {}{score}  {}", row.mark.to_string(), Shown::name(&row.path), row.at))?;
    }
    if done.marks.is_empty() {
        print_line("nothing is marked: --false-alarm NAME, --missed NAME")?;
    }
    Ok(Outcome::Done)
}

/// What an update did, and what to look at.
fn tell_updated(done: &Updated) {
    let rows = done.n_rows.map_or_else(String::new, |[old, new]| format!(", {old} rows become {new}"));
    let at = |threshold: Option<f32>| threshold.map_or_else(|| "none".to_owned(), |at| format!("{at:.4}"));
    let [before, after] = done.thresholds.map(at);
    say!("{} images are learned{rows}; threshold {before} before, {after} now", done.names.len());
    for name in &done.untold {
        warning!(
            "{}: nothing tells its condition, so it was left out; --condition or --conditions names it",
            Shown::name(name)
        );
    }
    for suspect in &done.suspects {
        warning!(
            "{} scores {:.4}, {:.1} deviations above the median of all: where it is defective, defects like it are missed from now on; pcore update --forget takes it back",
            Shown::name(&suspect.name),
            suspect.score,
            suspect.deviations
        );
    }
}

pub(crate) fn merge(args: &MergeArgs) -> Result<Outcome> {
    let (contents, _signer) = read_trusted(&args.change.bundle, &args.change.trust)?;
    let (other, _signer) = read_trusted(&args.other, &args.change.trust)?;
    let device = open::device(&args.run.machine)?;
    let work = change(&args.change, &contents, args.change.out.as_deref());
    let console = Console::new();
    let now = Some(SystemTime::now());
    let done = job::merge(&work, &other, args.cap, &device, (&context(&console, &args.run), now))?;
    if let Some([old, new]) = done.n_rows {
        say!(
            "{} images of {} are taken in, {old} rows become {new}",
            other.manifest.sources.len(),
            terminal::shown(&args.other)
        );
    }
    tell(&args.change, &done.contents, json!({}), args.run.json)?;
    Ok(Outcome::Done)
}

pub(crate) fn undo(args: &UndoArgs) -> Result<Outcome> {
    let contents = live::undo(&args.bundle)?;
    if args.json {
        print_json(&json!({"bundle": args.bundle, "manifest": contents.manifest}))?;
        return Ok(Outcome::Done);
    }
    print(&summary(&contents.manifest))?;
    print_line(&format!("bundle       {}", args.bundle.display()))?;
    say!("the last change is undone; pcore undo once more brings it back");
    Ok(Outcome::Done)
}

fn change<'a>(args: &'a ChangeArgs, contents: &'a Contents, out: Option<&'a Path>) -> ChangeJob<'a> {
    ChangeJob { contents, bundle: &args.bundle, out }
}

/// The bundle as it is now.
fn tell(args: &ChangeArgs, contents: &Contents, mut answer: Value, is_json: bool) -> Result<()> {
    let place = args.out.as_deref().unwrap_or(&args.bundle);
    if signature_path(place).exists() {
        warning!("the bundle is another now than the one that was signed: pcore sign signs it again");
    }
    if is_json {
        answer["bundle"] = json!(place);
        answer["manifest"] = serde_json::to_value(&contents.manifest)?;
        return print_json(&answer);
    }
    print(&summary(&contents.manifest))?;
    Ok(print_line(&format!("bundle       {}", terminal::shown(place)))?)
}
