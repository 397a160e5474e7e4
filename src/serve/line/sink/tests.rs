//! Deliveries, to somebody who does not always listen.

use super::*;
use crate::serve::line::listener::{Request, listener};
use crate::serve::record::FoundUnits;
use std::cell::{Cell, RefCell};

pub(super) fn found() -> FoundRecord {
    FoundRecord {
        schema: "pcore.result.v1",
        id: 17,
        job: None,
        line: Some(1),
        name: "a.png".to_owned(),
        at: "2026-11-28T10:00:00.000Z".to_owned(),
        accepted_at: "2026-11-28T10:00:00.000Z".to_owned(),
        detector: "part".to_owned(),
        bundle: "ab".to_owned(),
        verdict: Some("anomalous".to_owned()),
        raw_score: Some(0.5),
        score: Some(4.0),
        threshold: Some(2.0),
        p_value: None,
        condition: None,
        regions: serde_json::json!([]),
        width: None,
        height: None,
        ms: None,
        error: None,
        feedback: None,
        units: FoundUnits::ALL,
    }
}

/// Waits for nothing; tells why it would.
struct Heard<F>(F);

impl<F: Fn(Duration, &str) -> bool> Waits for Heard<F> {
    fn pause(&self, wait: Duration, why: &str) -> bool {
        self.0(wait, why)
    }

    fn is_stopped(&self) -> bool {
        false
    }
}

fn open(settings: &SinkSettings) -> Sink {
    Sink::open(settings, Speaker { owner: "server", line: "Line 1" }).unwrap()
}

fn webhook(url: &str, secret: Option<&str>) -> Sink {
    open(&SinkSettings::Webhook { url: url.to_owned(), secret: secret.map(str::to_owned), tries: Some(4) })
}

#[test]
fn a_result_arrives_signed_after_two_failures() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = listener(&[503, 429, 204]);
    let pauses = RefCell::new(vec![]);
    let waits = Heard(|wait, _: &str| {
        pauses.borrow_mut().push(wait);
        true
    });
    let told = webhook(&url, Some("s3cret")).deliver(&found(), &folder.path().join("dead.jsonl"), &waits);
    assert_eq!(told, Delivered::Yes);
    assert_eq!(*pauses.borrow(), [FIRST_PAUSE, 2 * FIRST_PAUSE]);
    let all: Vec<_> = requests.iter().collect();
    assert_eq!(all.len(), 3);
    let Request { headers, body, .. } = &all[2];
    let body = str::from_utf8(body).unwrap();
    let expected = format!("x-pcore-signature: sha256={}", signature("s3cret", &found().at, body));
    assert!(headers.iter().any(|header| header.to_lowercase() == expected), "{headers:?}");
    assert!(headers.iter().any(|header| header.to_lowercase() == "x-pcore-delivery: 17"), "{headers:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["verdict"], "anomalous");
    assert!(!folder.path().join("dead.jsonl").exists());
}

#[test]
fn the_signature_is_that_of_rfc_4231() {
    // Test case 2, whose text is split at its full stop.
    let mac = signature("Jefe", "what do ya want for nothing?", "");
    assert_eq!(mac.len(), 64);
    let mut plain = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
    plain.update(b"what do ya want for nothing?");
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(HEXLOWER.encode(&plain.finalize().into_bytes()), expected);
}

#[test]
fn what_is_refused_or_never_heard_goes_to_the_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("lines/dead.jsonl");
    // A redirect is no delivery: the result goes nowhere else.
    for statuses in [&[400][..], &[302], &[500, 500, 500, 500]] {
        let (url, _requests) = listener(statuses);
        let told = webhook(&url, None).deliver(&found(), &dead, &Heard(|_, _: &str| true));
        assert!(matches!(told, Delivered::Dead(_)), "{statuses:?}: {told:?}");
    }
    let told = webhook("http://127.0.0.1:1/", None).deliver(&found(), &dead, &Heard(|_, _: &str| true));
    assert!(matches!(told, Delivered::Dead(_)));
    let lines = fs::read_to_string(&dead).unwrap();
    assert_eq!(lines.lines().count(), 4);
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["result"]["id"] == 17));
}

#[test]
fn a_line_that_stops_tries_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let told = webhook("http://127.0.0.1:1/", None).deliver(
        &found(),
        &folder.path().join("dead.jsonl"),
        &Heard(|_, _: &str| false),
    );
    assert_eq!(told, Delivered::Stopped);
}

#[test]
fn a_folder_gets_a_file_for_each_result_and_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("share");
    let sink = open(&SinkSettings::Folder { folder: place.clone() });
    let n = Cell::new(0);
    let waits = Heard(|_, why: &str| {
        assert!(why.contains("share"), "{why}");
        n.set(n.get() + 1);
        if n.get() == 3 {
            fs::create_dir(&place).unwrap();
        }
        true
    });
    let told = sink.deliver(&found(), &folder.path().join("dead.jsonl"), &waits);
    assert_eq!((told, n.get()), (Delivered::Yes, 3));
    let text = fs::read_to_string(place.join("2026-11-28/17.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["id"], 17);
}
