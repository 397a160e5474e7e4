//! Who may do what, and what comes from elsewhere.

use crate::support::{Fixture, Server, eventually, named, pcore};
use serde_json::json;
use std::fs;
use std::path::Path;

const PASSWORD: &str = "correct horse 1";

/// A server with accounts, signed in by a token of its admin.
fn with_accounts(data: &Path) -> Server {
    let secret = data.join("secret");
    fs::write(&secret, PASSWORD).unwrap();
    let args = ["--admin", "anna", "--password-file", secret.to_str().unwrap()];
    let server = Server::start(&data.join("data"), &args);
    let login = server.send("POST", "/api/v1/login", &json!({"name": "anna", "password": PASSWORD}));
    assert_eq!(login.ok()["role"], "admin");
    let cookie = login.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let body = json!({"name": "test", "role": "admin"}).to_string();
    let json = ("content-type", "application/json");
    let bare = server.ask("POST", "/api/v1/tokens", &[json, ("cookie", cookie)], body.as_bytes());
    assert_eq!(bare.status, 403, "a cookie alone changes nothing");
    let headers = [json, ("cookie", cookie), ("x-requested-with", "pcore")];
    let token = server.ask("POST", "/api/v1/tokens", &headers, body.as_bytes()).ok()["token"].clone();
    server.with_token(token.as_str().unwrap())
}

#[test]
fn without_a_password_only_this_machine_is_answered() {
    let fixture = Fixture::get();
    let output = pcore(fixture.path()).args(["serve", "--listen", "0.0.0.0:0", "--data", "open"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--admin"), "{error}");
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    // A page of another site, under a name that leads here, or with a form of its own.
    assert_eq!(server.ask("GET", "/api/v1/system", &[("host", "evil.example")], &[]).status, 403);
    let json = ("content-type", "application/json");
    let body = named("x").to_string();
    let other = [json, ("origin", "https://evil.example")];
    assert_eq!(server.ask("POST", "/api/v1/datasets", &other, body.as_bytes()).status, 403);
    let site = [json, ("sec-fetch-site", "cross-site"), ("x-requested-with", "pcore")];
    assert_eq!(server.ask("POST", "/api/v1/datasets", &site, body.as_bytes()).status, 403);
    assert_eq!(server.get("/api/v1/datasets").ok()["datasets"].as_array().unwrap().len(), 0);
}

#[test]
fn a_role_does_what_it_may_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let server = with_accounts(data.path());
    let mut tokens = vec![];
    for role in ["viewer", "operator"] {
        let made = server.send("POST", "/api/v1/tokens", &json!({"name": role, "role": role})).ok();
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    let as_role = |token: &str, method: &str, path: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let plain = Server::of_url(&server.url);
        plain.ask(method, path, &headers, body.as_bytes()).status
    };
    let (viewer, operator) = (&tokens[0], &tokens[1]);
    assert_eq!(as_role(viewer, "GET", "/api/v1/jobs", ""), 200);
    assert_eq!(as_role(viewer, "POST", "/api/v1/datasets", r#"{"name":"a"}"#), 403);
    assert_eq!(as_role(operator, "POST", "/api/v1/datasets", r#"{"name":"a"}"#), 201);
    assert_eq!(as_role(operator, "POST", "/api/v1/tokens", r#"{"name":"b","role":"admin"}"#), 403);
    assert_eq!(as_role(operator, "POST", "/api/v1/jobs", r#"{"detector":"part","folder":"/etc"}"#), 403);
    assert_eq!(as_role("wrong", "GET", "/api/v1/jobs", ""), 401);
    assert_eq!(as_role(viewer, "GET", "/metrics", ""), 200);
    assert_eq!(server.ask("DELETE", "/api/v1/tokens/viewer", &[], &[]).status, 204);
    assert_eq!(as_role(viewer, "GET", "/api/v1/jobs", ""), 401);
}

#[test]
fn passwords_are_not_guessed_and_short_ones_not_taken() {
    let data = tempfile::tempdir().unwrap();
    let server = with_accounts(data.path());
    let short = server.send("POST", "/api/v1/users", &json!({"name": "ben", "password": "short", "role": "viewer"}));
    assert_eq!(short.status, 400);
    let last = server.ask("DELETE", "/api/v1/users/anna", &[], &[]);
    assert_eq!(last.status, 409, "somebody must stay admin");
    let statuses: Vec<u16> = (0..14)
        .map(|_| server.send("POST", "/api/v1/login", &json!({"name": "anna", "password": "guess guess"})).status)
        .collect();
    assert!(statuses.contains(&401) && statuses.last() == Some(&429), "{statuses:?}");
    // Neither the password nor a secret is in the folder.
    let database = fs::read(data.path().join("data/pcore.sqlite3")).unwrap();
    assert!(!database.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()));
}

#[test]
fn an_address_that_asks_too_often_is_told_when_it_is_answered_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-requests", "5"]);
    let answers: Vec<_> = (0..40).map(|_| server.get("/api/v1/jobs")).collect();
    let n_answered = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("some are refused");
    assert!((5..40).contains(&n_answered), "{n_answered} of 40");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json()["detail"], "too many requests; wait a moment");
    eventually("an answer", || (server.get("/api/v1/jobs").status == 200).then_some(()));
}

#[test]
fn folders_of_the_server_are_read_where_that_is_allowed() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let allowed = fixture.path().join("parts/test");
    let server = Server::start(data.path(), &["--folder", allowed.to_str().unwrap()]).with_detector();
    let ask = |folder: &Path| server.send("POST", "/api/v1/jobs", &json!({"detector": "part", "folder": folder}));
    let job = server.finished(ask(&allowed.join("good")).ok()["id"].as_i64().unwrap());
    assert_eq!(job["n_done"], 12);
    for other in [fixture.path().join("parts/train"), allowed.join("../train"), "/etc".into(), "/nowhere".into()] {
        let answer = ask(&other);
        assert_eq!(answer.status, 403, "{}", other.display());
        assert!(answer.json()["detail"].as_str().unwrap().contains("--folder"));
    }
    #[cfg(unix)]
    {
        let link = allowed.join("way-out");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert_eq!(ask(&link).status, 403);
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn a_refusal_is_said_in_the_language_of_whoever_asks() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let said = |headers: &[(&str, &str)], path| {
        let answer = server.ask("GET", path, headers, &[]);
        assert_eq!(answer.status, 404);
        String::from_utf8(answer.body).unwrap()
    };
    let (api, page) = ("/api/v1/jobs/7", "/jobs/7");
    for headers in [[("accept-language", "ko-KR,ko;q=0.9")], [("cookie", "lang=ko")]] {
        assert!(said(&headers, api).contains("찾을 수 없습니다: job 7"), "{}", said(&headers, api));
        assert!(said(&headers, page).contains("찾을 수 없습니다: job 7"), "{}", said(&headers, page));
    }
    for headers in [[("accept-language", "fr, en;q=0.5, ko;q=0.2")], [("cookie", "lang=en")]] {
        assert!(
            said(&headers, api).contains("there is no job 7") && said(&headers, page).contains("there is no job 7")
        );
    }
}
