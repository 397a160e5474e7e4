//! Damaged and hostile files, by the hundred in a folder: every input gives a row or a named failure, the exit code says
//! which, and nothing panics, hangs or takes the memory of the machine.
//!
//! A few thousand files in an ordinary run. `PCORE_MUTATIONS=200000 cargo test --release --test cli mutations -- --nocapture`
//! makes so many, others with `PCORE_MUTATIONS_SEED`; the figures are in `docs/guarantees.md`.

mod mutate;
mod seeds;
mod tally;

use crate::support::{expect, pcore, text};
use mutate::Mutator;
use pcore::bundle::Contents;
use pcore::image::write_png_grey8;
use seeds::Seed;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tally::Tally;
use tempfile::TempDir;

/// Files of an ordinary run.
const USUAL_FILES: usize = 3000;
/// Files in one folder.
const FOLDER_FILES: usize = 500;
/// Most memory that the program may take for a folder, MiB: an image of as many pixels as are allowed is half of it.
const MOST_MIB: u64 = 3072;
/// Longest time for a folder.
const MOST_TIME: Duration = Duration::from_secs(300);

/// A number from the environment.
fn variable(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A folder with a bundle for small images.
fn home() -> TempDir {
    let folder = TempDir::new().unwrap();
    let train = folder.path().join("train");
    fs::create_dir(&train).unwrap();
    for seed in 0..8_usize {
        let pixels: Vec<u8> = (0..32 * 32).map(|i: usize| ((i * 2_654_435_761 + seed * 40_503) >> 9) as u8).collect();
        write_png_grey8(&train.join(format!("{seed}.png")), &pixels, 32, 32).unwrap();
    }
    let fit = ["fit", "--normal", "train", "--image-size", "32x32", "--coreset", "20", "--bundle", "b.pcore"];
    expect(0, pcore(folder.path()).args(fit));
    folder
}

/// What the program did with a folder.
struct Run {
    status: ExitStatus,
    stdout: String,
    stderr: String,
    peak_mib: u64,
    time: Duration,
}

/// Runs it to its end, killing it when it takes too long.
fn watched(command: &mut Command) -> Run {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |stream: &mut dyn Read| {
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).unwrap();
        text(&bytes)
    };
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || read(&mut out));
        let stderr = scope.spawn(move || read(&mut err));
        let mut peak_mib = 0;
        let status = loop {
            peak_mib = peak_mib.max(peak_of(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > MOST_TIME {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Run { status, stdout, stderr, peak_mib, time: start.elapsed() }
    })
}

/// The largest resident memory of a process so far, MiB; 0 where the system does not tell.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1024
}

/// Writes mutated files into `folder`: their names, with the format each was made from. All formats are equally frequent.
fn fill(folder: &Path, seeds: &[Seed], mutator: &mut Mutator, n: usize) -> BTreeMap<String, &'static str> {
    let formats: Vec<&str> = seeds.iter().map(|seed| seed.format).collect::<BTreeSet<_>>().into_iter().collect();
    let mut names = BTreeMap::new();
    for index in 0..n {
        let format = formats[mutator.below(formats.len())];
        let of_format: Vec<&Seed> = seeds.iter().filter(|seed| seed.format == format).collect();
        let seed = of_format[mutator.below(of_format.len())];
        let bytes = mutator.mutated(seed, seeds);
        // Now and then the name says something else than the content.
        let named = if mutator.below(25) == 0 { &seeds[mutator.below(seeds.len())] } else { seed };
        let name = format!("{index:04}.{}", named.extension);
        fs::write(folder.join(&name), bytes).unwrap();
        names.insert(name, seed.format);
    }
    names
}

/// Keeps a folder that something was wrong with, where a person can look at it, and fails.
fn keep(folder: &Path, run: &Run, why: &str) -> ! {
    let kept = std::env::temp_dir().join(format!("pcore-mutations-{}", std::process::id()));
    let _ = fs::rename(folder, &kept);
    let tail: String = run.stderr.chars().rev().take(2000).collect::<Vec<_>>().into_iter().rev().collect();
    panic!(
        "{why}; the files are in {}; {:?}, {} MiB, {:?}; {tail}",
        kept.display(),
        run.status,
        run.peak_mib,
        run.time
    );
}

/// What was told of the files of a folder.
#[derive(Default)]
struct Told {
    scores: BTreeMap<String, f64>,
    failures: BTreeMap<String, String>,
}

