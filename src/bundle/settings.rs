//! What a manifest may say by itself: every field, within the limits of [`super::limits`].

use std::collections::BTreeSet;

use super::lineage::MOST_STEPS;
pub(crate) use super::require::require;
use super::shown::shorten;
use super::{
    BackboneEntry, CalibrationEntry, ChosenEntry, ConditionEntry, ConformalEntry, DEVIATIONS, Defect, DescriptorEntry,
    FeaturesEntry, GateEntry, LEAST_SCORE_DEVIATION, LightEntry, LineageEntry, MAX_COPIES, MAX_ENTRIES,
    MAX_LIGHT_IMAGES, MAX_MAGNITUDE, MAX_NAME_CHARS, MAX_NEIGHBOURHOOD, MAX_PARTS, MAX_POOLED_IMAGES, MAX_SCORE, MEANS,
    Manifest, PooledEntry, PreprocessingEntry, RoiEntry, SectionEntry, StepEntry, SuspectsEntry, TilesEntry, UNKNOWN,
};
use crate::bank::MAX_CONTEXT_PARTS;
use crate::condition::GATE_DIM;
use crate::image::MAX_INPUT_PX;

/// Most images, or patches, that an entry may count.
pub(crate) const MAX_COUNT: usize = u32::MAX as usize;

/// Checks what the manifest says by itself.
pub(super) fn check_settings(manifest: &Manifest) -> Result<(), Defect> {
    check_named("profile", &manifest.profile)?;
    check_named("condition_rule", &manifest.condition_rule)?;
    if let Some(domain) = &manifest.domain {
        check_named("domain", domain)?;
    }
    check_sha256("data_fingerprint", &manifest.data_fingerprint)?;
    manifest.roi.as_ref().map_or(Ok(()), RoiEntry::check)?;
    manifest.rotate.map_or(Ok(()), |copies| check_size("rotate", copies, MAX_COPIES))?;
    check_score("pixel_threshold", manifest.pixel_threshold)?;
    check_detector(&manifest.detector)?;
    let names = check_conditions(&manifest.conditions)?;
    check_gate(&manifest.gate, manifest.conditions.len())?;
    if let Some(imported) = &manifest.imported {
        check_named("imported.format", &imported.format)?;
    }
    manifest.suspects.as_ref().map_or(Ok(()), check_suspects)?;
    manifest.light.as_ref().map_or(Ok(()), |light| check_light(light, manifest.conditions.len()))?;
    manifest.pooled.as_ref().map_or(Ok(()), |pooled| check_pooled(pooled, manifest))?;
    manifest.lineage.as_ref().map_or(Ok(()), check_lineage)?;
    check_calibration(&manifest.calibration, &names, manifest.sources.len())
}

/// What holds for every detector.
fn check_detector(detector: &SectionEntry) -> Result<(), Defect> {
    require(!detector.is_deeper_than_allowed(), "more", || {
        ("detector.parts".into(), "parts of parts, no deeper".into())
    })?;
    detector.visit("", &mut |entry, _prefix| {
        check_named("detector.kind", &entry.kind)?;
        require(entry.parts.len() <= MAX_PARTS, entry.parts.len(), || {
            ("detector.parts".into(), format!("at most {MAX_PARTS}"))
        })?;
        match &entry.features {
            None => Ok(()),
            Some(FeaturesEntry { backbone, preprocessing, descriptor }) => {
                check_backbone(backbone)?;
                check_preprocessing(preprocessing)?;
                check_descriptor(descriptor, preprocessing)
            }
        }
    })
}

