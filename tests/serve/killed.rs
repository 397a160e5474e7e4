//! A server that is killed, again and again, while it is asked.

use crate::support::{Fixture, Server, eventually};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Times that it is killed.
const KILLS: usize = 50;

#[test]
fn every_accepted_image_has_exactly_one_result_however_often_the_server_is_killed() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let mut random = StdRng::seed_from_u64(16);
    let images: Vec<Vec<u8>> = fixture.tests().iter().map(|path| fs::read(path).unwrap()).collect();
    drop(Server::start(data.path(), &[]).with_detector());
    let (accepted, jobs) = (Mutex::new(vec![]), Mutex::new(vec![]));
    for kill in 0..KILLS {
        let (server, stop) = (Server::start(data.path(), &[]), AtomicBool::new(false));
        thread::scope(|scope| {
            for client in 0..2 {
                let (server, stop, images, accepted) = (&server, &stop, &images, &accepted);
                scope.spawn(move || {
                    for n in 0.. {
                        let name = format!("{kill}-{client}-{n}");
                        let path = format!("/api/v1/inspect?detector=part&name={name}.png");
                        let asked =
                            server.try_ask("POST", &path, &[("idempotency-key", &name)], &images[n % images.len()]);
                        if let Some(answer) = asked.ok().filter(|answer| answer.status < 300) {
                            accepted.lock().unwrap().push(answer.json()["id"].as_i64().unwrap());
                        }
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            let paths = fixture.tests();
            let (server, stop, jobs) = (&server, &stop, &jobs);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let asked = server.try_upload("/api/v1/jobs", &[("detector", "part")], &paths[..6]);
                    if let Some(answer) = asked.ok().filter(|answer| answer.status < 300) {
                        jobs.lock().unwrap().push(answer.json()["id"].as_i64().unwrap());
                    }
                    thread::sleep(Duration::from_millis(150));
                }
            });
            thread::sleep(Duration::from_millis(random.random_range(5..1500)));
            stop.store(true, Ordering::Relaxed);
            server.kill_at_once();
        });
    }
    check(data.path(), &accepted.into_inner().unwrap(), &jobs.into_inner().unwrap());
}

/// All of them have a result, none has two, and nothing is left that nobody knows.
fn check(data: &Path, accepted: &[i64], jobs: &[i64]) {
    assert!(accepted.len() > 20 && jobs.len() > 20, "{} images, {} jobs", accepted.len(), jobs.len());
    let server = Server::start(data, &[]);
    for job in jobs {
        let job = server.finished(*job);
        assert_eq!((job["state"].as_str(), job["n_done"].as_i64()), (Some("completed"), Some(6)), "{job}");
        let results = server.get(&format!("/api/v1/jobs/{}/results", job["id"])).ok();
        assert_eq!(results["total"], 6);
    }
    for id in accepted {
        assert_eq!(server.get(&format!("/api/v1/results/{id}")).status, 200, "result {id}");
    }
    eventually("an empty queue", || (server.get("/api/v1/system").ok()["n_pending"] == 0).then_some(()));
    // What was asked and not answered may have a result as well: each name once.
    let (mut names, mut after) = (BTreeMap::<String, usize>::new(), String::new());
    loop {
        let page: Value = server.get(&format!("/api/v1/results?sort=at&limit=1000{after}")).ok();
        for found in page["results"].as_array().unwrap().iter().filter(|found| found["job"].is_null()) {
            *names.entry(found["name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let twice: Vec<_> = names.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty() && names.len() >= accepted.len(), "{twice:?}");
    let n_files: usize =
        fs::read_dir(data.join("inbox")).unwrap().map(|day| fs::read_dir(day.unwrap().path()).unwrap().count()).sum();
    assert_eq!(n_files, names.len(), "one file for each single image");
    assert_eq!(fs::read_dir(data.join("tmp")).unwrap().count(), 0);
}
