//! Tables of results that are old enough.

use super::*;
use crate::report::read_history;
#[cfg(feature = "s3")]
use crate::serve::line::listener::listener;
use crate::serve::store::Origin;
use crate::serve::store::tests::{add, line_settings, outcome, store};
use std::fs::File;
use tempfile::TempDir;

const NONE: Duration = Duration::ZERO;

/// A line of which so many images were inspected since its sink is there.
fn line_with(n: usize, name: &str) -> (TempDir, Store, i64) {
    let (folder, store) = store();
    let line = store.set_line(None, &line_settings()).unwrap();
    assert_eq!(store.delivered(line, name).unwrap(), 0);
    inspect(&store, line, n);
    (folder, store, line)
}

fn inspect(store: &Store, line: i64, n: usize) {
    for at in 0..n {
        add(store, Origin::Line(line), &format!("{at}.png"), None);
    }
    let waiting = store.next_pending(n).unwrap();
    assert_eq!(waiting.len(), n);
    store.keep(&waiting.into_iter().map(|item| outcome(item, Some(1.0))).collect::<Vec<_>>()).unwrap();
}

fn tables(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut days: Vec<PathBuf> = fs::read_dir(folder.join("line=1")).unwrap().map(|day| day.unwrap().path()).collect();
    days.sort();
    let mut found: Vec<PathBuf> =
        days.iter().flat_map(|day| fs::read_dir(day).unwrap().map(|table| table.unwrap().path())).collect();
    found.sort();
    found
}

#[test]
fn each_result_is_in_one_table_when_it_is_old_enough() {
    let (_folder, store, line) = line_with(3, "parquet");
    let place = tempfile::tempdir().unwrap();
    let shelf = Shelf::Folder(place.path().to_owned());
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, Duration::from_secs(60))), Ok(false), "too young");
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(true));
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(false), "nothing is left");
    inspect(&store, line, 2);
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(true));
    let found = tables(place.path());
    let names: Vec<String> =
        found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["000000000001.parquet", "000000000004.parquet"]);
    assert!(found[0].parent().unwrap().file_name().unwrap().to_string_lossy().starts_with("day=20"));
    let rows = |path: &PathBuf| read_history(File::open(path).unwrap()).unwrap();
    assert_eq!((rows(&found[0]).len(), rows(&found[1]).len()), (3, 2));
    assert_eq!((rows(&found[0])[2].row.path.as_str(), rows(&found[0])[2].row.score), ("2.png", Some(1.0)));
}

#[test]
fn what_was_kept_before_a_kill_is_replaced_and_not_doubled() {
    let (_folder, store, line) = line_with(2, "parquet");
    let place = tempfile::tempdir().unwrap();
    let shelf = Shelf::Folder(place.path().to_owned());
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(true));
    // Killed before it was noted; another result comes meanwhile.
    store.deliver_upto(line, "parquet", 0).unwrap();
    inspect(&store, line, 1);
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(true));
    let found = tables(place.path());
    assert_eq!(found.len(), 1);
    assert_eq!(read_history(File::open(&found[0]).unwrap()).unwrap().len(), 3);
}

#[test]
fn a_folder_that_is_gone_is_told_and_its_results_wait() {
    let (_folder, store, line) = line_with(1, "parquet");
    let place = tempfile::tempdir().unwrap();
    let shelf = Shelf::Folder(place.path().join("share"));
    assert!(keep_some(&store, line, "parquet", (&shelf, NONE)).unwrap_err().contains("share"));
    fs::create_dir(place.path().join("share")).unwrap();
    assert_eq!(keep_some(&store, line, "parquet", (&shelf, NONE)), Ok(true));
    assert_eq!(tables(&place.path().join("share")).len(), 1);
}

#[cfg(feature = "s3")]
#[test]
fn a_bucket_gets_a_signed_table_and_a_refusal_is_told_without_the_signature() {
    let (_folder, store, line) = line_with(2, "s3");
    let (endpoint, requests) = listener(&[403, 200]);
    let settings: SinkSettings = serde_json::from_value(serde_json::json!({
        "kind": "s3", "endpoint": endpoint, "bucket": "results",
        "prefix": "plant/one", "access_key": "key", "secret": "s3cret",
    }))
    .unwrap();
    let (shelf, age) = Shelf::of(&settings).unwrap().unwrap();
    assert_eq!(age, Duration::from_secs(600));
    let why = keep_some(&store, line, "s3", (&shelf, NONE)).unwrap_err();
    assert!(why.contains("results/plant/one/line") && why.contains("403"), "{why}");
    assert!(!why.contains("ignature") && !why.contains("s3cret"), "{why}");
    assert_eq!(keep_some(&store, line, "s3", (&shelf, NONE)), Ok(true));
    let sent = requests.iter().last().unwrap();
    let first = &sent.first;
    assert!(first.starts_with("PUT /results/plant/one/line%3D1/day%3D20"), "{first}");
    assert!(first.contains("X-Amz-Signature=") && first.contains("X-Amz-Credential=key"), "{first}");
    let table = tempfile::NamedTempFile::new().unwrap();
    fs::write(table.path(), &sent.body).unwrap();
    assert_eq!(read_history(File::open(table.path()).unwrap()).unwrap().len(), 2);
}
