//! Bundles that are open.

use crate::bundle::Contents;
use crate::job::{JobError, Opened};
use crate::model::OpenDevice;
use crate::serve::place::DataFolder;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bundles that stay open: each takes the memory of its bank and of its network.
const MOST_OPEN: usize = 4;

/// The bundles in use, the last one used first.
pub(in crate::serve) struct Bundles {
    device: OpenDevice,
    open: Mutex<Vec<(String, Arc<Opened>)>>,
}

impl Bundles {
    pub(in crate::serve) fn new(device: OpenDevice) -> Self {
        Self { device, open: Mutex::default() }
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

    /// Whether a file is a bundle that this server can use.
    ///
    /// # Errors
    /// Why it can't.
    pub(in crate::serve) fn try_open(&self, path: &Path) -> Result<(), JobError> {
        Opened::open(Contents::read(path)?, path, "tried by the server", self.device.clone())?.inspector.rehearse()?;
        Ok(())
    }
}
