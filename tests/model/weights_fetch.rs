//! Weights that are downloaded: from a server on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use data_encoding::HEXLOWER;
use pcore::model::weights::{ManifestEntry, Store, Verdict, fetch};
use sha2::{Digest, Sha256};

use crate::resnet18_file::resnet18_file;

/// How the server answers one request.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    etag: &'static str,
    /// Bytes of the body after which the connection is closed.
    cut: usize,
}

const WHOLE: Answer = Answer { status: 200, etag: "\"one\"", cut: usize::MAX };
const CUT: Answer = Answer { cut: 4_000_000, ..WHOLE };

/// A server on this machine; `answers` by request, the last one repeated. Returns the address and the first byte
/// asked for by each request.
fn serve(file: Vec<u8>, answers: Vec<Answer>) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/resnet18.safetensors", listener.local_addr().unwrap().port());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let (mut stream, answer) = (stream.unwrap(), answers[i.min(answers.len() - 1)]);
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let field = |name: &str| {
                head.iter().find_map(|line| {
                    line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
                })
            };
            let start = field("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
            log.lock().unwrap().push(start.unwrap_or(0));
            let start = start.filter(|_| field("if-range") == Some(answer.etag));
            let (body, status) = (&file[start.unwrap_or(0)..], if start.is_some() { 206 } else { answer.status });
            let range = start.map_or_else(String::new, |s| {
                format!("Content-Range: bytes {s}-{}/{}\r\n", file.len() - 1, file.len())
            });
            let etag = answer.etag;
            let head = format!(
                "HTTP/1.1 {status} x\r\nETag: {etag}\r\n{range}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // The client may hang up first.
            let _ =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..body.len().min(answer.cut)]));
        }
    });
    (url, asked)
}

fn weights(folder: &Path) -> Vec<u8> {
    let path = folder.join("r18.safetensors");
    resnet18_file(&path, 1);
    std::fs::read(path).unwrap()
}

fn entry(url: String, file: &[u8], digits: usize) -> ManifestEntry {
    let hash = HEXLOWER.encode(&Sha256::digest(file));
    ManifestEntry {
        name: "resnet18".into(),
        url,
        sha256: hash[..digits].into(),
        licence: "none".into(),
        origin: "test".into(),
    }
}

#[test]
fn an_interrupted_download_continues_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (weights(folder.path()), Store::at(folder.path().join("weights")));
    let (url, asked) = serve(file.clone(), vec![CUT, CUT, CUT, CUT, CUT, CUT, WHOLE]);
    let entry = entry(url, &file, 64);
    let message = fetch(&entry, &store, |_, _| {}).unwrap_err().to_string();
    assert!(message.contains("continue from byte 20000000"), "{message}");
    let mut last = (0, None);
    let fetched = fetch(&entry, &store, |at, total| last = (at, total)).unwrap();
    assert_eq!(last, (file.len() as u64, Some(file.len() as u64)));
    assert_eq!(fetched.bytes_received, file.len() as u64 - 20_000_000);
    assert!(fetched.hash_was_known);
    assert_eq!(*asked.lock().unwrap(), [0, 4_000_000, 8_000_000, 12_000_000, 16_000_000, 20_000_000, 24_000_000]);
    assert_eq!(store.verify().unwrap()[0].1, Verdict::Sound);
    assert_eq!(std::fs::read_dir(store.folder().join("downloads")).unwrap().count(), 0);
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (weights(folder.path()), Store::at(folder.path().join("weights")));
    let (url, asked) = serve(file.clone(), vec![CUT, Answer { etag: "\"two\"", ..WHOLE }]);
    fetch(&entry(url, &file, 8), &store, |_, _| {}).unwrap();
    assert_eq!(*asked.lock().unwrap(), [0, 4_000_000]);
    assert_eq!(store.verify().unwrap()[0].1, Verdict::Sound);
}

#[test]
fn a_file_with_another_hash_never_enters_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (weights(folder.path()), Store::at(folder.path().join("weights")));
    let (url, _) = serve(file, vec![WHOLE]);
    let message = fetch(&entry(url, b"other", 8), &store, |_, _| {}).unwrap_err().to_string();
    assert!(message.contains("expected d9298a10..."), "{message}");
    assert!(store.list().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(store.folder().join("downloads")).unwrap().count(), 0);
}

#[test]
fn refusals_of_the_server_and_plain_http_elsewhere_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let (url, _) = serve(b"gone".to_vec(), vec![Answer { status: 404, ..WHOLE }]);
    let message = fetch(&entry(url, b"", 0), &store, |_, _| {}).unwrap_err().to_string();
    assert!(message.contains("404"), "{message}");
    let plain = entry("http://127.0.0.1.example.org/x".into(), b"", 0);
    assert!(fetch(&plain, &store, |_, _| {}).unwrap_err().to_string().contains("only https"));
}
