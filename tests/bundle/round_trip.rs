use std::collections::BTreeMap;
use std::process::Command;

use pcore::bundle::{
    ConditionEntry, ConformalEntry, Contents, ImportedEntry, LEAST_SCORE_DEVIATION, MAX_MAGNITUDE, Tensors,
};
use proptest::prelude::*;
use safetensors::SafeTensors;

use serde_json::json;

use crate::sample::{Parts, change_rows, features, rows, set, small, with_gate, with_rows};

/// The contents with the checksums of `read`, which the writer fills in.
fn sealed_like(mut contents: Contents, read: &Contents) -> Contents {
    contents.manifest.tensors_sha256.clone_from(&read.manifest.tensors_sha256);
    contents.manifest.header_sha256.clone_from(&read.manifest.header_sha256);
    contents
}

#[test]
fn reads_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    for contents in [small(), with_rows(5000, 33, -1e-30)] {
        contents.write(&path).unwrap();
        let read = Contents::read(&path).unwrap();
        assert_eq!(read, sealed_like(contents, &read));
        assert_eq!(read.manifest.tensors_sha256.len(), 64);
        assert_ne!(read.manifest.header_sha256, read.manifest.tensors_sha256);
        // The file is the bytes, and what was read gives the same bytes again.
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, read.to_bytes().unwrap());
        assert_eq!(Contents::from_bytes(&bytes).unwrap(), read);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn a_bundle_from_before_there_was_a_choice_of_precision_was_fitted_in_f32() {
    let mut parts = Parts::of(&small().to_bytes().unwrap());
    parts.manifest["detector"]["features"]["backbone"].as_object_mut().unwrap().remove("precision").unwrap();
    let mut read = Contents::from_bytes(&parts.forge()).unwrap();
    assert_eq!(features(&mut read).backbone.precision, "f32");
}

#[test]
fn a_bundle_that_does_not_know_what_its_images_look_like_has_no_trace_of_it() {
    let mut contents = with_gate();
    (contents.manifest.pooled, contents.pooled) = (None, vec![]);
    let bytes = contents.to_bytes().unwrap();
    assert!(!Parts::of(&bytes).manifest.as_object().unwrap().contains_key("pooled"));
    assert!(!SafeTensors::deserialize(&bytes).unwrap().names().contains(&"pooled"));
    let read = Contents::from_bytes(&bytes).unwrap();
    assert_eq!(read, sealed_like(contents, &read));
}

#[test]
fn writes_the_same_bytes_again() {
    let first = small().to_bytes().unwrap();
    for _ in 0..20 {
        assert_eq!(small().to_bytes().unwrap(), first);
    }
    let mut named_otherwise = small();
    named_otherwise.manifest.tensors_sha256 = "what the caller says here does not count".into();
    named_otherwise.manifest.pcore_version = "9.9.9".into();
    named_otherwise.manifest.format_version = 9;
    assert_eq!(named_otherwise.to_bytes().unwrap(), first);
    let mut changed = small();
    change_rows(&mut changed, |rows| rows[3] += 1.0);
    assert_ne!(changed.to_bytes().unwrap(), first);
}

#[test]
fn any_safetensors_reader_finds_the_tensors_and_the_manifest() {
    let contents = small();
    let bytes = contents.to_bytes().unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 6);
    let bank = tensors.tensor("detector.rows").unwrap();
    assert_eq!(bank.shape(), [4, 3]);
    let values: Vec<f32> = bank.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(values, rows(&contents));
    let start_of_data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(start_of_data % 8, 0, "the data are aligned");
    let manifest = Parts::of(&bytes).manifest;
    let detector = &manifest["detector"];
    assert_eq!((&detector["kind"], &detector["settings"]["metric"]), (&json!("patchcore"), &json!("l2")));
    assert_eq!(detector["features"]["preprocessing"]["mean"][0], 0.485);
    assert_eq!(manifest["calibration"]["global"]["threshold"], serde_json::Value::Null);
    assert_eq!(manifest["seed"], u64::MAX);
}

