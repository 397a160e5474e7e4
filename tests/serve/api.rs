//! What the API promises, done once from beginning to end.

use crate::support::{Fixture, Server, eventually, named, pcore, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// The numbers of results that must be those of `pcore infer`.
const SAME: [&str; 5] = ["raw_score", "score", "threshold", "p_value", "regions"];

#[test]
fn a_live_score_is_that_of_infer_bit_for_bit() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let infer = ["infer", "parts/test", "--bundle", "part.pcore", "--json", "--quiet"];
    let expected: BTreeMap<String, Value> = run(pcore(fixture.path()).args(infer))
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["path"].as_str().unwrap().trim_start_matches("parts/test/").to_owned(), row))
        .collect();
    assert_eq!(expected.len(), 24);
    let job = server.finished(server.job(&fixture.tests()));
    assert_eq!((job["state"].as_str(), job["n_done"].as_i64()), (Some("completed"), Some(24)));
    let found = server.get(&format!("/api/v1/jobs/{}/results?limit=100", job["id"])).ok();
    assert_eq!(found["total"], 24);
    let mut n_compared = 0;
    for row in found["results"].as_array().unwrap() {
        let twin = &expected[row["name"].as_str().unwrap()];
        for key in SAME {
            // f32 as the shortest text that reads as the same number.
            assert_eq!(row[key], twin[key], "{} of {}", key, row["name"]);
        }
        assert_eq!(row["verdict"], twin["verdict"]);
        n_compared += 1;
    }
    assert_eq!(n_compared, 24);
    // Alone, too.
    let path = &fixture.tests()[15];
    let alone = server.inspect(path).ok();
    let name = path.file_name().unwrap().to_str().unwrap();
    let kind = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    assert_eq!(alone["raw_score"], expected[&format!("{kind}/{name}")]["raw_score"]);
    assert_eq!(alone["schema"], "pcore.result.v1");
    assert_eq!(alone["bundle"].as_str().unwrap().len(), 64);
}

#[test]
fn a_detector_lives_from_its_photographs_to_its_undo() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]);
    let set = server.send("POST", "/api/v1/datasets", &named("normal parts")).ok()["id"].as_i64().unwrap();
    let normals = fixture.normals();
    let path = format!("/api/v1/datasets/{set}/images");
    assert_eq!(server.upload(&path, &[("label", "normal")], &normals[..30]).ok()["n_normal"], 30);
    let fit = json!({"name": "Part 7", "dataset": set, "quality": "fast", "alpha": 0.1});
    let fit = server.finished(server.send("POST", "/api/v1/detectors", &fit).ok()["id"].as_i64().unwrap());
    assert_eq!((fit["state"].as_str(), fit["report"]["n_images"].as_i64()), (Some("completed"), Some(30)), "{fit}");
    let fitted = server.get("/api/v1/detectors/part-7").ok();
    assert_eq!((fitted["n_images"].as_i64(), fitted["alpha"].as_f64()), (Some(30), Some(0.1)));
    assert_eq!(fitted["can_undo"], false);
    // Another threshold: what a line does with it is what was shown before.
    let shown = server.get("/api/v1/detectors/part-7/thresholds?alpha=0.2").ok();
    let moved = server.send("POST", "/api/v1/detectors/part-7/threshold", &json!({"alpha": 0.2})).ok();
    assert_eq!((&moved["threshold"], moved["can_undo"].as_bool()), (&shown["threshold"], Some(true)));
    assert!(moved["threshold"].as_f64() < fitted["threshold"].as_f64());
    let refused = server.send("POST", "/api/v1/detectors/part-7/threshold", &json!({"alpha": 0.0001}));
    assert_eq!(refused.status, 422);
    assert!(refused.json()["detail"].as_str().unwrap().contains("30 held-out normals"), "{:?}", refused.json());
    // More normal images.
    server.upload(&path, &[], &normals[30..]).ok();
    let update = server.send("POST", "/api/v1/detectors/part-7/update", &json!({"dataset": set})).ok();
    let update = server.finished(update["id"].as_i64().unwrap());
    assert_eq!(update["state"], "completed", "{update}");
    let updated = server.get("/api/v1/detectors/part-7").ok();
    assert_eq!(updated["n_versions"], 3);
    let back = server.send("POST", "/api/v1/detectors/part-7/undo", &json!({})).ok();
    assert_eq!(back["version"], moved["version"]);
    let back = server.send("POST", "/api/v1/detectors/part-7/undo", &json!({})).ok();
    assert_eq!(back["version"], fitted["version"]);
    assert_eq!(server.send("POST", "/api/v1/detectors/part-7/undo", &json!({})).status, 409);
    // The bundle is one of pcore's own.
    let bundle = server.get("/api/v1/detectors/part-7/bundle");
    fs::write(data.path().join("copy.pcore"), &bundle.body).unwrap();
    run(pcore(data.path()).args(["inspect", "copy.pcore"]));
}

