//! What a line is told: where images come from, and where results go.

use crate::serve::ServeOptions;
use crate::serve::store::LineSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What is shown in place of a secret, and keeps the one that is there where it is sent back.
const HIDDEN: &str = "***";

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
}

impl SinkSettings {
    /// What tells it from others of its line.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder { folder } => format!("folder {}", folder.display()),
            Self::Webhook { url, .. } => format!("webhook {url}"),
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
        if sink.get("secret").is_some_and(Value::is_string) {
            sink["secret"] = HIDDEN.into();
        }
    }
    sinks
}

/// Sinks as they are kept: where a secret is sent back hidden, that of the sink before it with the same address stays.
pub(in crate::serve) fn with_secrets(sinks: &mut Value, before: &str) {
    let before: Value = serde_json::from_str(before).unwrap_or(Value::Null);
    for sink in sinks.as_array_mut().into_iter().flatten().filter(|sink| sink["secret"] == HIDDEN) {
        let twin = before.as_array().into_iter().flatten().find(|old| old["url"] == sink["url"]);
        sink["secret"] = twin.map_or(Value::Null, |old| old["secret"].clone());
    }
}

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
        }
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), String> {
    let has_tls = cfg!(feature = "fetch");
    match url.split_once("://") {
        Some(("http", rest)) if !rest.is_empty() => Ok(()),
        Some(("https", rest)) if !rest.is_empty() && has_tls => Ok(()),
        Some(("https", _)) => Err(format!(
            "sinks: {url}: this pcore was built without HTTPS; build it with the feature fetch, or send to a proxy over http://"
        )),
        _ => Err(format!("sinks: {url}: expected an address such as http://mes.example/results")),
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
    }

    #[test]
    fn what_a_line_cannot_do_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = ServeOptions::new(folder.path().to_owned(), "127.0.0.1:0".parse().unwrap());
        let settings = |source: Value, sinks: Value| LineSettings {
            name: "line".to_owned(),
            detector: "part".to_owned(),
            running: false,
            source: source.to_string(),
            sinks: sinks.to_string(),
            policy: "block".to_owned(),
            capacity: 1,
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
        ];
        for (source, sinks, expected) in cases {
            let why = check(&settings(source, sinks), &options).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
