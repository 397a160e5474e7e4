//! The loop that drives a training.

use super::checkpoint::{Checkpoint, fingerprint};
use super::{Batches, Checkpoints, Entry, Figure, Mode, Named, Plan, Stepped, Trainee, TrainingError, TrainingRun};
use crate::model::ModelError;
use crate::progress::Progress;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// A training.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// What is trained: the start of the names of its files.
    pub name: &'a str,
    /// How.
    pub plan: &'a Plan,
    /// All else that decides the weights, as a text: other settings, the data, the seed.
    pub inputs: &'a str,
    /// What is kept and told.
    pub run: &'a TrainingRun,
}

/// A training that came to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trained {
    /// Steps that were done, those before an interruption included.
    pub steps: usize,
    /// The best figure of [`Plan::stop`].
    pub best: Option<f64>,
    /// Steps that a checkpoint had done before.
    pub resumed_from: usize,
}

/// Trains: every step of the plan, or fewer where it stops early; the trainee is then what is to be kept. Progress is told one for
/// each step of the plan, steps that are skipped included; the stage is the caller's.
///
/// # Errors
/// [`TrainingError`], and what `batches` say.
pub fn train<T: Trainee, B: Batches<Batch = T::Batch>>(
    task: &Task<'_>,
    trainee: &mut T,
    batches: &mut B,
    progress: &dyn Progress,
) -> Result<Trained, B::Error> {
    let Task { plan, run, .. } = *task;
    let mut course = Course::new(task);
    course.open(trainee)?;
    let resumed_from = course.at.step;
    progress.advance(resumed_from.min(plan.steps));
    if course.at.is_finished {
        progress.advance(plan.steps.saturating_sub(resumed_from));
        return Ok(Trained { steps: resumed_from, best: course.at.best, resumed_from });
    }
    course.begin_record(progress);
    while course.at.step < plan.steps {
        if progress.is_cancelled() {
            course.write_last(trainee)?;
            return Err(TrainingError::Cancelled.into());
        }
        let step = course.at.step;
        let batch = batches.batch(step)?;
        let rate = plan.schedule.rate(plan.rate, step, plan.steps);
        let stepped = trainee.step(step, rate, &batch).map_err(|error| course.diverged(error))?;
        course.at.step += 1;
        course.at.losses = (course.at.losses.0 + f64::from(stepped.loss), course.at.losses.1 + 1);
        progress.advance(1);
        let (done, is_last) = (course.at.step, course.at.step == plan.steps);
        let is_evaluated = is_last || done % plan.evaluate.max(1) == 0;
        let watch = if is_evaluated { course.watch(trainee, batches)? } else { None };
        if is_evaluated || done % run.record_every.max(1) == 0 {
            course.record((stepped, rate, watch), progress);
        }
        if is_evaluated && course.evaluated(trainee, watch)? {
            break;
        }
        if !is_last && run.checkpoints.as_ref().is_some_and(|own| done % own.every.max(1) == 0) {
            course.write_last(trainee)?;
        }
    }
    progress.advance(plan.steps - course.at.step);
    if let Some(best) = course.best_state.take() {
        trainee.restore(best).map_err(TrainingError::Model)?;
    }
    course.at.is_finished = true;
    course.write_last(trainee)?;
    Ok(Trained { steps: course.at.step, best: course.at.best, resumed_from })
}

/// How far it is.
#[derive(Default)]
struct Position {
    step: usize,
    is_finished: bool,
    best: Option<f64>,
    n_waited: usize,
    losses: (f64, usize),
}

/// A training at work.
struct Course<'a> {
    task: &'a Task<'a>,
    fingerprint: String,
    at: Position,
    /// What had the best figure, where it may stop early.
    best_state: Option<Vec<Named>>,
    /// The last checkpoint.
    written: Option<PathBuf>,
    /// Figures and steps of the checkpoints that are kept for them, the best one first.
    kept: Vec<(f64, usize)>,
    /// When the journal was told last, and after how many steps.
    clock: (Instant, usize),
    /// Whether the journal takes what it is told.
    is_told: bool,
}