#[test]
fn keeps_numbers_that_serde_json_reads_one_bit_off() {
    let off = (1..100_000).map(|n| 1.0 / f64::from(n)).find(|&number| {
        let json = serde_json::to_string(&number).unwrap();
        serde_json::from_str::<f64>(&json).unwrap() != number
    });
    let Some(off) = off else {
        skipped!("serde_json was built with float_roundtrip, it reads every number right");
        return;
    };
    let mut contents = small();
    contents.manifest.calibration.global.smallest_alpha = off;
    let bytes = contents.to_bytes().unwrap();
    assert_eq!(Contents::from_bytes(&bytes).unwrap().manifest.calibration.global.smallest_alpha, off);
    let text = &Parts::of(&bytes).manifest["calibration"]["global"]["smallest_alpha"];
    assert_eq!(text.as_str().unwrap().parse(), Ok(off), "such a number is a string of its digits");
}

/// Reads a bundle and computes both checksums, independently of pcore.
const PYTHON: &str = r#"
import hashlib, json, sys
from safetensors import safe_open
path = sys.argv[1]
with safe_open(path, framework="np") as bundle:
    manifest = json.loads(bundle.metadata()["pcore"])
    rows = bundle.get_tensor("detector.rows")
    sources = bundle.get_tensor("detector.row_source")
raw = open(path, "rb").read()
n = 8 + int.from_bytes(raw[:8], "little")
header = raw[:n].replace(manifest["header_sha256"].encode(), b"0" * 64)
assert hashlib.sha256(raw[n:]).hexdigest() == manifest["tensors_sha256"]
assert hashlib.sha256(header).hexdigest() == manifest["header_sha256"]
print(rows.dtype, rows.shape, rows.sum(), sources.dtype, sources.max(), manifest["sources"][1])
"#;

#[test]
fn python_reads_a_bundle() {
    let python = std::env::var("PCORE_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_packages = Command::new(&python).args(["-c", "import safetensors, numpy"]).output();
    if !has_packages.is_ok_and(|output| output.status.success()) {
        skipped!("{python} with safetensors and numpy is not there; name one in PCORE_PYTHON");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    small().write(&path).unwrap();
    let output = Command::new(python).args(["-c", PYTHON]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "float32 (4, 3) 22.5 uint32 4294967295 good/\"odd\\\",{\"header_sha256\":\".png";
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), expected);
}

#[test]
fn gates_policies_and_pooled_features_survive_and_are_checked() {
    let read = Contents::from_bytes(&with_gate().to_bytes().unwrap()).unwrap();
    assert_eq!(sealed_like(with_gate(), &read), read);
    let damages: [fn(&mut Contents); 10] = [
        |c| c.gate_conditions[0] = 2,
        |c| c.gate_points[3] = f32::NAN,
        |c| c.scores.truncate(29),
        |c| c.manifest.gate.axes[0].unit = 0.0,
        |c| c.manifest.gate.n_points = usize::MAX,
        |c| c.pooled[1] = f32::INFINITY,
        |c| c.pooled.truncate(5),
        |c| c.manifest.pooled.as_mut().unwrap().dim = 2,
        |c| c.manifest.pooled.as_mut().unwrap().images[0].condition = 2,
        |c| c.manifest.pooled = None,
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let mut contents = with_gate();
        damage(&mut contents);
        assert!(contents.check().is_err(), "damage {index} passed");
    }
}

/// Any number that a bundle may hold, of any sign and exponent, the tiniest included.
fn any_f32() -> impl Strategy<Value = f32> {
    let limited = |value: f32| if value.abs() <= MAX_MAGNITUDE { value } else { value / 1e24 };
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |value| value.is_finite()).prop_map(limited)
}

