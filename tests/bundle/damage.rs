use pcore::bundle::{Contents, Defect, SectionEntry};
use serde_json::json;

use crate::sample::{Parts, change_indices, change_rows, features, set, small};

/// A change to the contents and the part of the message that names it.
type Case = (fn(&mut Contents), &'static str);

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = small().to_bytes().unwrap();
    let mut damaged = bytes.clone();
    let masks = [1, 2, 4, 8, 16, 32, 64, 128, 0xff];
    for place in 0..bytes.len() {
        for mask in masks {
            damaged[place] ^= mask;
            assert!(Contents::from_bytes(&damaged).is_err(), "byte {place} xor {mask} passed");
            damaged[place] ^= mask;
        }
    }
    assert!(Contents::from_bytes(&damaged).is_ok());
}

#[test]
fn rejects_every_truncated_length_and_anything_appended() {
    let bytes = small().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let defect = Contents::from_bytes(&bytes[..length]).unwrap_err();
        assert!(matches!(defect, Defect::Length { found, .. } if found == length as u64), "{length}: {defect}");
    }
    let extended = [&bytes[..], b"\0"].concat();
    assert!(matches!(Contents::from_bytes(&extended), Err(Defect::Length { .. })));
}

#[test]
fn damaged_tensors_and_damaged_header_are_told_apart() {
    let mut bytes = small().to_bytes().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(matches!(Contents::from_bytes(&bytes), Err(Defect::TensorChecksum { .. })));
    let mut bytes = small().to_bytes().unwrap();
    let place = bytes.windows(10).position(|window| window == b"stretch-bi").unwrap();
    bytes[place] = b'S';
    assert!(matches!(Contents::from_bytes(&bytes), Err(Defect::HeaderChecksum { .. })));
}

#[test]
fn refuses_a_newer_format_and_says_what_to_do() {
    let mut parts = Parts::of(&small().to_bytes().unwrap());
    parts.manifest["format_version"] = 3.into();
    parts.manifest["pcore_version"] = "3.1.4".into();
    parts.manifest["something_new"] = "unknown here".into();
    let defect = Contents::from_bytes(&parts.forge()).unwrap_err();
    assert!(matches!(defect, Defect::NewerFormat { found: 3, supported: 2, .. }));
    let message = defect.to_string();
    assert!(message.starts_with("written by pcore 3.1.4, bundle format 3; this pcore"), "{message}");
    assert!(message.ends_with("update pcore"), "{message}");

    let mut parts = Parts::of(&small().to_bytes().unwrap());
    parts.manifest["format_version"] = 0.into();
    assert!(matches!(Contents::from_bytes(&parts.forge()), Err(Defect::UnknownFormat { found: 0 })));
}

#[test]
fn refuses_unknown_and_missing_manifest_fields() {
    for edit in [
        (|manifest| manifest["surprise"] = 1.into()) as fn(&mut serde_json::Value),
        |manifest| manifest["calibration"]["global"]["surprise"] = 1.into(),
        |manifest| drop(manifest.as_object_mut().unwrap().remove("gate")),
        |manifest| drop(manifest["detector"].as_object_mut().unwrap().remove("kind")),
        |manifest| manifest["detector"]["surprise"] = 1.into(),
    ] {
        let mut parts = Parts::of(&small().to_bytes().unwrap());
        edit(&mut parts.manifest);
        let defect = Contents::from_bytes(&parts.forge()).unwrap_err();
        assert!(matches!(defect, Defect::Manifest { version: 2, .. }), "{defect}");
    }
}

#[test]
fn refuses_settings_and_detectors_that_it_does_not_know_by_name() {
    for (edit, expected) in [
        ((|s| drop(s.as_object_mut().unwrap().remove("metric"))) as fn(&mut serde_json::Value), "metric"),
        (|s| s["metric"] = "manhattan".into(), "manhattan"),
        (|s| s["coreset"]["n_picked"] = (-4).into(), "-4"),
        (|s| s["score"]["map_sigma_px"] = "four".into(), "four"),
        (|s| s["telepathy"] = 1.into(), "telepathy"),
    ] {
        let mut parts = Parts::of(&small().to_bytes().unwrap());
        edit(&mut parts.manifest["detector"]["settings"]);
        let defect = Contents::from_bytes(&parts.forge()).unwrap_err();
        assert!(matches!(defect, Defect::Settings { .. }) && defect.to_string().contains(expected), "{defect}");
    }
    let mut parts = Parts::of(&small().to_bytes().unwrap());
    parts.manifest["detector"]["kind"] = "telepath".into();
    let message = Contents::from_bytes(&parts.forge()).unwrap_err().to_string();
    assert!(message.contains("'telepath'") && message.contains("patchcore"), "{message}");
}

/// Bytes of the tensors before the detector's: five scores and their conditions.
const BEFORE: usize = 40;

#[test]
fn names_the_tensor_and_the_index_of_a_nan() {
    let bytes = small().to_bytes().unwrap();
    for (value, index) in [(f32::NAN, 0), (f32::INFINITY, 7), (f32::NEG_INFINITY, 11)] {
        let mut parts = Parts::of(&bytes);
        parts.data[BEFORE + 4 * index..BEFORE + 4 * index + 4].copy_from_slice(&value.to_le_bytes());
        let defect = Contents::from_bytes(&parts.forge()).unwrap_err();
        let Defect::NotFinite { name, index: found, .. } = defect else { panic!("{defect}") };
        assert_eq!((name.as_str(), found), ("detector.rows", index));

        let mut contents = small();
        change_rows(&mut contents, |rows| rows[index] = value);
        assert!(matches!(contents.to_bytes(), Err(Defect::NotFinite { name, .. }) if name == "detector.rows"));
        contents = small();
        contents.scores[2] = value;
        assert!(matches!(contents.to_bytes(), Err(Defect::NotFinite { name, index: 2, .. }) if name == "scores"));
    }
}

