//! The section that says what the threshold means.

use askama::Template;

use super::figures::{part, percent};
use super::{Report, ThresholdNote, ThresholdSource};
use crate::report::number::short;

/// What the threshold promises, in words, and its values.
#[derive(Template)]
#[template(path = "html/threshold.html")]
pub(super) struct Threshold<'a> {
    /// Whether each condition has its own.
    several: bool,
    /// Where there is but one.
    limit: Option<String>,
    /// `None` of a limit that was given.
    promise: Option<Promise>,
    /// What this run saw of it.
    seen: Option<Seen>,
    /// What `n` counts.
    normals: &'static str,
    rows: Vec<Row<'a>>,
}

/// That normal images exceed the threshold at most so often.
struct Promise {
    from: String,
    unseen: &'static str,
    rate: String,
    /// The smallest rate, where a smaller one was asked for.
    too_few: Option<String>,
    grouped: bool,
    left_out: bool,
}

/// False alarms among the normal images of the run.
struct Seen {
    n_false: usize,
    n_normal: usize,
    rate: String,
}

struct Row<'a> {
    condition: &'a str,
    threshold: String,
    n: usize,
    asked: String,
    smallest: String,
}

impl<'a> Threshold<'a> {
    /// `None` without a threshold.
    pub(super) fn of(report: &'a Report) -> Option<Self> {
        let first = report.thresholds.first()?;
        let several = report.thresholds.len() > 1;
        let all = report.evaluation.as_ref().map(|evaluation| &evaluation.overall).filter(|all| all.n_normal > 0);
        Some(Self {
            several,
            limit: (!several).then(|| short(first.threshold)),
            promise: Promise::of(first, several),
            seen: all.map(|all| Seen {
                n_false: part(all.false_alarm_rate, all.n_normal),
                n_normal: all.n_normal,
                rate: percent(all.false_alarm_rate),
            }),
            normals: if first.source.is_grouped() { "Groups of normal images" } else { "Normal images" },
            rows: report.thresholds.iter().map(|note| Row::of(note, first.source)).collect(),
        })
    }
}

impl Promise {
    /// Of one threshold, or of `several` like it.
    fn of(note: &ThresholdNote, several: bool) -> Option<Self> {
        let counted = if note.source.is_grouped() { "groups of normal images" } else { "normal images" };
        let (normals, unseen) = match note.source {
            ThresholdSource::Given => return None,
            ThresholdSource::HeldOut { .. } => (counted, "that the detector had not seen"),
            ThresholdSource::CrossFit { .. } => (counted, "each scored by a fit without its part of them"),
            ThresholdSource::LeaveOneOut { grouped: false } => (counted, "each scored without its own patches"),
            ThresholdSource::LeaveOneOut { grouped: true } => (counted, "each scored without the patches of its group"),
        };
        let smallest = note.smallest_alpha();
        let too_few = !several && note.alpha < smallest;
        Some(Self {
            from: if several { format!("{normals} of that condition") } else { format!("{} {normals}", note.n) },
            unseen,
            rate: percent(Some(if several { note.alpha } else { note.alpha.max(smallest) })),
            too_few: too_few.then(|| percent(Some(smallest))),
            grouped: note.source.is_grouped(),
            left_out: matches!(note.source, ThresholdSource::LeaveOneOut { .. }),
        })
    }
}

impl<'a> Row<'a> {
    fn of(note: &'a ThresholdNote, source: ThresholdSource) -> Self {
        let rate = |value: f64| {
            if source == ThresholdSource::Given { "-".to_owned() } else { percent(Some(value)) }
        };
        Self {
            condition: note.condition.as_deref().unwrap_or("all images"),
            threshold: short(note.threshold),
            n: note.n,
            asked: rate(note.alpha),
            smallest: rate(note.smallest_alpha()),
        }
    }
}
