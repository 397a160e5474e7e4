//! Lines, from a file that appears to a result that arrives.

use crate::support::{Fixture, Server, eventually, pcore};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread;

/// A server that may watch folders below `root`.
fn server(root: &Path, args: &[&str]) -> Server {
    let mut command = pcore(Fixture::get().path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(root.join("data"));
    command.arg("--folder").arg(root.join("in")).args(args);
    Server::of(command.stdout(Stdio::null()).stderr(Stdio::piped()))
}

fn line(server: &Server, change: &Value) -> String {
    let mut settings = json!({"name": "Line 1", "detector": "part"});
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let id = server.send("POST", "/api/v1/lines", &settings).ok()["id"].as_i64().unwrap();
    server.send("POST", &format!("/api/v1/lines/{id}/start"), &json!({})).ok();
    format!("/api/v1/lines/{id}")
}

/// Waits until a line has so many results.
fn inspected(server: &Server, line: &str, n: u64) -> Value {
    eventually("results of a line", || {
        Some(server.get(line).ok()).filter(|found| found["n_inspected"].as_u64() >= Some(n))
    })
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_file_of_a_folder_is_inspected_once_and_moved_where_it_belongs() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    let watched = root.path().join("in");
    fs::create_dir(&watched).unwrap();
    let tests = fixture.tests();
    // There before the server is.
    fs::copy(&tests[0], watched.join("early.png")).unwrap();
    let server_one = server(root.path(), &[]).with_detector();
    let path = line(&server_one, &json!({"source": {"kind": "folder", "folder": watched}}));
    inspected(&server_one, &path, 1);
    fs::write(watched.join("broken.png"), b"no image").unwrap();
    for n in 0..20 {
        fs::copy(&tests[n % tests.len()], watched.join(format!("{n}.png.tmp"))).unwrap();
        fs::rename(watched.join(format!("{n}.png.tmp")), watched.join(format!("{n}.png"))).unwrap();
    }
    let found = inspected(&server_one, &path, 22);
    assert_eq!((found["n_failed"].as_u64(), found["n_dropped"].as_u64()), (Some(1), Some(0)));
    eventually("files that are moved", || (names(&watched.join("done")).len() == 21).then_some(()));
    eventually("the file that failed", || names(&watched.join("failed")).contains("broken.png").then_some(()));
    // Their pictures are found where they went.
    let results = server_one.get("/api/v1/results?line=1&verdict=normal&limit=1").ok();
    assert_eq!(server_one.get(&format!("/api/v1/results/{}/image", results["results"][0]["id"])).status, 200);
    // While nobody watches, too: after the next start, once.
    server_one.kill_at_once();
    fs::copy(&tests[1], watched.join("meanwhile.png")).unwrap();
    let again = server(root.path(), &[]);
    inspected(&again, &path, 23);
    thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(again.get(&path).ok()["n_inspected"], 23);
    eventually("the last file", || names(&watched.join("done")).contains("meanwhile.png").then_some(()));
}

#[test]
fn files_that_stay_are_inspected_once_also_after_a_restart() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    let watched = root.path().join("in");
    fs::create_dir_all(watched.join("lot")).unwrap();
    fs::copy(&fixture.tests()[0], watched.join("lot/a.png")).unwrap();
    let source = json!({"kind": "folder", "folder": watched, "after": "keep", "recursive": true});
    let first = server(root.path(), &[]).with_detector();
    let path = line(&first, &json!({"source": source}));
    assert_eq!(inspected(&first, &path, 1)["last"][0]["name"], "lot/a.png");
    first.kill_at_once();
    let again = server(root.path(), &[]);
    fs::copy(&fixture.tests()[1], watched.join("b.png")).unwrap();
    inspected(&again, &path, 2);
    thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(again.get(&path).ok()["n_inspected"], 2);
    assert!(watched.join("lot/a.png").exists() && watched.join("b.png").exists());
}

#[test]
fn a_pushed_image_is_answered_and_what_is_too_much_is_refused_or_dropped() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    fs::create_dir(root.path().join("in")).unwrap();
    let server = server(root.path(), &[]).with_detector();
    let path = line(&server, &json!({"policy": "drop_oldest", "capacity": 1}));
    let bytes = fs::read(&fixture.tests()[15]).unwrap();
    let push = |wait: &str| server.ask("POST", &format!("{path}/images?name=a.png{wait}"), &[], &bytes);
    let found = push("&wait=true").ok();
    assert_eq!((found["line"].as_i64(), found["verdict"].as_str()), (Some(1), Some("anomalous")));
    let n = 60;
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..n / 6).for_each(|_| assert_eq!(push("").status, 202)));
        }
    });
    let told = eventually("an empty queue", || Some(server.get(&path).ok()).filter(|found| found["n_pending"] == 0));
    // Each was inspected, or dropped and counted.
    assert_eq!(told["n_inspected"].as_i64().unwrap() + told["n_dropped"].as_i64().unwrap(), n + 1, "{told}");
    assert!(told["n_dropped"].as_i64() > Some(0), "{told}");
    server.send("POST", &format!("{path}/stop"), &json!({})).ok();
    assert_eq!(push("").status, 409);
    assert_eq!(told["drift"]["state"], "steady");
}

