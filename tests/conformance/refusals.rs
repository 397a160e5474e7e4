//! What no detector takes: settings, tensors and views that are not its own.

use crate::cases::{all, open, registry};
use crate::data::image;
use pcore::bundle::{self, Defect, Values};
use pcore::infer::Calibration;
use serde_json::{Value, json};

/// The paths of all values below one, itself left out.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut inner = |key: &str, value: &Value| {
        let path = format!("{path}/{key}");
        found.push(path.clone());
        places(value, &path, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| inner(key, value)),
        Value::Array(list) => list.first().into_iter().for_each(|value| inner("0", value)),
        _ => {}
    }
}

#[test]
fn hostile_settings_are_refused_or_work_and_unknown_ones_are_refused_by_name() {
    let bad = [
        json!(-1),
        json!(0),
        json!(1e300),
        json!(u64::MAX),
        json!("telepathy"),
        json!(""),
        json!(null),
        json!([]),
        json!({}),
        json!("places:5000000"),
        json!("residual:0.5"),
        json!("whole"),
        json!("reweighted:5"),
    ];
    let probe = image(7300, false, true);
    for (case, contents) in all() {
        let entry = serde_json::to_value(&contents.manifest.detector).unwrap();
        let mut all_places = vec![];
        places(&entry, "", &mut all_places);
        let (mut n_refused, mut n_at_work) = (0, 0);
        for place in &all_places {
            for value in &bad {
                let mut changed = entry.clone();
                *changed.pointer_mut(place).unwrap() = value.clone();
                let Ok(detector) = serde_json::from_value(changed) else {
                    n_refused += 1;
                    continue;
                };
                let mut contents = contents.clone();
                contents.manifest.detector = detector;
                let opened = bundle::to_bytes(&contents, registry())
                    .map_err(|defect| defect.to_string())
                    .and_then(|bytes| bundle::from_bytes(&bytes, registry()).map_err(|defect| defect.to_string()))
                    .and_then(|contents| open(&contents).map_err(|error| error.to_string()));
                match opened {
                    Err(message) => {
                        assert!(message.len() > 15, "{}: {place} = {value}: {message}", case.name);
                        n_refused += 1;
                    }
                    Ok(inspector) => {
                        let found = inspector.inspect(&[&probe], &[], Calibration::Condition);
                        assert!(found.is_err() || found.unwrap()[0].raw_score.is_finite(), "{}: {place}", case.name);
                        n_at_work += 1;
                    }
                }
            }
        }
        assert!(n_refused > 5 * n_at_work && n_refused > 150, "{}: {n_refused} and {n_at_work}", case.name);
        let mut contents = contents.clone();
        contents.manifest.detector.settings.insert("surprise".to_owned(), json!(1));
        let message = bundle::to_bytes(&contents, registry()).unwrap_err().to_string();
        assert!(message.contains("surprise"), "{}: {message}", case.name);
    }
}

#[test]
fn tensors_that_the_settings_do_not_call_for_are_refused_by_name() {
    for (case, contents) in all() {
        let names: Vec<String> = contents.tensors.names().map(str::to_owned).collect();
        assert!(!names.is_empty(), "{}", case.name);
        for name in &names {
            let mut missing = contents.clone();
            missing.tensors.set(name, Values::Numbers(vec![]));
            let message = bundle::to_bytes(&missing, registry()).unwrap_err().to_string();
            assert!(message.contains(name.as_str()), "{}: {name} missing: {message}", case.name);
            let mut longer = contents.clone();
            let more = match longer.tensors.get(name).unwrap().clone() {
                Values::Numbers(mut values) => {
                    values.push(0.5);
                    Values::Numbers(values)
                }
                Values::Halves(mut values) => {
                    values.push(values[0]);
                    Values::Halves(values)
                }
                Values::Indices(mut values) => {
                    values.push(0);
                    Values::Indices(values)
                }
            };
            longer.tensors.set(name, more);
            let message = bundle::to_bytes(&longer, registry()).unwrap_err().to_string();
            assert!(message.contains(name.as_str()) && message.contains("values"), "{}: {message}", case.name);
            if let Some(Values::Numbers(values)) = contents.tensors.get(name) {
                let mut broken = values.clone();
                broken[0] = f32::NAN;
                let mut contents = contents.clone();
                contents.tensors.set(name, Values::Numbers(broken));
                let defect = bundle::to_bytes(&contents, registry()).unwrap_err();
                assert!(matches!(defect, Defect::NotFinite { .. }), "{}: {name}: {defect}", case.name);
            }
        }
        let mut extra = contents.clone();
        extra.tensors.set("extra", Values::Indices(vec![1]));
        assert!(bundle::to_bytes(&extra, registry()).unwrap_err().to_string().contains("extra"), "{}", case.name);
    }
}

#[test]
fn a_view_or_a_detector_that_is_not_there_is_refused_by_name() {
    for (case, contents) in all() {
        let mut other = contents.clone();
        other.manifest.calibration.views[1] = "telepathy".to_owned();
        assert!(open(&other).err().unwrap().to_string().contains("telepathy"), "{}", case.name);
        let mut other = contents.clone();
        other.manifest.detector.kind = "telepath".to_owned();
        assert!(open(&other).err().unwrap().to_string().contains("telepath"), "{}", case.name);
    }
    // Pcore's own registry does not know the toy.
    let (_, toy) = all().iter().find(|(case, _)| case.name == "toy").unwrap();
    let message = toy.to_bytes().unwrap_err().to_string();
    assert!(message.contains("'toy'") && message.contains("patchcore, gaussian"), "{message}");
}
