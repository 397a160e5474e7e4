//! The lines of a server, and their threads.

use super::deliver::deliver_all;
use super::live::{Running, lock};
use super::policy::Policy;
use super::settings::{sinks, source};
use super::source::take_all;
use super::tables::{Shelf, keep_all};
use crate::serve::record::{DriftRecord, LineState};
use crate::serve::store::LineSettings;
use crate::serve::work::Station;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A line and its threads.
type Threads = (Arc<Running>, Vec<JoinHandle<()>>);

/// The lines of a server.
pub(in crate::serve) struct Lines {
    station: Arc<Station>,
    running: Mutex<HashMap<i64, Threads>>,
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
            let name = sink.name();
            match Shelf::of(&sink) {
                Some(Ok((shelf, age))) => {
                    spawn("tables", Box::new(move |line| keep_all(line, &name, (&shelf, age))));
                }
                Some(Err(why)) => drop(lock(&line.sink_errors).insert(name, why)),
                None => spawn("sink", Box::new(move |line| deliver_all(line, &sink))),
            }
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
