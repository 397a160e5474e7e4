//! What was found and not used: said on stderr, and listed for machines.

use crate::console::say;
use pcore::dataset::{Listing, Shown, Skipped, path_text, skipped_groups};
use pcore::report::{ReportImage, ResultRow};
use serde::Serialize;

/// Files named of each reason.
const MOST_NAMED: usize = 3;

/// One of them, for JSON.
#[derive(Serialize)]
pub(crate) struct LeftOut {
    path: String,
    kind: &'static str,
    reason: String,
    is_failure: bool,
}

/// All of them.
pub(crate) fn left_out(listing: &Listing) -> Vec<LeftOut> {
    let of = |Skipped { path, why }: &Skipped| LeftOut {
        path: path_text(path),
        kind: why.kind(),
        reason: why.to_string(),
        is_failure: why.is_failure(),
    };
    listing.skipped.iter().map(of).collect()
}

/// How many of them may be images, so that the run has not done all it was asked for.
pub(super) fn n_failures(listing: &Listing) -> usize {
    listing.skipped.iter().filter(|skipped| skipped.why.is_failure()).count()
}

/// A row of results for each of these.
pub(super) fn failed_rows(listing: &Listing) -> Vec<ReportImage> {
    let failed = listing.skipped.iter().filter(|skipped| skipped.why.is_failure());
    let row = |Skipped { path, why }: &Skipped| {
        let path = path_text(path);
        let error = Some(format!("{path}: not inspected: {why}"));
        ReportImage { row: ResultRow { path, error, ..ResultRow::default() }, anomalous: None, defect: None }
    };
    failed.map(row).collect()
}

/// Says how many files and folders were not used, by reason, failures first.
pub(super) fn tell(listing: &Listing, verb: &str) {
    if listing.skipped.is_empty() {
        return;
    }
    say!("{} other files and folders were not {verb}:", listing.skipped.len());
    for group in skipped_groups(&listing.skipped) {
        let n = group.paths.len();
        let named: Vec<String> =
            group.paths.iter().take(MOST_NAMED).map(|path| Shown::path(path).to_string()).collect();
        let more = if n > MOST_NAMED { format!(", and {} more", n - MOST_NAMED) } else { String::new() };
        let mark = if group.is_failure { "warning: " } else { "" };
        say!("  {mark}{n} {}: {}{more}", Shown::name(group.reason.as_str()), named.join(", "));
    }
}
