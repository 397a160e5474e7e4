//! The threads that deliver the results of a line.

use super::live::{Running, lock};
use super::settings::SinkSettings;
use super::sink::{Delivered, Sink};
use crate::serve::store::StoreError;
use std::path::Path;
use std::time::Duration;

/// Results that are delivered before it is noted how far a sink is.
const TOGETHER: usize = 32;
/// How often a sink looks for results.
const LOOK: Duration = Duration::from_millis(100);

/// Delivers results to a sink until the line stops.
pub(super) fn deliver_all(line: &Running, settings: &SinkSettings) {
    let (sink, name) = (Sink::new(settings), settings.name());
    let dead = line.station.place.line(line.id).join("dead_letters.jsonl");
    while !line.is_stopped() {
        if let Err(error) = deliver_some(line, &sink, &name, &dead) {
            tracing::error!(line = line.settings.name, %error, "results can't be delivered");
            line.sleep(Duration::from_secs(2));
        }
    }
}

fn deliver_some(line: &Running, sink: &Sink, name: &str, dead: &Path) -> Result<(), StoreError> {
    let upto = line.station.store.delivered(line.id, name)?;
    let made = line.station.store.made_after(line.id, upto, TOGETHER)?;
    if made.is_empty() {
        line.sleep(LOOK);
        return Ok(());
    }
    let mut last = upto;
    for (seq, found) in made {
        let pause = |wait: Duration, why: &str| {
            lock(&line.sink_errors).insert(name.to_owned(), why.to_owned());
            line.sleep(wait);
            !line.is_stopped()
        };
        match sink.deliver(&found, dead, pause) {
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
