//! What `infer --explain` says.

use crate::console::{print_line, say};
use crate::terminal;
use anyhow::Result;
use pcore::dataset::Shown;
use pcore::infer::{Explanation, Match};
use pcore::job::{Explained, Explaining};

/// How many images were explained, and what could not be shown.
pub(super) fn tell(explained: &Explained, explaining: &Explaining) {
    let n = explained.n_missing;
    match &explaining.normals {
        Some(root) if n > 0 => say!(
            "{n} normal patches can't be shown: their images are not in {} as they were at the fit; --normal DIR names their folder",
            Shown::path(root)
        ),
        None if n > 0 => say!(
            "the normal patches can't be shown: the bundle was not fitted here; --normal DIR names the folder of its training images"
        ),
        Some(_) | None => {}
    }
    say!("explained {} images in {}", explained.n_images, terminal::shown(&explaining.folder));
}

/// The worst patches, a line each.
pub(super) fn print(explanation: &Explanation) -> Result<()> {
    let n_cols = explanation.grid.n_cols.max(1);
    for (index, part) in explanation.parts.iter().enumerate() {
        let shown = if explanation.shown_part == Some(index) { ", shown below" } else { "" };
        let (height_px, width_px) = part.input_px;
        print_line(&format!(
            "  part {}: {} at {height_px} x {width_px}, {:+.2} standard deviations{shown}",
            index + 1,
            part.kind,
            part.share
        ))?;
    }
    for (index, patch) in explanation.patches.iter().enumerate() {
        let pixels = patch.place.pixels;
        let nearest =
            patch.matches.first().map_or_else(String::new, |found| format!("  matches {}", named(found, n_cols)));
        let closer = patch.by_condition.iter().min_by(|a, b| a.distance.total_cmp(&b.distance));
        let own = explanation.inspection.condition.as_ref();
        let other = closer
            .filter(|found| own.is_some_and(|own| *own != found.condition))
            .map_or_else(String::new, |found| format!("  nearer in another condition: {}", named(found, n_cols)));
        print_line(&format!(
            "  {}. rows {}-{}, columns {}-{}  distance {:.4}{nearest}{other}",
            index + 1,
            pixels.top_px,
            pixels.top_px + pixels.height_px - 1,
            pixels.left_px,
            pixels.left_px + pixels.width_px - 1,
            patch.distance
        ))?;
    }
    Ok(())
}

fn named(found: &Match, n_cols: usize) -> String {
    let source = Shown::name(found.source.as_deref().unwrap_or("a normal image"));
    let place = found.position.map_or_else(String::new, |p| format!(" at {},{}", p / n_cols, p % n_cols));
    format!("{source}{place} ({}, {:.4})", found.condition, found.distance)
}
