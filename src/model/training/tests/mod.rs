//! The loop on a trainee whose answer is known.

mod line;
mod optimiser;

use super::*;
use crate::progress::{Progress, Silent};
use line::{Learner, Rows, rows};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

#[derive(Default)]
struct Points {
    /// The step that has no number.
    broken: Option<usize>,
    n_watched: usize,
}

impl Batches for Points {
    type Batch = Rows;
    type Error = TrainingError;

    fn batch(&mut self, step: usize) -> Result<Rows, TrainingError> {
        let (rows, mut wanted) = rows(step as u64);
        if self.broken == Some(step) {
            wanted[0] = f32::NAN;
        }
        Ok((rows, wanted))
    }

    fn watched(&mut self, index: usize) -> Result<Option<Rows>, TrainingError> {
        Ok((index < self.n_watched).then(|| rows(1_000_000 + index as u64)))
    }
}

/// Stops after so many questions.
struct Impatient(AtomicUsize);

impl Progress for Impatient {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _n: usize) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}
    fn is_cancelled(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

/// Remembers what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<(usize, Option<f64>)>>, Mutex<Vec<f32>>);

impl Journal for Told {
    fn begin(&self, name: &str, from: usize) -> io::Result<()> {
        assert_eq!((name, from), ("line", 1));
        Ok(())
    }

    fn tell(&self, entry: &Entry<'_>) -> io::Result<()> {
        self.0.lock().unwrap().push((entry.step, entry.watch));
        self.1.lock().unwrap().push(entry.loss);
        Ok(())
    }
}

fn plan() -> Plan {
    Plan {
        steps: 60,
        batch: 8,
        rate: 0.1,
        schedule: Schedule::Cosine,
        weight_decay: 0.01,
        clip_norm: Some(1.0),
        evaluate: 10,
        watch: 0.0,
        stop: None,
    }
}

fn run_in(folder: &Path, resume: bool) -> TrainingRun {
    let mut checkpoints = Checkpoints::new(folder);
    (checkpoints.every, checkpoints.best, checkpoints.resume) = (7, 2, resume);
    TrainingRun { checkpoints: Some(checkpoints), ..TrainingRun::default() }
}

fn course(
    (plan, run): (&Plan, &TrainingRun),
    batches: &mut Points,
    progress: &dyn Progress,
) -> Result<(Learner, Trained), TrainingError> {
    let mut learner = Learner::new(plan.weight_decay, plan.clip_norm);
    let trained = train(&Task { name: "line", plan, inputs: "seed 0", run }, &mut learner, batches, progress)?;
    Ok((learner, trained))
}

/// [`course`] of these points that nobody stops.
fn whole(plan: &Plan, run: &TrainingRun) -> Result<(Learner, Trained), TrainingError> {
    course((plan, run), &mut Points::default(), &Silent)
}

#[test]
fn a_training_that_is_stopped_again_and_again_ends_with_the_same_bits_and_files() {
    let plan = Plan { watch: 0.1, stop: Some("watch:50:0:min".parse().unwrap()), ..plan() };
    let points = || Points { n_watched: 2, ..Points::default() };
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (learner, trained) = course((&plan, &run_in(first.path(), false)), &mut points(), &Silent).unwrap();
    assert_eq!((trained.steps, trained.resumed_from), (60, 0));
    let run = run_in(second.path(), true);
    let mut n_stopped = 0;
    let resumed = loop {
        // Every 13 steps, so that it stops at evaluations, at checkpoints and between them.
        match course((&plan, &run), &mut points(), &Impatient(AtomicUsize::new(13))) {
            Err(TrainingError::Cancelled) => n_stopped += 1,
            done => break done.unwrap().0,
        }
    };
    assert_eq!(n_stopped, 4);
    assert_eq!(resumed.state().unwrap(), learner.state().unwrap());
    let files = |folder: &TempDir| {
        let mut found: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
            .into_iter()
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()))
            .collect::<Vec<_>>()
    };
    let (whole, parts) = (files(&first), files(&second));
    assert_eq!(whole.len(), 3, "{:?}", whole.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert!(whole == parts);
    // What is finished is not trained again.
    let (again, trained) = course((&plan, &run), &mut Points { broken: Some(0), ..points() }, &Silent).unwrap();
    assert_eq!((again.state().unwrap(), trained.resumed_from), (learner.state().unwrap(), 60));
}