#[test]
fn a_false_alarm_is_marked_learned_and_not_offered_again() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let job = server.finished(server.job(&fixture.tests()));
    let worst = server.get(&format!("/api/v1/jobs/{}/results?sort=-score&limit=1", job["id"])).ok();
    let worst = worst["results"][0].clone();
    assert_eq!(worst["verdict"], "anomalous");
    let place = format!("/api/v1/results/{}/feedback", worst["id"]);
    let wrong = server.send("PUT", &place, &json!({"mark": "missed"}));
    assert_eq!(wrong.status, 409, "an alarm is no miss");
    let outside = server.send("PUT", &place, &json!({"mark": "defect", "box": [0, 0, 1, 100_000]}));
    assert_eq!(outside.status, 400);
    let marked = server.send("PUT", &place, &json!({"mark": "false_alarm", "note": "a reflection"})).ok();
    assert_eq!(
        (marked["feedback"]["mark"].as_str(), marked["feedback"]["by"].as_str()),
        (Some("false_alarm"), Some("local"))
    );
    let update = json!({"feedback": true});
    let learned = server.send("POST", "/api/v1/detectors/part/update", &update).ok();
    let learned = server.finished(learned["id"].as_i64().unwrap());
    assert_eq!(
        (learned["state"].as_str(), learned["report"]["n_learned"].as_i64()),
        (Some("completed"), Some(1)),
        "{learned}"
    );
    let again = server.send("POST", "/api/v1/detectors/part/update", &update).ok();
    let again = server.finished(again["id"].as_i64().unwrap());
    assert_eq!(again["state"], "failed");
    assert!(again["error"].as_str().unwrap().contains("not learned yet"), "{again}");
}

#[test]
fn pictures_are_drawn_when_they_are_asked_for() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let id = server.inspect(&fixture.tests()[15]).ok()["id"].as_i64().unwrap();
    for (kind, magic) in [
        ("image", &b"\x89PNG"[..]),
        ("overlay", b"\x89PNG"),
        ("heat", b"\x89PNG"),
        ("map", b"\x89PNG"),
        ("thumbnail", b"\xff\xd8"),
    ] {
        let answer = server.get(&format!("/api/v1/results/{id}/{kind}"));
        assert_eq!(answer.status, 200, "{kind}");
        assert!(answer.body.starts_with(magic), "{kind}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let why = server.get(&format!("/api/v1/results/{id}/explain")).ok();
    assert!(!why["patches"].as_array().unwrap().is_empty());
    assert_eq!(server.get("/api/v1/results/999/overlay").status, 404);
}

#[test]
fn one_broken_file_fails_alone_and_is_found_as_failed() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let mut images = fixture.tests()[..3].to_vec();
    let broken = data.path().join("broken.png");
    fs::write(&broken, &fs::read(&images[0]).unwrap()[..200]).unwrap();
    images.push(broken);
    let job = server.finished(server.job(&images));
    assert_eq!(
        (job["state"].as_str(), job["n_done"].as_i64(), job["n_failed"].as_i64()),
        (Some("completed"), Some(4), Some(1))
    );
    let failed = server.get(&format!("/api/v1/jobs/{}/results?verdict=failed", job["id"])).ok();
    assert_eq!(failed["total"], 1);
    assert!(failed["results"][0]["error"].as_str().unwrap().contains("broken.png"));
    let alone = server.ask("POST", "/api/v1/inspect?detector=part&name=x.png", &[], b"no image").ok();
    assert!(alone["error"].is_string() && alone["verdict"].is_null());
}

