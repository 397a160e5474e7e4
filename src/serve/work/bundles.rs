//! Bundles that are open, and what the others say of themselves.

use crate::bundle::{Contents, Manifest};
use crate::job::{JobError, Opened};
use crate::model::OpenDevice;
use crate::serve::place::DataFolder;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bundles that stay open: each takes the memory of its bank and of its network.
const MOST_OPEN: usize = 4;

/// Bundles of which it is kept what they say.
const MOST_KNOWN: usize = 200;

/// What a bundle says of itself.
pub(in crate::serve) struct Known {
    pub(in crate::serve) manifest: Manifest,
    /// Raw scores of held-out normal images, under its first view.
    pub(in crate::serve) held_out: Vec<f32>,
}

/// The bundles in use, the last one used first. A bundle of one SHA-256 never changes.
pub(in crate::serve) struct Bundles {
    device: OpenDevice,
    open: Mutex<Vec<(String, Arc<Opened>)>>,
    known: Mutex<Vec<(String, Arc<Known>)>>,
}

impl Bundles {
    pub(in crate::serve) fn new(device: OpenDevice) -> Self {
        Self { device, open: Mutex::default(), known: Mutex::default() }
    }

    /// What computes.
    pub(in crate::serve) fn device(&self) -> &OpenDevice {
        &self.device
    }

    /// The bundle of this SHA-256, opened where it is not.
    ///
    /// # Errors
    /// A bundle that is not there, damaged, or of another network.
    pub(in crate::serve) fn open(&self, place: &DataFolder, sha: &str) -> Result<Arc<Opened>, JobError> {
        // Held while one is opened: who needs the same waits for it in place of opening it twice.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(known, _)| known == sha) {
            let found = open.remove(at);
            open.insert(0, found);
        } else {
            let path = place.bundle(sha);
            let opened = Opened::open(Contents::read(&path)?, &path, "chosen by the server", self.device.clone())?;
            opened.inspector.rehearse()?;
            open.insert(0, (sha.to_owned(), Arc::new(opened)));
            open.truncate(MOST_OPEN);
        }
        Ok(Arc::clone(&open[0].1))
    }

    /// What the bundle of this SHA-256 says of itself, read where that is not known; it need not be opened for that.
    ///
    /// # Errors
    /// A bundle that is not there, or damaged.
    pub(in crate::serve) fn known(&self, place: &DataFolder, sha: &str) -> Result<Arc<Known>, JobError> {
        let find = |known: &[(String, Arc<Known>)]| {
            known.iter().find(|(own, _)| own == sha).map(|(_, found)| Arc::clone(found))
        };
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&lock()) {
            return Ok(found);
        }
        let contents = Contents::read(&place.bundle(sha))?;
        let held_out = contents.scores_under(0).to_vec();
        let found = Arc::new(Known { manifest: contents.manifest, held_out });
        let mut known = lock();
        known.insert(0, (sha.to_owned(), Arc::clone(&found)));
        known.truncate(MOST_KNOWN);
        Ok(found)
    }

    /// Whether a file is a bundle that this server can use.
    ///
    /// # Errors
    /// Why it can't.
    pub(in crate::serve) fn try_open(&self, path: &Path) -> Result<(), JobError> {
        Opened::open(Contents::read(path)?, path, "tried by the server", self.device.clone())?.inspector.rehearse()?;
        Ok(())
    }
}
