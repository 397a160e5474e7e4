//! Everything that the parts of a server share.

use super::hub::Event;
use super::{Bundles, Drifts, Hub};
use crate::flow::Pace;
use crate::serve::ServeOptions;
use crate::serve::metrics::Metrics;
use crate::serve::place::DataFolder;
use crate::serve::record::{JobRecord, JobState};
use crate::serve::store::{Store, StoreError};
use std::sync::Arc;

/// A server, as its threads and its requests see it.
pub(in crate::serve) struct Station {
    pub(in crate::serve) options: ServeOptions,
    pub(in crate::serve) place: DataFolder,
    pub(in crate::serve) store: Store,
    pub(in crate::serve) hub: Hub,
    pub(in crate::serve) bundles: Bundles,
    pub(in crate::serve) drifts: Drifts,
    pub(in crate::serve) metrics: Metrics,
    /// How images are read ahead, and in how much memory.
    pub(in crate::serve) pace: Pace,
    /// Errors of the library in the words of users.
    pub(in crate::serve) wording: fn(&str) -> String,
}

impl Station {
    /// A job, with what it does at present.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for one that is not there.
    pub(in crate::serve) fn job(&self, id: i64) -> Result<JobRecord, StoreError> {
        let mut job = self.store.job(id)?;
        if let Some(stage) = self.hub.stage(id).filter(|_| job.state == JobState::Running) {
            (job.n_done, job.n_total) = (stage.n_done as i64, stage.n_total as i64);
            job.stage = Some(stage.name).filter(|name| !name.is_empty());
            job.eta_s = None;
        }
        Ok(job)
    }

    /// Tells how far a job is.
    pub(in crate::serve) fn tell_job(&self, id: i64) {
        match self.job(id) {
            Ok(job) => self.hub.tell(Event::Job(Arc::new(job))),
            Err(error) => tracing::warn!(job = id, %error, "can't tell how far a job is"),
        }
    }
}
