//! What a line can't do, said before it tries.

use super::settings::{BrokerSettings, SinkSettings, Source, StoreSettings, sinks, source};
use crate::serve::ServeOptions;
use crate::serve::store::LineSettings;
use std::net::SocketAddr;
use std::path::Path;

/// Refuses what a line can't do.
///
/// # Errors
/// What, and why.
pub(in crate::serve) fn check(settings: &LineSettings, options: &ServeOptions) -> Result<(), String> {
    match source(settings)? {
        Source::Push {} => {}
        Source::Folder { folder, .. } => check_folder(&folder, options)?,
        Source::Command { .. } if !options.allows_commands => {
            return Err("source: programs are started where `ServeOptions::allows_commands` says so".to_owned());
        }
        Source::Command { command } if command.is_empty() => {
            return Err("source: command is empty: name a program and its arguments".to_owned());
        }
        Source::Command { .. } => {}
    }
    let sinks = sinks(settings)?;
    for (at, sink) in sinks.iter().enumerate() {
        if sinks[..at].iter().any(|other| other.name() == sink.name()) {
            return Err(format!("sinks: {} is there twice", sink.name()));
        }
        match sink {
            SinkSettings::Folder { folder } => check_folder(folder, options)?,
            SinkSettings::Webhook { url, .. } => check_url(url)?,
            SinkSettings::Mqtt(broker) => check_broker(broker)?,
            SinkSettings::Parquet { folder, minutes } => {
                check_folder(folder, options)?;
                check_minutes(*minutes)?;
            }
            SinkSettings::S3(store) => check_store(store)?,
            SinkSettings::Modbus { listen } => check_modbus(*listen)?,
        }
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("sinks: {url}: {why}"));
    match url.split_once("://") {
        Some(("http", rest)) if !rest.is_empty() => Ok(()),
        Some(("https", rest)) if !rest.is_empty() && cfg!(feature = "fetch") => Ok(()),
        Some(("https", _)) => refused(&format!("{}, or send to a proxy over http://", not_built("fetch"))),
        _ => refused("expected an address such as http://mes.example/results"),
    }
}

fn check_minutes(minutes: u32) -> Result<(), String> {
    if (1..=1440).contains(&minutes) { Ok(()) } else { Err(format!("sinks: minutes: {minutes}: expected 1 to 1440")) }
}

fn check_store(store: &StoreSettings) -> Result<(), String> {
    let StoreSettings { endpoint, bucket, prefix, secret, minutes, .. } = store;
    check_url(endpoint)?;
    check_minutes(*minutes)?;
    let refused = |why: &str| Err(format!("sinks: s3 {endpoint}/{bucket}: {why}"));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(is_name);
    match secret {
        _ if !cfg!(feature = "s3") => refused(&not_built("s3")),
        _ if !is_plain(bucket) => refused("expected the name of a bucket"),
        _ if !prefix.is_empty() && !prefix.split('/').all(is_plain) => {
            refused("expected a prefix of letters, digits, -, ., _ and / between them, such as results/line1")
        }
        None => refused("it needs a secret beside its access key"),
        Some(_) => Ok(()),
    }
}

/// What is said of a feature that is not there.
pub(super) fn not_built(feature: &str) -> String {
    format!("this pcore was built without it; build it with the feature {feature}")
}

fn check_broker(broker: &BrokerSettings) -> Result<(), String> {
    let BrokerSettings { host, port, user, password } = broker;
    let is_name = |c: char| c.is_alphanumeric() || "-._:".contains(c);
    let refused = |why: &str| Err(format!("sinks: mqtt {host:?}, port {port}: {why}"));
    match (user, password) {
        _ if !cfg!(feature = "mqtt") => refused(&not_built("mqtt")),
        _ if host.is_empty() || !host.chars().all(is_name) => {
            refused("expected the name or address of a broker, such as broker.example")
        }
        _ if *port == 0 => refused("ports are 1 to 65535"),
        (None, Some(_)) => refused("a password needs a user; give both"),
        _ => Ok(()),
    }
}

fn check_modbus(listen: SocketAddr) -> Result<(), String> {
    match listen.port() {
        _ if !cfg!(feature = "modbus") => Err(format!("sinks: modbus {listen}: {}", not_built("modbus"))),
        0 => Err(format!("sinks: modbus {listen}: ports are 1 to 65535")),
        _ => Ok(()),
    }
}

fn check_folder(folder: &Path, options: &ServeOptions) -> Result<(), String> {
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    if options.allowed(folder).is_some() {
        return Ok(());
    }
    Err(format!("{} is not below an allowed folder, see `ServeOptions::folders`", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::store::tests::line_settings;
    use serde_json::{Value, json};

    #[test]
    fn what_a_line_cannot_do_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = ServeOptions::new(folder.path().to_owned(), "127.0.0.1:0".parse().unwrap());
        let settings = |source: Value, sinks: Value| LineSettings {
            source: source.to_string(),
            sinks: sinks.to_string(),
            ..line_settings()
        };
        let watch = settings(json!({"kind": "folder", "folder": folder.path()}), json!([]));
        assert!(check(&watch, &options).unwrap_err().contains("allowed folder"));
        options.folders.push(folder.path().to_owned());
        assert_eq!(check(&watch, &options), Ok(()));
        let push = || json!({"kind": "push"});
        let cases = [
            (json!({"kind": "command", "command": ["ffmpeg"]}), json!([]), "allows_commands"),
            (json!({"kind": "push", "more": 1}), json!([]), "source"),
            (push(), json!([{"kind": "webhook", "url": "ftp://x"}]), "expected an address"),
            (push(), json!([{"kind": "webhook", "url": "http://x"}, {"kind": "webhook", "url": "http://x"}]), "twice"),
            (push(), json!([{"kind": "fax"}]), "sinks"),
            (push(), json!([{"kind": "modbus", "listen": "127.0.0.1:0"}]), "1 to 65535"),
            (push(), json!([{"kind": "modbus", "listen": "here"}]), "sinks"),
            (push(), json!([{"kind": "parquet", "folder": folder.path(), "minutes": 0}]), "1 to 1440"),
            (
                push(),
                json!([{"kind": "s3", "endpoint": "http://a", "bucket": "b", "access_key": "k"}]),
                "needs a secret",
            ),
            (
                push(),
                json!([{"kind": "s3", "endpoint": "http://a", "bucket": "..", "access_key": "k", "secret": "s"}]),
                "name of a bucket",
            ),
            (
                push(),
                json!([{"kind": "s3", "endpoint": "http://a", "bucket": "b", "access_key": "k", "secret": "s", "prefix": "../c"}]),
                "prefix",
            ),
            (push(), json!([{"kind": "mqtt", "host": "a b"}]), "broker.example"),
            (push(), json!([{"kind": "mqtt", "host": "a", "port": 0}]), "1 to 65535"),
            (push(), json!([{"kind": "mqtt", "host": "a", "password": "p"}]), "needs a user"),
            (push(), json!([{"kind": "mqtt", "host": "a", "topic": "t"}]), "sinks"),
        ];
        for (source, sinks, expected) in cases {
            let why = check(&settings(source, sinks), &options).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
