//! `fit --memory`: the bound holds, seen from outside, and changes nothing else.

use crate::support::{expect, pcore, text};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The largest resident memory of a process so far, MiB; `None` once it has ended, or where the system does not tell.
fn peak_mib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Runs it to its end: exit code, peak memory in MiB, stderr.
fn watched(command: &mut Command) -> (Option<i32>, u64, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        stderr.read_to_string(&mut told).map(|_| told)
    });
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_mib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    (status.code(), peak, told.join().unwrap().unwrap())
}

/// A folder with so many simulated maps; at the default size each has 1,024 patches of 384 values, 1.5 MiB.
fn maps(n: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", &n.to_string(), "--good", "0", "--fault", "0"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    fs::create_dir(folder.path().join("scratch")).unwrap();
    folder
}

fn fit(folder: &Path, bundle: &str, args: &[&str]) -> Command {
    let mut command = pcore(folder);
    // What the process takes for itself grows with the threads.
    command.env("RAYON_NUM_THREADS", "2").args(["fit", "--normal", "domain_C", "--bundle", bundle]).args(args);
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_bounded_fit_stays_within_its_memory_and_makes_the_same_bundle() {
    if peak_mib(std::process::id()).is_none() {
        println!("skipped: the system does not tell the memory of a process");
        return;
    }
    let folder = maps(200);
    let (code, free_peak, told) = watched(&mut fit(folder.path(), "free.pcore", &["--memory", "8GiB"]));
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("scratch"), "{told}");
    let bound = 400;
    let args = ["--memory", "400MiB", "--scratch", "scratch"];
    let (code, peak, told) = watched(&mut fit(folder.path(), "bounded.pcore", &args));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("they go to a scratch file in scratch"), "{told}");
    println!("peak memory {free_peak} MiB without a bound, {peak} MiB of {bound}");
    assert!(free_peak > bound + 50, "the bound is none: {free_peak} MiB");
    assert!(peak < bound, "{peak} MiB");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("free.pcore") == read("bounded.pcore"), "the bundles differ");
    assert!(is_empty(&folder.path().join("scratch")));
}

#[test]
fn every_way_to_fit_makes_the_same_bundle_from_a_scratch_file() {
    let folder = maps(120);
    for args in [
        &["--conditions", "index:60", "--gate", "embedding", "--metric", "cosine", "--projection", "16"][..],
        &["--holdout", "0.2", "--coreset", "500"],
    ] {
        expect(0, fit(folder.path(), "free.pcore", args).args(["--memory", "8GiB"]));
        let bounded = expect(0, fit(folder.path(), "bounded.pcore", args).args(["--memory", "300MiB"]));
        assert!(text(&bounded.stderr).contains("scratch file"), "{}", text(&bounded.stderr));
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert!(read("free.pcore") == read("bounded.pcore"), "{args:?}: the bundles differ");
    }
}

#[test]
fn too_little_memory_is_refused_with_the_numbers_and_the_way_out() {
    let folder = maps(20);
    let output = expect(2, fit(folder.path(), "none.pcore", &[]).args(["--memory", "20MiB"]));
    let told = text(&output.stderr);
    assert!(told.contains("one input of 256 x 256 pixels") && told.contains("20 MiB are allowed"), "{told}");
    assert!(told.contains("--memory") && told.contains("--image-size"), "{told}");
    // Enough for the images, too little for the patches that a bank is chosen from.
    let folder = maps(200);
    let output = expect(2, fit(folder.path(), "none.pcore", &["--projection", "none"]).args(["--memory", "200MiB"]));
    let told = text(&output.stderr);
    assert!(told.contains("200 images of 1024 patches with 384 values"), "{told}");
    assert!(told.contains("--memory") && told.contains("--shots"), "{told}");
    assert!(!folder.path().join("none.pcore").exists());
}

#[test]
#[cfg(unix)]
fn a_killed_fit_leaves_no_scratch_file() {
    let folder = maps(200);
    let args = ["--memory", "400MiB", "--scratch", "scratch"];
    let mut child =
        fit(folder.path(), "none.pcore", &args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("scratch file in scratch")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_empty(&folder.path().join("scratch")));
    assert!(!folder.path().join("none.pcore").exists());
}

/// A file that may not grow beyond 16 MiB stands for a disk that is full half-way.
#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_ends_the_fit_and_leaves_nothing() {
    let folder = maps(200);
    let program = env!("CARGO_BIN_EXE_pcore");
    // The unit of `ulimit -f` is 512 or 1024 bytes.
    let script = format!("trap '' XFSZ; ulimit -f 16384; exec '{program}' \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).env("PCORE_HOME", folder.path().join(".pcore")).env("RAYON_NUM_THREADS", "2");
    command.args(["-c", &script, "sh", "fit", "--normal", "domain_C", "--bundle", "none.pcore"]);
    command.args(["--memory", "400MiB", "--scratch", "scratch"]);
    let told = text(&expect(2, &mut command).stderr);
    assert!(told.contains("the scratch file in scratch can't be written"), "{told}");
    assert!(is_empty(&folder.path().join("scratch")));
    assert!(!folder.path().join("none.pcore").exists());
}
