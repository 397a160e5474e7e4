//! Files that were claimed go where they belong, when it is known what became of them.

use super::watch::{Outcome, Watcher};
use crate::serve::store::Ended;
use crate::serve::work::Station;
use std::io;
use std::time::Duration;

/// Files that are moved together.
const TOGETHER: usize = 200;
/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long it waits where a file can't be moved.
const WAIT: Duration = Duration::from_secs(2);

/// Moves files until the server stops.
pub(in crate::serve) fn settle_all(station: &Station) {
    while !station.hub.is_stopping() {
        match settle_some(station) {
            Ok(0) => std::thread::sleep(LOOK),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error, "files of a line can't be moved; it is tried again");
                std::thread::sleep(WAIT);
            }
        }
    }
    // What was inspected last.
    drop(settle_some(station));
}

fn settle_some(station: &Station) -> Result<usize, String> {
    let waiting = station.store.unsettled(TOGETHER).map_err(|error| error.to_string())?;
    let (mut settled, mut refused) = (vec![], None);
    for (id, path, ended) in waiting {
        let outcome = match ended {
            Ended::Inspected => Outcome::Done,
            Ended::Failed => Outcome::Failed,
            Ended::Dropped => Outcome::Dropped,
        };
        match Watcher::finish(&path, outcome) {
            Ok(place) => settled.push((id, place)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), "a file that was inspected is gone");
                settled.push((id, path));
            }
            Err(error) => refused = Some(format!("{}: {error}", path.display())),
        }
    }
    station.store.settle(&settled).map_err(|error| error.to_string())?;
    refused.map_or(Ok(settled.len()), Err)
}