#[test]
fn it_stops_when_the_figure_gets_no_better_and_keeps_the_best() {
    // The constant rate is so large that the figure soon goes up and down.
    let plan = |stop: &str| Plan {
        steps: 2000,
        rate: 0.5,
        schedule: Schedule::Constant,
        watch: 0.1,
        stop: Some(stop.parse().unwrap()),
        ..plan()
    };
    let mut points = Points { n_watched: 3, ..Points::default() };
    let told = Arc::new(Told::default());
    let run = TrainingRun { journal: Some(told.clone()), ..TrainingRun::default() };
    let (mut learner, trained) = course((&plan("watch:3:0:min"), &run), &mut points, &Silent).unwrap();
    assert!(trained.steps < 2000 && trained.steps % 10 == 0);
    let mean = (0..3).map(|at| f64::from(learner.loss(&rows(1_000_000 + at)).unwrap())).sum::<f64>() / 3.0;
    assert_eq!(Some(mean), trained.best);
    let watched: Vec<f64> = told.0.lock().unwrap().iter().filter_map(|(_, watch)| *watch).collect();
    assert_eq!(watched.len(), trained.steps / 10);
    let best = watched.iter().position(|watch| *watch == mean).unwrap();
    assert_eq!(best + 1 + 3, watched.len());
    assert!(watched.iter().all(|watch| *watch >= mean));
    // Nothing is ever so much better than the first, and nothing is so much larger.
    for (stop, evaluations) in [("loss:2:1000:min", 3), ("watch:2:1000:max", 3)] {
        let (_, trained) = course((&plan(stop), &TrainingRun::default()), &mut points, &Silent).unwrap();
        assert_eq!(trained.steps, 10 * evaluations, "{stop}");
    }
    let nothing = course(
        (&plan("watch:3:0:min"), &run_in(TempDir::new().unwrap().path(), false)),
        &mut Points::default(),
        &Silent,
    );
    assert!(matches!(nothing, Err(TrainingError::NothingToWatch { .. })));
}

#[test]
fn the_best_evaluations_are_kept_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let told = Arc::new(Told::default());
    let run = TrainingRun { journal: Some(told.clone()), record_every: 1, ..run_in(folder.path(), false) };
    whole(&plan(), &run).unwrap();
    let own = run.checkpoints.unwrap();
    let steps: Vec<usize> = own.of_steps("line").into_iter().map(|(step, _)| step).collect();
    let losses = told.1.lock().unwrap().clone();
    let mut means: Vec<(f32, usize)> =
        losses.chunks(10).zip(1..).map(|(some, at)| (some.iter().sum::<f32>(), 10 * at)).collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut expected = vec![means[0].1, means[1].1];
    expected.sort_unstable();
    assert_eq!(steps, expected);
    assert!(own.last("line").is_file() && fs::read_dir(folder.path()).unwrap().count() == 3);
}

#[test]
fn a_loss_that_is_no_number_ends_it_and_the_last_checkpoint_is_whole() {
    let folder = TempDir::new().unwrap();
    let run = run_in(folder.path(), false);
    let error = course((&plan(), &run), &mut Points { broken: Some(30), ..Points::default() }, &Silent).err().unwrap();
    let said = error.to_string();
    assert!(
        said.contains("step 31 is NaN")
            && said.contains("`TrainingOptions::rate`")
            && said.contains("line.safetensors"),
        "{said}"
    );
    let (learner, trained) = whole(&plan(), &run_in(folder.path(), true)).unwrap();
    assert_eq!(trained.resumed_from, 28);
    let (other, _) = whole(&plan(), &TrainingRun::default()).unwrap();
    assert_eq!(learner.weights(), other.weights());
}

