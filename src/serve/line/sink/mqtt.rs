//! A message to an MQTT broker for each result.
//!
//! `pcore/LINE/result` has the results, with `QoS` 1. `pcore/LINE/status` is `online` or `offline`, retained; the broker says
//! `offline` itself when it hears nothing any more (last will). In `LINE`, signs with a meaning for brokers become `_`.

mod session;
#[cfg(test)]
mod tests;

use super::error::SinkError;
use rumqttc::{LastWill, MqttOptions, QoS};
use session::{Fail, OFFLINE, Session};
use std::io;
use std::time::Duration;

/// The longest result, in bytes.
const LONGEST: usize = 1 << 20;
/// How often the broker hears of an idle sink.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long a broker may take to say that it has a message.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for the last one.
const FAREWELL: Duration = Duration::from_millis(500);

/// Sends each result to a broker, and waits until the broker has it. The connection is kept, and made again where it is lost.
pub(in crate::serve::line) struct MqttSink {
    session: Session,
    result_topic: String,
}

/// Whom to tell, and as whom.
#[derive(Clone, Copy)]
pub(super) struct Broker<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) login: Option<(&'a str, &'a str)>,
}

impl MqttSink {
    /// Begins to connect, without waiting for it, for a line of the server `owner`. A password crosses the network as it is.
    ///
    /// # Errors
    /// What the system says where no thread can be made.
    pub(super) fn open(broker: Broker<'_>, owner: &str, line: &str) -> io::Result<Self> {
        let line = topic_level(line);
        let status_topic = format!("pcore/{line}/status");
        // With the same name after each start, the broker ends the session before, and its will comes first.
        let mut options = MqttOptions::new(format!("pcore-{}-{line}", topic_level(owner)), broker.host, broker.port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(64 << 10, LONGEST + 4096);
        options.set_last_will(LastWill::new(&status_topic, OFFLINE, QoS::AtLeastOnce, true));
        if let Some((user, password)) = broker.login {
            options.set_credentials(user, password);
        }
        let session = Session::open(options, status_topic)?;
        Ok(Self { session, result_topic: format!("pcore/{line}/result") })
    }

    /// Sends a result, unless the line stops before the broker has it.
    ///
    /// # Errors
    /// [`SinkError`].
    pub(super) fn deliver(&self, json: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), SinkError> {
        if json.len() > LONGEST {
            return Err(SinkError::Never(format!("the result has {} bytes, more than {LONGEST}", json.len())));
        }
        let published = self.session.publish(&self.result_topic, json, PATIENCE, is_stopped);
        published.map_err(|Fail(why)| SinkError::Later(why))
    }
}

impl Drop for MqttSink {
    fn drop(&mut self) {
        self.session.close(FAREWELL);
    }
}

/// A name as one level of a topic.
fn topic_level(name: &str) -> String {
    let level: String = name.chars().map(|c| if "/+#$".contains(c) || c.is_control() { '_' } else { c }).collect();
    if level.trim().is_empty() { "_".to_owned() } else { level }
}
