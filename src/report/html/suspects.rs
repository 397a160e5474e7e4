//! Training images that score unlike the others, as a table.

use askama::Template;

use crate::bundle::{SuspectEntry, SuspectsEntry};
use crate::report::number::short;

/// Most rows of the table.
const MOST_ROWS: usize = 20;

/// The suspects of a bundle.
#[derive(Template)]
#[template(path = "html/suspects.html")]
pub(super) struct Suspects<'a> {
    n_all: usize,
    rows: Vec<SuspectRow<'a>>,
}

/// One of them, in words.
pub(in crate::report) struct SuspectRow<'a> {
    pub(in crate::report) name: &'a str,
    pub(in crate::report) score: String,
    pub(in crate::report) deviations: String,
    pub(in crate::report) nearest: &'a str,
    /// What became of it, and how that is marked.
    pub(in crate::report) fate: &'static str,
    pub(in crate::report) class: &'static str,
}

impl<'a> SuspectRow<'a> {
    pub(in crate::report) fn of(entry: &'a SuspectEntry, is_dropped: bool) -> Self {
        let (fate, class) = if is_dropped { ("left out", "normal") } else { ("fitted on", "anomalous") };
        let SuspectEntry { name, score, deviations, nearest } = entry;
        let nearest = nearest.as_deref().unwrap_or_default();
        Self { name, score: short(*score), deviations: format!("{deviations:.1}"), nearest, fate, class }
    }
}

impl<'a> Suspects<'a> {
    /// `None` without any.
    pub(super) fn of(suspects: Option<&'a SuspectsEntry>) -> Option<Self> {
        let SuspectsEntry { kept, dropped } = suspects?;
        let kept = kept.iter().map(|entry| SuspectRow::of(entry, false));
        let rows: Vec<_> = kept.chain(dropped.iter().map(|entry| SuspectRow::of(entry, true))).collect();
        let n_all = rows.len();
        (n_all > 0).then(|| Self { n_all, rows: rows.into_iter().take(MOST_ROWS).collect() })
    }
}
