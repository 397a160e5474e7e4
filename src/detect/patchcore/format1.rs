//! Bundles of format 1: PatchCore was the only detector, and its settings and tensors stood among those of all.

use super::fitted::NAME;
use super::section::{ROW_CONDITION, ROW_LIST, ROW_POSITION, ROW_SCALE, ROW_SOURCE, ROWS};
use crate::bundle::{Defect, FORMAT_VERSION, TensorSpec, Upgraded};
use crate::detect::View;
use serde_json::{Map, Value, json};

/// Takes a field out; a missing one is the manifest's error.
fn take(object: &mut Map<String, Value>, field: &'static str) -> Result<Value, Defect> {
    object.remove(field).ok_or_else(|| Defect::Field {
        field: field.to_owned(),
        expected: "something".to_owned(),
        found: "nothing".to_owned(),
    })
}

fn count(value: &Value, field: &str) -> Result<usize, Defect> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| Defect::Field {
        field: field.to_owned(),
        expected: "a count".to_owned(),
        found: value.to_string().chars().take(40).collect(),
    })
}

fn object<'a>(value: &'a mut Value, field: &str) -> Result<&'a mut Map<String, Value>, Defect> {
    let found = value.to_string().chars().take(40).collect();
    let expected = || "an object".to_owned();
    value.as_object_mut().ok_or_else(|| Defect::Field { field: field.to_owned(), expected: expected(), found })
}

/// Names, as views.
fn views(names: &Value, prefix: &str) -> Vec<String> {
    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| format!("{prefix}{name}")).collect()
}

/// Policies become views; what was said of the density, and the numbers of held-out images, other policies and densities.
fn to_views(calibration: &mut Value) -> Result<(Value, [usize; 3]), Defect> {
    let calibrated = object(calibration, "calibration")?;
    let mut all = views(&json!([take(calibrated, "policy")?]), "");
    let others = views(&take(calibrated, "other_policies")?, "");
    let density = calibrated.remove("density").unwrap_or(Value::Null);
    let densities = views(&density["policies"], View::DENSITY);
    let n_held_out = count(&calibrated.get("global").unwrap_or(&Value::Null)["n"], "calibration.global.n")?;
    let (n_others, n_densities) = (others.len(), densities.len());
    all.extend(others);
    all.extend(densities);
    calibrated.insert("views".to_owned(), json!(all));
    Ok((density, [n_held_out, n_others, n_densities]))
}

/// How many of everything the file holds.
struct Counts {
    n_rows: usize,
    dim: usize,
    n_held_out: usize,
    n_others: usize,
    n_densities: usize,
    n_points: usize,
    n_scales: usize,
    n_lists: usize,
}

/// The tensors of the file, each with the name that it has today.
fn tensors(counts: &Counts) -> Vec<(TensorSpec, String)> {
    let Counts { n_rows, dim, n_held_out, n_others, n_densities, n_points, n_scales, n_lists } = *counts;
    let numbers = |name: &str, shape: &[usize], today: &str| (TensorSpec::numbers(name, shape), today.to_owned());
    let indices = |name: &str, n: usize, today: &str| {
        // Bounds are those of today's name, checked once all is read.
        (TensorSpec::indices(name, &[n], "anything", usize::MAX), today.to_owned())
    };
    let own = |name: &str| format!("detector.{name}");
    vec![
        numbers("bank_rows", &[n_rows, dim], &own(ROWS)),
        indices("row_condition", n_rows, &own(ROW_CONDITION)),
        indices("row_source", n_rows, &own(ROW_SOURCE)),
        indices("row_position", n_rows, &own(ROW_POSITION)),
        numbers("calibration_scores", &[n_held_out], "scores"),
        indices("calibration_condition", n_held_out, "score_condition"),
        numbers("other_scores", &[n_others, n_held_out], "scores"),
        numbers("density_scores", &[n_densities, n_held_out], "scores"),
        numbers("gate_points", &[n_points, crate::condition::GATE_DIM], "gate_points"),
        indices("gate_conditions", n_points, "gate_conditions"),
        numbers("row_scale", &[n_scales], &own(ROW_SCALE)),
        indices("row_list", n_lists, &own(ROW_LIST)),
    ]
}

/// The manifest of today, and the tensors that stand in a file of format 1.
pub(in crate::detect) fn upgrade(mut old: Map<String, Value>) -> Result<Upgraded, Defect> {
    let mut conditions = take(&mut old, "conditions")?;
    let mut rows_of_condition = vec![];
    for condition in conditions.as_array_mut().into_iter().flatten() {
        rows_of_condition.push(take(object(condition, "conditions")?, "n_rows")?);
    }
    let mut calibration = take(&mut old, "calibration")?;
    let (density, [n_held_out, n_others, n_densities]) = to_views(&mut calibration)?;
    let features = json!({
        "backbone": take(&mut old, "backbone")?,
        "preprocessing": take(&mut old, "preprocessing")?,
        "descriptor": take(&mut old, "descriptor")?,
    });
    let gate = old.get("gate").unwrap_or(&Value::Null);
    let n_points = count(&gate["n_points"], "gate.n_points")?;
    let dim = count(&features["descriptor"]["dim"], "descriptor.dim")?;
    let coreset = take(&mut old, "coreset")?;
    let n_rows = count(&coreset["n_picked"], "coreset.n_picked")?;
    let mut settings = json!({
        "metric": take(&mut old, "metric")?,
        "coreset": coreset,
        "score": take(&mut old, "score")?,
        "rows_of_condition": rows_of_condition,
    });
    let index = old.remove("index").filter(|index| !index.is_null());
    let n_lists = if index.is_some() { n_rows } else { 0 };
    if let Some(index) = index {
        settings["index"] = index;
    }
    let n_scales = if density.is_null() { 0 } else { n_rows };
    if !density.is_null() {
        settings["density_neighbours"] = density["neighbours"].clone();
    }
    old.insert("format_version".to_owned(), json!(FORMAT_VERSION));
    old.insert("conditions".to_owned(), conditions);
    old.insert("calibration".to_owned(), calibration);
    old.insert("detector".to_owned(), json!({"kind": NAME, "features": features, "settings": settings}));
    let counts = Counts { n_rows, dim, n_held_out, n_others, n_densities, n_points, n_scales, n_lists };
    Ok(Upgraded { manifest: Value::Object(old), n_always: 6, tensors: tensors(&counts) })
}