#[test]
fn a_job_leaves_its_files_and_tells_its_events() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let id = server.job(&fixture.tests());
    // The stream ends with the job.
    let events = String::from_utf8(server.get(&format!("/api/v1/jobs/{id}/events")).body).unwrap();
    assert!(events.starts_with("event: job\n"), "{events}");
    assert!(events.trim_end().ends_with('}') && events.contains(r#""state":"completed""#), "{events}");
    let folder = data.path().join("jobs").join(id.to_string());
    let result: Value = serde_json::from_slice(&fs::read(folder.join("result.json")).unwrap()).unwrap();
    assert_eq!(result["results"].as_array().unwrap().len(), 24);
    assert_eq!(fs::read_to_string(folder.join("summary.csv")).unwrap().lines().count(), 25);
    assert_eq!(fs::read_dir(folder.join("images")).unwrap().count(), 24);
    let parquet = server.get(&format!("/api/v1/jobs/{id}/results?format=parquet"));
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let csv = server.get(&format!("/api/v1/jobs/{id}/results?format=csv"));
    assert_eq!(String::from_utf8(csv.body).unwrap().lines().count(), 25);
    assert_eq!(server.ask("DELETE", &format!("/api/v1/jobs/{id}"), &[], &[]).status, 204);
    assert!(!folder.exists());
    assert_eq!(server.get(&format!("/api/v1/jobs/{id}")).status, 404);
}

#[test]
fn the_same_key_is_inspected_once() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let bytes = fs::read(&fixture.tests()[0]).unwrap();
    let ask = || server.ask("POST", "/api/v1/inspect?detector=part", &[("idempotency-key", "part 17")], &bytes).ok();
    let ids: Vec<i64> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| ask()["id"].as_i64().unwrap())).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(server.get("/api/v1/results").ok()["total"], 1);
}

#[test]
fn a_server_ends_in_an_orderly_way_and_goes_on_after_its_next_start() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let id = server.job(&fixture.tests());
    assert_eq!(server.end(), 0);
    let again = Server::start(data.path(), &[]);
    let job = again.finished(id);
    assert_eq!((job["state"].as_str(), job["n_done"].as_i64()), (Some("completed"), Some(24)));
    assert_eq!(again.get(&format!("/api/v1/jobs/{id}/results")).ok()["total"], 24);
}

#[test]
fn two_servers_never_share_a_folder() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start(data.path(), &[]);
    let mut second = pcore(Fixture::get().path());
    let output = second.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use by another server"));
}

#[test]
fn a_comparison_says_whether_one_may_replace_the_other() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    let bundle = fs::read(fixture.bundle()).unwrap();
    server.form("/api/v1/detectors", &[("name", "Twin")], &[("twin.pcore", &bundle)], "bundle").ok();
    let set = server.send("POST", "/api/v1/datasets", &named("both")).ok()["id"].as_i64().unwrap();
    let path = format!("/api/v1/datasets/{set}/images");
    server.upload(&path, &[("label", "normal")], &fixture.tests()[..12]).ok();
    server.upload(&path, &[("label", "anomalous")], &fixture.tests()[12..]).ok();
    let asked = json!({"with": "twin", "dataset": set});
    let job = server.send("POST", "/api/v1/detectors/part/compare", &asked).ok();
    let job = server.finished(job["id"].as_i64().unwrap());
    assert_eq!(
        (job["report"]["n_agree"].as_i64(), job["report"]["may_replace"].as_str()),
        (Some(24), Some("yes")),
        "{job}"
    );
}

#[test]
fn figures_are_told_to_prometheus() {
    let (fixture, data) = (Fixture::get(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path(), &[]).with_detector();
    server.inspect(&fixture.tests()[0]).ok();
    let text = eventually("a figure", || {
        let text = String::from_utf8(server.get("/metrics").body).unwrap();
        text.contains("pcore_images_total{").then_some(text)
    });
    for name in [
        "pcore_image_seconds_bucket",
        "pcore_stage_seconds_count{stage=\"decoding\"} 1",
        "pcore_stage_seconds_count{stage=\"network\"} 1",
        "pcore_stage_seconds_count{stage=\"comparing\"} 1",
        "pcore_stage_seconds_count{stage=\"storing\"} 1",
        "pcore_result_wait_seconds_count 1",
        "pcore_queue_depth 0",
        "pcore_http_requests_total",
    ] {
        assert!(text.contains(name), "{name} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn the_description_of_the_api_is_the_one_in_the_documentation() {
    let described = run(pcore(Fixture::get().path()).args(["serve", "--api"]));
    let kept = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.json")).unwrap();
    assert!(described.trim() == kept.trim(), "write it anew: pcore serve --api > docs/api.json");
    let described: Value = serde_json::from_str(&described).unwrap();
    assert!(described["paths"].as_object().unwrap().len() > 30);
}
