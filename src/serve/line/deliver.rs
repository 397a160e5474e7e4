//! The threads that deliver the results of a line.

use super::live::{Running, lock};
use super::settings::SinkSettings;
use super::sink::{Delivered, Sink, Speaker, Waits};
use crate::serve::store::StoreError;
use std::path::Path;
use std::time::Duration;

/// Results that are delivered before it is noted how far a sink is.
const TOGETHER: usize = 32;
/// How often a sink looks for results.
const LOOK: Duration = Duration::from_millis(100);
/// How soon what failed altogether is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// A thread that delivers the results of a line to one sink.
struct Deliverer<'a> {
    line: &'a Running,
    name: &'a str,
}

impl Waits for Deliverer<'_> {
    fn pause(&self, wait: Duration, why: &str) -> bool {
        lock(&self.line.sink_errors).insert(self.name.to_owned(), why.to_owned());
        self.line.sleep(wait);
        !self.is_stopped()
    }

    fn is_stopped(&self) -> bool {
        self.line.is_stopped()
    }
}

/// Delivers results to a sink until the line stops.
pub(super) fn deliver_all(line: &Running, settings: &SinkSettings) {
    let name = settings.name();
    let waits = Deliverer { line, name: &name };
    let speaker = Speaker { owner: line.station.place.owner(), line: &line.settings.name };
    let sink = loop {
        match Sink::open(settings, speaker) {
            Ok(sink) => break sink,
            Err(why) if !waits.pause(AGAIN, &why) => return,
            Err(_) => {}
        }
    };
    drop(lock(&line.sink_errors).remove(&name));
    let dead = line.station.place.line(line.id).join("dead_letters.jsonl");
    while !line.is_stopped() {
        if let Err(error) = deliver_some(&waits, &sink, &dead) {
            tracing::error!(line = line.settings.name, %error, "results can't be delivered");
            line.sleep(AGAIN);
        }
    }
}

fn deliver_some(waits: &Deliverer<'_>, sink: &Sink, dead: &Path) -> Result<(), StoreError> {
    let Deliverer { line, name } = *waits;
    let upto = line.station.store.delivered(line.id, name)?;
    let made = line.station.store.made_after(line.id, upto, TOGETHER)?;
    if made.is_empty() {
        line.sleep(LOOK);
        return Ok(());
    }
    let mut last = upto;
    for (seq, found) in made {
        match sink.deliver(&found, dead, waits) {
            Delivered::Yes => drop(lock(&line.sink_errors).remove(name)),
            Delivered::Dead(why) => {
                tracing::warn!(
                    line = line.settings.name,
                    result = found.id,
                    error = why,
                    "a result went to the dead letters"
                );
                lock(&line.sink_errors).insert(name.to_owned(), why);
            }
            Delivered::Stopped => break,
        }
        last = seq;
    }
    line.station.store.deliver_upto(line.id, name, last)
}