/// Inspects a folder and checks all that was promised.
fn inspect(home: &Path, folder: &Path, names: &BTreeMap<String, &'static str>, tally: &mut Tally) -> Told {
    let mut command = pcore(home);
    command.env("RAYON_NUM_THREADS", "2").args(["infer", "--json", "--bundle", "b.pcore"]).arg(folder);
    let run = watched(&mut command);
    let code = run.status.code();
    if code.is_none() || run.stderr.contains("panicked") {
        keep(folder, &run, "the program did not end by itself, or told of a panic");
    }
    if run.peak_mib > MOST_MIB || run.time > MOST_TIME {
        keep(folder, &run, "too much memory or time");
    }
    let mut told = Told::default();
    for line in run.stdout.lines() {
        let Ok(row) = serde_json::from_str::<Value>(line) else { keep(folder, &run, &format!("no JSON: {line}")) };
        // A line of the whole run tells no path.
        let Some(path) = row["path"].as_str() else { continue };
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let score = row["raw_score"].as_f64().filter(|score| score.is_finite() && row["verdict"].is_string());
        let error = row["error"].as_str().filter(|error| error.contains(&name) && error.len() > name.len() + 10);
        let is_new = match (names.get(&name), score, error) {
            (Some(format), Some(score), None) => {
                tally.score(format);
                told.scores.insert(name, score).is_none()
            }
            (Some(format), None, Some(error)) => {
                tally.refuse(format, &name, error);
                told.failures.insert(name, error.to_owned()).is_none()
            }
            _ => keep(folder, &run, &format!("neither a row nor a named failure: {line}")),
        };
        if !is_new {
            keep(folder, &run, &format!("told twice: {line}"));
        }
    }
    let is_silent = |name: &&String| !told.scores.contains_key(*name) && !told.failures.contains_key(*name);
    let silent: Vec<&String> = names.keys().filter(is_silent).collect();
    if !silent.is_empty() || told.scores.len() + told.failures.len() != names.len() {
        keep(folder, &run, &format!("nothing was told of {silent:?}, or two things of another"));
    }
    let expected = if told.failures.is_empty() { 0 } else { 3 };
    if code != Some(expected) {
        keep(
            folder,
            &run,
            &format!("{} of {} failed, but the exit code is {code:?}", told.failures.len(), names.len()),
        );
    }
    *tally.by_code.entry(expected).or_default() += 1;
    tally.n_files += names.len();
    tally.n_folders += 1;
    tally.peak_mib = tally.peak_mib.max(run.peak_mib);
    tally.longest = tally.longest.max(run.time);
    told
}

/// Inspects a folder once more without the files that failed: all are scored, as they were beside them.
fn inspect_rest(home: &Path, folder: &Path, names: &BTreeMap<String, &'static str>, told: &Told, tally: &mut Tally) {
    let mut rest = names.clone();
    for name in told.failures.keys() {
        fs::remove_file(folder.join(name)).unwrap();
        rest.remove(name);
    }
    if rest.is_empty() {
        return;
    }
    let again = inspect(home, folder, &rest, tally);
    assert!(again.failures.is_empty(), "read before, refused now: {:?}", again.failures);
    assert_eq!(again.scores, told.scores, "a score depends on the bad files beside it");
}

/// Inspects the seeds as they are: those that are sound are scored, the others refused.
fn inspect_seeds(home: &Path, seeds: &[Seed]) {
    for is_sound in [true, false] {
        let folder = tempfile::Builder::new().prefix("seeds").tempdir_in(home).unwrap();
        let mut names = BTreeMap::new();
        for (index, seed) in seeds.iter().filter(|seed| seed.is_sound == is_sound).enumerate() {
            let name = format!("{index:04}.{}", seed.extension);
            fs::write(folder.path().join(&name), &seed.bytes).unwrap();
            names.insert(name, seed.format);
        }
        let mut tally = Tally::default();
        let failures = inspect(home, folder.path(), &names, &mut tally).failures;
        println!("{} seeds, sound {is_sound}: {} scored, {} refused", names.len(), tally.n_scored, tally.n_failed);
        if is_sound {
            assert!(failures.is_empty(), "sound files are refused: {failures:?}");
        } else {
            assert_eq!(tally.n_scored, 0, "a score for what is not read");
        }
    }
}

