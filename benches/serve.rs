//! A server under load, beside `pcore infer` on the same images: `cargo bench --bench serve [-- QUALITY] [--no-folder | --folder-alone]`.
//!
//! 64 clients send 50 images each; then one job has them all; then a watched folder gets 10,000 in bursts. Prints images a second, the
//! time from a request to its answer, and what was lost or came twice, which must be nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../tests/serve/support.rs"]
mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Server, eventually, eventually_in, pcore, run};

const CLIENTS: usize = 64;
const EACH: usize = 50;
const IN_FOLDER: usize = 10_000;
const BURST: usize = 500;

fn main() {
    let quality = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "balanced".to_owned());
    let folder = tempfile::tempdir().unwrap();
    run(pcore(folder.path())
        .args(["synth", "part", "--out", "parts", "--train", "200", "--good", "100", "--each", "50"]));
    let fit = ["fit", "--normal", "parts/train/good", "--bundle", "part.pcore", "--quality", &quality];
    run(pcore(folder.path()).args(fit));
    let images = gathered(&folder.path().join("parts/test"), &folder.path().join("all"), CLIENTS * EACH);
    println!("{quality}, {} images of 128 x 128 pixels", images.len());
    let begun = Instant::now();
    run(pcore(folder.path()).args(["infer", "all", "--bundle", "part.pcore", "--quiet"]));
    let infer = images.len() as f64 / begun.elapsed().as_secs_f64();
    println!("pcore infer            {infer:8.1} images/s");
    let data = folder.path().join("data");
    let watched = folder.path().join("watched");
    fs::create_dir(&watched).unwrap();
    let mut command = pcore(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--folder", "watched", "--data"]).arg(&data);
    let server = Server::of(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()));
    let bundle = fs::read(folder.path().join("part.pcore")).unwrap();
    server.form("/api/v1/detectors", &[("name", "Part")], &[("part.pcore", &bundle)], "bundle").ok();
    server.inspect(&images[0]).ok();
    let is_said = |flag: &str| std::env::args().any(|arg| arg == flag);
    if !is_said("--folder-alone") {
        many_clients(&server, &images, infer);
        one_job(&server, &images, infer);
    }
    if !is_said("--no-folder") {
        bursts(&server, &images, &watched, infer);
    }
    println!("memory of the server   {:8} MiB at most", peak_mib(server.id()));
}

/// So many files with names of their own.
fn gathered(from: &Path, into: &Path, n: usize) -> Vec<PathBuf> {
    fs::create_dir(into).unwrap();
    let mut sources = vec![];
    for kind in fs::read_dir(from).unwrap() {
        sources.extend(fs::read_dir(kind.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    sources.sort();
    (0..n)
        .map(|at| {
            let path = into.join(format!("{at:05}.png"));
            fs::copy(&sources[at % sources.len()], &path).unwrap();
            path
        })
        .collect()
}

fn tell(what: &str, rate: f64, infer: f64, rest: &str) {
    println!("{what:22} {rate:8.1} images/s, {:.2} of infer{rest}", rate / infer);
}

fn many_clients(server: &Server, images: &[PathBuf], infer: f64) {
    let (next, times) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = images.get(at) else { break };
                    let asked = Instant::now();
                    let found = server.inspect(path).ok();
                    assert!(found["verdict"].is_string());
                    times.lock().unwrap().push((asked.elapsed(), found["id"].as_i64().unwrap()));
                }
            });
        }
    });
    let rate = images.len() as f64 / begun.elapsed().as_secs_f64();
    let mut times = times.into_inner().unwrap();
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].0.as_millis();
    let ids: BTreeSet<i64> = times.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), images.len(), "lost or double");
    tell("64 clients x 50", rate, infer, &format!("; p50 {} ms, p95 {} ms, p99 {} ms", at(50), at(95), at(99)));
}

fn one_job(server: &Server, images: &[PathBuf], infer: f64) {
    let begun = Instant::now();
    let job = server.finished(server.job(images));
    assert_eq!(job["n_done"].as_u64(), Some(images.len() as u64));
    tell("one job", images.len() as f64 / begun.elapsed().as_secs_f64(), infer, ", upload and all");
}

fn bursts(server: &Server, images: &[PathBuf], watched: &Path, infer: f64) {
    let line = json!({"name": "Line 1", "detector": "part", "policy": "spill", "source": {"kind": "folder", "folder": watched, "after": "move"}});
    let line = server.send("POST", "/api/v1/lines", &line).ok()["id"].as_i64().unwrap();
    let path = format!("/api/v1/lines/{line}");
    server.send("POST", &format!("{path}/start"), &json!({})).ok();
    let begun = Instant::now();
    for at in 0..IN_FOLDER {
        fs::copy(&images[at % images.len()], watched.join(format!("part-{at:05}.png"))).unwrap();
        if at % BURST == BURST - 1 {
            thread::sleep(Duration::from_millis(100));
        }
    }
    let done = || -> Value { server.get(&path).ok() };
    eventually_in(Duration::from_secs(1800), "all of them", || {
        let n_left = (IN_FOLDER as u64).saturating_sub(done()["n_inspected"].as_u64()?);
        // As often as a page asks.
        thread::sleep(Duration::from_millis(if n_left > 500 { 1000 } else { 50 }));
        (n_left == 0).then_some(())
    });
    let rate = IN_FOLDER as f64 / begun.elapsed().as_secs_f64();
    let found = done();
    assert_eq!((found["n_inspected"].as_u64(), found["n_dropped"].as_u64()), (Some(IN_FOLDER as u64), Some(0)));
    let settled = || fs::read_dir(watched.join("done")).map_or(0, Iterator::count);
    eventually("all files moved", || (settled() == IN_FOLDER).then_some(()));
    tell("10,000 through a folder", rate, infer, "; 0 lost, 0 double");
}

/// The most memory that a process held.
fn peak_mib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
