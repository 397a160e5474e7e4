//! Several servers behind one proxy, each with its own data folder.

use crate::support::{Fixture, Server, eventually, pcore};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread;

const PASSWORD: &str = "correct horse 1";

/// A proxy that finds servers by the name that a request is for, and says where it comes from; gives its port.
fn proxy(servers: Vec<(&'static str, String)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, servers) = (stream.unwrap(), servers.clone());
            thread::spawn(move || forward(stream, &servers));
        }
    });
    port
}

/// Forwards one request, whose client is said to be 10.0.0.9, and its answer.
fn forward(stream: TcpStream, servers: &[(&str, String)]) {
    let mut client = BufReader::new(stream);
    let (mut head, mut server, mut n) = (String::new(), None, 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        let small = line.to_lowercase();
        if let Some(host) = small.strip_prefix("host: ") {
            server = servers.iter().find(|(name, _)| host.trim() == *name).map(|(_, address)| address.clone());
        }
        if let Some(length) = small.strip_prefix("content-length: ") {
            n = length.trim().parse().unwrap();
        }
        if !small.starts_with("connection: ") {
            head.push_str(&line);
        }
    }
    let Some(address) = server else { return };
    let mut upstream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    upstream.write_all(format!("{head}X-Forwarded-For: 10.0.0.9\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    copy(&mut client.by_ref().take(n), &mut upstream).unwrap();
    drop(copy(&mut upstream, client.get_mut()));
}

/// A server with an account, which believes a proxy on this machine.
fn server(root: &Path, name: &str, watched: &Path) -> Server {
    let mut command = pcore(Fixture::get().path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "anna", "--proxy", "127.0.0.1", "--folder"]);
    command.arg(watched).arg("--data").arg(root.join(name)).env("PCORE_PASSWORD", PASSWORD);
    Server::of(command.stdout(Stdio::null()).stderr(Stdio::piped()))
}

/// Asks the server of this name, through the proxy.
fn ask(proxy: &Server, host: &str, token: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
    let (bearer, body) = (format!("Bearer {token}"), body.map(Value::to_string).unwrap_or_default());
    let mut headers = vec![("host", host), ("connection", "close")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    proxy.ask(method, &format!("/api/v1{path}"), &headers, body.as_bytes()).ok()
}

/// Signs in as the page does, and makes a token.
fn token(proxy: &Server, host: &str) -> String {
    let body = json!({"name": "anna", "password": PASSWORD}).to_string();
    let json = ("content-type", "application/json");
    let common = [("host", host), ("connection", "close"), json];
    let login = proxy.ask("POST", "/api/v1/login", &common, body.as_bytes());
    assert_eq!(login.ok()["role"], "admin");
    let cookie = login.header("set-cookie").split(';').next().unwrap();
    let origin = format!("http://{host}");
    let page = [
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("x-requested-with", "pcore"),
        ("cookie", cookie),
    ];
    let body = json!({"name": "test", "role": "admin"}).to_string();
    let made = proxy.ask("POST", "/api/v1/tokens", &[&common[..], &page].concat(), body.as_bytes()).ok();
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn two_servers_behind_a_proxy_share_a_folder_and_nothing_else() {
    let (fixture, root) = (Fixture::get(), tempfile::tempdir().unwrap());
    let watched = root.path().join("in");
    fs::create_dir(&watched).unwrap();
    let hosts = ["one.example", "two.example"];
    let servers = hosts.map(|host| server(root.path(), host, &watched));
    let port = proxy(hosts.into_iter().zip(&servers).map(|(host, server)| (host, server.url.clone())).collect());
    let through = Server::of_url(&format!("http://127.0.0.1:{port}"));
    let tokens = hosts.map(|host| token(&through, host));
    for (at, host) in hosts.into_iter().enumerate() {
        let known = Server::of_url(&servers[at].url).with_token(&tokens[at]);
        drop(known.with_detector());
        let line = json!({"name": "Line 1", "detector": "part", "source": {"kind": "folder", "folder": watched}});
        ask(&through, host, &tokens[at], "POST", "/lines", Some(&line));
        ask(&through, host, &tokens[at], "POST", "/lines/1/start", Some(&json!({})));
    }
    let (tests, n) = (fixture.tests(), 40);
    for at in 0..n {
        fs::copy(&tests[at % tests.len()], watched.join(format!("{at}.png.tmp"))).unwrap();
        fs::rename(watched.join(format!("{at}.png.tmp")), watched.join(format!("{at}.png"))).unwrap();
    }
    let count =
        |at: usize| ask(&through, hosts[at], &tokens[at], "GET", "/lines/1", None)["n_inspected"].as_u64().unwrap();
    eventually("all images", || (count(0) + count(1) >= n as u64).then_some(()));
    thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(count(0) + count(1), n as u64, "each image is one server's alone");
    // The token of one says nothing to the other.
    let bearer = format!("Bearer {}", tokens[0]);
    let headers = [("host", hosts[1]), ("connection", "close"), ("authorization", bearer.as_str())];
    assert_eq!(through.ask("GET", "/api/v1/lines", &headers, &[]).status, 401);
}

#[test]
fn who_tries_passwords_through_a_proxy_locks_out_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path(), "data", root.path());
    let login = |from: &str, password: &str| {
        let body = json!({"name": "anna", "password": password}).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        server.ask("POST", "/api/v1/login", &headers, body.as_bytes()).status
    };
    let tries: Vec<u16> = (0..12).map(|_| login("1.2.3.4, 10.0.0.66", "a wrong guess")).collect();
    assert!(tries.contains(&429), "{tries:?}");
    assert_eq!(login("5.6.7.8, 10.0.0.66", PASSWORD), 429, "whatever else it says");
    assert_eq!(login("10.0.0.7", PASSWORD), 200);
}
