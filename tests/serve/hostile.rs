//! What people send who mean no good, or no sense.

use crate::support::{Fixture, Server, form, named, pcore, run};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Every file below a folder, but for those that a running server changes by itself.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string());
        }
    }
    found
}

#[test]
fn an_upload_never_chooses_a_path() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let root = data.path().join("server");
    let server = Server::start(&root, &[]).with_detector();
    let bytes = fs::read(&fixture.tests()[0]).unwrap();
    let names = [
        "../../../../escaped.png",
        "/etc/escaped.png",
        "..\\..\\escaped.png",
        "a/../../../escaped.png",
        ".",
        "..",
        "CON",
        "%2e%2e%2fescaped.png",
    ];
    let uploads: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &bytes[..])).collect();
    let job = server.form("/api/v1/jobs", &[("detector", "part")], &uploads, "images").ok();
    assert_eq!(server.finished(job["id"].as_i64().unwrap())["n_done"], names.len());
    for name in ["../escaped.png", "%2e%2e%2fescaped.png", "/etc/escaped.png"] {
        server.ask("POST", &format!("/api/v1/inspect?detector=part&name={name}"), &[], &bytes).ok();
    }
    let outside: Vec<String> =
        files(data.path()).into_iter().filter(|path| !path.starts_with(root.to_str().unwrap())).collect();
    assert!(outside.is_empty(), "{outside:?}");
    for path in files(&root).iter().filter(|path| path.contains("escaped")) {
        assert!(path.contains("/jobs/1/images/") || path.contains("/inbox/"), "{path}");
    }
    for path in [
        "/../../etc/passwd",
        "/api/v1/../../etc/passwd",
        "/static/..%2f..%2fetc/passwd",
        "/api/v1/detectors/..%2f..%2fpcore.sqlite3/bundle",
    ] {
        assert!((400..500).contains(&server.get(path).status), "{path}");
    }
}

#[test]
fn what_is_too_large_too_many_or_no_form_is_refused_and_leaves_nothing() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &["--max-upload", "1MiB"]).with_detector();
    let before = files(data.path());
    let large = vec![0u8; 2 << 20];
    let inspect = "/api/v1/inspect?detector=part";
    assert_eq!(server.try_ask("POST", inspect, &[], &large).map_or(413, |answer| answer.status), 413);
    let (kind, body) = form(&[("detector", "part")], &[("a.png", &large)], "images");
    let answer = server.try_ask("POST", "/api/v1/jobs", &[("content-type", &kind)], &body);
    assert_eq!(answer.map_or(413, |answer| answer.status), 413);
    for (kind, body) in [
        ("multipart/form-data", &b"nothing"[..]),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a.png\"\r\n\r\nhalf",
        ),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
    ] {
        let answer = server.ask("POST", "/api/v1/jobs", &[("content-type", kind)], body);
        assert_eq!(answer.status, 400, "{kind}: {:?}", answer.json());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(server.ask("POST", inspect, &[], &[]).status, 400, "an empty body");
    let bundle = server.form("/api/v1/detectors", &[("name", "Bad")], &[("bad.pcore", b"no bundle")], "bundle");
    assert_eq!(bundle.status, 422);
    let mut broken = fs::read(fixture.bundle()).unwrap();
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    assert_eq!(server.form("/api/v1/detectors", &[("name", "Bad")], &[("bad.pcore", &broken)], "bundle").status, 422);
    let many: String = "x".repeat(2 << 20);
    let text = server.try_ask(
        "POST",
        "/api/v1/datasets",
        &[("content-type", "application/json")],
        named(&many).to_string().as_bytes(),
    );
    assert_eq!(text.map_or(413, |answer| answer.status), 413);
    assert_eq!(files(data.path()), before);
    assert_eq!(server.get("/api/v1/jobs").ok()["jobs"].as_array().unwrap().len(), 0);
}

#[test]
fn slow_clients_are_sent_away_and_hold_up_nobody() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let address = server.url.trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0").unwrap();
    }
    assert_eq!(server.get("/healthz").status, 200);
    let stream = &mut slow[0];
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut rest = vec![];
    // An answer that says so, or the end of the connection.
    drop(stream.read_to_end(&mut rest));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn without_a_token_ten_thousand_requests_change_nothing() {
    let fixture = Fixture::get();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "correct horse 1").unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--admin", "anna", "--password-file", secret.to_str().unwrap()]);
    let described: Value = serde_json::from_str(&run(pcore(fixture.path()).args(["serve", "--api"]))).unwrap();
    let routes: Vec<String> = described["paths"].as_object().unwrap().keys().cloned().collect();
    let before = files(&data);
    let mut random = StdRng::seed_from_u64(7);
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let ids = ["1", "0", "-1", "99999999999999999999", "x", "%00", "..%2f..", "'; DROP TABLE item; --", "part"];
    let kinds =
        ["application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded"];
    let mut seen = BTreeSet::new();
    for n in 0..10_000 {
        let (route, method) = (routes.choose(&mut random).unwrap(), methods.choose(&mut random).unwrap());
        let mut path = route.clone();
        while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
            let id = ids.choose(&mut random).unwrap().replace([' ', '\''], "%20");
            path.replace_range(start..=end, &id);
        }
        if random.random_bool(0.3) {
            path.push_str("?limit=-1&after=%FF&sort='&detector=part&line=9e99");
        }
        let body: Vec<u8> = (0..random.random_range(0..64)).map(|_| random.random()).collect();
        let with_body = !["GET", "HEAD", "OPTIONS", "DELETE"].contains(method);
        let headers = [("content-type", *kinds.choose(&mut random).unwrap()), ("x-requested-with", "pcore")];
        let answer = server.try_ask(method, &path, &headers, if with_body { &body } else { &[] });
        let answer = answer.unwrap_or_else(|error| panic!("{n}: {method} {path}: {error}"));
        // The end of a session that nobody has is no change.
        let is_logout = path.starts_with("/api/v1/logout") && answer.status == 204;
        assert!((400..500).contains(&answer.status) || is_logout, "{n}: {method} {path}: {}", answer.status);
        seen.insert(answer.status);
    }
    assert!(seen.contains(&401) && seen.contains(&405), "{seen:?}");
    let changed: Vec<String> = files(&data).symmetric_difference(&before).cloned().collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert_eq!(server.get("/healthz").status, 200);
}
