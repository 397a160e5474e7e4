//! What the runs say.

use super::measure::{ALPHAS, Run};
use super::sets::{OptionSet, Product};
use pcore::eval::{Bootstrap, Resampled, auroc_differences};
use std::fmt::Write as _;

/// A figure of a run.
type Figure = (&'static str, fn(&Run) -> Option<f64>);

const FIGURES: [Figure; 10] = [
    ("image AUROC", |run| Some(run.image_auroc)),
    ("pixel AUROC", |run| run.pixel_auroc),
    ("AUPRO", |run| run.aupro),
    ("recall at alpha 1 %", |run| Some(run.recall[0])),
    ("recall at alpha 5 %", |run| Some(run.recall[1])),
    ("false alarms at alpha 1 %", |run| Some(run.false_alarms[0])),
    ("false alarms at alpha 5 %", |run| Some(run.false_alarms[1])),
    ("ms per image", |run| Some(run.ms)),
    ("seconds of the fit", |run| Some(run.fit_s)),
    ("MB of the bundle", |run| Some(run.bundle_bytes as f64 / 1e6)),
];
const _: () = assert!(ALPHAS[0] == 0.01 && ALPHAS[1] == 0.05, "the figures name them");

/// Coverage of intervals.
const CONFIDENCE: f64 = 0.95;
/// What a default may lose on a data set that it was not chosen on.
const MAY_LOSE: f64 = -0.005;

/// All tables, as Markdown. `runs`: of each set of options, of each product, its draws.
pub(crate) fn text(products: &[Product], options: &[OptionSet], runs: &[Vec<Vec<Run>>]) -> String {
    let mut text = String::new();
    for (name, figure) in FIGURES {
        text += &figure_table((name, figure), products, options, runs);
    }
    text += &differences(products, options, runs);
    text += &left_out(products, options, runs);
    text
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn over_draws(draws: &[Run], figure: fn(&Run) -> Option<f64>) -> Option<f64> {
    mean(&draws.iter().filter_map(figure).collect::<Vec<_>>())
}

fn head(title: &str, products: &[Product]) -> String {
    let names: Vec<&str> = products.iter().map(|product| &*product.name).collect();
    format!("\n## {title}\n\n| options | {} | mean |\n|---|{}---|\n", names.join(" | "), "---|".repeat(names.len()))
}

fn figure_table((name, figure): Figure, products: &[Product], options: &[OptionSet], runs: &[Vec<Vec<Run>>]) -> String {
    let shown = |value: Option<f64>| match value {
        None => "-".to_owned(),
        Some(value) if value > 1.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.4}"),
    };
    let mut text = head(name, products);
    for (set, of_set) in options.iter().zip(runs) {
        let values: Vec<Option<f64>> = of_set.iter().map(|draws| over_draws(draws, figure)).collect();
        let all = mean(&values.iter().copied().flatten().collect::<Vec<_>>());
        let cells: Vec<String> = values.into_iter().map(shown).collect();
        let _ = writeln!(text, "| {} | {} | {} |", set.name, cells.join(" | "), shown(all));
    }
    text
}

/// How much better each set is than the first, on each product and on average.
fn differences(products: &[Product], options: &[OptionSet], runs: &[Vec<Vec<Run>>]) -> String {
    let title = format!("image AUROC beyond \"{}\", and its 95 % interval", options[0].name);
    let mut text = head(&title, products);
    for (set, of_set) in options.iter().zip(runs).skip(1) {
        let found: Vec<Option<Resampled>> =
            products.iter().enumerate().map(|(p, product)| difference(product, &of_set[p], &runs[0][p])).collect();
        let all = Resampled::mean_of(&found.iter().flatten().cloned().collect::<Vec<_>>());
        let cells: Vec<String> = found.iter().chain([&all]).map(|found| shown(found.as_ref())).collect();
        let _ = writeln!(text, "| {} | {} |", set.name, cells.join(" | "));
    }
    text
}

fn difference(product: &Product, ours: &[Run], theirs: &[Run]) -> Option<Resampled> {
    let ours: Vec<&[f32]> = ours.iter().map(|run| &*run.scores).collect();
    let theirs: Vec<&[f32]> = theirs.iter().map(|run| &*run.scores).collect();
    auroc_differences(&ours, &theirs, &product.anomalous, Bootstrap::default())
}

fn shown(found: Option<&Resampled>) -> String {
    let interval = found.and_then(|found| found.interval(CONFIDENCE));
    interval.map_or_else(|| "-".to_owned(), |i| format!("{:+.4} ({:+.4} to {:+.4})", i.estimate, i.low, i.high))
}

/// For each product the options that are best on all others, and what they do on it.
fn left_out(products: &[Product], options: &[OptionSet], runs: &[Vec<Vec<Run>>]) -> String {
    let mut text = "\n## leave one data set out\n\n| left out | best on the others | on it, beyond the first | loses less than .005 |\n|---|---|---|---|\n".to_owned();
    let auroc =
        |set: usize, product: usize| over_draws(&runs[set][product], |run| Some(run.image_auroc)).unwrap_or(0.0);
    let mut all = vec![];
    for (p, product) in products.iter().enumerate() {
        let on_others =
            |set: &usize| (0..products.len()).filter(|other| *other != p).map(|other| auroc(*set, other)).sum::<f64>();
        let best = (0..options.len()).max_by(|a, b| on_others(a).total_cmp(&on_others(b))).unwrap_or(0);
        let found = difference(product, &runs[best][p], &runs[0][p]);
        let low = found.as_ref().and_then(|found| found.interval(CONFIDENCE)).map(|interval| interval.low);
        let holds = if low.is_some_and(|low| low > MAY_LOSE) { "yes" } else { "not shown" };
        let _ = writeln!(text, "| {} | {} | {} | {holds} |", product.name, options[best].name, shown(found.as_ref()));
        all.extend(found);
    }
    let _ = writeln!(text, "| **mean** | | {} | |", shown(Resampled::mean_of(&all).as_ref()));
    text
}