/// Takes requests and answers 200; gives their bodies.
fn mes() -> (String, std::sync::mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/results", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut n = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                if let Some(length) = line.to_lowercase().strip_prefix("content-length:") {
                    n = length.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; n];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

#[test]
fn results_reach_every_sink_once_and_secrets_are_not_told() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    let out = root.path().join("in/out");
    fs::create_dir_all(&out).unwrap();
    let (url, requests) = mes();
    let first = server(root.path(), &[]).with_detector();
    let sinks = json!([{"kind": "webhook", "url": url, "secret": "s3cret"}, {"kind": "folder", "folder": out}]);
    let path = line(&first, &json!({"sinks": sinks}));
    assert!(!first.get(&path).ok().to_string().contains("s3cret"));
    let push = |server: &Server, at: usize| {
        let bytes = fs::read(&fixture.tests()[at]).unwrap();
        server.ask("POST", &format!("{path}/images?name={at}.png&wait=true"), &[], &bytes).ok()["id"].as_i64().unwrap()
    };
    let mut sent: BTreeSet<i64> = (0..5).map(|at| push(&first, at)).collect();
    let mut got: Vec<i64> = (0..5).map(|_| requests.recv().unwrap()["id"].as_i64().unwrap()).collect();
    // An orderly end: nothing is sent twice.
    assert_eq!(first.end(), 0);
    let again = server(root.path(), &[]);
    sent.insert(push(&again, 5));
    got.push(requests.recv().unwrap()["id"].as_i64().unwrap());
    got.sort_unstable();
    assert_eq!(got, sent.iter().copied().collect::<Vec<_>>());
    let files = || fs::read_dir(&out).unwrap().map(|day| names(&day.unwrap().path()).len()).sum::<usize>();
    eventually("files of results", || (files() == 6).then_some(()));
}

#[cfg(unix)]
#[test]
fn a_program_that_reads_a_camera_is_a_source_where_that_is_allowed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("in")).unwrap();
    let script = "i=0; while [ $i -lt 6 ]; do printf 'P5 96 96 255\\n'; head -c 9216 /dev/zero | tr '\\0' x; i=$((i+1)); done; exec sleep 100";
    let source = json!({"kind": "command", "command": ["sh", "-c", script]});
    let careful = server(root.path(), &[]).with_detector();
    let refused =
        careful.send("POST", "/api/v1/lines", &json!({"name": "camera", "detector": "part", "source": source}));
    assert_eq!(refused.status, 400);
    assert!(refused.json()["detail"].as_str().unwrap().contains("--allow-commands"), "{:?}", refused.json());
    drop(careful);
    let server = server(root.path(), &["--allow-commands"]);
    let path = line(&server, &json!({"source": source}));
    let found = inspected(&server, &path, 6);
    assert_eq!((found["state"].as_str(), found["n_inspected"].as_i64()), (Some("running"), Some(6)));
    server.send("POST", &format!("{path}/stop"), &json!({})).ok();
    assert_eq!(server.get(&path).ok()["state"], "stopped");
    // One that can't be started is told.
    let wrong = json!({"source": {"kind": "command", "command": ["/no/such/program"]}});
    server.send("PATCH", &path, &wrong).ok();
    server.send("POST", &format!("{path}/start"), &json!({})).ok();
    let told =
        eventually("a line that fails", || Some(server.get(&path).ok()).filter(|found| found["state"] == "failed"));
    assert!(told["error"].as_str().unwrap().contains("can't be started"), "{told}");
}

#[test]
fn a_watched_folder_loses_nothing_to_kills() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    let watched = root.path().join("in");
    fs::create_dir(&watched).unwrap();
    let first = server(root.path(), &[]).with_detector();
    let path = line(&first, &json!({"source": {"kind": "folder", "folder": watched}, "policy": "spill"}));
    drop(first);
    let tests = fixture.tests();
    let n = 200;
    for at in 0..n {
        fs::copy(&tests[at % tests.len()], watched.join(format!("{at:04}.png"))).unwrap();
    }
    for kill in 0..8 {
        let server = server(root.path(), &[]);
        thread::sleep(std::time::Duration::from_millis(150 + 60 * kill));
        server.kill_at_once();
    }
    let last = server(root.path(), &[]);
    let found = inspected(&last, &path, n as u64);
    assert_eq!(found["n_inspected"].as_u64(), Some(n as u64));
    eventually("all files moved", || (names(&watched.join("done")).len() == n).then_some(()));
    let claimed: usize =
        fs::read_dir(watched.join(".pcore-claimed")).unwrap().map(|own| names(&own.unwrap().path()).len()).sum();
    assert_eq!(claimed, 0);
    let page = last.get("/api/v1/results?line=1&limit=1000").ok();
    let unique: BTreeSet<String> =
        page["results"].as_array().unwrap().iter().map(|found| found["name"].to_string()).collect();
    assert_eq!((page["total"].as_u64(), unique.len()), (Some(n as u64), n));
}
