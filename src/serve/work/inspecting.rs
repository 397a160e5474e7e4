//! The one thread that inspects: whatever waits, the most urgent first, by the way that `pcore infer` takes.

use super::Station;
use super::drifts::SeenText;
use super::hub::Event;
use crate::dataset::Sample;
use crate::infer::{Calibration, Inspecting, Item, StageTimes, inspect_and};
use crate::job::{JobError, Opened};
use crate::progress::Progress;
use crate::report::ResultRow;
use crate::serve::store::{Outcome, Pending, Priority, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Images that are taken at a time: more would let a question wait, fewer would let the cores.
const AT_A_TIME: usize = 64;
/// Results that are written together, and how long one waits for the others.
const TOGETHER: usize = 16;
const NOT_LONGER: Duration = Duration::from_millis(100);
/// How long it sleeps where nobody wakes it.
const SLEEP: Duration = Duration::from_secs(1);

/// Inspects until the server stops.
pub(in crate::serve) fn inspect_all(station: &Station) {
    while !station.hub.is_stopping() {
        let seen = station.hub.n_added();
        station.hub.take_all();
        match station.store.next_pending(AT_A_TIME) {
            Ok(batch) if batch.is_empty() => station.hub.sleep(seen, SLEEP),
            Ok(batch) => inspect(station, &batch),
            Err(error) => {
                tracing::error!(%error, "can't read what waits");
                station.hub.sleep(seen, SLEEP);
            }
        }
    }
}

/// Gives each of these images its result, unless the server stops.
fn inspect(station: &Station, batch: &[Pending]) {
    let mut jobs: Vec<i64> = batch.iter().filter_map(|item| item.job).collect();
    jobs.dedup();
    let opened = || -> Result<(String, Arc<Opened>), String> {
        station.store.begin_jobs(&jobs).map_err(|error| error.to_string())?;
        let sha = station.store.detector(&batch[0].detector).map_err(|error| error.to_string())?.sha;
        let opened = station.bundles.open(&station.place, &sha).map_err(|error| error.to_string())?;
        Ok((sha, opened))
    };
    let mut keeping =
        Keeping { station, sha: String::new(), outcomes: vec![], seen: vec![], since: Instant::now(), n_kept: 0 };
    let ended = match opened() {
        Ok((sha, opened)) => {
            keeping.sha = sha;
            let work = AssertUnwindSafe(|| inspect_by(&opened, batch, &mut keeping));
            catch_unwind(work)
                .unwrap_or_else(|_panic| Err(Stopped::Broken("a defect of pcore: see its log".to_owned())))
        }
        Err(error) => Err(Stopped::Broken(error)),
    };
    match ended.and_then(|()| keeping.flush()) {
        Ok(()) => {}
        // What is made is kept.
        Err(Stopped::ByRequest) => drop(keeping.flush()),
        Err(Stopped::Broken(error)) => {
            tracing::error!(detector = batch[0].detector, %error, "images can't be inspected");
            let rest = batch.iter().skip(keeping.n_kept);
            let row = |item: &Pending| ResultRow {
                path: item.name.clone(),
                error: Some(error.clone()),
                ..ResultRow::default()
            };
            keeping.outcomes = rest
                .map(|item| Outcome { item: item.clone(), sha: keeping.sha.clone(), row: row(item), seen: None })
                .collect();
            drop(keeping.flush());
        }
        Err(Stopped::Store(error)) => {
            tracing::error!(%error, "results can't be kept; they are made again");
            std::thread::sleep(SLEEP);
        }
    }
}

/// Why a batch ended early.
enum Stopped {
    /// The server stops, or something is more urgent.
    ByRequest,
    /// Nothing can be inspected so.
    Broken(String),
    /// Results can't be kept.
    Store(StoreError),
}

impl From<crate::detect::DetectError> for Stopped {
    fn from(error: crate::detect::DetectError) -> Self {
        match error {
            crate::detect::DetectError::Cancelled => Self::ByRequest,
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Results on their way to the database.
struct Keeping<'a> {
    station: &'a Station,
    sha: String,
    outcomes: Vec<Outcome>,
    /// What their images looked like, those of lines.
    seen: Vec<Option<SeenText>>,
    since: Instant,
    /// Of the batch.
    n_kept: usize,
}

impl Keeping<'_> {
    fn add(
        &mut self,
        item: &Pending,
        (row, stages): (ResultRow, StageTimes),
        seen: Option<SeenText>,
    ) -> Result<(), Stopped> {
        if self.outcomes.is_empty() {
            self.since = Instant::now();
        }
        self.station.metrics.inspected(item, &row, stages);
        let seen_text = seen.as_ref().and_then(|seen| serde_json::to_string(seen).ok());
        self.seen.push(seen);
        self.outcomes.push(Outcome { item: item.clone(), sha: self.sha.clone(), row, seen: seen_text });
        if self.outcomes.len() >= TOGETHER || self.since.elapsed() > NOT_LONGER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        let (outcomes, seen) = (std::mem::take(&mut self.outcomes), std::mem::take(&mut self.seen));
        if outcomes.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let (kept, ended) = self.station.store.keep(&outcomes).map_err(Stopped::Store)?;
        self.station.metrics.stored(outcomes.len(), start.elapsed());
        self.n_kept += outcomes.len();
        self.station.hub.done(&kept);
        let made = outcomes.iter().zip(&seen).filter(|(outcome, _)| kept.contains(&outcome.item.id));
        for (Outcome { item, sha, row, .. }, seen) in made {
            if let (Some(line), Some(seen)) = (item.line, seen) {
                let said = (sha.as_str(), row.raw_score, row.condition.as_deref());
                self.station.drifts.push(&self.station.place, line, said, Some(seen));
            }
            self.station.hub.tell(Event::Result(item.id, item.job, item.line));
        }
        let mut jobs: Vec<i64> = outcomes.iter().filter_map(|outcome| outcome.item.job).collect();
        jobs.dedup();
        for job in jobs {
            if ended.contains(&job) {
                super::summary::write(self.station, job);
            }
            self.station.tell_job(job);
        }
        Ok(())
    }
}

/// Whether the server stops, or somebody waits for another answer; progress is told by results.
struct Until<'a> {
    station: &'a Station,
    priority: Priority,
}

impl Progress for Until<'_> {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _n: usize) {}
    fn end(&self) {}

    fn note(&self, message: &str) {
        tracing::info!("{message}");
    }

    fn warn(&self, message: &str) {
        tracing::warn!("{message}");
    }

    fn is_cancelled(&self) -> bool {
        self.station.hub.is_stopping() || self.station.hub.has_more_urgent(self.priority)
    }
}

