//! Runs that are killed at any moment by any signal, or that meet a full disk: `PCORE_KILLS=N` sets how many, in turns.

use super::{FIT, N_IMAGES, eval, infer, leftovers, parts};
use crate::support::{expect, pcore, text};
use pcore::bundle;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// What ends a run, and the exit code it then has; the last two are a disk without room and a limit of a file's size.
const ENDS: [(&str, Option<i32>); 6] = [
    ("INT", Some(130)),
    ("TERM", Some(143)),
    ("HUP", Some(129)),
    ("KILL", None),
    ("full disk", Some(2)),
    ("file size", Some(2)),
];
const VERBS: [&str; 3] = ["infer", "eval", "fit"];
/// Another bundle than that of `FIT`.
const OTHER: [&str; 2] = ["--neighbourhood", "5"];

/// How often each thing happened, by name: a check that was never made proves nothing.
#[derive(Default)]
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn add(&mut self, what: &str, n: usize) {
        *self.0.entry(what.to_owned()).or_default() += n;
    }

    fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or(0)
    }
}

/// When a run is ended.
#[derive(Clone, Copy)]
enum Moment {
    After(Duration),
    /// When this many rows are kept, or the bundle is being written.
    AtRow(usize),
}

/// The folder, with what was there before and what a whole run gives.
struct Bench {
    folder: TempDir,
    old_results: Vec<u8>,
    /// Path and raw score of each row, in order, of `infer` and `eval`.
    whole: [Vec<String>; 2],
    old_bundle: Vec<u8>,
    new_bundle: Vec<u8>,
    times: [Duration; 3],
    /// Bytes that a full run's results and a bundle take.
    room: [u64; 3],
}

/// The whole lines of a file, and whether part of a line follows them. No file has none.
fn lines(path: &Path) -> (Vec<String>, bool) {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    (text[..whole].lines().map(str::to_owned).collect(), whole < text.len())
}

/// Path and raw score of the rows of `results.csv` or `results.csv.partial`; the names hold no commas.
fn csv_rows(path: &Path) -> (Vec<String>, bool) {
    let (lines, is_cut) = lines(path);
    let fields = |line: &String| line.split(',').take(2).collect::<Vec<_>>().join(",");
    (lines.iter().skip(1).map(fields).collect(), is_cut)
}

fn json_rows(path: &Path) -> (Vec<String>, bool) {
    let (lines, is_cut) = lines(path);
    let row = |line: &String| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{},{}", row["path"].as_str().unwrap(), row["raw_score"])
    };
    (lines.iter().map(row).collect(), is_cut)
}

fn send(signal: &str, child: &mut Child) {
    if signal == "KILL" {
        child.kill().unwrap();
    } else {
        let line = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status().is_ok());
    }
}

fn refit(folder: &Path) -> Command {
    let mut fit = pcore(folder);
    fit.args(FIT).args(OTHER);
    fit
}

