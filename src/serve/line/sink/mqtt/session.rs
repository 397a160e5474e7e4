//! A connection to a broker that is made again where it is lost.

use crate::serve::line::remote::Backoff;
use rumqttc::{Client, Connection, Event, MqttOptions, Outgoing, Packet, QoS};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How soon somebody who waits hears of a change that nobody told.
const HEAR: Duration = Duration::from_millis(25);
/// The first pause between tries to connect, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a broker may take to say that it has the status; looked at when something is heard of it.
const UP_WITHIN: Duration = Duration::from_secs(15);
/// The status of a line.
const ONLINE: &str = "online";
pub(super) const OFFLINE: &str = "offline";
/// Requests that wait for the connection: the status, a result, the farewell.
const REQUESTS: usize = 8;

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fail(pub(super) String);

/// How the connection is.
enum Phase {
    /// It is made for the first time.
    Connecting,
    /// The broker knows that the line is online.
    Up(Client),
    /// There is none, for this reason.
    Down(String),
}

struct State {
    phase: Phase,
    /// Which connection this is, how many messages went to it, and how many of them it has acknowledged, in their order.
    session: u64,
    n_sent: u64,
    n_acked: u64,
    is_closed: bool,
    /// Its thread has ended.
    is_over: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    status_topic: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, HEAR).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends the connection; its thread goes on to the next.
    fn lose(&self, state: &mut State, why: String) {
        if let Phase::Up(client) = &state.phase {
            // A connection that is ended has no last will. Both fail where it is lost already, and then it has.
            drop(client.try_publish(&self.status_topic, QoS::AtLeastOnce, true, OFFLINE));
            drop(client.try_disconnect());
        }
        state.phase = Phase::Down(why);
        state.session += 1;
        self.changed.notify_all();
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// A connection. The broker answers to messages in their order, so that they are counted.
pub(super) struct Session {
    shared: Arc<Shared>,
}

impl Session {
    /// Begins to connect, on a thread of its own.
    pub(super) fn open(options: MqttOptions, status_topic: String) -> io::Result<Self> {
        let state =
            State { phase: Phase::Connecting, session: 0, n_sent: 0, n_acked: 0, is_closed: false, is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), status_topic });
        let own = Arc::clone(&shared);
        let work = move || keep_connected(&options, &own);
        thread::Builder::new().name("pcore-mqtt".to_owned()).spawn(work)?;
        Ok(Self { shared })
    }

    /// Sends a message, and waits until the broker has it.
    pub(super) fn publish(
        &self,
        topic: &str,
        text: &str,
        within: Duration,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), Fail> {
        let until = Instant::now() + within;
        let is_over = || is_stopped() || Instant::now() >= until;
        let mut state = self.shared.lock();
        while matches!(state.phase, Phase::Connecting) && !is_over() {
            state = self.shared.wait(state);
        }
        match &state.phase {
            Phase::Up(client) => {
                let sent = client.try_publish(topic, QoS::AtLeastOnce, false, text);
                sent.map_err(|error| Fail(format!("it can't be sent: {error}")))?;
            }
            Phase::Connecting => return Err(Fail("the broker does not answer".to_owned())),
            Phase::Down(why) => return Err(Fail(why.clone())),
        }
        state.n_sent += 1;
        let (session, number) = (state.session, state.n_sent);
        loop {
            if state.session != session {
                let why = if let Phase::Down(why) = &state.phase { why } else { "the connection was lost" };
                return Err(Fail(why.to_owned()));
            }
            if state.n_acked >= number {
                return Ok(());
            }
            if is_stopped() {
                return Err(Fail("the line stops".to_owned()));
            }
            if is_over() {
                // Another connection may do better.
                let why = "the broker does not say that it has the message".to_owned();
                self.shared.lose(&mut state, why.clone());
                return Err(Fail(why));
            }
            state = self.shared.wait(state);
        }
    }

    /// Says that the line is offline, ends the connection, and waits so long for both.
    pub(super) fn close(&self, within: Duration) {
        let until = Instant::now() + within;
        let mut state = self.shared.lock();
        state.is_closed = true;
        let is_up = matches!(state.phase, Phase::Up(_));
        self.shared.lose(&mut state, "the sink is closed".to_owned());
        while is_up && !state.is_over && Instant::now() < until {
            state = self.shared.wait(state);
        }
    }
}

/// Connects again and again, until the session is closed.
fn keep_connected(options: &MqttOptions, shared: &Shared) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let (client, mut connection) = Client::new(options.clone(), REQUESTS);
        let why = serve(client, &mut connection, shared, &mut backoff);
        // Ends the connection, whatever it waits for.
        drop(connection);
        tracing::debug!(why, "no connection to a broker");
        let until = Instant::now() + backoff.pause();
        let mut state = shared.lock();
        match state.phase {
            Phase::Connecting | Phase::Up(_) => shared.lose(&mut state, why),
            Phase::Down(_) if !state.is_closed => state.phase = Phase::Down(why),
            Phase::Down(_) => {}
        }
        while !state.is_closed && Instant::now() < until {
            state = shared.wait(state);
        }
        if state.is_closed {
            state.is_over = true;
            shared.changed.notify_all();
            return;
        }
    }
}

/// Serves one connection; gives why it ended. Where it was good for something, the next pause is short again.
fn serve(client: Client, connection: &mut Connection, shared: &Shared, backoff: &mut Backoff) -> String {
    // Until the broker knows that the line is online, nobody else has the client.
    let mut client = Some(client);
    let begun = Instant::now();
    loop {
        let event = match connection.recv() {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return format!("the broker can't be reached: {error}"),
            Err(_) => return "the connection was given up".to_owned(),
        };
        // Without a farewell, the broker says itself that the line is offline.
        if client.is_some() && shared.lock().is_closed {
            return "the sink is closed".to_owned();
        }
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                let sent = client
                    .as_ref()
                    .map(|client| client.try_publish(&shared.status_topic, QoS::AtLeastOnce, true, ONLINE));
                if let Some(Err(error)) = sent {
                    return format!("the status can't be sent: {error}");
                }
            }
            Event::Incoming(Packet::PubAck(_)) => match client.take() {
                // That of the status.
                Some(client) => {
                    backoff.reset();
                    shared.change(|state| {
                        (state.n_sent, state.n_acked) = (0, 0);
                        state.phase = Phase::Up(client);
                    });
                }
                None => shared.change(|state| state.n_acked += 1),
            },
            // Brokers need not hang up, and the connection does not by itself.
            Event::Outgoing(Outgoing::Disconnect) => return "the connection was given up".to_owned(),
            Event::Incoming(_) | Event::Outgoing(_) if client.is_some() && begun.elapsed() > UP_WITHIN => {
                return "the broker does not say that it has the status".to_owned();
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
}
