//! The files of the .NET line station, made by `generate.py` beside this file.

use std::fs;
use std::path::{Path, PathBuf};

use pcore::detect::station::{self, GALLERY_FILE, META_FILE, StationArtefact, StationError, THRESHOLD_FILE};
use serde_json::Value;

const DIM: usize = 16;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnxdemo").join(name)
}

/// A copy of the station's folder that a test may spoil.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in [GALLERY_FILE, META_FILE, THRESHOLD_FILE] {
        fs::copy(golden("station").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// Reads a copy in which `file` was changed.
fn read_with(
    file: &str,
    dim: Option<usize>,
    edit: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Result<StationArtefact, StationError> {
    let folder = copied();
    let path = folder.path().join(file);
    fs::write(&path, edit(fs::read(&path).unwrap())).unwrap();
    station::read(folder.path(), dim)
}

/// Reads a copy in which one piece of text of a JSON file was replaced.
fn read_with_text(file: &str, from: &str, to: &str) -> Result<StationArtefact, StationError> {
    read_with(file, None, |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to).into_bytes()
    })
}

#[test]
fn reads_the_files_of_the_station() {
    let artefact = station::read(&golden("station"), Some(DIM)).unwrap();
    assert_eq!((artefact.n_rows(), artefact.dim), (24, DIM));
    assert_eq!(artefact, station::read(&golden("station"), None).unwrap(), "the dimension follows from ntotal");
    assert_eq!((artefact.threshold.value, artefact.threshold.cut()), (0.0509, 0.0509_f32));
    assert_eq!((artefact.threshold.q, artefact.threshold.n_rows), (Some(0.998), Some(24)));
    let meta = &artefact.meta;
    assert_eq!((meta.input_size_px, meta.grid_rows, meta.grid_cols), (224, 3, 2));
    assert_eq!((meta.mean, meta.std), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
    assert_eq!((meta.backbone.as_str(), meta.data_name.as_deref()), ("wrn50_l3", Some("병뚜껑")));
    assert_eq!(meta.layers.as_deref(), Some(&["layer3".to_owned()][..]));
}

#[test]
fn gives_the_scores_and_verdicts_of_the_station() {
    let artefact = station::read(&golden("station"), None).unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(golden("expected.json")).unwrap()).unwrap();
    let images = expected["images"].as_array().unwrap();
    let mut n_rejected = 0;
    for image in images {
        let score = image["patches"].as_array().unwrap().iter().fold(f32::MIN, |score, patch| {
            let patch: Vec<f32> = patch.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
            let dot = |row: &[f32]| row.iter().zip(&patch).map(|(a, b)| a * b).sum::<f32>();
            score.max(1.0 - artefact.rows.chunks(DIM).map(dot).fold(f32::MIN, f32::max))
        });
        assert!((f64::from(score) - image["score"].as_f64().unwrap()).abs() < 1e-6);
        assert_eq!(score > artefact.threshold.cut(), image["rejected"].as_bool().unwrap());
        n_rejected += usize::from(score > artefact.threshold.cut());
    }
    assert_eq!((images.len(), n_rejected), (6, 3));
}

