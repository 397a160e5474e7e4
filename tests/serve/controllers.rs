//! Results of a line as controllers and brokers get them.

use crate::support::{Fixture, Server, eventually};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A line with this sink, which runs.
fn line(server: &Server, sink: &Value) -> String {
    let settings = json!({"name": "Line 1", "detector": "part", "sinks": [sink]});
    let id = server.send("POST", "/api/v1/lines", &settings).ok()["id"].as_i64().unwrap();
    server.send("POST", &format!("/api/v1/lines/{id}/start"), &json!({})).ok();
    format!("/api/v1/lines/{id}")
}

fn push(server: &Server, line: &str, image: usize) -> Value {
    let bytes = fs::read(&Fixture::get().tests()[image]).unwrap();
    server.ask("POST", &format!("{line}/images?name=a.png&wait=true"), &[], &bytes).ok()
}

/// Registers 0 to 6, asked for as a controller does (function 3).
fn registers(address: &str) -> Option<[u16; 7]> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 7]).ok()?;
    let mut answer = [0; 9 + 14];
    stream.read_exact(&mut answer).ok()?;
    assert_eq!(answer[7..9], [3, 14]);
    Some(std::array::from_fn(|at| u16::from_be_bytes([answer[9 + 2 * at], answer[10 + 2 * at]])))
}

#[test]
fn a_controller_reads_the_last_verdict_over_modbus() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).with_detector();
    // An address that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let path = line(&server, &json!({"kind": "modbus", "listen": address}));
    eventually("a server of registers", || registers(&address));
    let (good, bad) = (push(&server, &path, 0), push(&server, &path, 15));
    assert_eq!((&good["verdict"], &bad["verdict"]), (&json!("normal"), &json!("anomalous")));
    let told = eventually("the second part", || registers(&address).filter(|told| told[1..3] == [0, 2]));
    let score = i64::from((i32::from(told[4].cast_signed()) << 16) | i32::from(told[5]));
    assert_eq!((told[3], told[6]), (2, 0));
    assert!((score as f64 / 1e4 - bad["score"].as_f64().unwrap()).abs() < 1e-4, "{score} {bad}");
    server.send("POST", &format!("{path}/stop"), &json!({})).ok();
    assert!(TcpStream::connect(&address).is_err(), "a line that is stopped has no registers");
}

/// Answers to one connection as a broker does; gives topics and texts of its messages.
fn broker() -> (u16, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, messages) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            let (kind, mut length, mut shift) = (byte[0], 0usize, 0);
            loop {
                stream.read_exact(&mut byte).unwrap();
                length |= usize::from(byte[0] & 0x7f) << shift;
                shift += 7;
                if byte[0] & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            match kind >> 4 {
                1 => stream.write_all(&[0x20, 2, 0, 0]).unwrap(),
                3 => {
                    let n = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    stream.write_all(&[0x40, 2, body[2 + n], body[3 + n]]).unwrap();
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    sender.send((text(&body[2..2 + n]), text(&body[4 + n..]))).unwrap();
                }
                12 => stream.write_all(&[0xd0, 0]).unwrap(),
                _ => {}
            }
        }
    });
    (port, messages)
}

#[test]
fn a_broker_gets_each_result_and_hears_when_the_line_stops() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).with_detector();
    let (port, messages) = broker();
    let path =
        line(&server, &json!({"kind": "mqtt", "host": "127.0.0.1", "port": port, "user": "u", "password": "s3cret"}));
    assert!(!server.get(&path).ok().to_string().contains("s3cret"));
    let ids: Vec<Value> = (0..3).map(|image| push(&server, &path, image)["id"].clone()).collect();
    let next = || messages.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(next(), ("pcore/Line 1/status".to_owned(), "online".to_owned()));
    for id in ids {
        let (topic, text) = next();
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (topic.as_str(), &found["id"], &found["schema"]),
            ("pcore/Line 1/result", &id, &json!("pcore.result.v1"))
        );
    }
    server.send("POST", &format!("{path}/stop"), &json!({})).ok();
    assert_eq!(next(), ("pcore/Line 1/status".to_owned(), "offline".to_owned()));
}