/// A detector of parts of parts.
fn deep(levels: usize) -> SectionEntry {
    let parts = if levels > 1 { vec![deep(levels - 1)] } else { vec![] };
    SectionEntry { parts, ..SectionEntry::new("patchcore", None, &json!({})).unwrap() }
}

#[test]
fn refuses_contents_that_contradict_themselves() {
    let cases: [Case; 43] = [
        (|c| change_indices(c, "row_condition", |v| v[2] = 2), "row_condition holds 2 at index 2"),
        (|c| change_indices(c, "row_condition", |v| v[0] = u32::MAX), "row_condition holds 4294967295 at index 0"),
        (|c| change_indices(c, "row_source", |v| v[3] = 3), "row_source holds 3 at index 3"),
        (|c| change_indices(c, "row_position", |v| v[0] = 64), "row_position holds 64 at index 0"),
        (|c| c.score_condition[4] = 9, "score_condition holds 9 at index 4"),
        (|c| change_indices(c, "row_condition", |v| v[0] = 1), "rows_of_condition[0]"),
        (|c| c.score_condition[0] = 1, "calibration.per_condition.cold.n"),
        (|c| change_rows(c, |rows| rows.truncate(11)), "detector.rows: expected 12 values, found 11"),
        (|c| change_indices(c, "row_source", |v| v.truncate(3)), "detector.row_source: expected 4 values, found 3"),
        (|c| change_indices(c, "row_source", Vec::clear), "detector.row_source is missing"),
        (|c| change_indices(c, "extra", |v| v.push(1)), "detector.extra does not belong"),
        (|c| c.scores.push(1.0), "scores: expected 5 values, found 6"),
        (|c| c.manifest.calibration.views.clear(), "calibration.views: expected 1 to 64 different views"),
        (|c| c.manifest.calibration.views = vec!["a".into(), "a".into()], "calibration.views"),
        (|c| c.manifest.detector.parts = vec![deep(4)], "detector.parts"),
        (|c| set(c, "coreset/n_picked", json!(5)), "detector.rows: expected 15 values"),
        (|c| set(c, "coreset/n_picked", json!(u64::MAX)), "coreset.n_picked"),
        (|c| set(c, "coreset/n_candidates", json!(3)), "coreset.n_picked"),
        (|c| set(c, "coreset/ratio", json!(0.0)), "coreset.ratio"),
        (|c| set(c, "coreset/ratio", json!("NaN")), "coreset.ratio"),
        (|c| set(c, "coreset/covering_radius", json!(-1.0)), "coreset.covering_radius"),
        (|c| features(c).descriptor.dim = 0, "descriptor.dim"),
        (|c| features(c).descriptor.grid_cols = usize::MAX, "descriptor.grid_cols"),
        (|c| features(c).preprocessing.height_px = 0, "preprocessing.height_px"),
        (|c| features(c).preprocessing.mean[1] = f32::NAN, "preprocessing.mean"),
        (|c| features(c).preprocessing.std[2] = 0.0, "preprocessing.std"),
        (|c| features(c).backbone.weights_sha256 = "AB".repeat(32), "backbone.weights_sha256"),
        (|c| features(c).backbone.layers.clear(), "backbone.layers"),
        (|c| features(c).backbone.precision.clear(), "backbone.precision"),
        (|c| c.manifest.data_fingerprint.clear(), "data_fingerprint"),
        (|c| c.manifest.conditions[1].name = "cold".into(), "conditions: expected at least one"),
        (|c| c.manifest.conditions.clear(), "conditions: expected at least one"),
        (|c| c.manifest.gate.limit = Some(f32::INFINITY), "gate.limit"),
        (|c| c.manifest.gate.parameters.extend([("x".into(), f64::NAN)]), "gate.parameters.x"),
        (|c| c.manifest.gate.known[1] = [0.7, f32::NAN], "gate.known"),
        (|c| c.manifest.gate.known.push([0.0, 1.0]), "gate.known"),
        (|c| c.manifest.gate.reach = Some(0.0), "gate.reach"),
        (|c| c.manifest.calibration.alpha = 1.5, "calibration.alpha"),
        (|c| c.manifest.calibration.global.threshold = Some(f32::NAN), "calibration.global.threshold"),
        (|c| c.manifest.calibration.global.std = Some(-0.5), "calibration.global.std"),
        (|c| c.manifest.calibration.per_condition.get_mut("warm").unwrap().n = 4, "calibration.per_condition.warm.n"),
        (
            |c| {
                let entry = c.manifest.calibration.global.clone();
                c.manifest.calibration.per_condition.insert("hot".into(), entry);
            },
            "calibration.per_condition.hot",
        ),
        (|c| c.manifest.pixel_threshold = Some(f32::NAN), "pixel_threshold"),
    ];
    for (edit, expected) in cases {
        let mut contents = small();
        edit(&mut contents);
        let message = contents.to_bytes().unwrap_err().to_string();
        assert!(message.contains(expected), "{message} does not name {expected}");
    }
}