fn any_f64() -> impl Strategy<Value = f64> {
    let is_allowed = |value: &f64| value.abs() <= f64::from(MAX_MAGNITUDE);
    any::<u64>().prop_map(f64::from_bits).prop_filter("in range", is_allowed)
}

fn deviation() -> impl Strategy<Value = f32> {
    any_f32().prop_map(|value| if value.abs() < LEAST_SCORE_DEVIATION { 0.0 } else { value.abs() })
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,20}"
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..=1.0, (1u32..1000).prop_map(|n| 1.0 / f64::from(n)), Just(0.01)]
}

prop_compose! {
    fn conformal(n: usize)(
        alpha in share(), smallest_alpha in share(), threshold in prop::option::of(any_f32()),
        mean in prop::option::of(any_f32()), std in prop::option::of(deviation()),
    ) -> ConformalEntry {
        ConformalEntry { n, alpha, smallest_alpha, threshold, mean, std }
    }
}

prop_compose! {
    /// One condition, any sizes, any finite numbers, any texts.
    fn contents()(n_rows in 1usize..6, dim in 1usize..5, n_scores in 0usize..6)(
        values in prop::collection::vec(any_f32(), n_rows * dim),
        row_source in prop::collection::vec(prop_oneof![Just(u32::MAX), 0u32..3], n_rows),
        row_position in prop::collection::vec(prop_oneof![Just(u32::MAX), 0u32..64], n_rows),
        scores in prop::collection::vec(any_f32(), n_scores),
        global in conformal(n_scores), own in conformal(n_scores),
        name in "\\PC{1,12}", sources in prop::collection::vec(any::<String>(), 3),
        domain in prop::option::of(text()), cosine in any::<bool>(),
        ratio in prop::option::of(share().prop_filter("above 0", |&ratio| ratio > 0.0)),
        mean in prop::array::uniform3(-10f32..=10.0), seed in any::<u64>(),
        parameters in prop::collection::btree_map(any::<String>(), any_f64(), 0..4),
        files in prop::option::of(prop::collection::btree_map(any::<String>(), any::<String>(), 0..3)),
        pixel_threshold in prop::option::of(any_f32()),
        n_rows in Just(n_rows), dim in Just(dim),
    ) -> Contents {
        let mut contents = with_rows(n_rows, dim, 0.0);
        let manifest = &mut contents.manifest;
        manifest.conditions = vec![ConditionEntry { name: name.clone(), n_images: 3 }];
        manifest.calibration.global = global;
        manifest.calibration.per_condition = BTreeMap::from([(name, own)]);
        manifest.gate.parameters = parameters;
        manifest.gate.known.truncate(1);
        (manifest.sources, manifest.domain, manifest.seed) = (sources, domain, seed);
        manifest.imported = files.map(|files| ImportedEntry { format: "onnxdemo".into(), files });
        manifest.pixel_threshold = pixel_threshold;
        features(&mut contents).preprocessing.mean = mean;
        set(&mut contents, "metric", json!(if cosine { "cosine" } else { "l2" }));
        set(&mut contents, "coreset/ratio", json!(ratio.map(|ratio| ratio.to_string())));
        set(&mut contents, "rows_of_condition", json!([n_rows]));
        contents.score_condition = vec![0; scores.len()];
        let tensors = Tensors::default()
            .with_numbers("rows", values)
            .with_indices("row_condition", vec![0; n_rows])
            .with_indices("row_source", row_source)
            .with_indices("row_position", row_position);
        Contents { scores, tensors, ..contents }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_contents_survive_bit_for_bit(contents in contents()) {
        let bytes = contents.to_bytes().unwrap();
        let read = Contents::from_bytes(&bytes).unwrap();
        // Same bytes say more than equality, for which -0 is 0.
        prop_assert_eq!(&read.to_bytes().unwrap(), &bytes);
        prop_assert_eq!(sealed_like(contents, &read), read);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Contents::from_bytes(&bytes).is_err());
    }
}
