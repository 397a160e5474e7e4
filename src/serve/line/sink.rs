//! Where results go: to a folder, or to somebody's address.

use super::settings::SinkSettings;
use crate::files::replace_unsynced;
use crate::serve::record::FoundRecord;
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;

/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one result.
const TRIES: u32 = 8;
/// How long the first pause between tries is; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a result was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkError {
    /// It may be delivered later.
    #[error("{0}")]
    Later(String),
    /// It never will be.
    #[error("{0}")]
    Never(String),
}

/// Somewhere that results go to.
pub(super) enum Sink {
    Folder(PathBuf),
    Webhook { url: String, secret: Option<String>, tries: u32, agent: Agent },
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Yes,
    /// It went to the dead letters, for this reason.
    Dead(String),
    /// The line stops; it is tried again after the next start.
    Stopped,
}

impl Sink {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        match settings {
            SinkSettings::Folder { folder } => Self::Folder(folder.clone()),
            SinkSettings::Webhook { url, secret, tries } => {
                let config = Agent::config_builder()
                    .timeout_global(Some(TIMEOUT))
                    .http_status_as_error(false)
                    // A result goes where it was sent to, and nowhere else.
                    .max_redirects(0)
                    .build();
                Self::Webhook {
                    url: url.clone(),
                    secret: secret.clone(),
                    tries: tries.unwrap_or(TRIES).max(1),
                    agent: config.into(),
                }
            }
        }
    }

    /// Delivers a result once.
    fn try_deliver(&self, found: &FoundRecord, body: &str) -> Result<(), SinkError> {
        match self {
            Self::Folder(folder) => {
                let day = folder.join(found.at.get(..10).unwrap_or_default());
                let write = || -> io::Result<()> {
                    // The folder of a share that is gone is not made anew.
                    fs::metadata(folder)?;
                    fs::create_dir_all(&day)?;
                    replace_unsynced(&day.join(format!("{}.json", found.id)), body.as_bytes())
                };
                write().map_err(|error| SinkError::Later(format!("{}: {error}", day.display())))
            }
            Self::Webhook { url, secret, agent, .. } => {
                let at = &found.at;
                let mut request = agent
                    .post(url)
                    .header("content-type", "application/json")
                    .header("x-pcore-delivery", found.id.to_string())
                    .header("x-pcore-timestamp", at);
                if let Some(secret) = secret {
                    request = request.header("x-pcore-signature", format!("sha256={}", signature(secret, at, body)));
                }
                let answer = request.send(body).map_err(|error| SinkError::Later(format!("{url}: {error}")))?;
                let status = answer.status().as_u16();
                match status {
                    200..300 => Ok(()),
                    408 | 429 | 500.. => Err(SinkError::Later(format!("{url} answers {status}"))),
                    _ => Err(SinkError::Never(format!("{url} answers {status}"))),
                }
            }
        }
    }

    /// Delivers a result, again and again where that may help; `pause` waits so long, or says that the line stops.
    pub(super) fn deliver(
        &self,
        found: &FoundRecord,
        dead: &Path,
        mut pause: impl FnMut(Duration, &str) -> bool,
    ) -> Delivered {
        let body = serde_json::to_string(found).unwrap_or_default();
        let tries = match self {
            // A folder is waited for as long as it takes.
            Self::Folder(_) => u32::MAX,
            Self::Webhook { tries, .. } => *tries,
        };
        let mut wait = FIRST_PAUSE;
        let mut n = 1;
        let why = loop {
            match self.try_deliver(found, &body) {
                Ok(()) => return Delivered::Yes,
                Err(SinkError::Later(why)) if n < tries => {
                    if !pause(wait, &why) {
                        return Delivered::Stopped;
                    }
                    wait = (2 * wait).min(LONGEST_PAUSE);
                    n += 1;
                }
                Err(error) => break error.to_string(),
            }
        };
        match bury(dead, &why, &body) {
            Ok(()) => Delivered::Dead(why),
            Err(error) => {
                tracing::error!(path = %dead.display(), %error, "a dead letter can't be kept");
                if pause(LONGEST_PAUSE, &why) { Delivered::Dead(why) } else { Delivered::Stopped }
            }
        }
    }
}

/// HMAC-SHA-256 over the time, a full stop and the body, as hexadecimal digits.
pub(super) fn signature(secret: &str, at: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// Keeps what can't be delivered: a line of JSON.
fn bury(path: &Path, why: &str, body: &str) -> io::Result<()> {
    let result: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let mut line = serde_json::json!({ "why": why, "result": result }).to_string();
    line.push('\n');
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file: File = File::options().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests;