#[test]
fn checkpoints_of_other_trainings_and_broken_ones_are_refused() {
    let folder = TempDir::new().unwrap();
    whole(&plan(), &run_in(folder.path(), false)).unwrap();
    let refused = |plan: &Plan, resume: bool, inputs: &str| {
        let (mut learner, run) = (Learner::new(0.0, None), run_in(folder.path(), resume));
        let task = Task { name: "line", plan, inputs, run: &run };
        train(&task, &mut learner, &mut Points::default(), &Silent)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(refused(&plan(), false, "seed 0").contains("`Checkpoints::resume`"));
    assert!(refused(&plan(), true, "seed 1").contains("of another training"));
    assert!(refused(&Plan { rate: 0.2, ..plan() }, true, "seed 0").contains("of another training"));
    assert_eq!(refused(&plan(), true, "seed 0"), "");
    let path = folder.path().join("line.safetensors");
    let bytes = fs::read(&path).unwrap();
    for end in [0, 7, 100, bytes.len() - 1] {
        fs::write(&path, &bytes[..end]).unwrap();
        let said = refused(&plan(), true, "seed 0");
        assert!(said.contains("can't be read") && said.contains("remove it"), "{end}: {said}");
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, flipped).unwrap();
    assert!(refused(&plan(), true, "seed 0").contains("not those that were written"));
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_it_with_its_path() {
    let folder = TempDir::new().unwrap();
    /// Puts a folder in the place of a checkpoint before that is written.
    #[derive(Debug)]
    struct Taking(PathBuf);
    impl Journal for Taking {
        fn begin(&self, _name: &str, _from: usize) -> io::Result<()> {
            Ok(())
        }
        fn tell(&self, entry: &Entry<'_>) -> io::Result<()> {
            if entry.step == 10 { fs::create_dir(&self.0) } else { Ok(()) }
        }
    }
    let taken = folder.path().join("line.step-0000020.safetensors");
    let run = TrainingRun { journal: Some(Arc::new(Taking(taken.clone()))), ..run_in(folder.path(), true) };
    let said = whole(&plan(), &run).err().unwrap().to_string();
    assert!(said.contains("step-0000020") && said.contains("can't be written"), "{said}");
    assert!(said.contains("line.safetensors is whole"), "{said}");
    fs::remove_dir(taken).unwrap();
    assert_eq!(whole(&plan(), &run_in(folder.path(), true)).unwrap().1.resumed_from, 14);
}

#[test]
fn steps_and_evaluations_are_told_and_a_record_that_fails_costs_nothing() {
    let told = Arc::new(Told::default());
    let run = TrainingRun { journal: Some(told.clone()), record_every: 25, ..TrainingRun::default() };
    whole(&plan(), &run).unwrap();
    let steps: Vec<usize> = told.0.lock().unwrap().iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [10, 20, 25, 30, 40, 50, 60]);
    #[derive(Debug)]
    struct Full;
    impl Journal for Full {
        fn begin(&self, _name: &str, _from: usize) -> io::Result<()> {
            Ok(())
        }
        fn tell(&self, _entry: &Entry<'_>) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    struct Warned(Mutex<Vec<String>>);
    impl Progress for Warned {
        fn begin(&self, _stage: &str, _total: usize) {}
        fn advance(&self, _n: usize) {}
        fn end(&self) {}
        fn note(&self, _message: &str) {}
        fn warn(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
    }
    let (warned, run) = (Warned(Mutex::default()), TrainingRun { journal: Some(Arc::new(Full)), ..run });
    course((&plan(), &run), &mut Points::default(), &warned).unwrap();
    assert_eq!(warned.0.into_inner().unwrap().len(), 1);
}
