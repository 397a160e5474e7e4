//! Whatever happens while a bundle is written, its path holds the old or the new one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use pcore::bundle::{BundleError, Contents, STALE_AFTER};

use crate::sample::{change_rows, rows, with_rows};

/// Tells a test that it runs as its own child, and where to write.
const CHILD_PATH: &str = "PCORE_TEST_BUNDLE_CHILD";

/// About 400 kB, so that a write takes long enough to be hit.
fn alternative(value: f32) -> Contents {
    with_rows(1000, 100, value)
}

fn child_path() -> Option<PathBuf> {
    std::env::var_os(CHILD_PATH).map(PathBuf::from)
}

/// The arguments that make this test program run one test only.
fn only(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new_bundle() {
    const TEST: &str = "atomic::a_kill_at_any_moment_leaves_the_old_or_the_new_bundle";
    const KILLS: u32 = 40;
    let (even, odd) = (alternative(0.5), alternative(1.5));
    if let Some(path) = child_path() {
        for contents in [&even, &odd].into_iter().cycle() {
            contents.write(&path).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    let started = Instant::now();
    even.write(&path).unwrap();
    let write_time = started.elapsed();
    let (mut n_even, mut n_odd) = (0, 0);
    for kill in 0..KILLS {
        let first = fs::metadata(&path).unwrap().modified().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(only(TEST))
            .env(CHILD_PATH, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not before the child has replaced the file once, or only its start would be hit.
        let started = Instant::now();
        while fs::metadata(&path).unwrap().modified().unwrap() == first {
            assert!(started.elapsed() < Duration::from_secs(60), "the child writes nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Spread over three writes, in no order.
        std::thread::sleep(write_time * (kill * 7 % KILLS * 3) / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = Contents::read(&path).unwrap();
        let found = rows(&found);
        if found == rows(&even) {
            n_even += 1;
        } else {
            assert_eq!(found, rows(&odd), "kill {kill}: neither the old nor the new bundle");
            n_odd += 1;
        }
    }
    let left = names(folder.path()).len() - 1;
    println!("{KILLS} kills: {n_even} times one bundle, {n_odd} times the other, {left} temporary files left behind");
    assert_eq!(n_even + n_odd, KILLS);
    odd.write(&path).unwrap();
    assert_eq!(rows(&Contents::read(&path).unwrap()), rows(&odd), "what is left behind hurts nobody");
}

#[test]
fn two_writers_at_once_leave_one_whole_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    let both = [alternative(0.5), alternative(1.5)];
    both[0].write(&path).unwrap();
    std::thread::scope(|scope| {
        for contents in &both {
            scope.spawn(|| (0..20).for_each(|_| contents.write(&path).unwrap()));
        }
        for _ in 0..100 {
            let found = Contents::read(&path).unwrap();
            let found = rows(&found);
            assert!(both.iter().any(|contents| rows(contents) == found));
        }
    });
    assert_eq!(names(folder.path()), ["C.pcore"]);
}

#[test]
fn removes_only_stale_leftovers_of_the_same_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, age: Duration| {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    let old = STALE_AFTER + Duration::from_secs(60);
    place(".C.pcore.aB3dE6.pcore.tmp", old);
    place(".C.pcore.fresh1.pcore.tmp", Duration::from_secs(60));
    place(".D.pcore.aB3dE6.pcore.tmp", old);
    place("C.pcore.tmp", old);
    place(".C.pcore.pcore.tmp", old);
    place("notes.txt", old);
    alternative(0.5).write(&folder.path().join("C.pcore")).unwrap();
    let expected = [
        ".C.pcore.fresh1.pcore.tmp",
        ".C.pcore.pcore.tmp",
        ".D.pcore.aB3dE6.pcore.tmp",
        "C.pcore",
        "C.pcore.tmp",
        "notes.txt",
    ];
    assert_eq!(names(folder.path()), expected);
}

/// Writes over an old bundle where there is no room for the new one.
fn assert_fails_for_lack_of_space(path: &Path, old: &Contents) {
    let error = alternative(1.5).write(path).unwrap_err();
    let BundleError::Write { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(rows(&Contents::read(path).unwrap()), rows(old));
    assert_eq!(names(path.parent().unwrap()), ["C.pcore"], "the temporary file is removed");
}

/// Unmounts when the test ends, however it ends.
#[cfg(target_os = "linux")]
struct Mounted<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(self.0).status().unwrap().success());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        skipped!("mounting a small tmpfs needs root and the right to mount");
        return;
    }
    let _mounted = Mounted(folder.path());
    let path = folder.path().join("C.pcore");
    let old = with_rows(20, 10, 0.5);
    old.write(&path).unwrap();
    assert_fails_for_lack_of_space(&path, &old);
    with_rows(30, 10, 2.5).write(&path).unwrap();
    assert_eq!(rows(&Contents::read(&path).unwrap()).len(), 300, "a bundle that fits is still taken");
}

#[cfg(unix)]
#[test]
fn a_file_size_limit_leaves_the_old_bundle() {
    const TEST: &str = "atomic::a_file_size_limit_leaves_the_old_bundle";
    let old = with_rows(20, 10, 0.5);
    if let Some(path) = child_path() {
        assert_fails_for_lack_of_space(&path, &old);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    old.write(&path).unwrap();
    // A write beyond the limit is refused instead of killing the process once its signal is ignored.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(only(TEST))
        .env(CHILD_PATH, &path)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(rows(&Contents::read(&path).unwrap()), rows(&old));
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_an_error_that_says_so() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("bundles");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write there all the same; the kernel's own folder refuses everybody.
    let refusing = if File::create(inner.join("probe")).is_ok() { Path::new("/proc/self") } else { &inner };
    let error = alternative(0.5).write(&refusing.join("C.pcore")).unwrap_err();
    assert!(matches!(error, BundleError::Write { .. }), "{error}");
    if refusing == inner {
        assert!(error.to_string().contains("make the folder writable"), "{error}");
    }
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn bad_paths_are_errors_that_say_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let contents = with_rows(2, 2, 0.5);
    let path = folder.path().join("missing/C.pcore");
    assert!(contents.write(&path).unwrap_err().to_string().contains("create the folder first"));
    assert!(matches!(contents.write(Path::new("..")), Err(BundleError::NoFileName { .. })));
    assert!(matches!(Contents::read(&path), Err(BundleError::Open { .. })));
    assert!(matches!(Contents::read(folder.path()), Err(BundleError::NotAFile { .. })));
    let taken = folder.path().join("taken.pcore");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("file"), b"x").unwrap();
    assert!(matches!(contents.write(&taken), Err(BundleError::Write { .. })));
    assert_eq!(names(folder.path()), ["taken.pcore"]);
}

#[test]
fn inconsistent_contents_never_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    let mut contents = with_rows(2, 2, 0.5);
    change_rows(&mut contents, |rows| rows[3] = f32::NAN);
    let error = contents.write(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("detector.rows holds NaN at index 3; only finite numbers can be compared, fit again")
    );
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_bundle_has_the_permissions_of_an_ordinary_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.pcore");
    with_rows(2, 2, 0.5).write(&path).unwrap();
    let ordinary = folder.path().join("ordinary");
    File::create(&ordinary).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&ordinary));
}
