//! Downloading known weights into the store.
//!
//! A download goes to a file beside the store and continues where it stopped, as long as the server says the file is
//! still the same. Only a complete file with the expected hash, holding the expected network, enters the store.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::source::MAX_FILE_BYTES;
use super::store::hash_file;
use super::{Added, ManifestEntry, Store, WeightsError};
use crate::model::ModelError;

/// Connections tried in a row before the rest is left to the next call.
const MAX_ATTEMPTS: usize = 5;
/// Longest wait for a connection, and for the next bytes of an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest validator (`ETag`) kept, in bytes.
const MAX_VALIDATOR_BYTES: usize = 256;

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What entered the store.
    pub added: Added,
    /// Bytes that came over the network in this call.
    pub bytes_received: u64,
    /// Whether the manifest had a hash, or its first digits, to compare with.
    pub hash_was_known: bool,
}

/// A download in progress.
struct Download<'a> {
    url: &'a str,
    /// The bytes so far.
    part: PathBuf,
    /// The server's validator for them.
    validator: PathBuf,
    received: u64,
}

/// How one connection ended.
enum Outcome {
    Complete,
    Interrupted(String),
}

/// Downloads the weights of a manifest entry, checks their hash and adds them to the store.
///
/// `progress` is told the bytes present and, where the server says so, the bytes of the whole file.
///
/// # Errors
/// Where the address is not HTTPS (plain HTTP is accepted from this machine), the server fails, the hash differs, or
/// the file does not hold the network. After an interruption the next call continues.
pub fn fetch(
    entry: &ManifestEntry,
    store: &Store,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<Fetched, ModelError> {
    check_url(&entry.url)?;
    let folder = store.folder().join("downloads");
    fs::create_dir_all(&folder).map_err(|source| WeightsError::Io {
        action: "create",
        path: folder.clone(),
        source,
    })?;
    // Named after the address, so that bytes of two addresses never mix.
    let id = HEXLOWER.encode(&Sha256::digest(entry.url.as_bytes())[..8]);
    let mut download = Download {
        url: &entry.url,
        part: folder.join(format!("{id}.part")),
        validator: folder.join(format!("{id}.etag")),
        received: 0,
    };
    download.run(&mut progress)?;
    let found = hash_file(&download.part)?;
    if !found.starts_with(&entry.sha256) {
        download.discard();
        let expected = if entry.sha256.len() < 64 { format!("{}...", entry.sha256) } else { entry.sha256.clone() };
        return Err(WeightsError::WrongHash { path: PathBuf::from(&entry.url), expected, found }.into());
    }
    let added = store.add(&download.part, &entry.name);
    download.discard();
    Ok(Fetched { added: added?, bytes_received: download.received, hash_was_known: !entry.sha256.is_empty() })
}

impl Download<'_> {
    fn run(&mut self, progress: &mut impl FnMut(u64, Option<u64>)) -> Result<(), WeightsError> {
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("pcore/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut last = String::new();
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&agent, progress)? {
                Outcome::Complete => return Ok(()),
                Outcome::Interrupted(reason) => last = reason,
            }
        }
        Err(self.failed(format!(
            "{last}; {MAX_ATTEMPTS} connections in a row ended early. Run it again to continue from byte {}",
            self.present()
        )))
    }

    fn attempt(&mut self, agent: &Agent, progress: &mut impl FnMut(u64, Option<u64>)) -> Result<Outcome, WeightsError> {
        // Without the server's validator a part cannot be told from one of an older file.
        let validator =
            fs::read_to_string(&self.validator).ok().filter(|v| !v.is_empty() && v.len() <= MAX_VALIDATOR_BYTES);
        let present = if validator.is_some() { self.present() } else { 0 };
        let mut request = agent.get(self.url);
        if let (Some(validator), true) = (validator, present > 0) {
            request = request.header("Range", format!("bytes={present}-")).header("If-Range", validator);
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Outcome::Interrupted(error.to_string())),
        };
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => {
                let range = header(&response, "content-range");
                if !range.starts_with(&format!("bytes {present}-")) {
                    return Err(
                        self.failed(format!("asked to continue at byte {present}, the server answered \"{range}\""))
                    );
                }
                present
            }
            StatusCode::RANGE_NOT_SATISFIABLE if header(&response, "content-range") == format!("bytes */{present}") => {
                return Ok(Outcome::Complete);
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.discard();
                return Ok(Outcome::Interrupted(
                    "the part on disk was longer than the file and was dropped".to_owned(),
                ));
            }
            status if status.is_server_error() => {
                return Ok(Outcome::Interrupted(format!("the server answered {status}")));
            }
            status => return Err(self.failed(format!("the server answered {status}"))),
        };
        let total =
            header(&response, "content-length").parse::<u64>().ok().and_then(|length| length.checked_add(start));
        if let Some(found) = total.filter(|total| *total > MAX_FILE_BYTES) {
            return Err(WeightsError::TooLarge { what: "download in bytes", limit: MAX_FILE_BYTES, found });
        }
        if start == 0 {
            let validator = header(&response, "etag").to_owned();
            // A weak validator does not promise equal bytes.
            let validator = if validator.starts_with("W/") { String::new() } else { validator };
            self.write(&self.validator, |path| fs::write(path, validator))?;
        }
        self.receive(response.body_mut(), start, total, progress)
    }

    /// Appends the body of an answer to the part from byte `start`.
    fn receive(
        &mut self,
        body: &mut Body,
        start: u64,
        total: Option<u64>,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<Outcome, WeightsError> {
        let io = |source| WeightsError::Io { action: "write", path: self.part.clone(), source };
        let mut file = OpenOptions::new().create(true).append(true).open(&self.part).map_err(io)?;
        file.set_len(start).map_err(io)?;
        let (mut at, mut buffer, mut reader) = (start, vec![0; 1 << 17], body.as_reader());
        let ended = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break None,
                Ok(n) => {
                    file.write_all(&buffer[..n]).map_err(io)?;
                    at += n as u64;
                    progress(at, total);
                }
                Err(error) => break Some(error.to_string()),
            }
            if at > MAX_FILE_BYTES {
                return Err(WeightsError::TooLarge { what: "download in bytes", limit: MAX_FILE_BYTES, found: at });
            }
        };
        file.sync_all().map_err(io)?;
        self.received += at - start;
        Ok(match (ended, total) {
            (Some(reason), _) => Outcome::Interrupted(reason),
            (None, Some(total)) if at != total => {
                Outcome::Interrupted(format!("the connection ended at byte {at} of {total}"))
            }
            (None, _) => Outcome::Complete,
        })
    }

    fn present(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    fn write(&self, path: &Path, action: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), WeightsError> {
        action(path).map_err(|source| WeightsError::Io { action: "write", path: path.to_path_buf(), source })
    }

    /// Removes what was downloaded. Failing to is harmless: the next call overwrites it.
    fn discard(&self) {
        let _ = fs::remove_file(&self.validator);
        let _ = fs::remove_file(&self.part);
    }

    fn failed(&self, reason: String) -> WeightsError {
        WeightsError::Fetch { url: self.url.to_owned(), reason }
    }
}

/// Accepts HTTPS from anywhere and HTTP from this machine.
fn check_url(url: &str) -> Result<(), WeightsError> {
    let local = ["http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://localhost/"];
    if url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)) {
        return Ok(());
    }
    Err(WeightsError::Fetch { url: url.to_owned(), reason: "only https:// addresses are fetched".to_owned() })
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}