impl<'a> Course<'a> {
    fn new(task: &'a Task<'a>) -> Self {
        let Task { name, plan, inputs, .. } = *task;
        let fingerprint = fingerprint(&["pcore training 1", name, &plan.to_string(), inputs]);
        let (at, clock) = (Position::default(), (Instant::now(), 0));
        Self { task, fingerprint, at, best_state: None, written: None, kept: vec![], clock, is_told: true }
    }
}

impl Course<'_> {
    fn checkpoints(&self) -> Option<&Checkpoints> {
        self.task.run.checkpoints.as_ref()
    }

    /// Goes back to the last checkpoint, if there is one.
    fn open<T: Trainee>(&mut self, trainee: &mut T) -> Result<(), TrainingError> {
        let Task { name, run, .. } = *self.task;
        let Some(own) = &run.checkpoints else { return Ok(()) };
        fs::create_dir_all(&own.folder).map_err(|source| self.unwritten(own.last(name), source))?;
        let last = own.last(name);
        if !own.resume {
            let mut before = std::iter::once(last).chain(own.of_steps(name).into_iter().map(|(_, path)| path));
            let found = before.find(|path| path.exists());
            return found.map_or(Ok(()), |path| Err(TrainingError::Exists { path }));
        }
        let found = Checkpoint::read(&last, &self.fingerprint)?;
        let n_done = found.as_ref().map_or(0, |found| found.step);
        for (step, path) in own.of_steps(name) {
            // Those of later steps come again.
            match Checkpoint::read(&path, &self.fingerprint)?.and_then(|kept| kept.figure) {
                Some(figure) if step <= n_done => self.keep(figure, step),
                _ => drop(fs::remove_file(&path)),
            }
        }
        let Some(found) = found else { return Ok(()) };
        let Checkpoint { step, is_finished, best, n_waited, losses, state, best_state, .. } = found;
        let restored = trainee.restore(state);
        restored.map_err(|error| TrainingError::Damaged { path: last.clone(), reason: error.to_string() })?;
        (self.at, self.best_state) = (Position { step, is_finished, best, n_waited, losses }, best_state);
        self.written = Some(last);
        Ok(())
    }

    /// The mean loss of what is kept apart.
    fn watch<T: Trainee, B: Batches<Batch = T::Batch>>(
        &self,
        trainee: &mut T,
        batches: &mut B,
    ) -> Result<Option<f64>, B::Error> {
        let Task { name, plan, .. } = *self.task;
        if plan.watch == 0.0 {
            return Ok(None);
        }
        let (mut sum, mut n) = (0.0, 0);
        while let Some(batch) = batches.watched(n)? {
            sum += f64::from(trainee.loss(&batch).map_err(TrainingError::Model)?);
            n += 1;
        }
        if n == 0 {
            return Err(TrainingError::NothingToWatch { name: name.to_owned() }.into());
        }
        Ok(Some(sum / n as f64))
    }

    /// Heeds an evaluation; says whether to stop.
    fn evaluated<T: Trainee>(&mut self, trainee: &T, watch: Option<f64>) -> Result<bool, TrainingError> {
        let plan = self.task.plan;
        let (sum, n) = std::mem::take(&mut self.at.losses);
        let loss = sum / n.max(1) as f64;
        let of = |figure: Figure| match figure {
            Figure::Watch => watch.unwrap_or(loss),
            Figure::Loss => loss,
        };
        let figure =
            of(plan.stop.map_or(if watch.is_some() { Figure::Watch } else { Figure::Loss }, |stop| stop.figure));
        let mut is_over = false;
        if let Some(stop) = plan.stop {
            if stop.is_better(figure, self.at.best) {
                (self.at.best, self.at.n_waited) = (Some(figure), 0);
                self.best_state = Some(trainee.state()?);
            } else {
                self.at.n_waited += 1;
                is_over = self.at.n_waited >= stop.patience;
            }
        }
        self.keep_best(trainee, figure)?;
        Ok(is_over)
    }

    /// Writes a checkpoint where its figure is among the best ones, and removes the one that is no longer.
    fn keep_best<T: Trainee>(&mut self, trainee: &T, figure: f64) -> Result<(), TrainingError> {
        let Some((own, step)) = self.checkpoints().cloned().map(|own| (own, self.at.step)) else { return Ok(()) };
        if own.best == 0 || !figure.is_finite() {
            return Ok(());
        }
        self.keep(figure, step);
        if self.kept.iter().take(own.best).any(|(_, kept)| *kept == step) {
            let path = own.of_step(self.task.name, step);
            let checkpoint = Checkpoint { figure: Some(figure), best_state: None, ..self.checkpoint(trainee)? };
            checkpoint.write(&path, self.task.name).map_err(|source| self.unwritten(path, source))?;
        }
        for (_, gone) in self.kept.split_off(self.kept.len().min(own.best)) {
            drop(fs::remove_file(own.of_step(self.task.name, gone)));
        }
        Ok(())
    }

    /// Puts a figure among those that are kept, after those that are as good.
    fn keep(&mut self, figure: f64, step: usize) {
        let is_min = self.task.plan.stop.is_none_or(|stop| stop.mode == Mode::Min);
        self.kept.push((figure, step));
        let key = |figure: f64| if is_min { figure } else { -figure };
        self.kept.sort_by(|a, b| key(a.0).total_cmp(&key(b.0)).then(a.1.cmp(&b.1)));
    }

    fn checkpoint<T: Trainee>(&self, trainee: &T) -> Result<Checkpoint, TrainingError> {
        let Position { step, is_finished, best, n_waited, losses } = self.at;
        let fingerprint = self.fingerprint.clone();
        let (state, best_state) = (trainee.state()?, self.best_state.clone());
        Ok(Checkpoint { fingerprint, step, is_finished, figure: None, best, n_waited, losses, state, best_state })
    }

    fn write_last<T: Trainee>(&mut self, trainee: &T) -> Result<(), TrainingError> {
        let Some(path) = self.checkpoints().map(|own| own.last(self.task.name)) else { return Ok(()) };
        let checkpoint = self.checkpoint(trainee)?;
        checkpoint.write(&path, self.task.name).map_err(|source| self.unwritten(path.clone(), source))?;
        self.written = Some(path);
        Ok(())
    }

    fn unwritten(&self, path: PathBuf, source: std::io::Error) -> TrainingError {
        TrainingError::Write { path, source, checkpoint: self.written.clone() }
    }

    fn diverged(&self, error: ModelError) -> TrainingError {
        match error {
            ModelError::Diverged { step, loss } => {
                let (name, checkpoint) = (self.task.name.to_owned(), self.written.clone());
                TrainingError::Diverged { name, step: step + 1, loss, checkpoint }
            }
            other => other.into(),
        }
    }

    fn begin_record(&mut self, progress: &dyn Progress) {
        self.clock = (Instant::now(), self.at.step);
        if let Some(journal) = &self.task.run.journal {
            self.told(journal.begin(self.task.name, self.at.step + 1), progress);
        }
    }

    /// Tells of the last step.
    fn record(&mut self, (stepped, rate, watch): (Stepped, f64, Option<f64>), progress: &dyn Progress) {
        let Some(journal) = &self.task.run.journal else { return };
        let (name, step, Stepped { loss, gradient_norm }) = (self.task.name, self.at.step, stepped);
        let steps_per_second = (step - self.clock.1) as f64 / self.clock.0.elapsed().as_secs_f64().max(1e-9);
        self.clock = (Instant::now(), step);
        self.told(journal.tell(&Entry { name, step, loss, rate, gradient_norm, watch, steps_per_second }), progress);
    }

    /// A record that can't be written costs the record, not the training.
    fn told(&mut self, told: std::io::Result<()>, progress: &dyn Progress) {
        if let Err(error) = told
            && std::mem::take(&mut self.is_told)
        {
            progress.warn(&format!("the record of the training is not complete: {error}"));
        }
    }
}
