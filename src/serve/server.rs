//! A server, from its start to its end.

use super::http::{App, From, hash_password, router};
use super::line::{Lines, settle_all};
use super::metrics::Metrics;
use super::place::DataFolder;
use super::record::Role;
use super::store::Store;
use super::work::{Bundles, Drifts, Hub, Station, inspect_all, sweep, work_all};
use super::{ServeError, ServeOptions};
use crate::model::OpenDevice;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceBuilder;

/// How long requests may take that are there when the server is asked to stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked whether to stop.
const POLL: Duration = Duration::from_millis(100);

/// A server that works on what it has, and is not reached yet.
pub struct Server {
    station: Arc<Station>,
    lines: Arc<Lines>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the data folder, removes what a killed server left unfinished, and goes on with what waits there. `wording` turns an
    /// error of the library into the words of its users.
    ///
    /// # Errors
    /// [`ServeError`]: a folder in use, a database of a newer pcore, an address for others where nobody has a password.
    pub fn start(options: ServeOptions, device: OpenDevice, wording: fn(&str) -> String) -> Result<Self, ServeError> {
        let place = DataFolder::open(&options.data)?;
        let store = Store::open(&place.database())?;
        if let Some((name, password)) = &options.admin {
            store.set_user(name, Role::Admin, &hash_password(password)?)?;
        }
        if !options.listen.ip().is_loopback() && !store.has_users()? {
            return Err(ServeError::Open { listen: options.listen });
        }
        let (pace, bundles) = (options.pace, Bundles::new(device));
        let (hub, drifts, metrics) = (Hub::new(), Drifts::default(), Metrics::new());
        let station = Arc::new(Station { options, place, store, hub, bundles, drifts, metrics, pace, wording });
        sweep(&station)?;
        station.drifts.resume(&station.place, &station.store);
        let lines = Arc::new(Lines::new(Arc::clone(&station)));
        let mut server = Self { station, lines, threads: vec![] };
        server.spawn("inspect", inspect_all)?;
        server.spawn("work", work_all)?;
        server.spawn("settle", settle_all)?;
        for (id, _) in server.station.store.lines()? {
            server.lines.apply(id);
        }
        Ok(server)
    }

    fn spawn(&mut self, name: &str, work: fn(&Station)) -> Result<(), ServeError> {
        let station = Arc::clone(&self.station);
        let thread = thread::Builder::new().name(format!("pcore-{name}")).spawn(move || work(&station))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Whether anybody needs a password.
    ///
    /// # Errors
    /// What the database says.
    pub fn has_accounts(&self) -> Result<bool, ServeError> {
        Ok(self.station.store.has_users()?)
    }

    /// Answers requests until `is_stopped`, then ends: requests are answered, results that are made are kept. `listening` is told the
    /// address.
    ///
    /// # Errors
    /// [`ServeError::Listen`], and what the system says.
    pub fn run(self, is_stopped: impl Fn() -> bool, listening: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listen = self.station.options.listen;
        let served = runtime.block_on(async {
            let refused = |source| ServeError::Listen { listen, source };
            let listener = TcpListener::bind(listen).await.map_err(refused)?;
            listening(listener.local_addr().map_err(refused)?);
            self.accept(listener, is_stopped).await;
            Ok(())
        });
        self.station.hub.stop();
        self.lines.stop_all();
        runtime.shutdown_timeout(PATIENCE);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server panicked");
            }
        }
        served
    }

    async fn accept(&self, listener: TcpListener, is_stopped: impl Fn() -> bool) {
        let options = &self.station.options;
        let routes = router(App::new(Arc::clone(&self.station), Arc::clone(&self.lines), options.max_requests));
        let mut builder = Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(options.header_timeout_s));
        let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(options.max_connections)));
        let mut tick = tokio::time::interval(POLL);
        while !is_stopped() {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = tick.tick() => continue,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            };
            let Some(turn) = turn(&room, &is_stopped).await else { break };
            let service = TowerToHyperService::new(told(&routes, from.ip(), options.proxies.contains(&from.ip())));
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection broke");
                }
                drop(turn);
            });
        }
        drop(listener);
        self.station.hub.stop();
        tokio::select! {
            () = graceful.shutdown() => {}
            () = tokio::time::sleep(PATIENCE) => tracing::warn!("requests were broken off"),
        }
    }
}

/// Room for a connection; `None` where the server is asked to stop before there is any.
async fn turn(room: &Arc<Semaphore>, is_stopped: &impl Fn() -> bool) -> Option<OwnedSemaphorePermit> {
    while !is_stopped() {
        let waiting = tokio::time::timeout(POLL, Arc::clone(room).acquire_owned());
        if let Ok(turn) = waiting.await {
            return turn.ok();
        }
    }
    None
}

/// The routes, with every request told where it comes from.
fn told(
    routes: &Router,
    from: IpAddr,
    is_proxy: bool,
) -> impl tower::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    let tell = move |mut request: Request<Incoming>| {
        let from = if is_proxy { forwarded(request.headers()).unwrap_or(from) } else { from };
        request.extensions_mut().insert(From(from));
        request.map(Body::new)
    };
    ServiceBuilder::new().map_request(tell).service(routes.clone())
}

/// Whom a proxy speaks for: it adds the address that it was asked from as the last one; those before it anybody can write.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_in_its_own_words_alone() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", axum::http::HeaderValue::from_static(value));
            }
            forwarded(&headers).map(|address| address.to_string())
        };
        assert_eq!(of(&["10.0.0.9"]).as_deref(), Some("10.0.0.9"));
        assert_eq!(of(&["1.1.1.1, 2.2.2.2,  2001:db8::7"]).as_deref(), Some("2001:db8::7"));
        assert_eq!(of(&["1.1.1.1", "10.0.0.9"]).as_deref(), Some("10.0.0.9"));
        assert_eq!((of(&[]), of(&["unknown"])), (None, None));
    }
}
