//! What was found and not used, said on stderr.

use crate::console::say;
use crate::message::as_typed;
use pcore::dataset::{Listing, Shown, skipped_groups};
use pcore::train::Failure;
use serde_json::{Value, json};

/// Files named of each reason.
const MOST_NAMED: usize = 3;

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

/// Images that a fit or a screening could not use, for JSON.
pub(super) fn failed(failures: &[Failure]) -> Vec<Value> {
    failures.iter().map(|failure| json!({"path": failure.name, "error": as_typed(&failure.reason)})).collect()
}