/// An image as `pcore infer` lists it.
pub(in crate::serve) fn sample(name: &str, path: &std::path::Path) -> Sample {
    let (label, defect, mask, roi, domain, product) = (None, None, None, None, None, None);
    Sample { path: path.to_owned(), name: name.to_owned(), label, defect, mask, roi, domain, product }
}

fn inspect_by(opened: &Opened, batch: &[Pending], keeping: &mut Keeping<'_>) -> Result<(), Stopped> {
    let station = keeping.station;
    let samples: Vec<Sample> = batch.iter().map(|item| sample(&item.name, &item.path)).collect();
    let what = Inspecting {
        inspector: &opened.inspector,
        samples: &samples,
        table: None,
        calibration: Calibration::default(),
        explain: None,
        pools: batch.iter().any(|item| item.line.is_some()),
    };
    let looks = what.pools;
    let mut items = batch.iter();
    inspect_and(
        what,
        &station.pace,
        &Until { station, priority: batch[0].priority },
        |item: &Item<'_>| {
            let found = item.outcome.as_ref().ok().filter(|_| looks);
            Ok(found.map(|(image, said)| SeenText::of(&opened.inspector, image, said)))
        },
        |item, seen| {
            let row = (ResultRow::of(&item, station.wording), item.stages);
            items.next().map_or(Ok(()), |pending| keeping.add(pending, row, seen.filter(|_| pending.line.is_some())))
        },
    )
}

/// An image alone, inspected by a bundle, as the batch would: for pictures of a result.
///
/// # Errors
/// Why it can't be read or inspected.
pub(in crate::serve) fn inspect_again(
    opened: &Opened,
    path: &std::path::Path,
) -> Result<(crate::image::Image, crate::infer::Inspection), JobError> {
    let image = crate::image::read_as(path, &opened.inspector.reading())?;
    let found = opened.inspector.inspect_one(&image)?;
    Ok((image, found))
}