fn check_backbone(backbone: &BackboneEntry) -> Result<(), Defect> {
    check_named("backbone.name", &backbone.name)?;
    check_sha256("backbone.weights_sha256", &backbone.weights_sha256)?;
    check_named("backbone.precision", &backbone.precision)?;
    backbone.instruction_set.iter().try_for_each(|set| check_named("backbone.instruction_set", set))?;
    let n_layers = backbone.layers.iter().collect::<BTreeSet<_>>().len();
    let is_list = (1..=MAX_ENTRIES).contains(&n_layers) && n_layers == backbone.layers.len();
    require(is_list, format!("{} layers", backbone.layers.len()), || {
        ("backbone.layers".into(), format!("1 to {MAX_ENTRIES} different layers"))
    })?;
    backbone.layers.iter().try_for_each(|layer| check_named("backbone.layers", layer))
}

fn check_preprocessing(preprocessing: &PreprocessingEntry) -> Result<(), Defect> {
    check_named("preprocessing.resize", &preprocessing.resize)?;
    preprocessing.range.iter().try_for_each(|range| check_named("preprocessing.range", range))?;
    check_size("preprocessing.height_px", preprocessing.height_px, MAX_INPUT_PX)?;
    check_size("preprocessing.width_px", preprocessing.width_px, MAX_INPUT_PX)?;
    if let Some(TilesEntry { size_px, overlap_px, step_px }) = preprocessing.tiles {
        check_size("preprocessing.tiles.size_px", size_px, MAX_INPUT_PX)?;
        require(overlap_px < size_px, overlap_px, || {
            ("preprocessing.tiles.overlap_px".into(), format!("less than the side of a tile, {size_px}"))
        })?;
        let sides = [preprocessing.height_px, preprocessing.width_px];
        require(step_px > 0 && sides.iter().all(|side| side % step_px == 0), step_px, || {
            ("preprocessing.tiles.step_px".into(), format!("a divisor of {} and {}", sides[0], sides[1]))
        })?;
    }
    for (mean, std) in preprocessing.mean.iter().zip(&preprocessing.std) {
        check_between("preprocessing.mean", *mean, *MEANS.start(), *MEANS.end())?;
        check_between("preprocessing.std", *std, *DEVIATIONS.start(), *DEVIATIONS.end())?;
    }
    Ok(())
}

fn check_descriptor(descriptor: &DescriptorEntry, input: &PreprocessingEntry) -> Result<(), Defect> {
    let side = descriptor.neighbourhood;
    require(side % 2 == 1 && side <= MAX_NEIGHBOURHOOD, side, || {
        ("descriptor.neighbourhood".into(), format!("an odd number from 1 to {MAX_NEIGHBOURHOOD}"))
    })?;
    // A patch is at least a pixel of the input.
    check_size("descriptor.grid_rows", descriptor.grid_rows, input.height_px)?;
    check_size("descriptor.grid_cols", descriptor.grid_cols, input.width_px)?;
    check_size("descriptor.dim", descriptor.dim, MAX_COUNT)?;
    descriptor.foreground.map_or(Ok(()), |at| check_between("descriptor.foreground", at, 0.0, MAX_SCORE))?;
    require(descriptor.context.len() <= MAX_CONTEXT_PARTS, descriptor.context.len(), || {
        ("descriptor.context".into(), format!("at most {MAX_CONTEXT_PARTS} parts"))
    })?;
    descriptor.context.iter().try_for_each(|part| check_named("descriptor.context", part))
}

/// The names of the conditions.
fn check_conditions(conditions: &[ConditionEntry]) -> Result<BTreeSet<&str>, Defect> {
    let names: BTreeSet<&str> = conditions.iter().map(|condition| condition.name.as_str()).collect();
    require(names.len() == conditions.len() && !names.is_empty() && !names.contains(""), conditions.len(), || {
        ("conditions".into(), "at least one condition, each with a name of its own".into())
    })?;
    for condition in conditions {
        check_named("conditions.name", &condition.name)?;
        check_count("conditions.n_images", condition.n_images)?;
    }
    Ok(names)
}

