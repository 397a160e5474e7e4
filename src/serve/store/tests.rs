//! The database, asked as the server asks it.

use super::*;
use crate::report::ResultRow;
use crate::score::Verdict;
use crate::serve::record::{FeedbackRecord, JobKind, JobState, MarkWord, Role};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

pub(in crate::serve) fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("pcore.sqlite3")).unwrap();
    (folder, store)
}

pub(in crate::serve) fn add(store: &Store, origin: Origin, name: &str, key: Option<&str>) -> Accepted {
    let path = Path::new("/images").join(name);
    let priority = if matches!(origin, Origin::Job(_)) { Priority::Job } else { Priority::Now };
    let item = NewItem { origin, name, path: &path, detector: "part", priority, key, settled: true };
    store.write(|on| accept(on, &item)).unwrap()
}

fn job(store: &Store, n_total: usize) -> i64 {
    let job = NewJob { kind: JobKind::Inspect, detector: "part", title: "lot", plan: "{}", n_total, by: "somebody" };
    store.write(|on| add_job(on, &job)).unwrap()
}

pub(in crate::serve) fn outcome(item: Pending, score: Option<f32>) -> Outcome {
    let verdict = score.map(|score| if score > 2.0 { Verdict::Anomalous } else { Verdict::Normal });
    let error = score.is_none().then(|| "it is no image".to_owned());
    let row = ResultRow { raw_score: score, score, verdict, error, regions: Some(vec![]), ..ResultRow::default() };
    Outcome { item, sha: "ab".repeat(32), row, seen: None }
}

pub(in crate::serve) fn line_settings() -> LineSettings {
    LineSettings {
        name: "line 1".to_owned(),
        detector: "part".to_owned(),
        running: true,
        source: "{}".to_owned(),
        sinks: "[]".to_owned(),
        policy: "drop_oldest".to_owned(),
        capacity: 2,
    }
}

#[test]
fn an_image_gets_one_result_and_its_job_ends_with_the_last() {
    let (_folder, store) = store();
    let id = job(&store, 2);
    add(&store, Origin::Job(id), "a.png", None);
    add(&store, Origin::Job(id), "b.png", None);
    let waiting = store.next_pending(10).unwrap();
    assert_eq!(waiting.len(), 2);
    store.begin_jobs(&[id]).unwrap();
    let (kept, ended) = store.keep(&[outcome(waiting[0].clone(), Some(1.0))]).unwrap();
    assert_eq!((kept, ended), (vec![waiting[0].id], vec![]));
    // The same once more changes nothing.
    assert_eq!(store.keep(&[outcome(waiting[0].clone(), Some(9.0))]).unwrap(), (vec![], vec![]));
    assert_eq!(store.result(waiting[0].id).unwrap().score, Some(1.0));
    let (_, ended) = store.keep(&[outcome(waiting[1].clone(), None)]).unwrap();
    assert_eq!(ended, vec![id]);
    let done = store.job(id).unwrap();
    assert_eq!((done.state, done.n_done, done.n_failed, done.n_anomalous), (JobState::Completed, 2, 1, 0));
    assert!(store.next_pending(10).unwrap().is_empty());
}

#[test]
fn a_name_is_taken_while_its_detector_is_being_fitted() {
    let (_folder, store) = store();
    let fit = |detector| NewJob { kind: JobKind::Fit, detector, title: "fit", plan: "{}", n_total: 0, by: "somebody" };
    let first = store.write(|on| add_job(on, &fit("part"))).unwrap();
    assert!(store.is_being_fitted("part").unwrap());
    assert!(matches!(store.write(|on| add_job(on, &fit("part"))), Err(StoreError::Conflict(_))));
    store.write(|on| add_job(on, &fit("other"))).unwrap();
    job(&store, 1);
    store.end_job(first, JobState::Failed, (Some("no images"), None)).unwrap();
    store.write(|on| add_job(on, &fit("part"))).unwrap();
}