#[test]
fn writes_back_the_bytes_it_read() {
    let artefact = station::read(&golden("station"), Some(DIM)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    station::write(folder.path(), &artefact).unwrap();
    for file in [GALLERY_FILE, META_FILE, THRESHOLD_FILE] {
        assert_eq!(fs::read(folder.path().join(file)).unwrap(), fs::read(golden("station").join(file)).unwrap());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn keeps_unknown_fields_when_others_change() {
    let mut artefact = station::read(&golden("station"), Some(DIM)).unwrap();
    artefact.meta.data_name = Some("lid".into());
    artefact.threshold.value = 0.06;
    let folder = tempfile::tempdir().unwrap();
    station::write(folder.path(), &artefact).unwrap();
    let meta: Value = serde_json::from_slice(&fs::read(folder.path().join(META_FILE)).unwrap()).unwrap();
    assert_eq!((&meta["model_dir"], &meta["data_name"]), (&"runs/1".into(), &"lid".into()));
    let read = station::read(folder.path(), Some(DIM)).unwrap();
    assert_eq!((read.threshold.value, read.threshold.q), (0.06, Some(0.998)));
    // Without any text, as after a fit of our own.
    artefact.meta.text = None;
    artefact.threshold.text = None;
    station::write(folder.path(), &artefact).unwrap();
    let mut read = station::read(folder.path(), None).unwrap();
    read.meta.text = None;
    read.threshold.text = None;
    assert_eq!(read, artefact);
}

#[test]
fn rejects_a_gallery_cut_at_every_length() {
    let n_bytes = 24 * DIM * 4;
    for length in 0..n_bytes {
        let error = read_with(GALLERY_FILE, Some(DIM), |bytes| bytes[..length].to_vec()).unwrap_err();
        assert!(
            matches!(
                error,
                StationError::EmptyGallery | StationError::RaggedGallery { .. } | StationError::RowCount { .. }
            ),
            "{length}: {error}"
        );
    }
    let longer = read_with(GALLERY_FILE, Some(DIM), |bytes| [bytes, vec![0; 4 * DIM]].concat());
    assert!(matches!(longer, Err(StationError::RowCount { expected: 24, found: 25, .. })));
}

#[test]
fn rejects_json_cut_at_every_length() {
    for file in [THRESHOLD_FILE, META_FILE] {
        let text = fs::read_to_string(golden("station").join(file)).unwrap();
        for length in 0..text.trim_end().len() {
            let read = read_with(file, Some(DIM), |bytes| bytes[..length].to_vec());
            assert!(matches!(read, Err(StationError::Json { .. } | StationError::Read { .. })), "{file} {length}");
        }
    }
}

#[test]
fn rejects_rows_that_are_no_unit_vectors() {
    let spoil = |value: f32| {
        read_with(GALLERY_FILE, Some(DIM), move |mut bytes| {
            let place = 4 * (5 * DIM + 3);
            bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
            bytes
        })
    };
    assert!(matches!(spoil(f32::NAN), Err(StationError::NotFinite { row: 5, col: 3, .. })));
    assert!(matches!(spoil(f32::INFINITY), Err(StationError::NotFinite { row: 5, col: 3, .. })));
    assert!(matches!(spoil(3.0), Err(StationError::NotNormalised { row: 5, .. })));
    // Another dimension that divides the file: the rows it makes are not normalised.
    let read =
        read_with(THRESHOLD_FILE, Some(8), |bytes| String::from_utf8(bytes).unwrap().replace("24", "48").into_bytes());
    assert!(matches!(read, Err(StationError::NotNormalised { dim: 8, .. })), "{read:?}");
}

#[test]
fn rejects_files_that_do_not_belong_together() {
    assert!(matches!(
        station::read(&golden("station"), Some(2 * DIM)),
        Err(StationError::RowCount { expected: 24, found: 12, dim: 32 })
    ));
    assert!(matches!(station::read(&golden("station"), Some(7)), Err(StationError::RaggedGallery { dim: 7, .. })));
    assert!(matches!(station::read(&golden("station"), Some(0)), Err(StationError::RaggedGallery { dim: 0, .. })));
    assert!(matches!(
        station::read(&golden("station"), Some(usize::MAX)),
        Err(StationError::RaggedGallery { dim: usize::MAX, .. })
    ));
    for (from, to) in [(",\n  \"ntotal\": 24", ""), ("24", "0")] {
        let read = read_with_text(THRESHOLD_FILE, from, to);
        assert!(matches!(read, Err(StationError::NoDim)), "{read:?}");
    }
    assert!(read_with_text(THRESHOLD_FILE, "24", "18446744073709551615").is_err());
}

#[test]
fn rejects_fields_that_make_no_sense() {
    let cases = [
        (THRESHOLD_FILE, "\"cosine\"", "\"l2\"", "metric is `l2`"),
        (THRESHOLD_FILE, "0.0509", "1e300", "value is"),
        (THRESHOLD_FILE, "0.998", "1.2", "q is 1.2"),
        (META_FILE, "\"cosine\"", "\"l2\"", "metric is `l2`"),
        (META_FILE, "size\": 224", "size\": 0", "input_size is 0"),
        (META_FILE, "size\": 224", "size\": -1", "invalid value"),
        (META_FILE, "0.229", "0.0", "std is"),
        (META_FILE, "0.485", "1e200", "mean is"),
        (META_FILE, "        2\n", "        0\n", "grid is [3, 0]"),
        (META_FILE, "        2\n", "        2, 2\n", "trailing"),
        (META_FILE, "wrn50_l3", "", "backbone is empty"),
        (META_FILE, "\"data_name\"", "\"backbone\"", "duplicate field"),
    ];
    for (file, from, to, expected) in cases {
        let message = read_with_text(file, from, to).unwrap_err().to_string();
        assert!(message.starts_with(file) && message.contains(expected), "{message} does not say {expected}");
    }
}

#[test]
fn passes_over_a_byte_order_mark_and_upper_case() {
    let read = read_with(META_FILE, None, |bytes| {
        let text = String::from_utf8(bytes).unwrap().replace("\"cosine\"", "\" Cosine \"");
        format!("\u{feff}{text}").into_bytes()
    });
    let artefact = read.unwrap();
    let folder = tempfile::tempdir().unwrap();
    station::write(folder.path(), &artefact).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(META_FILE)).unwrap(), artefact.meta.text.unwrap());
}

#[test]
fn names_a_missing_file_and_refuses_a_huge_one() {
    for file in [GALLERY_FILE, META_FILE, THRESHOLD_FILE] {
        let folder = copied();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = station::read(folder.path(), Some(DIM)).unwrap_err();
        assert!(matches!(&error, StationError::Read { path, .. } if path.ends_with(file)), "{error}");
    }
    let folder = copied();
    let sparse = |file: &str, n_bytes| {
        fs::OpenOptions::new().write(true).open(folder.path().join(file)).unwrap().set_len(n_bytes).unwrap();
        station::read(folder.path(), Some(DIM)).unwrap_err()
    };
    assert!(matches!(sparse(GALLERY_FILE, station::MAX_GALLERY_BYTES + 64), StationError::TooLarge { .. }));
    assert!(matches!(sparse(META_FILE, station::MAX_JSON_BYTES + 1), StationError::TooLarge { .. }));
}

#[test]
fn refuses_to_write_what_it_would_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut artefact = station::read(&golden("station"), None).unwrap();
    artefact.rows[7] = f32::NAN;
    assert!(matches!(station::write(folder.path(), &artefact), Err(StationError::NotFinite { row: 0, col: 7, .. })));
    artefact.rows.clear();
    assert!(matches!(station::write(folder.path(), &artefact), Err(StationError::EmptyGallery)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let artefact = station::read(&golden("station"), None).unwrap();
    let missing = station::write(&folder.path().join("missing"), &artefact);
    assert!(matches!(missing, Err(StationError::Write { .. })));
}
