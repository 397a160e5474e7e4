//! Every page with a text wherever a text can be, to see that it stays a text.

use super::views::*;

/// A page: its name, and how it is drawn with a text.
type Hostile = (&'static str, fn(&Shell, &str) -> Result<String, askama::Error>);

fn fact(text: &str) -> Fact {
    Fact { label: text.into(), value: text.into() }
}

fn choice(text: &str) -> Vec<Choice> {
    vec![Choice { id: text.into(), name: text.into() }]
}

fn bad_found(text: &str) -> Found {
    let own = || Some(text.to_owned());
    Found {
        name: text.into(),
        at: text.into(),
        detector: text.into(),
        verdict: own(),
        condition: own(),
        error: own(),
        mark: own(),
        score: Some(1.0),
        threshold: Some(2.0),
        ..Found::default()
    }
}

fn bad_line(text: &str) -> Line {
    Line {
        name: text.into(),
        detector: text.into(),
        state: text.into(),
        source_kind: text.into(),
        source: text.into(),
        sinks: vec![text.into()],
        policy: text.into(),
        drift: text.into(),
        error: Some(text.into()),
        last: vec![bad_found(text)],
        ..Line::default()
    }
}

fn bad_job(text: &str) -> Job {
    Job {
        kind: text.into(),
        state: text.into(),
        detector: text.into(),
        title: text.into(),
        stage: Some(text.into()),
        created_at: text.into(),
        started_at: Some(text.into()),
        ended_at: Some(text.into()),
        error: Some(text.into()),
        by: text.into(),
        ..Job::default()
    }
}

fn bad_listing(text: &str, view: &str) -> Listing {
    let own = || text.to_owned();
    let filter = Filter {
        verdict: own(),
        search: own(),
        sort: own(),
        mark: own(),
        day: own(),
        line: own(),
        detector: own(),
        view: view.into(),
    };
    Listing {
        base: "/history".into(),
        filter,
        results: vec![bad_found(text)],
        next: Some(own()),
        api: "/api/v1/results".into(),
        lines: choice(text),
        detectors: choice(text),
        ..Listing::default()
    }
}

fn bad_picture(text: &str) -> Picture {
    Picture { name: text.into(), width: 10, height: 10, ..Picture::default() }
}

fn bad_result(text: &str) -> OneResult {
    OneResult {
        found: bad_found(text),
        picture: bad_picture(text),
        bundle: text.into(),
        line: Some((1, text.into())),
        detector_name: text.into(),
        note: Some(text.into()),
        marked_by: Some((text.into(), text.into())),
        list: "/".into(),
        ..OneResult::default()
    }
}

fn bad_detector(text: &str) -> Detector {
    Detector {
        id: text.into(),
        name: text.into(),
        method: text.into(),
        backbone: text.into(),
        fitted_at: text.into(),
        error: Some(text.into()),
        ..Detector::default()
    }
}

fn bad_one_detector(text: &str) -> OneDetector {
    let thresholds = Thresholds {
        recent: vec![Recent { score: 1.0, mark: Some(text.into()) }],
        alpha: 0.01,
        ..Thresholds::default()
    };
    OneDetector {
        detector: Detector { error: None, ..bad_detector(text) },
        version: text.into(),
        conditions: vec![text.into()],
        calibration: text.into(),
        suspects: vec![text.into()],
        lineage: vec![Step { what: text.into(), at: text.into(), version: text.into() }],
        thresholds: Some(thresholds),
        datasets: choice(text),
        others: choice(text),
        ..OneDetector::default()
    }
}

fn bad_settings(text: &str) -> Settings {
    let account = || vec![Account { name: text.into(), role: text.into(), created_at: text.into() }];
    Settings {
        users: account(),
        tokens: account(),
        device: text.into(),
        data: text.into(),
        accounts: true,
        folders: vec![text.into()],
        ..Settings::default()
    }
}

fn bad_dataset(text: &str) -> Dataset {
    Dataset { name: text.into(), created_at: text.into(), ..Dataset::default() }
}

/// All pages.
pub(crate) fn pages() -> Vec<Hostile> {
    vec![
        ("overview", |sh, t| {
            super::overview(
                sh,
                &Overview {
                    lines: vec![bad_line(t)],
                    jobs: vec![bad_job(t)],
                    detectors: choice(t),
                    ..Overview::default()
                },
            )
        }),
        ("line", |sh, t| {
            super::line(sh, &Live { line: bad_line(t), newest: Some(bad_picture(t)), detectors: choice(t) })
        }),
        ("upload", |sh, t| {
            super::upload(
                sh,
                &Upload { detectors: choice(t), chosen: Some(t.into()), folders: vec![t.into()], ..Upload::default() },
            )
        }),
        ("jobs", |sh, t| {
            super::jobs(sh, &Jobs { jobs: vec![bad_job(t)], state: t.into(), kind: t.into(), next: Some(1) })
        }),
        ("job", |sh, t| {
            super::job(sh, &OneJob { job: bad_job(t), listing: Some(bad_listing(t, "grid")), report: vec![fact(t)] })
        }),
        ("table", |sh, t| {
            super::job(sh, &OneJob { job: bad_job(t), listing: Some(bad_listing(t, "table")), report: vec![] })
        }),
        ("result", |sh, t| super::result(sh, &bad_result(t))),
        ("history", |sh, t| {
            super::history(
                sh,
                &History { days: vec![Day { day: t.into(), n: 1, ..Day::default() }], listing: bad_listing(t, t) },
            )
        }),
        ("detectors", |sh, t| {
            super::detectors(
                sh,
                &Detectors { detectors: vec![bad_detector(t)], datasets: choice(t), chosen: Some(t.into()) },
            )
        }),
        ("detector", |sh, t| super::detector(sh, &bad_one_detector(t))),
        ("datasets", |sh, t| super::datasets(sh, &Datasets { datasets: vec![bad_dataset(t)] })),
        ("dataset", |sh, t| {
            let images = vec![DatasetImage { name: t.into(), label: Some(t.into()), ..DatasetImage::default() }];
            super::dataset(sh, &OneDataset { dataset: bad_dataset(t), images, ..OneDataset::default() })
        }),
        ("settings", |sh, t| super::settings(sh, &bad_settings(t))),
        ("error", |sh, t| super::error(sh, &Failure { status: 404, detail: t.into(), request_id: Some(t.into()) })),
        ("login", |sh, t| super::login(sh, &Login { then: t.into() })),
    ]
}
