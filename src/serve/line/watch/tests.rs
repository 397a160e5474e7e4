//! Folders, as cameras and people fill them.

use super::*;
use std::io::Write;
use std::thread;
use tempfile::TempDir;

fn watcher(folder: &TempDir, after: After, owner: &str) -> Watcher {
    let stable = Duration::from_millis(60);
    Watcher::new(Watch { folder: folder.path().to_owned(), after, recursive: true, stable, owner: owner.to_owned() })
}

/// Everything that comes in a while.
fn all(watcher: &mut Watcher) -> Vec<Found> {
    let (begun, mut found) = (Instant::now(), vec![]);
    while begun.elapsed() < Duration::from_millis(300) {
        found.extend(watcher.next(1000).unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    found
}

#[test]
fn a_file_is_taken_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let mut watcher = watcher(&folder, After::Move, "one");
    let writer = thread::spawn(move || {
        let mut file = fs::File::create(path).unwrap();
        for _ in 0..10 {
            file.write_all(&[7; 1000]).unwrap();
            thread::sleep(Duration::from_millis(25));
        }
    });
    let found = loop {
        let found = watcher.next(10).unwrap();
        if !found.is_empty() {
            break found;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(fs::metadata(&found[0].path).unwrap().len(), 10_000);
    writer.join().unwrap();
}

#[test]
fn what_is_no_finished_image_stays() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png.tmp", ".b.png", "c.png.part", "notes.txt", "d.png~", "empty.png"] {
        fs::write(folder.path().join(name), if name == "empty.png" { "" } else { "x" }).unwrap();
    }
    fs::create_dir(folder.path().join("dir.png")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.png")).unwrap();
    assert_eq!(all(&mut watcher(&folder, After::Move, "one")), vec![]);
    // Renamed to its name, it is taken.
    fs::rename(folder.path().join("a.png.tmp"), folder.path().join("a.png")).unwrap();
    let found = all(&mut watcher(&folder, After::Move, "one"));
    assert_eq!(found.iter().map(|found| &*found.name).collect::<Vec<_>>(), ["a.png"]);
}

#[test]
fn two_servers_get_each_file_of_a_burst_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lot")).unwrap();
    for n in 0..300 {
        fs::write(folder.path().join(format!("lot/{n}.png")), "x").unwrap();
    }
    let mut names: Vec<String> = thread::scope(|scope| {
        let take = |owner: &'static str| {
            let folder = &folder;
            scope.spawn(move || all(&mut watcher(folder, After::Move, owner)))
        };
        let both = [take("one"), take("two")];
        both.into_iter().flat_map(|one| one.join().unwrap()).map(|found| found.name).collect()
    });
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!((n, names.len()), (300, 300));
    assert!(names.contains(&"lot/17.png".to_owned()));
}

#[test]
fn a_claim_outlives_its_server_and_ends_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("done")).unwrap();
    fs::write(folder.path().join("done/a 100%.png"), "an older one").unwrap();
    fs::write(folder.path().join("a 100%.png"), "x").unwrap();
    assert_eq!(all(&mut watcher(&folder, After::Move, "one")).len(), 1);
    let again = watcher(&folder, After::Move, "one");
    let claimed = again.claimed();
    assert_eq!((claimed.len(), Watcher::name_of_claim(&claimed[0])), (1, "a 100%.png".to_owned()));
    assert!(watcher(&folder, After::Move, "two").claimed().is_empty(), "another server's claims are its own");
    let place = Watcher::finish(&claimed[0], Outcome::Done).unwrap();
    assert_eq!(place, folder.path().join("done/a 100%-1.png"));
    assert_eq!(fs::read(folder.path().join("done/a 100%.png")).unwrap(), b"an older one");
    assert!(again.claimed().is_empty());
}

#[test]
fn what_stays_is_taken_once_and_again_when_it_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs::write(&path, "x").unwrap();
    let mut watcher = watcher(&folder, After::Keep, "one");
    let mut take = || {
        let (begun, mut n) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_millis(250) {
            for found in watcher.next(10).unwrap() {
                watcher.remember(&found);
                n += 1;
            }
            thread::sleep(Duration::from_millis(10));
        }
        n
    };
    assert_eq!((take(), take()), (1, 0));
    fs::write(&path, "another").unwrap();
    assert_eq!(take(), 1);
}

#[test]
fn a_folder_that_is_gone_is_told_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("share");
    fs::create_dir(&inner).unwrap();
    let mut watcher = watcher(&folder, After::Move, "one");
    watcher.watch.folder.clone_from(&inner);
    assert!(watcher.next(1).is_ok());
    fs::remove_dir(&inner).unwrap();
    assert_eq!(watcher.next(1).unwrap_err().kind(), io::ErrorKind::NotFound);
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("a.png"), "x").unwrap();
    assert_eq!(all(&mut watcher).len(), 1);
}
