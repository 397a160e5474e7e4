//! Who waits for what: results, progress, and the end.

use crate::serve::record::JobRecord;
use crate::serve::store::Priority;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};

/// Events that a slow listener may be behind.
const BACKLOG: usize = 1024;

/// Something that changed.
#[derive(Clone, Debug)]
pub(in crate::serve) enum Event {
    /// How far a job is.
    Job(Arc<JobRecord>),
    /// The server ends.
    Stopping,
    /// A result was made: its number, job and line.
    Result(i64, Option<i64>, Option<i64>),
}

/// What a job that is no inspection does at present.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Stage {
    pub(in crate::serve) name: String,
    pub(in crate::serve) n_done: usize,
    pub(in crate::serve) n_total: usize,
}

/// Signals between the threads of a server.
pub(in crate::serve) struct Hub {
    events: broadcast::Sender<Event>,
    waiting: Mutex<HashMap<i64, Vec<oneshot::Sender<()>>>>,
    cancelled: Mutex<HashSet<i64>>,
    stages: Mutex<HashMap<i64, Stage>>,
    /// Counts what was added, so that nobody sleeps over it.
    added: Mutex<u64>,
    wake: Condvar,
    stopping: AtomicBool,
    /// The most urgent priority that was added since it was looked.
    urgent: AtomicI64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(in crate::serve) fn new() -> Self {
        Self {
            events: broadcast::channel(BACKLOG).0,
            waiting: Mutex::default(),
            cancelled: Mutex::default(),
            stages: Mutex::default(),
            added: Mutex::default(),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
            urgent: AtomicI64::new(i64::MAX),
        }
    }

    /// Wakes whoever works: there is something new.
    pub(in crate::serve) fn add(&self) {
        *lock(&self.added) += 1;
        self.wake.notify_all();
    }

    /// As [`Self::add`], of an image: what is less urgent gives way to it.
    pub(in crate::serve) fn add_image(&self, priority: Priority) {
        self.urgent.fetch_min(priority as i64, Ordering::SeqCst);
        self.add();
    }

    /// Whether a more urgent image was added since [`Self::take_all`].
    pub(in crate::serve) fn has_more_urgent(&self, than: Priority) -> bool {
        self.urgent.load(Ordering::SeqCst) < than as i64
    }

    /// Says that what waits is about to be looked through.
    pub(in crate::serve) fn take_all(&self) {
        self.urgent.store(i64::MAX, Ordering::SeqCst);
    }

    /// What has been added so far, for [`Self::sleep`].
    pub(in crate::serve) fn n_added(&self) -> u64 {
        *lock(&self.added)
    }

    /// Sleeps until more was added than `seen`, or for so long.
    pub(in crate::serve) fn sleep(&self, seen: u64, at_most: Duration) {
        let added = lock(&self.added);
        drop(self.wake.wait_timeout_while(added, at_most, |added| *added == seen && !self.is_stopping()));
    }

    /// Asks everybody to stop.
    pub(in crate::serve) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.add();
        self.tell(Event::Stopping);
    }

    /// Whether the server ends.
    pub(in crate::serve) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// What changes from now on.
    pub(in crate::serve) fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells whoever listens.
    pub(in crate::serve) fn tell(&self, event: Event) {
        // Nobody listening is no error.
        drop(self.events.send(event));
    }

    /// Is told when this item has its result; asked for before it is looked whether that is there.
    pub(in crate::serve) fn wait_for(&self, item: i64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).entry(item).or_default().push(sender);
        receiver
    }

    /// Tells those who wait for these items.
    pub(in crate::serve) fn done(&self, items: &[i64]) {
        let mut waiting = lock(&self.waiting);
        for sender in items.iter().filter_map(|item| waiting.remove(item)).flatten() {
            // Whoever asked may have left.
            sender.send(()).ok();
        }
    }

    /// Forgets who waited for an item and left.
    pub(in crate::serve) fn forget(&self, item: i64) {
        let mut waiting = lock(&self.waiting);
        if let Some(senders) = waiting.get_mut(&item) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&item);
            }
        }
    }

    /// Asks whoever works on this job to stop.
    pub(in crate::serve) fn cancel(&self, job: i64) {
        lock(&self.cancelled).insert(job);
    }

    /// Whether somebody asked for that.
    pub(in crate::serve) fn is_cancelled(&self, job: i64) -> bool {
        lock(&self.cancelled).contains(&job)
    }

    /// Says what a job does at present; `None` when it is over.
    pub(in crate::serve) fn set_stage(&self, job: i64, stage: Option<Stage>) {
        let mut stages = lock(&self.stages);
        match stage {
            Some(stage) => {
                stages.insert(job, stage);
            }
            None => {
                stages.remove(&job);
                lock(&self.cancelled).remove(&job);
            }
        }
    }

    /// What a job does at present.
    pub(in crate::serve) fn stage(&self, job: i64) -> Option<Stage> {
        lock(&self.stages).get(&job).cloned()
    }
}