#[test]
fn every_damaged_or_hostile_image_gives_a_row_or_a_named_failure() {
    let home = home();
    let seeds = seeds::images();
    inspect_seeds(home.path(), &seeds);
    let wanted = variable("PCORE_MUTATIONS", USUAL_FILES);
    let mut mutator = Mutator::new(variable("PCORE_MUTATIONS_SEED", 1) as u64);
    let (mut tally, mut without_bad) = (Tally::default(), Tally::default());
    let start = Instant::now();
    while tally.n_files < wanted {
        let folder = tempfile::Builder::new().prefix("folder").tempdir_in(home.path()).unwrap();
        let n = FOLDER_FILES.min(wanted - tally.n_files);
        let names = fill(folder.path(), &seeds, &mut mutator, n);
        let told = inspect(home.path(), folder.path(), &names, &mut tally);
        inspect_rest(home.path(), folder.path(), &names, &told, &mut without_bad);
    }
    tally.print(start.elapsed());
    println!(
        "without the refused files: {} scored again, the same; exit codes {:?}",
        without_bad.n_scored, without_bad.by_code
    );
    // The damage is neither so coarse that all files end at the first check, nor so fine that none is noticed.
    assert!(tally.n_files == wanted && tally.n_scored > wanted / 10 && tally.n_failed > wanted / 5);
    if wanted >= USUAL_FILES {
        // Of other formats nothing is read.
        let mut read = tally.by_format.iter().filter(|(format, _)| **format != seeds::NOT_READ);
        let one_sided = read.find(|(_, counts)| counts.contains(&0));
        assert!(one_sided.is_none(), "all are scored, or all refused: {one_sided:?}");
        assert!(tally.n_reasons() > 100, "only {} reasons of refusal", tally.n_reasons());
    }
}

#[test]
fn there_are_seeds_of_every_format_that_is_read() {
    let read: BTreeSet<&str> = pcore::image::EXTENSIONS.iter().map(|extension| seeds::format_of(extension)).collect();
    let sound = seeds::images().into_iter().filter(|seed| seed.is_sound);
    let have: BTreeSet<&str> = sound.map(|seed| seed.format).collect();
    assert_eq!(have, read);
}

/// Bundles, files of a station and weights, in this process: a panic here is a panic there.
#[test]
fn damaged_bundles_stations_and_weights_are_refused_in_words() {
    let n = variable("PCORE_MUTATIONS", USUAL_FILES) / 4;
    let mut mutator = Mutator::new(2 + variable("PCORE_MUTATIONS_SEED", 1) as u64);
    let folder = home();
    let bundle = Seed::sound("bundle", "pcore", fs::read(folder.path().join("b.pcore")).unwrap());
    let weights = seeds::weights();
    let (mut n_refused, mut n_read) = (0, 0);
    for _ in 0..n {
        let found = Contents::from_bytes(&mutator.mutated(&bundle, std::slice::from_ref(&bundle)));
        match found {
            // The last bytes of the file may have been written over by themselves.
            Ok(contents) => {
                assert!(contents.to_bytes().is_ok());
                n_read += 1;
            }
            Err(defect) => {
                assert!(defect.to_string().len() > 20);
                n_refused += 1;
            }
        }
        let seed = &weights[mutator.below(weights.len())];
        let bytes = mutator.mutated(seed, &weights);
        match pcore::model::weights::NamedTensors::from_bytes(bytes) {
            Ok(tensors) => {
                for name in tensors.names().map(str::to_owned).collect::<Vec<_>>() {
                    let read = tensors.values(&name);
                    assert!(read.map_or(true, |values| values.iter().all(|value| value.is_finite())));
                }
                n_read += 1;
            }
            Err(error) => {
                assert!(error.to_string().len() > 20, "{error}");
                n_refused += 1;
            }
        }
        for text in seeds::station_texts() {
            let seed = Seed::sound("station", "json", text.as_bytes().to_vec());
            let text = String::from_utf8_lossy(&mutator.mutated(&seed, std::slice::from_ref(&seed))).into_owned();
            let meta = pcore::detect::station::parse_meta(text.clone()).map(drop);
            let threshold = pcore::detect::station::parse_threshold(text).map(drop);
            for read in [meta, threshold] {
                n_refused += usize::from(read.as_ref().is_err_and(|error| error.to_string().len() > 10));
                n_read += usize::from(read.is_ok());
            }
        }
    }
    println!("{n_refused} refused, {n_read} read");
    assert!(n_refused > 3 * n, "{n_refused} refused, {n_read} read");
}