impl Bench {
    fn new() -> Self {
        let folder = parts();
        let at = folder.path();
        let read = |name: &str| fs::read(at.join(name)).unwrap();
        let time = |command: &mut Command| {
            let start = Instant::now();
            expect(0, command);
            start.elapsed()
        };
        let old_bundle = read("b.pcore");
        let fit_time = time(&mut refit(at));
        let new_bundle = read("b.pcore");
        assert!(old_bundle != new_bundle, "the refit gives the same bundle: nothing would be proved");
        fs::write(at.join("b.pcore"), &old_bundle).unwrap();
        let eval_time = time(&mut eval(at));
        let of_eval = csv_rows(&at.join("out/results.csv")).0;
        let eval_bytes = bytes_below(&at.join("out"));
        let infer_time = time(&mut infer(at));
        let of_infer = csv_rows(&at.join("out/results.csv")).0;
        assert_eq!((of_infer.len(), of_eval.len()), (N_IMAGES, N_IMAGES));
        let room = [bytes_below(&at.join("out")), eval_bytes, new_bundle.len() as u64];
        let (old_results, times) = (read("out/results.csv"), [infer_time, eval_time, fit_time]);
        Self { old_results, whole: [of_infer, of_eval], old_bundle, new_bundle, times, room, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, verb: usize) -> Command {
        [infer, eval, refit][verb](self.path())
    }

    /// What was there before.
    fn restore(&self) {
        let at = self.path();
        fs::write(at.join("out/results.csv"), &self.old_results).unwrap();
        for name in ["out/results.csv.partial", "out/results.jsonl.partial", "out/run.json"] {
            drop(fs::remove_file(at.join(name)));
        }
        fs::write(at.join("b.pcore"), &self.old_bundle).unwrap();
    }

    /// Runs `verb` and sends `signal` at its moment.
    fn kill(&self, verb: usize, signal: &str, moment: Moment) -> Output {
        let mut child = self.command(verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut printed = Vec::new();
        match moment {
            Moment::After(delay) => sleep(delay),
            Moment::AtRow(n) if verb == 0 => (0..n).for_each(|_| drop(stdout.read_until(b'\n', &mut printed))),
            Moment::AtRow(n) => {
                while child.try_wait().unwrap().is_none() && !self.is_at(verb, n) {
                    std::hint::spin_loop();
                }
            }
        }
        send(signal, &mut child);
        stdout.read_to_end(&mut printed).unwrap();
        let output = child.wait_with_output().unwrap();
        Output { stdout: printed, ..output }
    }

    /// Whether so many rows are kept, or the bundle is being written.
    fn is_at(&self, verb: usize, n: usize) -> bool {
        match verb {
            2 => !bundle_leftovers(self.path()).is_empty(),
            _ => lines(&self.path().join("out/results.csv.partial")).0.len() > n,
        }
    }

    /// Runs `verb` where the disk has `share` of the room it needs, or a file may be so large. `None` where this system lets
    /// nobody mount a disk.
    fn starve(&self, verb: usize, end: &str, share: f64) -> Option<Output> {
        let program = env!("CARGO_BIN_EXE_pcore");
        let mut command = self.command(verb);
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let of = ["out/results.csv", "out/results.csv", "b.pcore"][verb];
        let line = if end == "file size" {
            let most = fs::metadata(self.path().join(of)).unwrap().len().max(1024) * 2;
            // Blocks of 512 bytes.
            format!("ulimit -f {}; exec \"$0\" \"$@\"", (most as f64 * share / 512.0) as u64)
        } else {
            // A disk of its own for the place of the results; what is there afterwards is carried out of it.
            let (place, n_bytes) = if verb == 2 {
                ("disk", self.old_bundle.len() as u64 + (self.room[2] as f64 * share) as u64)
            } else {
                ("out", 16384 + (self.room[verb] as f64 * share) as u64)
            };
            format!(
                "mkdir -p {place} kept && mv {of} kept/was && mount -t tmpfs -o size={n_bytes} none {place} && \
                 cp kept/was {place}/ && mv {place}/was {place}/{} || exit 99; \"$0\" \"$@\"; code=$?; \
                 cp -r {place}/. kept/; exit $code",
                Path::new(of).file_name().unwrap().display()
            )
        };
        if end == "full disk" {
            drop(fs::remove_dir_all(self.path().join("kept")));
            command = Command::new("unshare");
            command.args(["-r", "-m", "sh", "-c", &line]).arg(program);
            // The bundle is written to the small disk.
            command.args(
                args.iter().map(|arg| if verb == 2 && arg == "b.pcore" { "disk/b.pcore".into() } else { arg.clone() }),
            );
        } else {
            command = Command::new("sh");
            command.args(["-c", &line]).arg(program).args(&args);
        }
        command.current_dir(self.path()).env("PCORE_HOME", self.path().join(".pcore"));
        let output = command.output().ok()?;
        (output.status.code() != Some(99) && !text(&output.stderr).contains("unshare failed")).then_some(output)
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    // A small disk gives whole pages.
    entries
        .map(|e| {
            if e.path().is_dir() { bytes_below(&e.path()) } else { e.metadata().unwrap().len().next_multiple_of(4096) }
        })
        .sum()
}

fn bundle_leftovers(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".b.pcore.")).collect()
}

/// Checks the folder of results after a run that may have been stopped. Tells whether it was.
fn check_results(
    bench: &Bench,
    verb: usize,
    (end, code): (&str, Option<i32>),
    out: &Path,
    output: &Output,
    counts: &mut Counts,
) -> bool {
    let (errors, whole) = (text(&output.stderr), &bench.whole[verb]);
    assert!(!errors.contains("panicked"), "{errors}");
    let results = csv_rows(&out.join("results.csv"));
    if output.status.code() == Some(0) {
        assert_eq!((&results.0, out.join("results.csv.partial").exists()), (whole, false), "{end}: {errors}");
        counts.add("complete results compared", 1);
        return false;
    }
    let is_killed = output.status.signal().is_some();
    assert!(is_killed || output.status.code() == code, "{end}: {}\n{errors}", output.status);
    // Only SIGKILL is never caught, and what comes before the program listens.
    assert!(is_killed || errors.contains("error: "), "{end}: {errors}");
    let is_old = fs::read(out.join("results.csv")).unwrap() == bench.old_results;
    assert!(is_old || results == (whole.clone(), false), "{end}: neither the old results nor the new ones: {errors}");
    counts.add("old results intact", usize::from(is_old));
    let partial = csv_rows(&out.join("results.csv.partial"));
    let json = json_rows(&out.join("results.jsonl.partial"));
    assert!(is_killed || (!partial.1 && !json.1), "{end}: a row is cut");
    counts.add("cut rows after SIGKILL", usize::from(partial.1) + usize::from(json.1));
    for rows in [&partial.0, &json.0] {
        assert_eq!(*rows, whole[..rows.len()], "{end}: other rows than those of a whole run");
    }
    counts.add("kept rows compared with a whole run", partial.0.len() + json.0.len());
    let printed = if verb == 0 { output.stdout.iter().filter(|byte| **byte == b'\n').count() } else { 0 };
    if let Some(said) = errors.lines().find_map(|line| line.strip_prefix("note: stopped after ")) {
        let n: usize = said.split(' ').next().unwrap().parse().unwrap();
        assert_eq!((partial.0.len(), json.0.len()), (n, n), "{errors}");
        assert!(n >= printed, "{n} rows kept, {printed} printed");
        let run = fs::read_to_string(out.join("run.json")).unwrap_or_default();
        // A disk without any room may not even take that.
        assert!(end == "full disk" || run.contains("\"stopped_by\": \""), "{end}: {run}");
        assert!(!run.contains("\"complete\": true"), "{end}: {run}");
        counts.add("rows said, and kept", n);
        counts.add("runs that said how many rows", 1);
    } else if errors.contains("the rows of all 60 images are in") {
        let rows = if is_old { &partial.0 } else { &results.0 };
        assert_eq!((rows, rows.len()), (whole, N_IMAGES), "{errors}");
        counts.add("runs whose rows are all there and whose report is not", 1);
    } else if is_killed && is_old {
        let kept = partial.0.len().min(json.0.len());
        assert!(kept >= printed, "{kept} rows kept, {printed} printed");
        counts.add("rows printed before a death unheard, and kept", printed);
    }
    true
}

fn check_bundle(
    bench: &Bench,
    (end, code): (&str, Option<i32>),
    place: &Path,
    output: &Output,
    counts: &mut Counts,
) -> bool {
    let errors = text(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
    let found = fs::read(place).unwrap();
    assert!(found == bench.old_bundle || found == bench.new_bundle, "{end}: neither the old bundle nor the new one");
    let is_done = output.status.code() == Some(0);
    assert!(!is_done || found == bench.new_bundle, "{end}: {errors}");
    assert!(
        is_done || output.status.signal().is_some() || output.status.code() == code,
        "{end}: {}\n{errors}",
        output.status
    );
    counts.add("bundles compared", 1);
    !is_done && found == bench.old_bundle
}

/// Ends one run, checks it, and tells whether it was stopped.
fn one(
    bench: &Bench,
    verb: usize,
    end: (&str, Option<i32>),
    moment: (Moment, f64),
    counts: &mut Counts,
) -> Option<bool> {
    bench.restore();
    let at = bench.path();
    let is_disk = end.0 == "full disk";
    let output =
        if end.1 == Some(2) { bench.starve(verb, end.0, moment.1)? } else { bench.kill(verb, end.0, moment.0) };
    let place = |name: &str| if is_disk { at.join("kept") } else { at.join(name) };
    Some(if verb == 2 {
        let path = if is_disk { at.join("kept/b.pcore") } else { at.join("b.pcore") };
        if end.0 != "KILL" && output.status.signal().is_none() {
            let left = bundle_leftovers(&path.with_file_name(""));
            counts.add("leftovers beside a bundle that was not killed", left.len());
        }
        check_bundle(bench, end, &path, &output, counts)
    } else {
        check_results(bench, verb, end, &place("out"), &output, counts)
    })
}

#[test]
fn a_killed_run_keeps_whole_rows_and_old_files() {
    let n_kills: usize = std::env::var("PCORE_KILLS").map_or(36, |n| n.parse().unwrap());
    let bench = Bench::new();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut counts = Counts::default();
    for kill in 0..n_kills {
        let (end, verb) = (ENDS[kill % 6], kill / 6 % 3);
        let share = rng.random_range(0.0..1.1);
        let n = rng.random_range(1..N_IMAGES / 3);
        // By turns at a moment of the clock, and in the middle of the rows or of the writing.
        // A signal that is heard comes too late once a bundle is being written.
        let in_the_middle = kill / 18 % 2 == 0 && (verb < 2 || end.0 == "KILL");
        let moment = if in_the_middle { Moment::AtRow(n) } else { Moment::After(bench.times[verb].mul_f64(share)) };
        let (name, mut done) = (VERBS[verb], one(&bench, verb, end, (moment, share), &mut counts));
        let mut by = end.0;
        if done.is_none() {
            by = "file size";
            done = one(&bench, verb, ENDS[5], (moment, share), &mut counts);
        }
        counts.add(&format!("run: {name}, {by}"), 1);
        counts.add(&format!("stopped: {name}, {by}"), usize::from(done.unwrap()));
        counts.add(&format!("stopped {name}"), usize::from(done.unwrap()));
        let left = bundle_leftovers(bench.path());
        counts.add("leftovers of a killed fit", left.len());
        left.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    println!("{n_kills} runs ended:");
    counts.0.iter().for_each(|(what, n)| println!("  {n:6}  {what}"));
    let made = [
        "stopped infer",
        "stopped eval",
        "stopped fit",
        "old results intact",
        "kept rows compared with a whole run",
        "rows said, and kept",
        "rows printed before a death unheard, and kept",
        "bundles compared",
    ];
    made.iter().for_each(|what| assert!(n_kills < 36 || counts.of(what) > 0, "no check of: {what}"));
    assert_eq!(counts.of("leftovers beside a bundle that was not killed"), 0);
    check_next_run(&bench);
}

/// The next run that ends leaves nothing of the others behind, but what may still be in use.
fn check_next_run(bench: &Bench) {
    let at = bench.path();
    bench.restore();
    drop(fs::remove_dir_all(at.join("kept")));
    // What a fit that is killed while it writes leaves: one an hour ago, one just now.
    let (old, young) = (at.join(".b.pcore.aB3dE6.pcore.tmp"), at.join(".b.pcore.fG7hI9.pcore.tmp"));
    for path in [&old, &young] {
        fs::write(path, &bench.new_bundle[..bench.new_bundle.len() / 2]).unwrap();
    }
    let hours = SystemTime::now() - bundle::STALE_AFTER - Duration::from_secs(60);
    File::options().append(true).open(&old).unwrap().set_modified(hours).unwrap();
    expect(0, &mut infer(at));
    expect(0, &mut refit(at));
    assert!(fs::read(at.join("b.pcore")).unwrap() == bench.new_bundle, "a leftover changes the next fit");
    assert_eq!(leftovers(at), [young]);
}