fn check_suspects(suspects: &SuspectsEntry) -> Result<(), Defect> {
    for suspect in suspects.kept.iter().chain(&suspects.dropped) {
        check_score("suspects.score", Some(suspect.score))?;
        check_between("suspects.deviations", suspect.deviations, 0.0, MAX_SCORE)?;
    }
    Ok(())
}

fn check_light(light: &LightEntry, n_conditions: usize) -> Result<(), Defect> {
    let LightEntry { names, images } = light;
    require(names.len() <= MAX_ENTRIES, names.len(), || ("light.names".into(), format!("at most {MAX_ENTRIES}")))?;
    names.iter().try_for_each(|name| check_named("light.names", name))?;
    let most = 2 * MAX_LIGHT_IMAGES;
    require(images.len() <= most, images.len(), || ("light.images".into(), format!("at most {most}")))?;
    for image in images {
        require(image.values.len() == names.len(), image.values.len(), || {
            ("light.images.values".into(), format!("{} numbers", names.len()))
        })?;
        require(image.condition < n_conditions, image.condition, || {
            ("light.images.condition".into(), format!("a number below {n_conditions}"))
        })?;
        let size = |value: &f32| check_between("light.images.values", *value, -f32::MAX, f32::MAX);
        image.values.iter().try_for_each(size)?;
    }
    Ok(())
}

fn check_pooled(pooled: &PooledEntry, manifest: &Manifest) -> Result<(), Defect> {
    let PooledEntry { dim, images } = pooled;
    if let Some(features) = manifest.detector.lead() {
        let own = features.descriptor.dim;
        require(*dim == own, *dim, || ("pooled.dim".into(), format!("{own} as the descriptors have")))?;
    }
    let n_images = images.len();
    require((1..=MAX_POOLED_IMAGES).contains(&n_images), n_images, || {
        ("pooled.images".into(), format!("from 1 to {MAX_POOLED_IMAGES}"))
    })?;
    let n_conditions = manifest.conditions.len();
    for image in images {
        require(image.condition < n_conditions, image.condition, || {
            ("pooled.images.condition".into(), format!("a number below {n_conditions}"))
        })?;
        require(image.group < n_images, image.group, || {
            ("pooled.images.group".into(), format!("a number below {n_images}"))
        })?;
        check_between("pooled.images.brightness", image.brightness, -f32::MAX, f32::MAX)?;
    }
    Ok(())
}

fn check_lineage(lineage: &LineageEntry) -> Result<(), Defect> {
    check_count("lineage.n_earlier", lineage.n_earlier)?;
    require(lineage.steps.len() <= MOST_STEPS, lineage.steps.len(), || {
        ("lineage.steps".into(), format!("at most {MOST_STEPS} steps"))
    })?;
    for step in &lineage.steps {
        let StepEntry { verb, at, pcore_version, before_sha256, other_sha256, images_sha256, .. } = step;
        check_named("lineage.steps.verb", verb)?;
        check_named("lineage.steps.at", at)?;
        check_named("lineage.steps.pcore_version", pcore_version)?;
        before_sha256.iter().try_for_each(|sum| check_sha256("lineage.steps.before_sha256", sum))?;
        other_sha256.iter().try_for_each(|sum| check_sha256("lineage.steps.other_sha256", sum))?;
        images_sha256.iter().try_for_each(|sum| check_sha256("lineage.steps.images_sha256", sum))?;
        check_count("lineage.steps.n_added", step.n_added)?;
        check_count("lineage.steps.n_forgotten", step.n_forgotten)?;
        step.n_rows.iter().flatten().try_for_each(|n| check_count("lineage.steps.n_rows", *n))?;
        check_score("lineage.steps.threshold_before", step.threshold_before)?;
        check_score("lineage.steps.threshold_after", step.threshold_after)?;
    }
    Ok(())
}

