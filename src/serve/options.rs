//! What a server is told.

use crate::flow::Pace;
use crate::image::Limits;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// The smallest number of characters of a password.
pub const LEAST_PASSWORD: usize = 10;
/// Requests in a second of one address: more than a page with all its pictures asks for.
const MAX_REQUESTS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// What a server is told.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder that everything is kept in.
    pub data: PathBuf,
    /// The address.
    pub listen: SocketAddr,
    /// Name and password of an admin that is made, or gets this password, before anybody is answered.
    pub admin: Option<(String, String)>,
    /// Folders that jobs and lines may read images from, and those below them.
    pub folders: Vec<PathBuf>,
    /// Whether admins may have lines start programs, such as those that read a camera.
    pub allows_commands: bool,
    /// Days after which the images of results are removed, but for those that somebody marked; none are where it is `None`.
    pub keep_days: Option<u32>,
    /// Bytes of a request at most.
    pub max_request_bytes: u64,
    /// Images of a request at most.
    pub max_files: usize,
    /// Seconds in which a request must be there, but for its files.
    pub header_timeout_s: u64,
    /// Seconds without a byte after which a request ends.
    pub idle_timeout_s: u64,
    /// Seconds that somebody waits for an answer of `inspect`.
    pub answer_timeout_s: u64,
    /// Requests in a second that one address is answered on average; as many at once. `/healthz` and `/readyz` do not count.
    pub max_requests: NonZeroU32,
    /// Connections at a time.
    pub max_connections: usize,
    /// Whether cookies go over HTTPS alone: behind a proxy that speaks it.
    pub secure_cookies: bool,
    /// Proxies that are believed where a request comes from: the last address of its `X-Forwarded-For`.
    pub proxies: Vec<IpAddr>,
    /// How images are read ahead, and in how much memory.
    pub pace: Pace,
    /// Limits of an image.
    pub limits: Limits,
}

impl ServeOptions {
    /// A server for this machine alone, with its data there.
    #[must_use]
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            admin: None,
            folders: vec![],
            allows_commands: false,
            keep_days: None,
            max_request_bytes: 4 << 30,
            max_files: 20_000,
            header_timeout_s: 10,
            idle_timeout_s: 30,
            answer_timeout_s: 60,
            max_requests: MAX_REQUESTS,
            max_connections: 1024,
            secure_cookies: false,
            proxies: vec![],
            pace: Pace::default(),
            limits: Limits::default(),
        }
    }

    /// Where a folder really is, if jobs and lines may read it.
    pub(super) fn allowed(&self, folder: &Path) -> Option<PathBuf> {
        let real = folder.canonicalize().ok()?;
        let is_below = |root: &PathBuf| root.canonicalize().is_ok_and(|root| real.starts_with(root));
        (real.is_dir() && self.folders.iter().any(is_below)).then_some(real)
    }
}
