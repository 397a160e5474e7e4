//! A folder that images are put into, by programs that know nothing of pcore.
//!
//! It is looked through again and again, which also works on network file systems, where nobody tells of changes. A file is taken
//! when its size and time have not changed for a while, oldest first. Where files are moved, one is claimed by a rename, so that of
//! several servers that watch one folder each file is one's alone.

use super::settings::After;
use crate::image::is_image_path;
use rand::Rng;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Names of unfinished files end so.
const UNFINISHED: [&str; 4] = [".tmp", ".part", ".crdownload", "~"];
/// Folders of the server itself.
const CLAIMED: &str = ".pcore-claimed";
const OWN: [&str; 4] = [CLAIMED, "done", "failed", "dropped"];
/// Folders in folders, at most.
const DEEPEST: usize = 16;

/// How a folder is watched.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) folder: PathBuf,
    pub(super) after: After,
    pub(super) recursive: bool,
    /// How long a file must not change.
    pub(super) stable: Duration,
    /// Who watches: its claims are its own.
    pub(super) owner: String,
}

/// A file at a moment.
type Seen = (u64, Option<SystemTime>);

/// A file that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path below the folder.
    pub(super) name: String,
    /// Where it lies now.
    pub(super) path: PathBuf,
    /// The same file has the same mark; another one of that name has another.
    pub(super) mark: String,
}

/// Where a claimed file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed,
    Dropped,
}

/// A folder that is watched.
pub(super) struct Watcher {
    watch: Watch,
    /// Files that may still change, and since when they do not.
    changing: HashMap<PathBuf, (Seen, Instant)>,
    /// Files that stay and were taken.
    taken: HashSet<String>,
}

impl Watcher {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, changing: HashMap::new(), taken: HashSet::new() }
    }

    fn claims(&self) -> PathBuf {
        self.watch.folder.join(CLAIMED).join(&self.watch.owner)
    }

    /// Files that this server claimed, oldest first: after a kill, some of them were not accepted yet.
    pub(super) fn claimed(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.claims()).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        found.sort();
        found
    }

    /// What a claimed file was called.
    pub(super) fn name_of_claim(path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split_once('-').map_or(&*name, |(_, name)| name);
        name.replace("%2F", "/").replace("%25", "%")
    }

    /// Files that are whole, the oldest first, at most so many; where files are moved they are claimed by now.
    ///
    /// # Errors
    /// A folder that can't be read, such as that of a share that is gone; it may come back.
    pub(super) fn next(&mut self, limit: usize) -> io::Result<Vec<Found>> {
        let mut files = vec![];
        look_through(&self.watch.folder, self.watch.recursive, DEEPEST, &mut files)?;
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.changing);
        let mut whole = vec![];
        for (path, seen) in files {
            let since = match before.remove(&path) {
                Some((same, since)) if same == seen => since,
                _ => now,
            };
            if now - since >= self.watch.stable && seen.0 > 0 {
                whole.push((seen, path.clone()));
            }
            self.changing.insert(path, (seen, since));
        }
        whole.sort_by(|a, b| (a.0.1, &a.1).cmp(&(b.0.1, &b.1)));
        let mut found = vec![];
        for (seen, path) in whole {
            if found.len() >= limit {
                break;
            }
            let name = path.strip_prefix(&self.watch.folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let modified = seen.1.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            let mark = format!("{name}\n{} {}", seen.0, modified.unwrap_or_default().as_nanos());
            match self.watch.after {
                After::Keep if self.taken.contains(&mark) => {}
                After::Keep => found.push(Found { name, path, mark }),
                After::Move => {
                    self.changing.remove(&path);
                    found.extend(self.claim(&path, &name)?.map(|path| Found { name, path, mark }));
                }
            }
        }
        Ok(found)
    }

    /// Says that a file that stays was taken.
    pub(super) fn remember(&mut self, found: &Found) {
        self.taken.insert(found.mark.clone());
    }

    /// Takes a file for this server; `None` where another one was faster.
    fn claim(&self, path: &Path, name: &str) -> io::Result<Option<PathBuf>> {
        let folder = self.claims();
        fs::create_dir_all(&folder)?;
        let plain = name.replace('%', "%25").replace('/', "%2F");
        let claimed = folder.join(format!("{:016x}-{plain}", rand::rng().random::<u64>()));
        match fs::rename(path, &claimed) {
            Ok(()) => Ok(Some(claimed)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a file can't be claimed; it stays where it is");
                Ok(None)
            }
        }
    }

    /// Moves a claimed file to `done/`, `failed/` or `dropped/`, beside what is there; gives its new place.
    ///
    /// # Errors
    /// What the system says; the file stays claimed then.
    pub(super) fn finish(claimed: &Path, outcome: Outcome) -> io::Result<PathBuf> {
        let kind = match outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Dropped => "dropped",
        };
        // The folder, its claims, those of this server, the file.
        let folder = claimed.ancestors().nth(3).unwrap_or(Path::new(""));
        let place = folder.join(kind).join(Self::name_of_claim(claimed));
        if !claimed.exists() && place.exists() {
            // A killed server had moved it.
            return Ok(place);
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        for n in 0u32.. {
            let free = if n == 0 { place.clone() } else { numbered(&place, n) };
            // A link fails where something is; a rename would replace it.
            match fs::hard_link(claimed, &free) {
                Ok(()) => {
                    fs::remove_file(claimed)?;
                    return Ok(free);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // File systems without links.
                Err(_) if !free.exists() => {
                    fs::rename(claimed, &free)?;
                    return Ok(free);
                }
                Err(_) => {}
            }
        }
        Ok(place)
    }
}

/// `name-1.png` for `name.png`.
fn numbered(path: &Path, n: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{n}{extension}"))
}

/// Image files below a folder; what can't be read in it is told and left.
fn look_through(folder: &Path, recursive: bool, depth: usize, into: &mut Vec<(PathBuf, Seen)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        let is_inner =
            kind.is_dir() && recursive && depth > 0 && !name.starts_with('.') && !OWN.contains(&name.as_str());
        if is_inner && let Err(error) = look_through(&entry.path(), recursive, depth - 1, into) {
            tracing::warn!(path = %entry.path().display(), %error, "a folder can't be read");
        }
        // Links, pipes and devices are nobody's images.
        let is_whole = !name.starts_with('.') && !UNFINISHED.iter().any(|end| name.ends_with(end));
        let is_image = kind.is_file() && is_whole && is_image_path(Path::new(&name));
        if is_image && let Ok(found) = entry.metadata() {
            into.push((entry.path(), (found.len(), found.modified().ok())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
