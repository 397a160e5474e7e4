//! A broker of a few lines, which also misbehaves.

use super::*;
use crate::serve::line::sink::tests::found;
use crate::serve::line::sink::{Delivered, Sink, Waits};
use crate::serve::record::FoundRecord;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

const SOON: Duration = Duration::from_secs(2);

/// What the broker does with a connection.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Polite,
    /// Refuses the connection, as it does not know the user.
    Refuses,
    /// Hangs up in place of its answer to the message of this number.
    HangsUpAt(usize),
    /// Does not answer to the message of this number.
    SilentAt(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Connect { strings: Vec<String>, will_retained: bool, will_qos: u8, clean: bool },
    Publish { topic: String, text: String, qos: u8, retained: bool },
    Disconnect,
    HungUp,
}

fn read_packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    let (kind, mut length, mut shift) = (byte[0], 0usize, 0);
    loop {
        stream.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}

fn string(body: &[u8]) -> (String, &[u8]) {
    let n = usize::from(u16::from_be_bytes([body[0], body[1]]));
    (String::from_utf8(body[2..2 + n].to_vec()).unwrap(), &body[2 + n..])
}

/// A broker with a manner for each connection, one after the other; the last one stays.
fn broker(manners: &'static [Manner]) -> (u16, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heard) = channel();
    thread::spawn(move || {
        for n in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let manner = manners[n.min(manners.len() - 1)];
            let mut n_published = 0;
            while let Some((kind, body)) = read_packet(&mut stream) {
                let said = match kind >> 4 {
                    1 => {
                        assert_eq!(string(&body).0, "MQTT");
                        let flags = body[7];
                        let mut rest = &body[10..];
                        let mut strings = vec![];
                        while !rest.is_empty() {
                            let next = string(rest);
                            strings.push(next.0);
                            rest = next.1;
                        }
                        let code = if matches!(manner, Manner::Refuses) { 5 } else { 0 };
                        stream.write_all(&[0x20, 2, 0, code]).unwrap();
                        let (will_retained, will_qos) = (flags & 0x20 > 0, flags >> 3 & 3);
                        Heard::Connect { strings, will_retained, will_qos, clean: flags & 2 > 0 }
                    }
                    3 => {
                        let (topic, rest) = string(&body);
                        n_published += 1;
                        match manner {
                            Manner::HangsUpAt(n) if n == n_published => break,
                            Manner::SilentAt(n) if n == n_published => {}
                            _ => stream.write_all(&[0x40, 2, rest[0], rest[1]]).unwrap(),
                        }
                        let text = String::from_utf8(rest[2..].to_vec()).unwrap();
                        Heard::Publish { topic, text, qos: kind >> 1 & 3, retained: kind & 1 > 0 }
                    }
                    14 => Heard::Disconnect,
                    12 => {
                        stream.write_all(&[0xd0, 0]).unwrap();
                        continue;
                    }
                    other => panic!("{other}"),
                };
                sender.send(said).unwrap();
            }
            if sender.send(Heard::HungUp).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

fn sink(port: u16) -> MqttSink {
    let broker = Broker { host: "127.0.0.1", port, login: Some(("user", "s3cret")) };
    MqttSink::open(broker, "server", "Line/1+#").unwrap()
}

/// Waits less than a line does, until it is stopped.
#[derive(Clone, Default)]
struct Line(Arc<AtomicBool>);

impl Waits for Line {
    fn pause(&self, wait: Duration, _why: &str) -> bool {
        thread::sleep(wait.min(Duration::from_millis(50)));
        !self.is_stopped()
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Line {
    /// Stops it so much later; gives when that was.
    fn stop_after(&self, wait: Duration) -> JoinHandle<Instant> {
        let own = self.clone();
        thread::spawn(move || {
            thread::sleep(wait);
            own.0.store(true, Ordering::Relaxed);
            Instant::now()
        })
    }
}

fn json(found: &FoundRecord) -> String {
    serde_json::to_string(found).unwrap()
}

fn result(text: &str) -> Heard {
    Heard::Publish { topic: "pcore/Line_1__/result".to_owned(), text: text.to_owned(), qos: 1, retained: false }
}

fn status(text: &str) -> Heard {
    Heard::Publish { topic: "pcore/Line_1__/status".to_owned(), text: text.to_owned(), qos: 1, retained: true }
}

#[test]
fn results_and_status_arrive_and_the_farewell_is_said() {
    let (port, heard) = broker(&[Manner::Polite]);
    let (sink, line) = (sink(port), Line::default());
    let is_stopped = || line.is_stopped();
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(200_000));
    for json in ["{\"id\":1}", &long] {
        sink.deliver(json, &is_stopped).unwrap();
    }
    let too_long = "x".repeat(LONGEST + 1);
    assert!(matches!(sink.deliver(&too_long, &is_stopped), Err(SinkError::Never(_))));
    let begun = Instant::now();
    drop(sink);
    assert!(begun.elapsed() < FAREWELL);
    let connect = Heard::Connect {
        strings: ["pcore-server-Line_1__", "pcore/Line_1__/status", "offline", "user", "s3cret"]
            .map(str::to_owned)
            .into(),
        will_retained: true,
        will_qos: 1,
        clean: true,
    };
    let expected = [
        connect,
        status("online"),
        result("{\"id\":1}"),
        result(&long),
        status("offline"),
        Heard::Disconnect,
        Heard::HungUp,
    ];
    for expected in expected {
        assert_eq!(heard.recv_timeout(SOON).unwrap(), expected);
    }
    assert!(heard.recv_timeout(Duration::from_millis(400)).is_err(), "it does not come back");
}

#[test]
fn a_result_arrives_whose_broker_hung_up_or_refused_before() {
    let (port, heard) = broker(&[Manner::Refuses, Manner::HangsUpAt(3), Manner::HangsUpAt(1), Manner::Polite]);
    let (sink, dead) = (Sink::Mqtt(sink(port)), tempfile::tempdir().unwrap());
    let (one, two) = (found(), FoundRecord { id: 18, ..found() });
    for found in [&one, &two] {
        assert_eq!(sink.deliver(found, &dead.path().join("dead.jsonl"), &Line::default()), Delivered::Yes);
    }
    drop(sink);
    let mut published: Vec<Heard> = vec![];
    while let Ok(next) = heard.recv_timeout(Duration::from_millis(400)) {
        if matches!(next, Heard::Publish { .. }) {
            published.push(next);
        }
    }
    let expected = [status("online"), result(&json(&one)), status("online"), result(&json(&two)), status("offline")];
    assert_eq!(published, expected, "once each, as no answer was lost");
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_the_next_result() {
    let (port, heard) = broker(&[Manner::SilentAt(2), Manner::Polite]);
    let sink = sink(port);
    let publish = |text: &str, within| sink.session.publish(&sink.result_topic, text, within, &|| false);
    let begun = Instant::now();
    assert_eq!(
        publish("one", Duration::from_secs(1)).unwrap_err().0,
        "the broker does not say that it has the message"
    );
    assert!(begun.elapsed() < SOON);
    while publish("two", SOON).is_err() {
        assert!(begun.elapsed() < 2 * SOON);
        thread::sleep(Duration::from_millis(20));
    }
    drop(sink);
    let all: Vec<Heard> = std::iter::from_fn(|| heard.recv_timeout(Duration::from_millis(400)).ok()).collect();
    assert_eq!(all.iter().filter(|heard| matches!(heard, Heard::Connect { .. })).count(), 2);
    assert_eq!(all.iter().filter(|heard| **heard == result("two")).count(), 1);
}

#[test]
fn a_line_that_stops_while_a_result_is_on_its_way_is_offline() {
    let (port, heard) = broker(&[Manner::SilentAt(2)]);
    let (sink, line) = (sink(port), Line::default());
    line.stop_after(Duration::from_millis(150));
    let begun = Instant::now();
    assert!(sink.deliver("one", &|| line.is_stopped()).unwrap_err().to_string().contains("the line stops"));
    assert!(begun.elapsed() < Duration::from_millis(300));
    drop(sink);
    let all: Vec<Heard> = std::iter::from_fn(|| heard.recv_timeout(Duration::from_millis(700)).ok()).skip(1).collect();
    assert_eq!(all, [status("online"), result("one"), status("offline"), Heard::Disconnect, Heard::HungUp]);
}

#[test]
fn nobody_there_is_told_and_ends_with_the_line() {
    let (lonely, line, dead) = (sink(1), Line::default(), tempfile::tempdir().unwrap());
    let error = lonely.deliver("one", &|| false).unwrap_err().to_string();
    assert!(error.contains("can't be reached") && !error.contains("s3cret"), "{error}");
    let stopped = line.stop_after(Duration::from_millis(100));
    let told = Sink::Mqtt(lonely).deliver(&found(), &dead.path().join("dead.jsonl"), &line);
    assert_eq!(told, Delivered::Stopped);
    assert!(stopped.join().unwrap().elapsed() < Duration::from_millis(200));
    // Somebody who accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = sink(silent.local_addr().unwrap().port());
    let begun = Instant::now();
    assert!(sink.deliver("one", &|| true).is_err());
    drop(sink);
    assert!(begun.elapsed() < Duration::from_millis(100));
}