#[test]
fn a_cancelled_job_takes_no_more_results() {
    let (_folder, store) = store();
    let id = job(&store, 1);
    add(&store, Origin::Job(id), "a.png", None);
    let waiting = store.next_pending(10).unwrap();
    assert!(store.end_job(id, JobState::Cancelled, (None, None)).unwrap());
    assert_eq!(store.keep(&[outcome(waiting[0].clone(), Some(1.0))]).unwrap(), (vec![], vec![]));
    assert!(!store.end_job(id, JobState::Failed, (Some("late"), None)).unwrap());
    assert_eq!(store.job(id).unwrap().state, JobState::Cancelled);
    store.delete_job(id).unwrap();
    assert!(matches!(store.job(id), Err(StoreError::Missing { .. })));
}

#[test]
fn the_same_key_is_the_same_image() {
    let (_folder, store) = store();
    let first = add(&store, Origin::Alone, "a.png", Some("k"));
    assert_eq!(add(&store, Origin::Alone, "b.png", Some("k")), Accepted::Known(first.id()));
    assert!(matches!(add(&store, Origin::Alone, "b.png", Some("l")), Accepted::New(_)));
    assert_eq!(store.n_pending().unwrap(), 2);
}

#[test]
fn who_waits_for_an_answer_is_served_before_a_job() {
    let (_folder, store) = store();
    let id = job(&store, 1);
    add(&store, Origin::Job(id), "late.png", None);
    add(&store, Origin::Alone, "now.png", None);
    let next = || store.next_pending(10).unwrap();
    let names = |items: &[Pending]| items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
    // Alone: what is less urgent would hold it up.
    assert_eq!(names(&next()), ["now.png"]);
    store.keep(&[outcome(next()[0].clone(), Some(1.0))]).unwrap();
    assert_eq!(names(&next()), ["late.png"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_hold_every_result_once_whatever_they_are_sorted_by(
        scores in prop::collection::vec(prop::option::weighted(0.9, -3i8..3), 1..40),
        limit in 1usize..7,
    ) {
        let (_folder, store) = store();
        for (at, _) in scores.iter().enumerate() {
            add(&store, Origin::Alone, &format!("{}.png", at % 5), None);
        }
        let waiting = store.next_pending(100).unwrap();
        let outcomes = waiting.into_iter().zip(&scores);
        let outcomes: Vec<Outcome> = outcomes.map(|(item, score)| outcome(item, score.map(f32::from))).collect();
        store.keep(&outcomes).unwrap();
        for (word, sort) in Sort::ALL {
            let (mut seen, mut after, mut last) = (BTreeSet::new(), None::<String>, None::<f32>);
            loop {
                let page = store.results(&Filter::default(), sort, (limit, after.as_deref())).unwrap();
                prop_assert_eq!(page.total as usize, scores.len());
                prop_assert!(page.results.len() <= limit);
                for found in &page.results {
                    prop_assert!(seen.insert(found.id), "{} twice, sorted by {}", found.id, word);
                    if let (Sort::Highest, Some(score)) = (sort, found.score) {
                        prop_assert!(last.is_none_or(|last| score <= last));
                        last = Some(score);
                    }
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(seen.len(), scores.len(), "sorted by {}", word);
        }
    }
}

#[test]
fn results_are_found_by_verdict_name_and_mark() {
    let (_folder, store) = store();
    for name in ["lot/Scratch-1.png", "lot/good-1.png", "lot/broken.png"] {
        add(&store, Origin::Alone, name, None);
    }
    let waiting = store.next_pending(10).unwrap();
    let scores = [Some(3.0), Some(0.5), None];
    let outcomes: Vec<Outcome> = waiting.into_iter().zip(scores).map(|(item, score)| outcome(item, score)).collect();
    store.keep(&outcomes).unwrap();
    let alarm = outcomes[0].item.id;
    let feedback = FeedbackRecord {
        mark: MarkWord::FalseAlarm,
        r#box: Some([1, 2, 3, 4]),
        note: Some("dust".to_owned()),
        at: String::new(),
        by: String::new(),
    };
    store.mark(alarm, &feedback, "anna").unwrap();
    let names = |filter: Filter| -> Vec<String> {
        let page = store.results(&filter, Sort::Name, (10, None)).unwrap();
        page.results.into_iter().map(|found| found.name).collect()
    };
    let none = Filter::default;
    assert_eq!(names(Filter { verdict: Some("anomalous".to_owned()), ..none() }), ["lot/Scratch-1.png"]);
    assert_eq!(names(Filter { verdict: Some("failed".to_owned()), ..none() }), ["lot/broken.png"]);
    assert_eq!(names(Filter { search: Some("scratch".to_owned()), ..none() }), ["lot/Scratch-1.png"]);
    assert_eq!(names(Filter { search: Some("%".to_owned()), ..none() }), Vec::<String>::new());
    assert_eq!(names(Filter { mark: Some(MarkWord::FalseAlarm), ..none() }), ["lot/Scratch-1.png"]);
    assert_eq!(names(Filter { day: Some("2001-01-01".to_owned()), ..none() }), Vec::<String>::new());
    let marked = store.result(alarm).unwrap().feedback.unwrap();
    assert_eq!((marked.r#box, marked.by.as_str()), (Some([1, 2, 3, 4]), "anna"));
    assert_eq!(store.marked("part").unwrap().len(), 1);
    // Learned once, it is no candidate again; marked anew, it is.
    store.learned(&[alarm]).unwrap();
    assert!(store.marked("part").unwrap().is_empty());
    store.mark(alarm, &feedback, "anna").unwrap();
    assert_eq!(store.marked("part").unwrap().len(), 1);
    store.unmark(alarm).unwrap();
    assert!(store.result(alarm).unwrap().feedback.is_none());
}

#[test]
fn a_detector_goes_back_to_where_each_version_came_from() {
    let (_folder, store) = store();
    store.add_version(("part", "Part"), "one", "fitted", None).unwrap();
    store.add_version(("part", "Part"), "two", "threshold", Some("one")).unwrap();
    assert!(matches!(
        store.add_version(("part", "Part"), "lost", "threshold", Some("one")),
        Err(StoreError::Conflict(_))
    ));
    assert_eq!(store.undo("part").unwrap(), "one");
    // What comes now comes from the first one.
    store.add_version(("part", "Part"), "three", "threshold", Some("one")).unwrap();
    assert_eq!(store.undo("part").unwrap(), "one");
    assert!(matches!(store.undo("part"), Err(StoreError::Conflict(_))));
    assert_eq!(store.lineage("part").unwrap().len(), 3);
    assert!(store.uses_bundle("two").unwrap() && !store.uses_bundle("lost").unwrap());
    store.delete_detector("part").unwrap();
    assert!(!store.uses_bundle("two").unwrap());
}

#[test]
fn somebody_stays_admin_and_a_new_password_ends_sessions() {
    let (_folder, store) = store();
    store.set_user("anna", Role::Admin, "hash").unwrap();
    assert!(matches!(store.set_user("anna", Role::Viewer, "hash"), Err(StoreError::Conflict(_))));
    assert_eq!(store.users().unwrap()[0].role, Role::Admin);
    store.set_user("ben", Role::Operator, "hash").unwrap();
    assert!(matches!(store.delete_user("anna"), Err(StoreError::Conflict(_))));
    store.begin_session("ben", b"digest").unwrap();
    assert_eq!(store.session(b"digest").unwrap().unwrap().name, "ben");
    store.set_user("ben", Role::Operator, "other").unwrap();
    assert!(store.session(b"digest").unwrap().is_none());
    store.add_token("mes", Role::Operator, b"token").unwrap();
    assert_eq!(store.token(b"token").unwrap().unwrap().role, Role::Operator);
    store.delete_token("mes").unwrap();
    assert!(store.token(b"token").unwrap().is_none());
}

#[test]
fn the_oldest_that_wait_are_dropped_and_counted() {
    let (_folder, store) = store();
    let settings = line_settings();
    let line = store.set_line(None, &settings).unwrap();
    assert!(matches!(store.set_line(None, &settings), Err(StoreError::Conflict(_))));
    for at in 0..5 {
        add(&store, Origin::Line(line), &format!("{at}.png"), None);
    }
    assert_eq!(store.drop_oldest(line, 3).unwrap(), 3);
    let counts = store.line_counts(line, 0).unwrap();
    assert_eq!((counts.n_dropped, counts.n_pending, counts.n_inspected), (3, 2, 0));
    let names: Vec<String> = store.next_pending(10).unwrap().into_iter().map(|item| item.name).collect();
    assert_eq!(names, ["3.png", "4.png"]);
    // A sink begins with what is made from now on, and goes on where it was.
    let waiting = store.next_pending(10).unwrap();
    store.keep(&[outcome(waiting[0].clone(), Some(1.0))]).unwrap();
    assert_eq!(store.delivered(line, "folder").unwrap(), 1);
    store.keep(&[outcome(waiting[1].clone(), Some(1.0))]).unwrap();
    let made = store.made_after(line, 1, 10).unwrap();
    assert_eq!((made.len(), made[0].1.name.as_str()), (1, "4.png"));
    let last: Vec<String> = store.last_of_line(line, 5).unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(last, ["4.png", "3.png"]);
    assert_eq!(store.last_of_line(line, 1).unwrap().len(), 1);
    store.deliver_upto(line, "folder", made[0].0).unwrap();
    assert_eq!(store.delivered(line, "folder").unwrap(), 2);
}

#[test]
fn a_database_of_the_first_version_gets_the_counts_of_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pcore.sqlite3");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(MIGRATIONS[0]).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    for name in ["a", "b"] {
        let line = "INSERT INTO line (name, detector, running, source, sinks, policy, capacity, created_at) VALUES (?, 'part', 1, '{}', '[]', 'block', 9, 0)";
        first.execute(line, [name]).unwrap();
    }
    let items = [("normal", 5, None), ("anomalous", 6, None), ("anomalous", 7, None), ("", 8, Some("torn"))];
    for (verdict, done_at, error) in items {
        let item = "INSERT INTO item (line, name, path, priority, detector, accepted_at, done_at, verdict, error) VALUES (1, 'x', '', 1, 'part', 0, ?, ?, ?)";
        let verdict = Some(verdict).filter(|verdict| !verdict.is_empty());
        first.execute(item, rusqlite::params![done_at, verdict, error]).unwrap();
    }
    drop(first);
    let store = Store::open(&path).unwrap();
    let counts = |line| store.line_counts(line, 0).unwrap();
    assert_eq!((counts(1).n_inspected, counts(1).n_anomalous, counts(1).n_failed), (4, 2, 1));
    assert_eq!((counts(2).n_inspected, counts(2).n_anomalous, counts(2).n_failed), (0, 0, 0));
    add(&store, Origin::Line(2), "c.png", None);
    store.keep(&[outcome(store.next_pending(1).unwrap().remove(0), Some(4.0))]).unwrap();
    assert_eq!((counts(2).n_inspected, counts(2).n_anomalous, counts(2).n_failed), (1, 1, 0));
}

#[test]
fn a_database_of_a_later_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pcore.sqlite3");
    drop(Store::open(&path).unwrap());
    let later = Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    drop(later);
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn a_copy_made_while_the_server_writes_opens_whole() {
    let (folder, store) = store();
    for at in 0..20 {
        add(&store, Origin::Alone, &format!("{at}.png"), None);
    }
    let copy = folder.path().join("copy.sqlite3");
    let reader = Connection::open(folder.path().join("pcore.sqlite3")).unwrap();
    reader.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    add(&store, Origin::Alone, "later.png", None);
    assert_eq!(Store::open(&copy).unwrap().n_pending().unwrap(), 20);
    assert_eq!(store.n_pending().unwrap(), 21);
}
