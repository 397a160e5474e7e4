use pcore::bundle::{self, Contents, Defect};

use crate::sample::{Parts, small};

/// A change to the contents and the part of the message that names it.
type Case = (fn(&mut Contents), &'static str);

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = bundle::to_bytes(&small()).unwrap();
    let mut damaged = bytes.clone();
    let masks = [1, 2, 4, 8, 16, 32, 64, 128, 0xff];
    for place in 0..bytes.len() {
        for mask in masks {
            damaged[place] ^= mask;
            assert!(bundle::from_bytes(&damaged).is_err(), "byte {place} xor {mask} passed");
            damaged[place] ^= mask;
        }
    }
    assert!(bundle::from_bytes(&damaged).is_ok());
}

#[test]
fn rejects_every_truncated_length_and_anything_appended() {
    let bytes = bundle::to_bytes(&small()).unwrap();
    for length in 0..bytes.len() {
        let defect = bundle::from_bytes(&bytes[..length]).unwrap_err();
        assert!(matches!(defect, Defect::Length { found, .. } if found == length as u64), "{length}: {defect}");
    }
    let extended = [&bytes[..], b"\0"].concat();
    assert!(matches!(bundle::from_bytes(&extended), Err(Defect::Length { .. })));
}

#[test]
fn damaged_tensors_and_damaged_header_are_told_apart() {
    let mut bytes = bundle::to_bytes(&small()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(matches!(bundle::from_bytes(&bytes), Err(Defect::TensorChecksum { .. })));
    let mut bytes = bundle::to_bytes(&small()).unwrap();
    let place = bytes.windows(10).position(|window| window == b"stretch-bi").unwrap();
    bytes[place] = b'S';
    assert!(matches!(bundle::from_bytes(&bytes), Err(Defect::HeaderChecksum { .. })));
}

#[test]
fn refuses_a_newer_format_and_says_what_to_do() {
    let mut parts = Parts::of(&bundle::to_bytes(&small()).unwrap());
    parts.manifest["format_version"] = 2.into();
    parts.manifest["pcore_version"] = "3.1.4".into();
    parts.manifest["something_new"] = "unknown here".into();
    let defect = bundle::from_bytes(&parts.forge()).unwrap_err();
    assert!(matches!(defect, Defect::NewerFormat { found: 2, supported: 1, .. }));
    let message = defect.to_string();
    assert!(message.starts_with("written by pcore 3.1.4, bundle format 2; this pcore"), "{message}");
    assert!(message.ends_with("update pcore"), "{message}");

    let mut parts = Parts::of(&bundle::to_bytes(&small()).unwrap());
    parts.manifest["format_version"] = 0.into();
    assert!(matches!(bundle::from_bytes(&parts.forge()), Err(Defect::UnknownFormat { found: 0 })));
}

#[test]
fn refuses_unknown_and_missing_manifest_fields() {
    for edit in [
        (|manifest| manifest["surprise"] = 1.into()) as fn(&mut serde_json::Value),
        |manifest| manifest["calibration"]["global"]["surprise"] = 1.into(),
        |manifest| drop(manifest.as_object_mut().unwrap().remove("metric")),
        |manifest| manifest["metric"] = "manhattan".into(),
        |manifest| manifest["coreset"]["n_picked"] = (-4).into(),
        |manifest| manifest["score"]["map_sigma_px"] = "four".into(),
    ] {
        let mut parts = Parts::of(&bundle::to_bytes(&small()).unwrap());
        edit(&mut parts.manifest);
        let defect = bundle::from_bytes(&parts.forge()).unwrap_err();
        assert!(matches!(defect, Defect::Manifest { version: 1, .. }), "{defect}");
    }
}

#[test]
fn names_the_tensor_and_the_index_of_a_nan() {
    let bytes = bundle::to_bytes(&small()).unwrap();
    for (value, index) in [(f32::NAN, 0), (f32::INFINITY, 7), (f32::NEG_INFINITY, 11)] {
        let mut parts = Parts::of(&bytes);
        parts.data[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
        let defect = bundle::from_bytes(&parts.forge()).unwrap_err();
        let Defect::NotFinite { name: "bank_rows", index: found, .. } = defect else { panic!("{defect}") };
        assert_eq!(found, index);

        let mut contents = small();
        contents.bank_rows[index] = value;
        assert!(matches!(bundle::to_bytes(&contents), Err(Defect::NotFinite { name: "bank_rows", .. })));
        contents = small();
        contents.calibration_scores[2] = value;
        assert!(matches!(
            bundle::to_bytes(&contents),
            Err(Defect::NotFinite { name: "calibration_scores", index: 2, .. })
        ));
    }
}

#[test]
fn refuses_contents_that_contradict_themselves() {
    let cases: [Case; 38] = [
        (|c| c.row_condition[2] = 2, "row_condition holds 2 at index 2"),
        (|c| c.row_condition[0] = u32::MAX, "row_condition holds 4294967295 at index 0"),
        (|c| c.row_source[3] = 3, "row_source holds 3 at index 3"),
        (|c| c.row_position[0] = 64, "row_position holds 64 at index 0"),
        (|c| c.calibration_condition[4] = 9, "calibration_condition holds 9 at index 4"),
        (|c| c.row_condition[0] = 1, "conditions[0].n_rows"),
        (|c| c.calibration_condition[0] = 1, "calibration.per_condition.cold.n"),
        (|c| c.bank_rows.truncate(11), "bank_rows: expected 12 values, found 11"),
        (|c| c.row_source.truncate(3), "row_source: expected 4 values, found 3"),
        (|c| c.calibration_scores.push(1.0), "calibration_scores: expected 5 values, found 6"),
        (|c| c.manifest.coreset.n_picked = 5, "bank_rows: expected 15 values"),
        (|c| c.manifest.coreset.n_picked = usize::MAX, "coreset.n_picked"),
        (|c| c.manifest.coreset.n_candidates = Some(3), "coreset.n_picked"),
        (|c| c.manifest.coreset.ratio = Some(0.0), "coreset.ratio"),
        (|c| c.manifest.coreset.ratio = Some(f64::NAN), "coreset.ratio"),
        (|c| c.manifest.coreset.covering_radius = Some(-1.0), "coreset.covering_radius"),
        (|c| c.manifest.descriptor.dim = 0, "descriptor.dim"),
        (|c| c.manifest.descriptor.grid_cols = usize::MAX, "descriptor.grid_cols"),
        (|c| c.manifest.preprocessing.height_px = 0, "preprocessing.height_px"),
        (|c| c.manifest.preprocessing.mean[1] = f32::NAN, "preprocessing.mean"),
        (|c| c.manifest.preprocessing.std[2] = 0.0, "preprocessing.std"),
        (|c| c.manifest.backbone.weights_sha256 = "AB".repeat(32), "backbone.weights_sha256"),
        (|c| c.manifest.backbone.layers.clear(), "backbone.layers"),
        (|c| c.manifest.backbone.precision.clear(), "backbone.precision"),
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
        let message = bundle::to_bytes(&contents).unwrap_err().to_string();
        assert!(message.contains(expected), "{message} does not name {expected}");
    }
}
