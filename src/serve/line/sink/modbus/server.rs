//! The server that controllers ask.

use super::idle::Idle;
use super::registers::Registers;
use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_modbus::server::{Service, tcp};
use tokio_modbus::{ExceptionCode, Request, Response};

/// Controllers at a time.
const MOST: usize = 32;
/// A connection without a request for so long ends.
const IDLE: Duration = Duration::from_secs(60);
/// How long it waits before it listens again.
const AGAIN: Duration = Duration::from_secs(1);

/// A server on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One connection.
struct Controller {
    registers: Arc<Registers>,
    _permit: OwnedSemaphorePermit,
}

impl Service for Controller {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        ready(self.registers.answer(&request))
    }
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(listen: SocketAddr, registers: Arc<Registers>) -> io::Result<Self> {
        Self::with_idle(listen, registers, IDLE)
    }

    /// With another time after which a connection ends.
    pub(super) fn with_idle(listen: SocketAddr, registers: Arc<Registers>, idle: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let server = {
            let _entered = runtime.enter();
            tcp::Server::new(tokio::net::TcpListener::from_std(listener)?)
        };
        let (stop, stopped) = oneshot::channel();
        let work = move || serve(&runtime, &server, &registers, idle, stopped);
        let thread = thread::Builder::new().name("pcore-modbus".to_owned()).spawn(work)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of a Modbus server panicked");
        }
    }
}

/// Serves until the other end of `stopped` is dropped.
fn serve(
    runtime: &Runtime,
    server: &tcp::Server,
    registers: &Arc<Registers>,
    idle: Duration,
    mut stopped: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(MOST));
    let connect = |stream, _from: SocketAddr| {
        let (registers, permit) = (Arc::clone(registers), Arc::clone(&places).try_acquire_owned());
        async move {
            let Ok(permit) = permit else {
                tracing::warn!(most = MOST, "too many controllers are connected; one was sent away");
                return Ok(None);
            };
            Ok(Some((Controller { registers, _permit: permit }, Idle::new(stream, idle))))
        }
    };
    let ended = |error: io::Error| tracing::debug!(%error, "a controller's connection ended");
    runtime.block_on(async {
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                served = server.serve(&connect, ended) => {
                    tracing::warn!(?served, "no controller can connect; it is tried again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    });
}
