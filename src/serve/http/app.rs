//! What every handler is given.

use super::problem::{Problem, REQUEST};
use super::rate::Rate;
use super::sign_in::SignIns;
use crate::serve::line::Lines;
use crate::serve::work::Station;
use governor::Quota;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Pictures that are drawn at a time: the memory of more is not bounded, and inspections come first.
const AT_A_TIME: usize = 2;

/// The server, as its requests see it.
#[derive(Clone)]
pub(in crate::serve) struct App {
    pub(in crate::serve) station: Arc<Station>,
    pub(in crate::serve) lines: Arc<Lines>,
    pub(super) sign_ins: Arc<SignIns>,
    /// Requests of all kinds.
    pub(super) requests: Arc<Rate>,
    /// Turns to draw pictures: each takes the memory of an image and time of a core.
    drawing: Arc<Semaphore>,
}

impl App {
    /// `max_requests`: those of one address in a second that are answered.
    pub(in crate::serve) fn new(station: Arc<Station>, lines: Arc<Lines>, max_requests: NonZeroU32) -> Self {
        Self {
            station,
            lines,
            sign_ins: Arc::new(SignIns::new()),
            requests: Arc::new(Rate::new(Quota::per_second(max_requests))),
            drawing: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Works where blocking hurts nobody: the database, files, pictures.
    ///
    /// # Errors
    /// What `work` returns; a panic in it is a failure of the server.
    pub(super) async fn block<T, E>(
        &self,
        work: impl FnOnce(&Station) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let (station, asked) = (Arc::clone(&self.station), Arc::clone(&self.station));
        let request = REQUEST.try_with(Clone::clone).unwrap_or_default();
        let worded = move |error: E| error.into().worded(station.wording);
        let work = move || REQUEST.sync_scope(request, || work(&asked).map_err(worded));
        tokio::task::spawn_blocking(work).await.map_err(|panic| Problem::internal(&panic))?
    }

    /// As [`Self::block`], for pictures: few at a time.
    ///
    /// # Errors
    /// What `work` returns.
    pub(super) async fn draw<T, E>(
        &self,
        work: impl FnOnce(&Station) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let _turn = self.drawing.acquire().await.map_err(|error| Problem::internal(&error))?;
        self.block(work).await
    }
}
