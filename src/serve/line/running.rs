//! The threads of lines.

use super::frames::Program;
use super::policy::Policy;
use super::settings::{SinkSettings, sinks, source};
use super::sink::{Delivered, Sink};
use super::source::take_all;
use crate::serve::record::{DriftRecord, LineState};
use crate::serve::store::LineSettings;
use crate::serve::work::Station;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How soon a thread hears that its line stops.
const HEAR: Duration = Duration::from_millis(50);
/// Results that are delivered before it is noted how far a sink is.
const TOGETHER: usize = 32;
/// How often a sink looks for results.
const LOOK: Duration = Duration::from_millis(100);

/// A line that runs, as its threads see it.
pub(super) struct Running {
    pub(super) station: Arc<Station>,
    pub(super) id: i64,
    pub(super) settings: LineSettings,
    pub(super) policy: Policy,
    stop: AtomicBool,
    /// Why the source fails, and what each sink says.
    source_error: Mutex<Option<String>>,
    sink_errors: Mutex<HashMap<String, String>>,
    program: Mutex<Option<Program>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// Whether the line, or the server, stops.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.station.hub.is_stopping()
    }

    /// Sleeps, unless the line stops.
    pub(super) fn sleep(&self, at_most: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < at_most && !self.is_stopped() {
            thread::sleep(HEAR.min(at_most.saturating_sub(begun.elapsed())));
        }
    }

    /// Says that the source works.
    pub(super) fn works(&self) {
        *lock(&self.source_error) = None;
    }

    /// Says why the source does not.
    pub(super) fn fails(&self, why: &str) {
        let mut error = lock(&self.source_error);
        if error.as_deref() != Some(why) {
            tracing::warn!(line = self.settings.name, error = why, "a line can't take images; it tries again");
            *error = Some(why.to_owned());
        }
    }

    /// Keeps the program that the source waits for.
    pub(super) fn has_program(&self, program: Option<Program>) {
        *lock(&self.program) = program;
    }

    /// Delivers results to a sink until the line stops.
    fn deliver_all(&self, settings: &SinkSettings) {
        let (sink, name) = (Sink::new(settings), settings.name());
        let dead = self.station.place.line(self.id).join("dead_letters.jsonl");
        while !self.is_stopped() {
            if let Err(error) = self.deliver_some(&sink, &name, &dead) {
                tracing::error!(line = self.settings.name, %error, "results can't be delivered");
                self.sleep(Duration::from_secs(2));
            }
        }
    }

    fn deliver_some(
        &self,
        sink: &Sink,
        name: &str,
        dead: &std::path::Path,
    ) -> Result<(), crate::serve::store::StoreError> {
        let upto = self.station.store.delivered(self.id, name)?;
        let made = self.station.store.made_after(self.id, upto, TOGETHER)?;
        if made.is_empty() {
            self.sleep(LOOK);
            return Ok(());
        }
        let mut last = upto;
        for (seq, found) in made {
            let pause = |wait: Duration, why: &str| {
                lock(&self.sink_errors).insert(name.to_owned(), why.to_owned());
                self.sleep(wait);
                !self.is_stopped()
            };
            match sink.deliver(&found, dead, pause) {
                Delivered::Yes => drop(lock(&self.sink_errors).remove(name)),
                Delivered::Dead(why) => {
                    tracing::warn!(
                        line = self.settings.name,
                        result = found.id,
                        error = why,
                        "a result went to the dead letters"
                    );
                    lock(&self.sink_errors).insert(name.to_owned(), why);
                }
                Delivered::Stopped => break,
            }
            last = seq;
        }
        self.station.store.deliver_upto(self.id, name, last)
    }
}

/// The lines of a server.
pub(in crate::serve) struct Lines {
    station: Arc<Station>,
    running: Mutex<HashMap<i64, (Arc<Running>, Vec<JoinHandle<()>>)>>,
}

impl Lines {
    pub(in crate::serve) fn new(station: Arc<Station>) -> Self {
        Self { station, running: Mutex::default() }
    }

    /// Has the threads of a line follow its settings.
    pub(in crate::serve) fn apply(&self, id: i64) {
        self.stop(id);
        match self.station.store.line(id) {
            Ok(settings) if settings.running => self.start(id, settings),
            Ok(_) => {}
            Err(error) => tracing::error!(line = id, %error, "can't read a line"),
        }
    }

    fn start(&self, id: i64, settings: LineSettings) {
        let policy = settings.policy.parse().unwrap_or(Policy::Block);
        let (source, sinks) = (source(&settings), sinks(&settings));
        let line = Arc::new(Running {
            station: Arc::clone(&self.station),
            id,
            settings,
            policy,
            stop: AtomicBool::new(false),
            source_error: Mutex::default(),
            sink_errors: Mutex::default(),
            program: Mutex::default(),
        });
        let mut threads = vec![];
        let mut spawn = |what: &str, work: Box<dyn FnOnce(&Running) + Send>| {
            let own = Arc::clone(&line);
            match thread::Builder::new().name(format!("pcore-{what}-{id}")).spawn(move || work(&own)) {
                Ok(thread) => threads.push(thread),
                Err(error) => line.fails(&format!("no thread can be made: {error}")),
            }
        };
        match source {
            Ok(source) => spawn("source", Box::new(move |line| take_all(line, &source))),
            Err(error) => line.fails(&error),
        }
        for sink in sinks.into_iter().flatten() {
            spawn("sink", Box::new(move |line| line.deliver_all(&sink)));
        }
        lock(&self.running).insert(id, (line, threads));
    }

    /// Stops the threads of a line, and waits for them.
    pub(in crate::serve) fn stop(&self, id: i64) {
        let found = lock(&self.running).remove(&id);
        if let Some((line, threads)) = found {
            line.stop.store(true, Ordering::Relaxed);
            if let Some(program) = lock(&line.program).take() {
                program.stop();
            }
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!(line = line.settings.name, "a thread of a line panicked");
                }
            }
        }
    }

    /// Stops all lines.
    pub(in crate::serve) fn stop_all(&self) {
        let ids: Vec<i64> = lock(&self.running).keys().copied().collect();
        ids.into_iter().for_each(|id| self.stop(id));
    }

    /// Whether a line takes images, and why not, or what its sinks say.
    pub(in crate::serve) fn state(&self, id: i64, running: bool) -> (LineState, Option<String>) {
        let found = lock(&self.running).get(&id).map(|(line, _)| Arc::clone(line));
        let Some(line) = found.filter(|_| running) else { return (LineState::Stopped, None) };
        if let Some(error) = lock(&line.source_error).clone() {
            return (LineState::Failed, Some(error));
        }
        let told = lock(&line.sink_errors)
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .reduce(|a, b| format!("{a}; {b}"));
        (LineState::Running, told)
    }

    /// Whether the images of a line still come from where those of the fit came from.
    pub(in crate::serve) fn drift(&self, id: i64) -> DriftRecord {
        self.station.drifts.of(id)
    }
}
