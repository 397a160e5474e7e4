//! Files made by hand to break a reader. Where a checksum is at hand, it fits.

use pcore::bundle::{Contents, Defect, MAX_HEADER_BYTES};
use serde_json::{Value, json};

use crate::sample::{Parts, forge, rows, small};

fn parts() -> Parts {
    Parts::of(&small().to_bytes().unwrap())
}

/// Reads the forged file; `edit` changed its header.
fn read_with_header(edit: impl FnOnce(&mut Value)) -> Result<Contents, Defect> {
    let mut parts = parts();
    edit(&mut parts.header);
    Contents::from_bytes(&parts.forge())
}

/// Reads the forged file; `edit` changed the text of its header.
fn read_with_text(edit: impl FnOnce(String) -> String) -> Result<Contents, Defect> {
    let mut parts = parts();
    let text = edit(parts.header_text());
    Contents::from_bytes(&forge(&text, &parts.data))
}

#[track_caller]
fn assert_refused(read: Result<Contents, Defect>, reason: &str) {
    let message = read.unwrap_err().to_string();
    assert!(message.contains(reason), "`{message}` does not say `{reason}`");
}

#[test]
fn a_forged_but_unchanged_file_is_accepted() {
    assert!(read_with_header(|_| ()).is_ok());
    assert!(read_with_text(|text| text).is_ok());
}

#[test]
fn refuses_impossible_header_lengths() {
    let good = small().to_bytes().unwrap();
    for length in [1 << 63, u64::MAX, u64::MAX - 7, MAX_HEADER_BYTES + 1] {
        let bytes = [&length.to_le_bytes()[..], &good[8..]].concat();
        assert!(matches!(Contents::from_bytes(&bytes), Err(Defect::HeaderTooLarge { .. })), "{length}");
    }
    for length in [MAX_HEADER_BYTES, good.len() as u64 - 7] {
        let bytes = [&length.to_le_bytes()[..], &good[8..]].concat();
        assert!(matches!(Contents::from_bytes(&bytes), Err(Defect::Length { .. })), "{length}");
    }
    for length in [0, 1, 2] {
        let bytes = [&u64::to_le_bytes(length)[..], &good[8..]].concat();
        assert!(matches!(Contents::from_bytes(&bytes), Err(Defect::Header { .. })), "{length}");
    }
}

#[test]
fn refuses_headers_that_are_no_json_object() {
    for header in ["", "null", "[]", "  {}", "{", "{}", "{\"__metadata__\":{}}", "{\"__metadata__\":7}"] {
        assert!(matches!(Contents::from_bytes(&forge(header, b"")), Err(Defect::Header { .. })), "{header}");
    }
    let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
    assert!(matches!(Contents::from_bytes(&forge(&deep, b"")), Err(Defect::Header { .. })));
    let not_utf8 = [&4u64.to_le_bytes()[..], &[b'{', 0xff, 0xfe, b'}']].concat();
    assert_refused(Contents::from_bytes(&not_utf8), "no text");
}

#[test]
fn refuses_other_safetensors_files() {
    let other = safetensors::serialize(
        [("x", safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap())],
        None,
    );
    assert_refused(Contents::from_bytes(&other.unwrap()), "another safetensors file");
    assert_refused(read_with_header(|header| header["__metadata__"]["format"] = "pt".into()), "unknown key `format`");
}

#[test]
fn refuses_overlapping_holey_and_reversed_offsets() {
    for offsets in [json!([0, 48]), json!([88, 72]), json!([92, 108]), json!([u64::MAX - 15, u64::MAX])] {
        let read = read_with_header(|header| header["detector.row_condition"]["data_offsets"] = offsets.clone());
        assert!(matches!(read, Err(Defect::Header { .. })), "{offsets}: {read:?}");
    }
    // Two tensors on the same bytes, each right by itself.
    let read = read_with_header(|header| header["detector.row_source"]["data_offsets"] = json!([88, 104]));
    assert_refused(read, "do not fit together");
}

