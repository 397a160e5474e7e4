//! What a line is told: where images come from, and where results go.

use crate::serve::store::LineSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What is shown in place of a secret, and keeps the one that is there where it is sent back.
const HIDDEN: &str = "***";
/// Settings of sinks that are never told.
const SECRETS: [&str; 2] = ["secret", "password"];
/// Settings that say to whom a secret is told.
const ADDRESSES: [&str; 7] = ["url", "host", "port", "user", "endpoint", "bucket", "access_key"];

/// What becomes of a file that was inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum After {
    /// It goes to `done/` or `failed/` in the folder.
    #[default]
    Move,
    /// It stays where it is.
    Keep,
}

/// Where images come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Source {
    /// Requests give them.
    Push {},
    /// A folder is watched.
    Folder {
        /// Which, below an allowed one.
        folder: PathBuf,
        /// What becomes of its files.
        #[serde(default)]
        after: After,
        /// Whether folders in it are watched too.
        #[serde(default)]
        recursive: bool,
    },
    /// A program writes frames, as binary PNM (P5, P6), to its standard output.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

/// Where results go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum SinkSettings {
    /// A JSON file for each result, in folders by day.
    Folder {
        /// Which, below an allowed one.
        folder: PathBuf,
    },
    /// A request for each result.
    Webhook {
        /// Where to.
        url: String,
        /// Signs requests (HMAC-SHA-256).
        #[serde(default)]
        secret: Option<String>,
        /// Tries of one result, before it goes to the dead letters; 8 where it is left out.
        #[serde(default)]
        tries: Option<u32>,
    },
    /// A message to an MQTT broker for each result.
    Mqtt(BrokerSettings),
    /// Parquet tables of so many minutes, in folders by line and day.
    Parquet {
        /// Which, below an allowed one.
        folder: PathBuf,
        /// How old a result gets before it is there.
        #[serde(default = "minutes")]
        minutes: u32,
    },
    /// The same, to an object store.
    S3(StoreSettings),
    /// Registers with the last result, which controllers read over Modbus TCP.
    Modbus {
        /// Where this server listens.
        listen: SocketAddr,
    },
}

/// An MQTT broker.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerSettings {
    /// Its name or address.
    pub(super) host: String,
    /// Its port.
    #[serde(default = "mqtt_port")]
    pub(super) port: u16,
    /// Who says so.
    #[serde(default)]
    pub(super) user: Option<String>,
    /// What proves it.
    #[serde(default)]
    pub(super) password: Option<String>,
}

/// A bucket of an object store that speaks S3.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSettings {
    /// Its address.
    pub(super) endpoint: String,
    /// The bucket.
    pub(super) bucket: String,
    /// Where it is; stores of one's own do not mind.
    #[serde(default = "region")]
    pub(super) region: String,
    /// Begins the names of objects.
    #[serde(default)]
    pub(super) prefix: String,
    /// Who writes.
    pub(super) access_key: String,
    /// What proves it.
    #[serde(default)]
    pub(super) secret: Option<String>,
    /// How old a result gets before it is there.
    #[serde(default = "minutes")]
    pub(super) minutes: u32,
}

fn region() -> String {
    "us-east-1".to_owned()
}

/// How old a result gets before it is in a table.
fn minutes() -> u32 {
    10
}

/// The port of brokers without TLS.
fn mqtt_port() -> u16 {
    1883
}

impl SinkSettings {
    /// What tells it from others of its line.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder { folder } => format!("folder {}", folder.display()),
            Self::Webhook { url, .. } => format!("webhook {url}"),
            Self::Mqtt(BrokerSettings { host, port, .. }) => format!("mqtt {host}:{port}"),
            Self::Parquet { folder, .. } => format!("parquet {}", folder.display()),
            Self::S3(StoreSettings { endpoint, bucket, prefix, .. }) => format!("s3 {endpoint}/{bucket}/{prefix}"),
            Self::Modbus { listen } => format!("modbus {listen}"),
        }
    }
}

/// The source of a line.
pub(super) fn source(settings: &LineSettings) -> Result<Source, String> {
    serde_json::from_str(&settings.source).map_err(|error| format!("source: {error}"))
}

/// The sinks of a line.
pub(super) fn sinks(settings: &LineSettings) -> Result<Vec<SinkSettings>, String> {
    serde_json::from_str(&settings.sinks).map_err(|error| format!("sinks: {error}"))
}

/// Sinks as they are told, without their secrets.
pub(in crate::serve) fn redacted(sinks: &str) -> Value {
    let mut sinks: Value = serde_json::from_str(sinks).unwrap_or(Value::Null);
    for sink in sinks.as_array_mut().into_iter().flatten() {
        for key in SECRETS {
            if sink.get(key).is_some_and(Value::is_string) {
                sink[key] = HIDDEN.into();
            }
        }
    }
    sinks
}

/// Sinks as they are kept: where a secret is sent back hidden, that of the sink before it with the same address stays.
pub(in crate::serve) fn with_secrets(sinks: &mut Value, before: &str) {
    let before: Value = serde_json::from_str(before).unwrap_or(Value::Null);
    for sink in sinks.as_array_mut().into_iter().flatten() {
        let is_twin = |old: &&Value| ADDRESSES.iter().all(|key| old.get(key) == sink.get(key));
        let twin = before.as_array().into_iter().flatten().find(is_twin);
        for key in SECRETS {
            if sink.get(key).is_some_and(|secret| secret == HIDDEN) {
                sink[key] = twin.map_or(Value::Null, |old| old[key].clone());
            }
        }
    }
}

/// What a sink is called on the page.
pub(in crate::serve) fn sink_name(sink: &Value) -> String {
    serde_json::from_value(sink.clone()).map_or_else(|_| sink.to_string(), |sink: SinkSettings| sink.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_never_told_and_stays_where_it_is_sent_back_hidden() {
        let kept = json!([{"kind": "webhook", "url": "http://a/", "secret": "s3cret"}]).to_string();
        let told = redacted(&kept);
        assert!(!told.to_string().contains("s3cret"));
        let mut back = told;
        with_secrets(&mut back, &kept);
        assert_eq!(back[0]["secret"], "s3cret");
        back[0]["url"] = "http://other/".into();
        back[0]["secret"] = HIDDEN.into();
        with_secrets(&mut back, &kept);
        assert!(back[0]["secret"].is_null(), "the secret of one address is not sent to another");
        let kept =
            json!([{"kind": "mqtt", "host": "a", "user": "u", "password": "s3cret"}, {"kind": "mqtt", "host": "b"}]);
        let kept = kept.to_string();
        let mut back = redacted(&kept);
        assert!(!back.to_string().contains("s3cret"));
        back[1]["password"] = HIDDEN.into();
        with_secrets(&mut back, &kept);
        assert_eq!((&back[0]["password"], &back[1]["password"]), (&json!("s3cret"), &Value::Null));
    }
}
