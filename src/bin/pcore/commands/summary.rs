//! A bundle in a few lines.

use pcore::bundle::{
    ChosenEntry, ConformalEntry, FeaturesEntry, LineageEntry, Manifest, RoiAreaEntry, RoiEntry, StepEntry,
    SuspectEntry, SuspectsEntry,
};
use pcore::dataset::Shown;
use pcore::detect::{Quality, Registry};
use pcore::score::CutRule;

/// A bundle in a few lines.
pub(super) fn summary(manifest: &Manifest) -> String {
    let Manifest { detector, conditions, gate, calibration, .. } = manifest;
    let mut lines: Vec<String> = detector.all_features().into_iter().flat_map(described).collect();
    lines.extend(manifest.roi.as_ref().map(looked_at));
    lines.extend(manifest.own_roi.then(|| "looked at    what the mask of each image marks".to_owned()));
    lines.extend(manifest.rotate.map(|copies| format!("copies       {copies} of each training image, evenly turned")));
    lines.extend(quality(manifest).map(|quality| format!("quality      {quality}")));
    let facts = Registry::built_in().facts(detector, manifest);
    lines.extend(facts.into_iter().map(|(name, value)| format!("{name:12} {value}")));
    for condition in conditions.iter().filter(|_| conditions.len() > 1) {
        lines.push(format!("condition    {}: {} images", condition.name, condition.n_images));
    }
    if let Some(limit) = gate.limit {
        lines.push(format!("gate         {} at {limit:.4}", gate.kind));
    }
    if !gate.confusion.is_empty() {
        let right = percent(pcore::condition::gate_accuracy(&gate.confusion));
        lines.push(format!("gate         {}: right for {right} of the training images in cross-validation", gate.kind));
    }
    if conditions.len() > 1 {
        lines.push(format!("policy       {}", calibration.views.first().map_or("", String::as_str)));
    }
    lines.extend(manifest.suspects.iter().flat_map(suspects));
    lines.extend(manifest.lineage.iter().flat_map(lineage));
    lines.extend(calibration.chosen.iter().map(chosen));
    let many = calibration.per_condition.len() > 1;
    let constant = if manifest.imported.is_some() { "as imported" } else { "as set by the user" };
    if let Some(groups) = &calibration.groups {
        lines.push(format!("groups       {} of {} images, by {}", groups.n_groups, groups.n_images, groups.rule));
    }
    let of = Origin { method: &calibration.method, constant, is_grouped: calibration.groups.is_some() };
    let line = |name: &str, entry| threshold_line(name, entry, of);
    lines.push(line(if many { "all" } else { "" }, &calibration.global));
    for (name, entry) in calibration.per_condition.iter().filter(|_| many) {
        lines.push(line(name, entry));
    }
    lines.join("\n") + "\n"
}

/// The named point of the trade between time and accuracy that the bundle was fitted at, if it was one.
pub(super) fn quality(manifest: &Manifest) -> Option<Quality> {
    manifest.profile.parse().ok()
}

/// Suspects that are listed; the manifest has all.
const MOST_SUSPECTS: usize = 10;

/// The training images that score unlike the others.
fn suspects(found: &SuspectsEntry) -> Vec<String> {
    let line = |what: &str, suspect: &SuspectEntry| {
        let near =
            suspect.nearest.as_deref().map_or_else(String::new, |near| format!(", nearest to {}", Shown::name(near)));
        let SuspectEntry { name, score, deviations, .. } = suspect;
        format!("{what:12} {}: score {score:.4}, {deviations:.1} deviations above the median{near}", Shown::name(name))
    };
    let mut lines = vec![];
    for (what, all) in [("suspect", &found.kept), ("dropped", &found.dropped)] {
        lines.extend(all.iter().take(MOST_SUSPECTS).map(|suspect| line(what, suspect)));
        if all.len() > MOST_SUSPECTS {
            lines.push(format!("{what:12} and {} more, {} in all", all.len() - MOST_SUSPECTS, all.len()));
        }
    }
    lines
}

/// Steps that are listed; the manifest has more.
const MOST_STEPS: usize = 10;

/// What was done since the fit, the last step first.
fn lineage(found: &LineageEntry) -> Vec<String> {
    let line = |step: &StepEntry| {
        let StepEntry { verb, at, pcore_version, before_sha256, n_added, n_forgotten, n_rows, .. } = step;
        let images = match (n_added, n_forgotten) {
            (0, 0) => String::new(),
            (n, 0) => format!(" {n} images"),
            (_, n) => format!(" {n} images"),
        };
        let rows = n_rows.map_or_else(String::new, |[old, new]| format!(", {old} rows to {new}"));
        let before = before_sha256.as_deref().map_or("a fit", |sum| sum.get(..12).unwrap_or(sum));
        format!(
            "{:12} {at}{images}{rows}, from {before} by pcore {}",
            Shown::name(verb).to_string(),
            Shown::name(pcore_version)
        )
    };
    let mut lines: Vec<String> = found.steps.iter().rev().take(MOST_STEPS).map(line).collect();
    let more = found.n_earlier + found.steps.len().saturating_sub(MOST_STEPS);
    if more > 0 {
        lines.push(format!("steps        and {more} earlier"));
    }
    lines
}