#[test]
fn refuses_shapes_whose_product_overflows() {
    for shape in [json!([1u64 << 32, 1u64 << 32]), json!([u64::MAX]), json!([1u64 << 62, 4]), json!([0, 3])] {
        let read = read_with_header(|header| header["detector.rows"]["shape"] = shape.clone());
        assert!(matches!(read, Err(Defect::Header { .. })), "{shape}: {read:?}");
    }
    // Sizes that do not overflow one by one, but whose offsets leave the file.
    let n_bytes = 1u64 << 61;
    let huge = json!({"dtype": "F32", "shape": [n_bytes / 4], "data_offsets": [40, 40 + n_bytes]});
    let read = read_with_header(|header| {
        header["detector.rows"] = huge;
        for name in ["detector.row_condition", "detector.row_source", "detector.row_position"] {
            header[name]["data_offsets"] = json!([40 + n_bytes, 40 + n_bytes + 16]);
        }
    });
    assert!(matches!(read, Err(Defect::Header { .. })), "{read:?}");
}

#[test]
fn refuses_tensors_that_would_fill_the_address_space() {
    // Contiguous tensors whose end comes round past 2^64 to the length of the file.
    let quarter = 1u64 << 62;
    let tensor = |start: u64, end: u64| json!({"dtype": "F32", "shape": [end.wrapping_sub(start) / 4], "data_offsets": [start, end]});
    let read = read_with_header(|header| {
        header["detector.rows"] = tensor(40, quarter);
        header["detector.row_condition"] = tensor(quarter, 2 * quarter);
        header["detector.row_source"] = tensor(2 * quarter, 3 * quarter);
        header["detector.row_position"] = tensor(3 * quarter, 0);
    });
    assert!(matches!(read, Err(Defect::Header { .. })), "{read:?}");
    // A manifest that agrees with a header that claims an exabyte: the length of the file decides.
    let mut parts = parts();
    let n_bytes = 1u64 << 60;
    parts.header["detector.rows"]["shape"] = json!([4, n_bytes / 16]);
    parts.header["detector.rows"]["data_offsets"] = json!([40, 40 + n_bytes]);
    parts.manifest["detector"]["features"]["descriptor"]["dim"] = (n_bytes / 16).into();
    let mut end = 40 + n_bytes;
    for name in ["detector.row_condition", "detector.row_position", "detector.row_source"] {
        parts.header[name]["data_offsets"] = json!([end, end + 16]);
        end += 16;
    }
    assert!(matches!(Contents::from_bytes(&parts.forge()), Err(Defect::Length { .. })));
}

#[test]
fn refuses_missing_and_surplus_tensors() {
    // Without held-out scores two tensors are empty, and left out.
    let mut contents = small();
    contents.scores.clear();
    contents.score_condition.clear();
    contents.manifest.calibration.global.n = 0;
    contents.manifest.calibration.per_condition.clear();
    let bytes = contents.to_bytes().unwrap();
    assert!(Contents::from_bytes(&bytes).is_ok());
    let mut parts = Parts::of(&bytes);
    parts.header.as_object_mut().unwrap().remove("detector.row_position");
    parts.data.truncate(parts.data.len() - 16);
    let read = Contents::from_bytes(&parts.forge());
    assert!(matches!(read, Err(Defect::MissingTensor { name }) if name == "detector.row_position"));
    let mut parts = Parts::of(&bytes);
    let n = parts.data.len();
    parts.header["scores"] = json!({"dtype": "F32", "shape": [1, 0], "data_offsets": [n, n]});
    assert_refused(Contents::from_bytes(&parts.forge()), "scores does not belong");
    let mut parts = Parts::of(&bytes);
    parts.header["weights"] =
        json!({"dtype": "U8", "shape": [0], "data_offsets": [parts.data.len(), parts.data.len()]});
    assert_refused(Contents::from_bytes(&parts.forge()), "weights does not belong");
}

#[test]
fn refuses_wrong_types_and_shapes() {
    for (name, dtype) in [("detector.rows", "I32"), ("detector.row_condition", "F32"), ("scores", "U32")] {
        let read = read_with_header(|header| header[name]["dtype"] = dtype.into());
        assert!(matches!(read, Err(Defect::Tensor { name: ref found, .. }) if found == name), "{name}: {read:?}");
    }
    assert_refused(read_with_header(|header| header["detector.rows"]["dtype"] = "F65".into()), "does not read");
    for shape in [json!([3, 4]), json!([12]), json!([4, 3, 1]), json!([2, 6])] {
        let read = read_with_header(|header| header["detector.rows"]["shape"] = shape);
        assert_refused(read, "detector.rows: expected F32 [4, 3]");
    }
}

