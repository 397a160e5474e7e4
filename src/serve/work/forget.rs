//! Images that were kept long enough.

use super::Station;
use crate::serve::clock::{DAY_MS, now_ms};
use crate::serve::store::{Store, StoreError};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Images that are removed between two looks at whether the server stops.
const AT_A_TIME: usize = 500;
/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(600);

/// Removes images in the data folder that are older than the options say, where it is time for that. Results stay, and so do images that
/// somebody marked: detectors learn from them.
pub(super) fn forget_old(station: &Station, last: &mut Option<Instant>) {
    let Some(days) = station.options.keep_days else { return };
    if last.is_some_and(|last| last.elapsed() < EVERY) {
        return;
    }
    *last = Some(Instant::now());
    let before = now_ms() - i64::from(days) * DAY_MS;
    let (mut n, mut after) = (0, 0);
    while !station.hub.is_stopping() {
        match forget_some(&station.store, station.place.root(), (before, after)) {
            Ok(None) => break,
            Ok(Some((last, some))) => (n, after) = (n + some, last),
            Err(error) => {
                tracing::error!(%error, "can't read which images are old");
                break;
            }
        }
    }
    if n > 0 {
        tracing::info!(images = n, days, "old images were removed; their results stay");
    }
}

/// Removes some images after this one of results that were made before this time, in milliseconds; gives the last of them, and how many
/// went. What can't be removed stays known, and is tried again with the next look.
fn forget_some(store: &Store, root: &Path, (before, after): (i64, i64)) -> Result<Option<(i64, usize)>, StoreError> {
    let old = store.old_images(root, (before, after), AT_A_TIME)?;
    let is_gone = |path: &Path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an old image can't be removed");
            false
        }
        Ok(()) | Err(_) => true,
    };
    let gone: Vec<i64> = old.iter().filter(|(_, path)| is_gone(path)).map(|(id, _)| *id).collect();
    store.forget_paths(&gone)?;
    Ok(old.last().map(|(last, _)| (*last, gone.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::record::{FeedbackRecord, MarkWord};
    use crate::serve::store::tests::{outcome, store};
    use crate::serve::store::{NewItem, Origin, Priority, accept};

    #[test]
    fn old_images_go_but_for_those_that_were_marked_or_lie_elsewhere() {
        let (_database, store) = store();
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = [root.path().join("a.png"), root.path().join("marked.png"), elsewhere.path().join("b.png")];
        for path in &paths {
            fs::write(path, "pixels").unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let priority = Priority::Now;
            let item =
                NewItem { origin: Origin::Alone, name, path, detector: "part", priority, key: None, settled: true };
            store.write(|on| accept(on, &item)).unwrap();
        }
        let waiting = store.next_pending(10).unwrap();
        let marked = waiting.iter().find(|item| item.name == "marked.png").unwrap().id;
        let gone = waiting.iter().find(|item| item.name == "a.png").unwrap().id;
        store.keep(&waiting.into_iter().map(|item| outcome(item, Some(4.0))).collect::<Vec<_>>()).unwrap();
        let mark = MarkWord::FalseAlarm;
        let feedback = FeedbackRecord { mark, r#box: None, note: None, at: String::new(), by: String::new() };
        store.mark(marked, &feedback, "anna").unwrap();
        let soon = now_ms() + 1000;
        assert_eq!(forget_some(&store, root.path(), (now_ms() - DAY_MS, 0)).unwrap(), None, "none is a day old");
        fs::rename(&paths[0], root.path().join("away")).unwrap();
        fs::create_dir(&paths[0]).unwrap();
        assert_eq!(forget_some(&store, root.path(), (soon, 0)).unwrap(), Some((gone, 0)), "a folder is not removed");
        assert_eq!(forget_some(&store, root.path(), (soon, gone)).unwrap(), None);
        fs::remove_dir(&paths[0]).unwrap();
        fs::rename(root.path().join("away"), &paths[0]).unwrap();
        assert_eq!(forget_some(&store, root.path(), (soon, 0)).unwrap(), Some((gone, 1)));
        assert_eq!(forget_some(&store, root.path(), (soon, 0)).unwrap(), None);
        assert_eq!(paths.map(|path| path.exists()), [false, true, true]);
        assert_eq!(store.result(gone).unwrap().score, Some(4.0), "its result stays");
        assert_eq!(store.result_file(gone).unwrap().0, Path::new(""));
    }
}