/// What a threshold was chosen on.
fn chosen(found: &ChosenEntry) -> String {
    let ChosenEntry { aim, n_defects, n_normals, miss_cost, defect_rate, recall, false_alarm_rate } = found;
    let aim = match aim.as_deref() {
        None => {
            format!("a missed defect costing {miss_cost} false alarms, {} of parts defective", percent(*defect_rate))
        }
        Some("f1") => "the largest F1".to_owned(),
        Some("youden") => "the largest recall less false alarms (Youden)".to_owned(),
        Some(other) => other.to_owned(),
    };
    format!(
        "chosen       on {n_defects} defective and {n_normals} normal images, {aim}: finds {} there, rejects {}",
        percent(*recall),
        percent(*false_alarm_rate)
    )
}

/// How images are described.
fn described(features: &FeaturesEntry) -> Vec<String> {
    let FeaturesEntry { backbone, preprocessing, descriptor } = features;
    let layers = backbone.layers.join(", ");
    let mut lines = vec![
        match backbone.precision.as_str() {
            "f32" => format!("backbone     {} ({layers})", backbone.name),
            other => format!("backbone     {} ({layers}), computed in {other}", backbone.name),
        },
        format!(
            "input        {} x {} pixels, {}; grid {} x {}",
            preprocessing.height_px,
            preprocessing.width_px,
            preprocessing.resize,
            descriptor.grid_rows,
            descriptor.grid_cols
        ),
    ];
    if let Some(tiles) = preprocessing.tiles {
        lines.push(format!(
            "tiles        of {} pixels of the image, {} of them shared with the next",
            tiles.size_px, tiles.overlap_px
        ));
    }
    if let Some(threshold) = descriptor.foreground {
        lines.push(format!("object       patches whose first principal component is above {threshold}"));
    }
    if let Some(range) = &preprocessing.range {
        lines.push(format!("values       {range} become 0 and 1"));
    }
    if let Some(page) = preprocessing.page {
        lines.push(format!("page         {page} of TIFF files with several"));
    }
    lines
}

/// Which part of every image is looked at.
fn looked_at(roi: &RoiEntry) -> String {
    let count = |areas: &[RoiAreaEntry]| match areas {
        [area] => match area {
            RoiAreaEntry::Rectangle(sides) => {
                let [left, top, width, height] = sides.map(percent);
                format!("a rectangle of {width} x {height} at {left}, {top}")
            }
            RoiAreaEntry::Polygon(corners) => format!("a polygon of {} corners", corners.len()),
            RoiAreaEntry::Mask(mask) => format!("a mask of {} x {} pixels", mask.height_px, mask.width_px),
            _ => "a part".to_owned(),
        },
        several => format!("{} parts", several.len()),
    };
    let seen = if roi.inside.is_empty() { "all of each image".to_owned() } else { count(&roi.inside) };
    let ignored = if roi.ignored.is_empty() { String::new() } else { format!(", without {}", count(&roi.ignored)) };
    format!("looked at    {seen}{ignored}")
}

/// Where a threshold comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) method: &'a str,
    /// What a threshold is that does not come from images.
    pub(super) constant: &'a str,
    /// Whether groups of images calibrate, not images.
    pub(super) is_grouped: bool,
}

/// The threshold, and what it promises.
pub(super) fn threshold_line(name: &str, entry: &ConformalEntry, of: Origin<'_>) -> String {
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let Some(threshold) = entry.threshold else { return format!("threshold    {name}none") };
    if of.method == "constant" {
        return format!("threshold    {name}{threshold} {}, nothing is promised of false alarms", of.constant);
    }
    if of.method == "validated" {
        return format!(
            "threshold    {name}{threshold:.4} chosen on labelled images, nothing is promised of false alarms"
        );
    }
    if of.method.parse::<CutRule>().is_ok() {
        return format!(
            "threshold    {name}{threshold:.4} by {} of {} held-out normals, nothing is promised of false alarms",
            of.method, entry.n
        );
    }
    let promise = if entry.alpha >= entry.smallest_alpha {
        format!("at most {} false alarms", percent(entry.alpha))
    } else {
        format!(
            "at most {} false alarms; {} was asked for, which takes {} {}",
            percent(entry.smallest_alpha),
            percent(entry.alpha),
            (1.0 / entry.alpha).ceil() - 1.0,
            if of.is_grouped { "groups" } else { "images" }
        )
    };
    let how = match (of.method, of.is_grouped) {
        ("leave-one-out", false) => "normals, each left out in turn",
        ("cross-fit", false) => "normals, each by a fit without its part",
        ("cross-fit", true) => "groups of normals, each by a fit without its part",
        ("leave-one-out", true) => "groups of normals, each left out in turn",
        (_, false) => "held-out normals",
        (_, true) => "held-out groups of normals",
    };
    format!("threshold    {name}{threshold:.4} from {} {how}: {promise}", entry.n)
}

pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