#[test]
fn refuses_keys_that_come_twice() {
    let twice = |text: String, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let tensor = "\"detector.row_source\":";
    let read = read_with_text(|text| {
        let entry = serde_json::from_str::<Value>(&text).unwrap()["detector.row_source"].to_string();
        twice(text, tensor, &format!("{tensor}{entry},{tensor}"))
    });
    assert_refused(read, "`detector.row_source` comes twice");
    let read = read_with_text(|text| twice(text, "{\"pcore\":", "{\"pcore\":\"{}\",\"pcore\":"));
    assert!(matches!(read, Err(Defect::Header { .. })), "{read:?}");
    let read = read_with_text(|text| twice(text, r#"\"metric\":"#, r#"\"metric\":\"l2\",\"metric\":"#));
    assert_refused(read, "`metric` comes twice");
    let read = read_with_text(|text| twice(text, r#"\"seed\":18"#, r#"\"seed\":7,\"seed\":18"#));
    assert!(matches!(read, Err(Defect::Manifest { .. })), "{read:?}");
    let read = read_with_text(|text| twice(text, r#"\"spread\":"#, r#"\"spread\":1.0,\"spread\":"#));
    assert_refused(read, "`spread` comes twice");
    let read = read_with_text(|text| {
        let entry = serde_json::to_string(&parts().manifest["calibration"]["per_condition"]["warm"]).unwrap();
        let entry = entry.replace('"', r#"\""#);
        twice(text, r#"\"warm\":"#, &format!(r#"\"warm\":{entry},\"warm\":"#))
    });
    assert_refused(read, "`warm` comes twice");
    let key = r#"\"header_sha256\":"#;
    let zeros = "0".repeat(64);
    let read = read_with_text(|text| twice(text, key, &format!(r#"{key}\"{zeros}\",{key}"#)));
    assert_refused(read, "exactly one header_sha256");
    let read = read_with_text(|text| twice(text, key, &format!(r#"{key}\"\",{key}"#)));
    assert_refused(read, "does not have 64 digits");
}

#[test]
fn refuses_values_only_a_forger_would_write() {
    let mut cases = 0;
    for (pointer, value) in [
        ("/detector/settings/coreset/n_picked", json!(u64::MAX)),
        ("/detector/features/descriptor/dim", json!(u64::MAX)),
        ("/detector/features/descriptor/grid_rows", json!(u64::MAX)),
        ("/calibration/global/n", json!(6)),
        ("/calibration/global/threshold", json!("NaN")),
        ("/calibration/global/threshold", json!(1e300)),
        ("/calibration/alpha", json!("inf")),
        ("/gate/parameters/spread", json!("-inf")),
        ("/detector/features/preprocessing/std/0", json!(-1)),
        ("/detector/features/preprocessing/mean", json!([0, 0])),
        ("/tensors_sha256", json!("")),
        ("/conditions", json!([])),
    ] {
        let mut parts = parts();
        *parts.manifest.pointer_mut(pointer).unwrap() = value.clone();
        let mut text = parts.header_text();
        if pointer == "/tensors_sha256" {
            let sum = parts.manifest["tensors_sha256"].as_str().unwrap();
            text = text.replace(sum, "");
        }
        let read = Contents::from_bytes(&forge(&text, &parts.data));
        assert!(read.is_err(), "{pointer} = {value} passed");
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[test]
fn tensors_may_lie_in_another_order() {
    // Another writer may sort them otherwise; names decide, not places.
    let bytes = small().to_bytes().unwrap();
    let mut parts = Parts::of(&bytes);
    parts.data.rotate_left(40);
    for (name, start, size) in [
        ("detector.rows", 0, 48),
        ("detector.row_condition", 48, 16),
        ("detector.row_source", 64, 16),
        ("detector.row_position", 80, 16),
        ("scores", 96, 20),
        ("score_condition", 116, 20),
    ] {
        parts.header[name]["data_offsets"] = json!([start, start + size]);
    }
    let read = Contents::from_bytes(&parts.forge()).unwrap();
    assert_eq!(rows(&read), rows(&small()));
    assert_eq!((read.scores, read.tensors), (small().scores, small().tensors));
}
