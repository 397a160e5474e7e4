//! Condition tables: what they say, and what is wrong with them, by line.

use std::path::PathBuf;

use pcore::dataset::{ConditionTable, DatasetError, Sample};
use tempfile::TempDir;
use unicode_normalization::UnicodeNormalization;

fn table(csv: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("train")).unwrap();
    for name in ["train/a.png", "train/b.png"] {
        std::fs::write(folder.path().join(name), b"").unwrap();
    }
    let path = folder.path().join("conditions.csv");
    std::fs::write(&path, csv).unwrap();
    (folder, path)
}

fn sample(path: PathBuf) -> Sample {
    Sample {
        name: path.display().to_string(),
        path,
        label: None,
        defect: None,
        mask: None,
        roi: None,
        domain: None,
        product: None,
    }
}

fn refusal(csv: &[u8]) -> DatasetError {
    let (_folder, path) = table(csv);
    ConditionTable::read(&path).unwrap_err()
}

#[test]
fn gives_the_condition_of_an_image_by_whichever_path() {
    let (folder, path) = table(b"path,condition\ntrain/a.png,mono\ntrain/b.png,poly\n");
    let table = ConditionTable::read(&path).unwrap();
    let get = |name: &str| table.get(&sample(folder.path().join(name))).map(str::to_owned);
    assert_eq!(get("train/a.png").as_deref(), Some("mono"));
    assert_eq!(get("train/../train/./b.png").as_deref(), Some("poly"));
    assert_eq!(get("train/c.png"), None);
    assert_eq!(table.len(), 2);
    assert!(!table.is_empty());
    assert_eq!(table.conditions().into_iter().collect::<Vec<_>>(), ["mono", "poly"]);
}

#[test]
fn takes_other_columns_absolute_paths_backslashes_and_a_byte_order_mark() {
    let (folder, path) = table(b"");
    let absolute = folder.path().join("train/a.png");
    let csv = format!(
        "\u{feff}operator, condition ,path\nx,\"cold, dry\",{}\ny,warm,train\\b.png\nz,warm,later/c.png\n",
        absolute.display()
    );
    std::fs::write(&path, csv).unwrap();
    let table = ConditionTable::read(&path).unwrap();
    let get = |name: &str| table.get(&sample(folder.path().join(name))).map(str::to_owned);
    assert_eq!(get("train/a.png").as_deref(), Some("cold, dry"));
    assert_eq!(get("train/b.png").as_deref(), Some("warm"));
    assert_eq!(get("later/c.png").as_deref(), Some("warm"));
}

#[test]
fn names_and_conditions_match_in_composed_and_decomposed_unicode() {
    let (composed, decomposed) = ("시험편_\u{e9}", "시험편_\u{e9}".nfd().collect::<String>());
    assert_ne!(composed, decomposed);
    let (one, other) = (composed.to_owned(), decomposed);
    // The forms in the table, the forms of the files, and the condition of each file.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, Option<&'a str>)]);
    let cases: [Case<'_>; 6] = [
        (&[(&one, "a")], &[(&other, Some("a"))]),
        (&[(&other, "a")], &[(&one, Some("a"))]),
        (&[(&one, "a")], &[(&one, Some("a"))]),
        (&[(&one, "a"), (&other, "b")], &[(&one, Some("a")), (&other, Some("b"))]),
        // Two files remain two: the one that the table does not name has no condition.
        (&[(&one, "a")], &[(&one, Some("a")), (&other, None)]),
        (&[(&other, "a")], &[(&one, None), (&other, Some("a"))]),
    ];
    for (index, (lines, files)) in cases.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        // A folder of a decomposed name as well.
        for (file, _) in *files {
            let path = folder.path().join(format!("{other}/{file}.png"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let lines: String = lines.iter().map(|(name, condition)| format!("{other}/{name}.png,{condition}\n")).collect();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, format!("path,condition\n{lines}")).unwrap();
        let table = ConditionTable::read(&path).unwrap();
        for (file, expected) in *files {
            let found = sample(folder.path().join(format!("{other}/{file}.png")));
            assert_eq!(table.get(&found), *expected, "case {index}, {file:?}");
        }
    }
    // The condition itself, and two lines for what is one image unless a file says otherwise.
    let (_folder, path) = table(format!("path,condition\ntrain/a.png,{other}\n").as_bytes());
    assert_eq!(ConditionTable::read(&path).unwrap().conditions().into_iter().collect::<Vec<_>>(), [one.as_str()]);
    let error = refusal(format!("path,condition\nx/{one}.png,a\nx/{other}.png,b\n").as_bytes());
    assert!(matches!(error, DatasetError::TableLine { line: 3, .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn names_may_be_written_as_results_write_them() {
    use std::os::unix::ffi::OsStrExt;
    let (folder, path) = table(b"path,condition\n%FF.png,a\n'=1.png,b\nback%5Cslash.png,c\n");
    let names: [(&[u8], &str); 3] = [(b"\xff.png", "a"), (b"=1.png", "b"), (b"back\\slash.png", "c")];
    for (name, condition) in names {
        let file = folder.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&file, b"").unwrap();
        assert_eq!(ConditionTable::read(&path).unwrap().get(&sample(file)), Some(condition));
    }
}

#[cfg(unix)]
#[test]
fn a_link_has_the_condition_of_its_file() {
    let (folder, path) = table(b"path,condition\ntrain/a.png,mono\n");
    let link = folder.path().join("link.png");
    std::os::unix::fs::symlink(folder.path().join("train/a.png"), &link).unwrap();
    assert_eq!(ConditionTable::read(&path).unwrap().get(&sample(link)), Some("mono"));
}

#[test]
fn an_image_named_twice_is_refused_with_both_lines() {
    let error = refusal(b"path,condition\ntrain/a.png,mono\ntrain/b.png,poly\n./train/a.png,mono\n");
    assert!(matches!(error, DatasetError::TableLine { line: 4, .. }), "{error}");
    assert!(error.to_string().contains("already named in line 2"), "{error}");
    let error = refusal(b"path,condition\ntrain/a.png,mono\ntrain/a.png,poly\n");
    assert!(matches!(error, DatasetError::TableLine { line: 3, .. }), "{error}");
    assert!(error.to_string().contains("poly here and mono in line 2"), "{error}");
}

#[test]
fn damaged_lines_are_refused_by_number() {
    for (csv, expected_line) in [
        (&b"path,condition\ntrain/a.png,\n"[..], 2),
        (b"path,condition\ntrain/a.png,x\n,y\n", 3),
        (b"path,condition\ntrain/a.png\n", 2),
        (b"path,condition\ntrain/a.png,x\ntrain/b.png,\xff\xfe\n", 3),
    ] {
        match refusal(csv) {
            DatasetError::TableLine { line, .. } => assert_eq!(line, expected_line),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn missing_columns_and_files_are_said() {
    let error = refusal(b"file,condition\na,b\n");
    assert!(matches!(error, DatasetError::TableColumns { missing: "path", .. }), "{error}");
    let error = refusal(b"");
    assert!(matches!(error, DatasetError::TableColumns { .. }), "{error}");
    let missing = ConditionTable::read("no/such/table.csv".as_ref()).unwrap_err();
    assert!(matches!(missing, DatasetError::NotFound { .. }), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(ConditionTable::read(folder.path()), Err(DatasetError::Io { .. })));
}

#[test]
fn a_table_without_lines_names_nothing() {
    let (_folder, path) = table(b"path,condition\n");
    assert!(ConditionTable::read(&path).unwrap().is_empty());
}
