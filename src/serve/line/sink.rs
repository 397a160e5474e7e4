//! Where results go: to a folder, to somebody's address, to a broker, or to whoever reads registers.

mod error;
#[cfg(feature = "modbus")]
mod modbus;
#[cfg(feature = "mqtt")]
mod mqtt;

use super::remote::{Backoff, agent};
use super::settings::{BrokerSettings, SinkSettings};
use crate::files::replace_unsynced;
use crate::serve::record::FoundRecord;
use data_encoding::HEXLOWER;
use error::SinkError;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;

/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one result.
const TRIES: u32 = 8;
/// The first pause between tries, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The same where each try costs nobody anything.
#[cfg(feature = "mqtt")]
const LONGEST_AT_BROKER: Duration = Duration::from_secs(5);

/// Somewhere that results go to.
pub(super) enum Sink {
    Folder(PathBuf),
    Webhook {
        url: String,
        secret: Option<String>,
        tries: u32,
        agent: Agent,
    },
    #[cfg(feature = "mqtt")]
    Mqtt(mqtt::MqttSink),
    #[cfg(feature = "modbus")]
    Modbus(modbus::ModbusSink),
}

/// The line that a sink is of.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "mqtt"), expect(dead_code, reason = "a broker alone is told who speaks"))]
pub(super) struct Speaker<'a> {
    /// The name of its server among all: the same after each start.
    pub(super) owner: &'a str,
    /// The line's name.
    pub(super) line: &'a str,
}

/// How a delivery waits.
pub(super) trait Waits {
    /// Waits so long, for this reason; `false` where the line stops.
    fn pause(&self, wait: Duration, why: &str) -> bool;

    /// Whether the line stops.
    fn is_stopped(&self) -> bool;
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
    /// Opens a sink.
    ///
    /// # Errors
    /// What the system says of an address to listen on or of a thread, and what this program was built without.
    pub(super) fn open(settings: &SinkSettings, speaker: Speaker<'_>) -> Result<Self, String> {
        Ok(match settings {
            SinkSettings::Folder { folder } => Self::Folder(folder.clone()),
            SinkSettings::Webhook { url, secret, tries } => Self::Webhook {
                url: url.clone(),
                secret: secret.clone(),
                tries: tries.unwrap_or(TRIES).max(1),
                agent: agent(TIMEOUT),
            },
            SinkSettings::Mqtt(broker) => open_mqtt(broker, speaker)?,
            SinkSettings::Modbus { listen } => open_modbus(*listen)?,
            SinkSettings::Parquet { .. } | SinkSettings::S3(_) => {
                return Err("tables are kept, not delivered".to_owned());
            }
        })
    }

    /// Delivers a result once.
    #[cfg_attr(not(feature = "mqtt"), expect(unused_variables, reason = "a broker alone waits by itself"))]
    fn try_deliver(&self, found: &FoundRecord, body: &str, waits: &impl Waits) -> Result<(), SinkError> {
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
            #[cfg(feature = "mqtt")]
            Self::Mqtt(sink) => sink.deliver(body, &|| waits.is_stopped()),
            #[cfg(feature = "modbus")]
            Self::Modbus(sink) => {
                sink.show(found);
                Ok(())
            }
        }
    }

    /// How often a result is tried, and the longest pause: folders and brokers are waited for as long as it takes.
    fn patience(&self) -> (u32, Duration) {
        match self {
            Self::Webhook { tries, .. } => (*tries, LONGEST_PAUSE),
            Self::Folder(_) => (u32::MAX, LONGEST_PAUSE),
            #[cfg(feature = "mqtt")]
            Self::Mqtt(_) => (u32::MAX, LONGEST_AT_BROKER),
            #[cfg(feature = "modbus")]
            Self::Modbus(_) => (1, LONGEST_PAUSE),
        }
    }

    /// Delivers a result, again and again where that may help.
    pub(super) fn deliver(&self, found: &FoundRecord, dead: &Path, waits: &impl Waits) -> Delivered {
        let body = serde_json::to_string(found).unwrap_or_default();
        let (tries, longest) = self.patience();
        let mut backoff = Backoff::new(FIRST_PAUSE, longest);
        let mut n = 1;
        let why = loop {
            match self.try_deliver(found, &body, waits) {
                Ok(()) => return Delivered::Yes,
                Err(SinkError::Later(why)) if n < tries => {
                    if !waits.pause(backoff.pause(), &why) {
                        return Delivered::Stopped;
                    }
                    n += 1;
                }
                Err(error) => break error.to_string(),
            }
        };
        match bury(dead, &why, &body) {
            Ok(()) => Delivered::Dead(why),
            Err(error) => {
                tracing::error!(path = %dead.display(), %error, "a dead letter can't be kept");
                if waits.pause(LONGEST_PAUSE, &why) { Delivered::Dead(why) } else { Delivered::Stopped }
            }
        }
    }
}

#[cfg(feature = "mqtt")]
fn open_mqtt(settings: &BrokerSettings, speaker: Speaker<'_>) -> Result<Sink, String> {
    let BrokerSettings { host, port, user, password } = settings;
    let login = user.as_deref().map(|user| (user, password.as_deref().unwrap_or_default()));
    let broker = mqtt::Broker { host, port: *port, login };
    mqtt::MqttSink::open(broker, speaker.owner, speaker.line).map(Sink::Mqtt).map_err(|error| error.to_string())
}

#[cfg(not(feature = "mqtt"))]
fn open_mqtt(_settings: &BrokerSettings, _speaker: Speaker<'_>) -> Result<Sink, String> {
    Err(super::check::not_built("mqtt"))
}

#[cfg(feature = "modbus")]
fn open_modbus(listen: SocketAddr) -> Result<Sink, String> {
    let refused = |error| format!("{error}; it must be an address of this machine that nobody else has");
    modbus::ModbusSink::open(listen).map(Sink::Modbus).map_err(refused)
}

#[cfg(not(feature = "modbus"))]
fn open_modbus(_listen: SocketAddr) -> Result<Sink, String> {
    Err(super::check::not_built("modbus"))
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
