//! The folders that a simulation writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pcore::synth::SynthError;
use pcore::synth::hdmap::{Domain, HdmapPlan, MANIFEST_FILE, PLAN_FILE, Split, Summary, generate, write_tree};
use tiff::decoder::{Decoder, DecodingResult};

fn plan() -> HdmapPlan {
    HdmapPlan { n_train: 70, n_test_good: 8, n_test_fault: 7, ..HdmapPlan::new(Domain::C, 11) }
}

/// Every file below `root` with its bytes, by relative path.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn write(plan: &HdmapPlan, out: &Path) -> Result<Summary, SynthError> {
    write_tree(plan, out, |_, _| {})
}

#[test]
fn tree_has_the_layout_of_the_real_set_and_holds_the_generated_values() {
    let out = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    let summary = write_tree(&plan(), out.path(), |done, total| reports.push((done, total))).unwrap();
    assert_eq!((summary.n_train_cold, summary.n_train_warm), (35, 35));
    assert_eq!((reports[0], *reports.last().unwrap()), ((0, 85), (85, 85)));
    assert!(reports.is_sorted());

    let files = contents(&out.path().join("domain_C"));
    assert_eq!(files.len(), 70 + 8 + 7 + 7 + 2);
    for (split, count) in [(Split::TrainGood, 70), (Split::TestGood, 8), (Split::TestFault, 7)] {
        for index in 0..count {
            let mut decoder = Decoder::new(std::io::Cursor::new(&files[&format!("{split}/{index:06}.tiff")])).unwrap();
            assert_eq!(decoder.dimensions().unwrap(), (95, 31));
            let DecodingResult::F32(values) = decoder.read_image().unwrap() else { panic!("not float32") };
            let map = generate(&plan(), split, index).unwrap();
            assert_eq!(values, map.values);
            if let Some(mask) = map.mask {
                let png = &files[&format!("ground_truth/fault/{index:06}_mask.png")];
                let png = image::load_from_memory(png).unwrap().into_luma8();
                assert_eq!(png.dimensions(), (95, 31));
                assert!(png.iter().zip(mask).all(|(grey, raised)| *grey == if raised { 255 } else { 0 }));
            }
        }
    }
}

#[test]
fn manifest_names_every_map_with_its_truth() {
    let out = tempfile::tempdir().unwrap();
    let summary = write(&plan(), out.path()).unwrap();
    assert_eq!(summary.manifest, out.path().join("domain_C").join(MANIFEST_FILE));
    let mut table = csv::Reader::from_path(&summary.manifest).unwrap();
    assert_eq!(table.headers().unwrap(), vec!["path", "label", "condition", "u", "fault_row", "fault_cols", "mask"]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 85);
    for row in &rows {
        assert!(summary.folder.join(&row[0]).is_file());
        let u: f64 = row[3].parse().unwrap();
        assert_eq!(&row[2], if u < 0.5 { "cold" } else { "warm" });
        let faulty = row[0].starts_with("test/fault/");
        assert_eq!(&row[1], if faulty { "fault" } else { "good" });
        assert_eq!(row.iter().skip(4).all(|field| !field.is_empty()), faulty);
        if faulty {
            assert!(summary.folder.join(&row[6]).is_file());
            let index = row[0]["test/fault/".len()..].trim_end_matches(".tiff").parse().unwrap();
            let fault = generate(&plan(), Split::TestFault, index).unwrap().fault.unwrap();
            assert_eq!(row[4], format!("{}-{}", fault.rows.start, fault.rows.end - 1));
            assert_eq!(row[5], format!("{}-{}", fault.columns[0], fault.columns.last().unwrap()));
        }
    }
}

#[test]
fn same_plan_writes_the_same_bytes_anywhere_and_completes_an_interrupted_run() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&plan(), one.path()).unwrap();
    let complete = contents(one.path());
    write(&plan(), two.path()).unwrap();
    assert_eq!(complete, contents(two.path()));

    let domain = one.path().join("domain_C");
    fs::remove_file(domain.join(MANIFEST_FILE)).unwrap();
    fs::remove_dir_all(domain.join("test")).unwrap();
    fs::write(domain.join("train/good/000003.tiff"), b"half").unwrap();
    write(&plan(), one.path()).unwrap();
    assert_eq!(complete, contents(one.path()));
}

#[test]
fn leaves_folders_of_others_and_of_other_plans_untouched() {
    let out = tempfile::tempdir().unwrap();
    let domain = out.path().join("domain_C");
    fs::create_dir(&domain).unwrap();
    fs::write(domain.join("notes.txt"), b"mine").unwrap();
    assert!(matches!(write(&plan(), out.path()), Err(SynthError::ForeignFolder { folder }) if folder == domain));
    assert_eq!(contents(&domain).len(), 1);

    fs::remove_file(domain.join("notes.txt")).unwrap();
    fs::write(domain.join(format!("{PLAN_FILE}.part")), b"hdm").unwrap();
    write(&plan(), out.path()).unwrap();
    let before = contents(out.path());
    let error = write(&HdmapPlan { seed: 12, ..plan() }, out.path()).unwrap_err();
    assert!(matches!(error, SynthError::OtherPlan { .. }));
    assert!(error.to_string().contains("seed 11") && error.to_string().contains("seed 12"), "{error}");
    assert_eq!(before, contents(out.path()));

    // Another domain has its own folder.
    write(&HdmapPlan { domain: Domain::A, n_train: 2, ..plan() }, out.path()).unwrap();
    assert!(out.path().join("domain_A").join(MANIFEST_FILE).is_file());
}

#[test]
fn empty_splits_make_no_folders() {
    let out = tempfile::tempdir().unwrap();
    write(&HdmapPlan { n_test_good: 0, n_test_fault: 0, ..plan() }, out.path()).unwrap();
    assert_eq!(contents(out.path()).len(), 70 + 2);
    assert!(!out.path().join("domain_C/test").exists());
}

#[test]
fn unwritable_place_is_an_error_that_names_it() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = write(&plan(), &file).unwrap_err();
    assert!(matches!(error, SynthError::Io { .. }) && error.to_string().contains("file"), "{error}");
}
