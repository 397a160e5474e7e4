//! What was found to work on, in words.

use crate::console::{say, warning};
use crate::terminal;
use pcore::dataset::{Label, Listing};

/// Says on stderr which layout was recognised, and what should be known of it.
pub(super) fn say(listing: &Listing) {
    let detail = &listing.notes.detail;
    let layout = if detail.is_empty() { listing.layout.to_string() } else { format!("{} ({detail})", listing.layout) };
    let count = |label| listing.samples.iter().filter(|sample| sample.label == label).count();
    let (n_normal, n_anomalous) = (count(Some(Label::Normal)), count(Some(Label::Anomalous)));
    let all = listing.samples.len();
    let images = match (n_normal, n_anomalous) {
        (0, 0) => format!("{all} images"),
        (normal, 0) if normal == all => format!("{normal} normal images"),
        (normal, anomalous) => format!("{normal} normal and {anomalous} anomalous images"),
    };
    let others = all - n_normal - n_anomalous;
    let others = if others == 0 || others == all { String::new() } else { format!(", {others} without a label") };
    say!("layout: {layout}, {images}{others} of {}", terminal::shown(&listing.root));
    listing.notes.warnings.iter().for_each(|warning| warning!("{warning}"));
}
