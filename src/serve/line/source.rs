//! The thread that takes images for a line.

use super::frames::{FrameError, Frames, Program};
use super::live::Running;
use super::policy::{Policy, make_room};
use super::settings::{After, Source};
use super::watch::{Found, Watch, Watcher};
use crate::serve::store::{Accepted, NewItem, Origin, Priority, StoreError, accept};
use rand::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a file must not change, before it is taken.
const STABLE: Duration = Duration::from_millis(200);
/// How often a folder is looked through; a large one takes longer.
const LOOK: Duration = Duration::from_millis(100);
/// Files that are accepted together.
const TOGETHER: usize = 256;
/// How long it waits before it tries a source again that failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Takes images until the line stops.
pub(super) fn take_all(line: &Running, source: &Source) {
    match source {
        Source::Push {} => {}
        Source::Folder { folder, after, recursive } => {
            let owner = line.station.place.owner().to_owned();
            let watch = Watch { folder: folder.clone(), after: *after, recursive: *recursive, stable: STABLE, owner };
            watch_folder(line, Watcher::new(watch), *after);
        }
        Source::Command { command } => {
            while !line.is_stopped() {
                if let Err(error) = take_frames(line, command) {
                    line.fails(&error);
                    line.sleep(AGAIN);
                }
            }
        }
    }
}

/// How many more images may wait.
fn room(line: &Running) -> Result<usize, StoreError> {
    if line.policy != Policy::Block {
        return Ok(TOGETHER);
    }
    let free = line.settings.capacity - line.station.store.n_waiting(line.id)?;
    Ok(usize::try_from(free).unwrap_or(0).min(TOGETHER))
}

fn watch_folder(line: &Running, mut watcher: Watcher, after: After) {
    let claimed = watcher.claimed();
    if let Err(error) = accept_claimed(line, &claimed) {
        line.fails(&error.to_string());
    }
    while !line.is_stopped() {
        let begun = Instant::now();
        let looked = room(line).map_err(|error| error.to_string()).and_then(|room| {
            let found = watcher.next(room).map_err(|error| format!("the folder can't be read: {error}"))?;
            accept_found(line, &found, after).map_err(|error| error.to_string())?;
            found.iter().filter(|_| after == After::Keep).for_each(|found| watcher.remember(found));
            Ok(found.len())
        });
        match looked {
            Ok(n) => {
                line.works();
                // A folder on a slow share is not looked through all the time.
                if n == 0 {
                    line.sleep(LOOK.max(4 * begun.elapsed()).min(AGAIN));
                }
            }
            Err(error) => {
                line.fails(&error);
                line.sleep(AGAIN);
            }
        }
    }
}

/// Accepts what this server claimed before it was killed.
fn accept_claimed(line: &Running, claimed: &[PathBuf]) -> Result<(), StoreError> {
    for path in claimed {
        if !line.station.store.knows_path(path)? {
            let name = Watcher::name_of_claim(path);
            accept_all(line, &[(name, path.clone(), None)], false)?;
        }
    }
    Ok(())
}

fn accept_found(line: &Running, found: &[Found], after: After) -> Result<(), StoreError> {
    let id = line.id;
    let key = |found: &Found| (after == After::Keep).then(|| format!("line {id}\n{}", found.mark));
    let items: Vec<_> = found.iter().map(|found| (found.name.clone(), found.path.clone(), key(found))).collect();
    accept_all(line, &items, after == After::Keep)
}

/// Has images wait, each with its name, its file, and a key where it may come again.
fn accept_all(line: &Running, items: &[(String, PathBuf, Option<String>)], settled: bool) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let detector = &line.settings.detector;
    let n_new = line.station.store.write(|on| {
        let mut n_new = 0;
        for (name, path, key) in items {
            let (origin, priority, key) = (Origin::Line(line.id), Priority::Line, key.as_deref());
            let accepted = accept(on, &NewItem { origin, name, path, detector, priority, key, settled })?;
            n_new += usize::from(matches!(accepted, Accepted::New(_)));
        }
        Ok::<_, StoreError>(n_new)
    })?;
    if n_new > 0 {
        line.station.hub.add_image(Priority::Line);
        if line.policy == Policy::DropOldest {
            make_room(&line.station, line.id, line.settings.capacity)?;
        }
    }
    Ok(())
}

/// Takes frames until the program ends.
fn take_frames(line: &Running, command: &[String]) -> Result<(), String> {
    let max_bytes = line.station.options.limits.max_file_bytes;
    let mut frames = Frames::spawn(command, max_bytes).map_err(|error| error.to_string())?;
    let program: Program = frames.program();
    line.has_program(Some(program));
    let folder = line.station.place.line(line.id).join("frames");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut n = 0u64;
    let ended: Result<(), String> = loop {
        if line.is_stopped() {
            break Ok(());
        }
        let frame = match frames.next() {
            Ok(frame) => frame,
            Err(FrameError::Ended { .. }) if line.is_stopped() => break Ok(()),
            Err(error) => break Err(error.to_string()),
        };
        line.works();
        // The program waits in its pipe meanwhile.
        while !line.is_stopped() && room(line).map_err(|error| error.to_string())? == 0 {
            line.sleep(Duration::from_millis(20));
        }
        n += 1;
        if let Err(error) = keep_frame(line, &folder, &frame, n) {
            break Err(error);
        }
    };
    line.has_program(None);
    ended
}

fn keep_frame(line: &Running, folder: &Path, frame: &[u8], n: u64) -> Result<(), String> {
    let path = folder.join(format!("{:016x}.pnm", rand::rng().random::<u64>()));
    let kept = crate::files::replace_unsynced(&path, frame);
    kept.map_err(|error| format!("{}: {error}", path.display()))?;
    accept_all(line, &[(format!("frame-{n:06}.pnm"), path, None)], true).map_err(|error| error.to_string())
}
