//! What changes, as it changes: server-sent events.

use super::app::App;
use super::guard::Viewer;
use super::problem::Problem;
use crate::serve::work::Event as Changed;
use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Events that wait for a slow reader.
const ROOM: usize = 64;
/// How often a line is told as a whole.
const LINE_EVERY: Duration = Duration::from_secs(2);

type Told = Sse<axum::response::sse::KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;
type Out = mpsc::Sender<Result<Event, Infallible>>;

fn stream(receiver: mpsc::Receiver<Result<Event, Infallible>>) -> Told {
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

/// Sends an event; whether somebody still listens.
async fn send(out: &Out, name: &str, data: &impl Serialize) -> bool {
    match Event::default().event(name).json_data(data) {
        Ok(event) => out.send(Ok(event)).await.is_ok(),
        Err(_) => false,
    }
}

/// How far a job is (`job`), and its results as they are made (`result`), to its end.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", params(("id" = i64, Path)), responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn job_events(State(app): State<App>, _caller: Viewer, Path(id): Path<i64>) -> Result<Told, Problem> {
    // Listens first: nothing that happens meanwhile is missed.
    let mut changes = app.station.hub.listen();
    let job = app.block(move |station| station.job(id)).await?;
    let (out, receiver) = mpsc::channel(ROOM);
    tokio::spawn(async move {
        let mut is_over = job.state.is_over();
        if !send(&out, "job", &job).await {
            return;
        }
        while !is_over && !app.station.hub.is_stopping() {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = out.closed() => return,
            };
            let goes_on = match change {
                Ok(Changed::Job(job)) if job.id == id => {
                    is_over = job.state.is_over();
                    send(&out, "job", job.as_ref()).await
                }
                Ok(Changed::Result(item, Some(job), _)) if job == id => send_result(&app, &out, item).await,
                Ok(_) => true,
                // The reader was too slow: it is told where things are.
                Err(RecvError::Lagged(_)) => match app.block(move |station| station.job(id)).await {
                    Ok(job) => {
                        is_over = job.state.is_over();
                        send(&out, "job", &job).await
                    }
                    Err(_) => false,
                },
                Err(RecvError::Closed) => false,
            };
            if !goes_on {
                return;
            }
        }
    });
    Ok(stream(receiver))
}

async fn send_result(app: &App, out: &Out, item: i64) -> bool {
    match app.block(move |station| station.store.result(item)).await {
        Ok(found) => send(out, "result", &found).await,
        // Removed meanwhile.
        Err(_) => true,
    }
}

/// The results of a line as they are made (`result`), and the line now and then (`line`).
#[utoipa::path(get, path = "/lines/{id}/events", tag = "lines", params(("id" = i64, Path)), responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn line_events(State(app): State<App>, _caller: Viewer, Path(id): Path<i64>) -> Result<Told, Problem> {
    let mut changes = app.station.hub.listen();
    let line = super::lines::record(&app, id).await?;
    let (out, receiver) = mpsc::channel(ROOM);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(LINE_EVERY);
        if !send(&out, "line", &line).await {
            return;
        }
        while !app.station.hub.is_stopping() {
            let goes_on = tokio::select! {
                () = out.closed() => false,
                _ = tick.tick() => match super::lines::record(&app, id).await {
                    Ok(line) => send(&out, "line", &line).await,
                    Err(_) => false,
                },
                change = changes.recv() => match change {
                    Ok(Changed::Result(item, _, Some(line))) if line == id => send_result(&app, &out, item).await,
                    Ok(_) | Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => false,
                },
            };
            if !goes_on {
                return;
            }
        }
    });
    Ok(stream(receiver))
}