fn check_chosen(chosen: &ChosenEntry) -> Result<(), Defect> {
    chosen.aim.as_ref().map_or(Ok(()), |aim| check_named("calibration.chosen.aim", aim))?;
    check_count("calibration.chosen.n_defects", chosen.n_defects)?;
    check_count("calibration.chosen.n_normals", chosen.n_normals)?;
    let is_cost = chosen.miss_cost > 0.0 && chosen.miss_cost <= f64::from(MAX_MAGNITUDE);
    require(is_cost, chosen.miss_cost, || ("calibration.chosen.miss_cost".into(), "a number above 0".into()))?;
    check_share("calibration.chosen.defect_rate", chosen.defect_rate)?;
    check_share("calibration.chosen.recall", chosen.recall)?;
    check_share("calibration.chosen.false_alarm_rate", chosen.false_alarm_rate)
}

fn check_gate(gate: &GateEntry, n_conditions: usize) -> Result<(), Defect> {
    check_named("gate.kind", &gate.kind)?;
    let size = |field: &str, number: f32| check_between(field, number, -MAX_MAGNITUDE, MAX_MAGNITUDE);
    gate.limit.map_or(Ok(()), |limit| size("gate.limit", limit))?;
    require(gate.parameters.len() <= MAX_ENTRIES, gate.parameters.len(), || {
        ("gate.parameters".into(), format!("at most {MAX_ENTRIES}"))
    })?;
    for (name, &number) in &gate.parameters {
        let field = format!("gate.parameters.{}", shorten(name));
        require(number.abs() <= f64::from(MAX_MAGNITUDE), number, || {
            (field, format!("a number from {:e} to {MAX_MAGNITUDE:e}", -MAX_MAGNITUDE))
        })?;
    }
    require(gate.axes.len() <= GATE_DIM, gate.axes.len(), || ("gate.axes".into(), format!("at most {GATE_DIM}")))?;
    for axis in &gate.axes {
        size("gate.axes.mean", axis.mean)?;
        check_between("gate.axes.unit", axis.unit, f32::MIN_POSITIVE, MAX_MAGNITUDE)?;
    }
    for [low, high] in &gate.known {
        let is_range = low.abs() <= MAX_MAGNITUDE && high.abs() <= MAX_MAGNITUDE && low <= high;
        require(is_range, format!("{low} to {high}"), || ("gate.known".into(), "finite ranges, low to high".into()))?;
    }
    require(gate.known.len() <= n_conditions, gate.known.len(), || {
        ("gate.known".into(), "at most one range for each condition".into())
    })?;
    gate.reach.map_or(Ok(()), |reach| check_between("gate.reach", reach, f32::MIN_POSITIVE, f32::MAX))?;
    let is_table =
        gate.confusion.len() == n_conditions && gate.confusion.iter().all(|row| row.len() == n_conditions + 1);
    require(is_table || gate.confusion.is_empty(), format!("{} rows", gate.confusion.len()), || {
        ("gate.confusion".into(), format!("{n_conditions} rows of {} counts, or none", n_conditions + 1))
    })?;
    gate.confusion.iter().flatten().try_for_each(|count| check_count("gate.confusion", *count))
}

fn check_calibration(calibration: &CalibrationEntry, names: &BTreeSet<&str>, n_sources: usize) -> Result<(), Defect> {
    check_named("calibration.method", &calibration.method)?;
    check_views(&calibration.views)?;
    if let Some(groups) = &calibration.groups {
        check_named("calibration.groups.rule", &groups.rule)?;
        check_size("calibration.groups.n_groups", groups.n_groups, groups.n_images)?;
        check_count("calibration.groups.n_images", groups.n_images)?;
    }
    check_share("calibration.alpha", calibration.alpha)?;
    calibration.chosen.as_ref().map_or(Ok(()), check_chosen)?;
    let n = calibration.global.n;
    if let Some(n_added) = calibration.n_added {
        require((1..=n).contains(&n_added), n_added, || ("calibration.n_added".into(), format!("1 to {n}")))?;
    }
    if let Some(sources) = &calibration.sources {
        require(sources.len() == n, sources.len(), || ("calibration.sources".into(), format!("{n} indices")))?;
        let is_known = |source: &u32| *source == UNKNOWN || (*source as usize) < n_sources;
        let bad = sources.iter().find(|source| !is_known(source));
        bad.map_or(Ok(()), |source| {
            require(false, source, || ("calibration.sources".into(), format!("indices below {n_sources}")))
        })?;
    }
    check_conformal("calibration.global", &calibration.global)?;
    for (name, entry) in &calibration.per_condition {
        let field = format!("calibration.per_condition.{}", shorten(name));
        require(names.contains(name.as_str()), shorten(name), || (field.clone(), "the name of a condition".into()))?;
        check_conformal(&field, entry)?;
    }
    Ok(())
}

