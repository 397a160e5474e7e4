//! `pcore drift`: whether images still come from where those of the fit came from.

use super::open::open_contents;
use super::sign::read_trusted;
use super::{left_out, listed};
use crate::Outcome;
use crate::args::DriftArgs;
use crate::console::{Console, context, print_json, print_line, say, warning};
use crate::terminal;
use anyhow::Result;
use pcore::dataset;
use pcore::job;
use pcore::live::drift::{Drift, DriftPlan};
use pcore::report::drift::DriftReport;
use serde_json::json;
use std::time::Instant;

pub(crate) fn run(args: &DriftArgs) -> Result<Outcome> {
    args.out.as_deref().map(job::check_folder).transpose()?;
    let begun = Instant::now();
    let (contents, _signer) = read_trusted(&args.bundle, &args.trust)?;
    let mut plan = DriftPlan::default();
    (plan.delta, plan.seed) = (args.delta, args.seed);
    let drift = Drift::new(&contents, plan);
    let (has_light, has_features) = (contents.manifest.light.is_some(), contents.manifest.pooled.is_some());
    let (mut report, n_failed) = if args.paths.iter().all(|path| path.join("results.jsonl").is_file()) {
        say!("results know scores alone: light and features are looked at where images are given");
        (job::drift_of_results(&args.paths, drift)?, 0)
    } else if args.paths.iter().all(|path| !job::history_files(path).is_empty()) {
        (job::drift_of_history(&args.paths, drift)?, 0)
    } else {
        if !has_light {
            warning!("the bundle does not know how its images were lit, so scores alone are looked at; fit it anew");
        } else if !has_features {
            say!("the bundle does not know what its images look like to the network: light and scores are looked at");
        }
        let listing = dataset::inputs_as(&args.paths, None, &args.layout.hints())?;
        listed::say(&listing);
        let opened = open_contents(contents, &args.bundle, ("named", begun), &args.run)?;
        let work = (&opened, &listing);
        let report = job::drift_of_images(work, args.order.into(), drift, &context(&Console::new(), &args.run))?;
        left_out::tell(&listing, "looked at");
        let n_failed = listing.samples.len() - report.paths.len() + listing.n_failures();
        (report, n_failed)
    };
    report.title = format!("Drift against {}", args.bundle.display());
    report.facts = vec![
        ("bundle".to_owned(), args.bundle.display().to_string()),
        ("delta".to_owned(), args.delta.to_string()),
        ("seed".to_owned(), args.seed.to_string()),
    ];
    if let Some(out) = &args.out {
        job::write_drift(out, &report)?;
        say!("written to {}", terminal::shown(out));
    }
    tell(args, &report)?;
    let is_drift = report.states.last().is_some_and(|state| state.drift_at.is_some());
    Ok(match n_failed {
        1.. => Outcome::SomeFailed,
        0 if is_drift && args.fail_on_drift => Outcome::Anomalous,
        0 => Outcome::Done,
    })
}

/// The answers, and how much each piece of evidence says.
fn tell(args: &DriftArgs, report: &DriftReport) -> Result<()> {
    let Some(last) = report.states.last() else { return Ok(()) };
    if args.run.json {
        let evidence: serde_json::Map<_, _> =
            last.evidence.iter().map(|evidence| (evidence.name.clone(), json!(evidence.log10))).collect();
        let path = |part: Option<usize>| part.map(|part| report.paths[part - 1].clone());
        let answer = json!({
            "n_parts": last.n_parts, "delta": args.delta, "limit_log10": last.limit_log10,
            "drift": last.drift_at.is_some(), "drift_at": last.drift_at, "drift_path": path(last.drift_at),
            "drift_log10": last.drift_log10, "scores_at": last.scores_at, "scores_path": path(last.scores_at),
            "scores_log10": last.scores_log10, "evidence": evidence,
        });
        return print_json(&answer);
    }
    report.answers().iter().try_for_each(|answer| print_line(answer))?;
    print_line(&format!(
        "\nevidence     most     at the end   (decimal logarithms; an alarm at {:.2})",
        last.limit_log10
    ))?;
    let line = |name: &str, of: &dyn Fn(usize) -> f64| {
        let most = (0..report.states.len()).map(of).fold(f64::MIN, f64::max);
        print_line(&format!("{name:11}  {most:7.2}  {:7.2}", of(report.states.len() - 1)))
    };
    line("drift", &|at| report.states[at].drift_log10)?;
    line("scores", &|at| report.states[at].scores_log10)?;
    Ok(last.evidence.iter().enumerate().try_for_each(|(index, evidence)| {
        line(&format!("  {}", evidence.name), &|at| report.states[at].evidence[index].log10)
    })?)
}
