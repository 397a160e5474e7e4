//! Whole pieces of work from the library alone: what they write, and what is left where they end early.

use crate::data::{HEIGHT, WIDTH, pixels};
use crate::listener::Listener;
use pcore::bundle::Contents;
use pcore::dataset::{self, Listing};
use pcore::detect::{DetectError, Options};
use pcore::eval::study::Plan;
use pcore::image::{Reading, write_png_grey8};
use pcore::job::{self, Context, EvaluateJob, FitJob, InspectJob, JobError, Opened, StudyJob, Truth};
use pcore::model::OpenDevice;
use pcore::report::ResultRow;
use pcore::report::study::plan_from_toml;
use pcore::train::{FitPlan, GroupRule, PartPlan};
use pcore::{image, infer};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const N_TRAIN: usize = 16;
const N_TEST: usize = 6;

/// A labelled data set and a bundle fitted to it.
struct Station {
    folder: TempDir,
    opened: Opened,
}

impl Station {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let write = |place: &str, seeds: std::ops::Range<usize>, has_defect| {
            let place = folder.path().join("data").join(place);
            fs::create_dir_all(&place).unwrap();
            for seed in seeds {
                let path = place.join(format!("{seed:03}.png"));
                write_png_grey8(&path, &pixels(seed, false, has_defect), HEIGHT, WIDTH).unwrap();
            }
        };
        write("train/good", 0..N_TRAIN, false);
        write("test/good", 100..100 + N_TEST, false);
        write("test/spot", 200..200 + N_TEST, true);
        fs::write(folder.path().join("data/test/good/torn.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let mut options = Options::default();
        options.coreset = "0.05".parse().unwrap();
        let mut part = PartPlan::new("patchcore", &options).unwrap();
        part.pipeline.preprocessing = image::Preprocessing::imagenet(96, 96, image::Resize::StretchBilinear);
        let plan = FitPlan { parts: vec![part], group: GroupRule::Single, alpha: 0.1, ..FitPlan::default() };
        let listing = dataset::normals(&folder.path().join("data"), None).unwrap();
        let bundle = folder.path().join("new/folder/part.pcore");
        let job = FitJob { listing: &listing, plan: &plan, base: None, bundle: &bundle, suspects: None };
        let done = job::fit(&job, &OpenDevice::cpu(), &Context::default()).unwrap();
        assert!(done.fitted.failures.is_empty());
        let contents = Contents::read(&bundle).unwrap();
        assert!(contents.tensors == done.fitted.contents.tensors && contents.scores == done.fitted.contents.scores);
        let opened = Opened::open(contents, &bundle, "a test", OpenDevice::cpu()).unwrap();
        Self { folder, opened }
    }

    fn at(&self, place: &str) -> PathBuf {
        self.folder.path().join(place)
    }

    fn labelled(&self) -> Listing {
        let listing = dataset::labelled(&self.at("data"), None).unwrap();
        assert_eq!(listing.samples.len(), 2 * N_TEST + 1);
        listing
    }

    fn run_json(&self, place: &str) -> Value {
        serde_json::from_slice(&fs::read(self.at(place).join("run.json")).unwrap()).unwrap()
    }
}

fn n_lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn jobs_write_their_folders_and_say_what_the_inspector_says() {
    let station = Station::new();
    let (opened, listing, out) = (&station.opened, station.labelled(), station.at("results"));
    let listener = Listener::patient();
    let context = Context { progress: &listener, wording: |text| format!("<{text}>"), ..Context::default() };

    let job = InspectJob { out: Some(&out), maps: &[job::MapFormat::Tiff], ..InspectJob::new(opened, &listing) };
    let mut rows: Vec<ResultRow> = vec![];
    let done = job::inspect(&job, &context, |row, why| {
        assert!(why.is_none());
        rows.push(row.clone());
        Ok::<_, JobError>(())
    })
    .unwrap();
    assert_eq!((done.images.len(), done.n_failed(), done.n_undrawn()), (2 * N_TEST + 1, 1, 0));
    assert!(done.images.iter().map(|image| &image.row).eq(&rows));
    for (sample, row) in listing.samples.iter().zip(&rows) {
        let Ok(image) = image::read(&sample.path, &image::Limits::default()) else {
            assert!(row.error.as_ref().unwrap().starts_with('<'), "{row:?}");
            continue;
        };
        let found = opened.inspector.inspect(&[&image], &[None], infer::Calibration::Condition).unwrap();
        assert_eq!(row.raw_score, Some(found[0].raw_score));
        assert_eq!(row.verdict, Some(found[0].verdict));
        assert!(out.join(row.overlay.as_ref().unwrap()).is_file());
    }
    let run = station.run_json("results");
    assert_eq!((&run["complete"], &run["n_images"], &run["n_failed"]), (&true.into(), &13.into(), &1.into()));
    assert_eq!(n_lines(&out.join("results.csv")), 1 + rows.len());
    assert_eq!(n_lines(&out.join("results.jsonl")), rows.len());
    assert!(out.join("report.html").is_file() && out.join("maps/test/good/100.png.tiff").is_file());

    let truth = Truth::of((None, Default::default()), &listing, &opened.inspector, &listener).unwrap();
    let out = station.at("figures");
    let job = EvaluateJob {
        opened,
        listing: &listing,
        truth: &truth,
        calibration: infer::Calibration::Condition,
        out: Some(&out),
        tensorboard: None,
        title: None,
    };
    let evaluated = job::evaluate(&job, &context).unwrap();
    assert_eq!(evaluated.n_failed, 1);
    assert_eq!(evaluated.evaluation.overall.image_auroc, Some(1.0));
    assert!(listener.heard("warning: left out: ") && listener.heard("note: masks: "));
    let figures: Value = serde_json::from_slice(&fs::read(out.join("evaluation.json")).unwrap()).unwrap();
    assert!(figures.is_object());
    assert_eq!(station.run_json("figures")["complete"], true);
}

#[test]
fn a_job_that_is_stopped_keeps_its_rows_and_says_by_whom() {
    let station = Station::new();
    let (listing, out) = (station.labelled(), station.at("stopped"));
    let listener = Listener::stopping_at(2);
    let context =
        Context { progress: &listener, pace: pcore::Pace { batch: 2, ..Default::default() }, ..Context::default() };
    let job = InspectJob { out: Some(&out), ..InspectJob::new(&station.opened, &listing) };
    let mut n_rows = 0;
    let ended = job::inspect(&job, &context, |_, _| {
        n_rows += 1;
        Ok::<_, JobError>(())
    });
    assert!(matches!(ended, Err(JobError::Detect(DetectError::Cancelled))));
    assert!(0 < n_rows && n_rows < listing.samples.len(), "{n_rows}");
    let run = station.run_json("stopped");
    assert_eq!((&run["complete"], &run["stopped_by"]), (&false.into(), &"the shift's end".into()));
    assert_eq!(run["n_images"], n_rows);
    assert!(!out.join("results.csv").exists() && !out.join("report.html").exists());
    assert!(listener.heard(&format!("note: stopped after {n_rows} of {} images", listing.samples.len())));
    let mut partial = out.join("results.jsonl").into_os_string();
    partial.push(pcore::files::PARTIAL_SUFFIX);
    assert_eq!(n_lines(partial.as_ref()), n_rows);
}

#[derive(Debug, thiserror::Error)]
enum Full {
    #[error("the queue is full")]
    Queue,
    #[error(transparent)]
    Job(#[from] JobError),
}

#[test]
fn what_the_receiver_says_ends_the_job_and_stands_in_its_files() {
    let station = Station::new();
    let (listing, out) = (station.labelled(), station.at("full"));
    let job = InspectJob { out: Some(&out), ..InspectJob::new(&station.opened, &listing) };
    let ended = job::inspect(&job, &Context::default(), |_, _| Err(Full::Queue));
    assert!(matches!(ended, Err(Full::Queue)));
    assert_eq!(station.run_json("full")["stopped_by"], "the queue is full");
}

fn plan(seeds: &str) -> Plan {
    let text = format!(
        "title = 'Test'\nalpha = 0.1\nconditions = 'none'\nresamples = 100\nseeds = {seeds}\n[baseline]\ncoreset = 40\n[[stage]]\nname = 'scores'\nvary.image_score = ['max', 'top:0.02']\n"
    );
    plan_from_toml(&text, None).unwrap()
}

#[test]
fn a_study_that_is_stopped_goes_on_from_what_is_finished() {
    let station = Station::new();
    let (train, test) = (dataset::normals(&station.at("data"), None).unwrap(), station.labelled());
    let plan = plan("[1, 2]");
    let study = |out: &Path, listener: &Listener| {
        let job = StudyJob {
            plan: &plan,
            train: &train,
            test: &test,
            test_conditions: None,
            reading: Reading::default(),
            out,
        };
        job::study(&job, &OpenDevice::cpu(), &Context { progress: listener, ..Context::default() })
    };
    let (whole, broken) = (station.at("whole"), station.at("broken"));
    let listener = Listener::patient();
    assert_eq!(study(&whole, &listener).unwrap().n_failed, 1);
    assert!(listener.heard("runs on 16 training and 12 test images"));
    let (mut n_stopped, mut went_on) = (0, false);
    loop {
        let listener = Listener::stopping_at(n_stopped);
        let ended = study(&broken, &listener);
        went_on |= listener.heard("finished runs found");
        if ended.is_ok() {
            break;
        }
        assert!(!broken.join("cells.csv").exists());
        n_stopped += 1;
    }
    assert!(n_stopped >= 2 && went_on, "{n_stopped} {went_on}");
    for name in ["cells.csv", "cells.jsonl", "study.html", "study.md"] {
        assert!(fs::read(whole.join(name)).unwrap() == fs::read(broken.join(name)).unwrap(), "{name}");
    }
}
