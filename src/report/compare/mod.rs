//! Two systems side by side: figures, words and a page.

use super::number::percent;
use super::template::rendered;
use crate::eval::{Agreement, LEAST_AGREEMENT, MayReplace};
use askama::Template;
use data_encoding::{Display, Encoding};
use serde::Serialize;

static BASE64: Encoding = data_encoding::BASE64;

/// An image that two systems judge differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareRow {
    /// Its path.
    pub path: String,
    /// Whether the first and the second call it anomalous.
    pub verdicts: [bool; 2],
    /// Their scores, each in its own unit.
    pub scores: [Option<f32>; 2],
    /// Whether it is.
    pub truth: Option<bool>,
    /// Its defect.
    pub defect: Option<String>,
    /// Where the overlay of each lies, below the folder of the page.
    pub pictures: [Option<String>; 2],
    /// The overlays as PNG files, for the page.
    #[serde(skip)]
    pub pngs: [Option<Vec<u8>>; 2],
}

/// A comparison as machines read it.
#[derive(Clone, Debug, Serialize)]
pub struct CompareJson<'a> {
    may_replace: &'static str,
    n_images: usize,
    n_agree: usize,
    agreement: Option<f64>,
    agreement_interval: Option<[f64; 2]>,
    rank_correlation: Option<f64>,
    only_a: usize,
    only_b: usize,
    n_defects: usize,
    n_normals: usize,
    recall: [Option<f64>; 2],
    false_alarm_rate: [Option<f64>; 2],
    n_lost: usize,
    n_unpaired: usize,
    flips: &'a [CompareRow],
}

impl<'a> CompareJson<'a> {
    /// Of a comparison.
    #[must_use]
    pub fn of(found: &Agreement, may_replace: MayReplace, flips: &'a [CompareRow], n_unpaired: usize) -> Self {
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        Self {
            may_replace: match may_replace {
                MayReplace::Yes => "yes",
                MayReplace::Disagree => "disagree",
                MayReplace::Loses => "loses",
                MayReplace::Unlabelled => "unlabelled",
                MayReplace::NoImages => "no images",
            },
            n_images: found.n,
            n_agree: found.n_agree,
            agreement: share(found.n_agree, found.n),
            agreement_interval: found.interval,
            rank_correlation: found.rank_correlation,
            only_a: found.only[0],
            only_b: found.only[1],
            n_defects: found.n_defects,
            n_normals: found.n_normals,
            recall: found.found.map(|n| share(n, found.n_defects)),
            false_alarm_rate: found.false_alarms.map(|n| share(n, found.n_normals)),
            n_lost: found.lost,
            n_unpaired,
            flips,
        }
    }
}

/// The answer in one sentence.
#[must_use]
pub fn answer(found: &Agreement, may_replace: MayReplace) -> String {
    let rate = percent((found.n > 0).then(|| found.n_agree as f64 / found.n as f64));
    let least = percent(Some(LEAST_AGREEMENT));
    match may_replace {
        MayReplace::Yes => format!(
            "B may replace A: they agree on {rate} of the images, and no known defect that A finds is missed by B"
        ),
        MayReplace::Disagree => format!("B may not replace A: they agree on {rate} of the images, {least} is needed"),
        MayReplace::Loses => format!("B may not replace A: it misses {} known defects that A finds", found.lost),
        MayReplace::Unlabelled => format!(
            "not told: they agree on {rate}, but images that A alone calls anomalous have no label ({} of them in all): look whether they are defects",
            found.only[0]
        ),
        MayReplace::NoImages => "not told: no image was judged by both".to_owned(),
    }
}

/// The figures as lines of text.
#[must_use]
pub fn compare_lines(found: &Agreement) -> Vec<(String, String)> {
    let share = |part: usize, whole: usize| percent((whole > 0).then(|| part as f64 / whole as f64));
    let interval = found.interval.map_or_else(String::new, |[low, high]| {
        format!(", 95 % interval {} to {}", percent(Some(low)), percent(Some(high)))
    });
    let mut lines = vec![
        ("agreement", format!("{} of {} images, {}{interval}", found.n_agree, found.n, share(found.n_agree, found.n))),
        ("flips", format!("{} anomalous by A alone, {} by B alone", found.only[0], found.only[1])),
    ];
    if let Some(rank) = found.rank_correlation {
        lines.push(("ranks", format!("correlation {rank:.4} (Spearman)")));
    }
    if found.n_defects > 0 {
        let [a, b] = found.found.map(|n| format!("{n} of {}, {}", found.n_defects, share(n, found.n_defects)));
        lines.push(("recall", format!("A {a}; B {b}; {} found by A are missed by B", found.lost)));
    }
    if found.n_normals > 0 {
        let [a, b] = found.false_alarms.map(|n| format!("{n} of {}, {}", found.n_normals, share(n, found.n_normals)));
        lines.push(("false alarms", format!("A {a}; B {b}")));
    }
    lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The page as text; pictures lie beside it.
#[must_use]
pub fn compare_page(names: &[String; 2], found: &Agreement, may_replace: MayReplace, flips: &[CompareRow]) -> String {
    let [a, b] = names;
    rendered(&Page {
        title: "Two systems on the same images",
        subtitle: format!("A: {a}; B: {b}"),
        answer: answer(found, may_replace),
        flips: flips.iter().map(Item::of).collect(),
        facts_heading: "Figures",
        facts: &compare_lines(found),
    })
}

#[derive(Template)]
#[template(path = "compare/compare.html")]
struct Page<'a> {
    title: &'static str,
    subtitle: String,
    answer: String,
    flips: Vec<Item<'a>>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

struct Item<'a> {
    path: &'a str,
    what: String,
    pictures: Vec<(&'static str, Display<'a>)>,
}

impl<'a> Item<'a> {
    fn of(row: &'a CompareRow) -> Self {
        let word = |is: bool| if is { "anomalous" } else { "normal" };
        let truth = match (row.truth, &row.defect) {
            (Some(true), Some(defect)) => format!("; it is defective: {defect}"),
            (Some(true), None) => "; it is defective".to_owned(),
            (Some(false), _) => "; it is normal".to_owned(),
            (None, _) => "; nobody says what it is".to_owned(),
        };
        let what = format!("A: {}, B: {}{truth}", word(row.verdicts[0]), word(row.verdicts[1]));
        let pictures = ["A", "B"].into_iter().zip(&row.pngs);
        let pictures =
            pictures.filter_map(|(name, png)| Some((name, BASE64.encode_display(png.as_deref()?)))).collect();
        Self { path: &row.path, what, pictures }
    }
}