fn check_conformal(field: &str, entry: &ConformalEntry) -> Result<(), Defect> {
    check_share(&format!("{field}.alpha"), entry.alpha)?;
    check_count(&format!("{field}.n"), entry.n)?;
    check_share(&format!("{field}.smallest_alpha"), entry.smallest_alpha)?;
    check_score(&format!("{field}.threshold"), entry.threshold)?;
    check_score(&format!("{field}.mean"), entry.mean)?;
    match entry.std {
        None | Some(0.0) => Ok(()),
        Some(std) => check_between(&format!("{field}.std"), std, LEAST_SCORE_DEVIATION, MAX_SCORE),
    }
}

fn check_views(views: &[String]) -> Result<(), Defect> {
    let n_views = views.iter().collect::<BTreeSet<_>>().len();
    require(n_views == views.len() && (1..=MAX_ENTRIES).contains(&n_views), format!("{} views", views.len()), || {
        ("calibration.views".into(), format!("1 to {MAX_ENTRIES} different views"))
    })?;
    views.iter().try_for_each(|view| check_named("calibration.views", view))
}

/// Names are shown: one that a terminal would obey is none.
pub(crate) fn check_named(field: &str, name: &str) -> Result<(), Defect> {
    let is_name = !name.is_empty()
        && name.len() <= 4 * MAX_NAME_CHARS
        && name.chars().count() <= MAX_NAME_CHARS
        && !name.chars().any(char::is_control);
    let found = if name.is_empty() { "an empty text".to_owned() } else { shorten(name) };
    require(is_name, found, || {
        (field.into(), format!("a name of 1 to {MAX_NAME_CHARS} characters without control characters"))
    })
}

pub(crate) fn check_size(field: &str, size: usize, limit: usize) -> Result<(), Defect> {
    require((1..=limit).contains(&size), size, || (field.into(), format!("1 to {limit}")))
}

pub(crate) fn check_count(field: &str, count: usize) -> Result<(), Defect> {
    require(count <= MAX_COUNT, count, || (field.into(), format!("at most {MAX_COUNT}")))
}

pub(crate) fn check_share(field: &str, share: f64) -> Result<(), Defect> {
    require((0.0..=1.0).contains(&share), share, || (field.into(), "a share from 0 to 1".into()))
}

fn check_sha256(field: &str, sum: &str) -> Result<(), Defect> {
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    require(is_sum, shorten(sum), || (field.into(), "64 lower-case hexadecimal digits".into()))
}

pub(crate) fn check_score(field: &str, score: Option<f32>) -> Result<(), Defect> {
    score.map_or(Ok(()), |score| check_between(field, score, -MAX_SCORE, MAX_SCORE))
}

pub(crate) fn check_between(field: &str, number: f32, least: f32, most: f32) -> Result<(), Defect> {
    require((least..=most).contains(&number), number, || {
        (field.into(), format!("a number from {} to {}", short(least), short(most)))
    })
}

/// A limit as people write it.
fn short(limit: f32) -> String {
    if limit == 0.0 || (1e-3..1e6).contains(&limit.abs()) { limit.to_string() } else { format!("{limit:e}") }
}
