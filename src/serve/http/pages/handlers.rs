//! Pages of lines, detectors, data sets, and of the server.

use super::asked::{Asked, answered, shell};
use super::jobs::detectors as choices;
use super::made;
use crate::serve::http::app::App;
use crate::serve::http::problem::Problem;
use crate::serve::http::{detectors as described, lines, system};
use crate::serve::page::{self, views};
use crate::serve::record::{LineRecord, MarkWord, Role};
use crate::serve::store::{Account, Filter, Sort};
use crate::serve::work::Station;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;

/// Jobs on the first page.
const LAST_JOBS: usize = 6;
/// Results of a line on its own page.
const LAST_RESULTS: usize = 24;
/// Images of a data set on a page.
const IMAGES: usize = 120;

/// How many results are marked so.
fn n_marked(station: &Station, filter: Filter, mark: MarkWord) -> Result<i64, Problem> {
    Ok(station.store.results(&Filter { mark: Some(mark), ..filter }, Sort::default(), (1, None))?.total)
}

fn line_view(station: &Station, record: &LineRecord) -> Result<views::Line, Problem> {
    let of_line = Filter { line: Some(record.id), ..Filter::default() };
    Ok(made::line(record, n_marked(station, of_line, MarkWord::FalseAlarm)?))
}

/// `/`.
pub(super) async fn overview(State(app): State<App>, asked: Asked) -> Response {
    let lines = match lines::records(&app).await {
        Ok(lines) => lines,
        Err(problem) => return asked.failure(&problem),
    };
    let view = move |station: &Station| -> Result<views::Overview, Problem> {
        let jobs = station.store.jobs((None, None), LAST_JOBS, None)?.jobs;
        Ok(views::Overview {
            lines: lines.iter().map(|line| line_view(station, line)).collect::<Result<_, _>>()?,
            jobs: jobs.into_iter().map(|job| Ok(made::job(station.job(job.id)?))).collect::<Result<_, Problem>>()?,
            detectors: choices(station)?,
            n_datasets: station.store.datasets()?.len() as i64,
            n_results: station.store.results(&Filter::default(), Sort::default(), (1, None))?.total,
        })
    };
    asked.page(app.block(view).await, page::overview)
}

/// `/lines/{id}`.
pub(super) async fn line(State(app): State<App>, asked: Asked, Path(id): Path<i64>) -> Response {
    let record = match lines::record(&app, id).await {
        Ok(record) => record,
        Err(problem) => return asked.failure(&problem),
    };
    let view = move |station: &Station| -> Result<views::Live, Problem> {
        let filter = Filter { line: Some(id), ..Filter::default() };
        let last = station.store.results(&filter, Sort::Newest, (LAST_RESULTS, None))?.results;
        let line = views::Line { last: last.iter().map(made::found).collect(), ..line_view(station, &record)? };
        let newest = last.iter().find(|found| found.verdict.is_some()).map(made::picture);
        Ok(views::Live { line, newest, detectors: choices(station)? })
    };
    asked.page(app.block(view).await, page::line)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    detector: Option<String>,
    dataset: Option<String>,
    after: Option<i64>,
    then: Option<String>,
}

/// `/upload`.
pub(super) async fn upload(State(app): State<App>, asked: Asked, Query(chosen): Query<Chosen>) -> Response {
    let is_admin = asked.caller.role == Role::Admin;
    let view = move |station: &Station| -> Result<views::Upload, Problem> {
        let options = &station.options;
        let folders = options.folders.iter().filter(|_| is_admin).map(|path| path.display().to_string());
        Ok(views::Upload {
            detectors: choices(station)?,
            chosen: chosen.detector,
            max_files: options.max_files,
            max_bytes: options.max_request_bytes,
            folders: folders.collect(),
        })
    };
    asked.page(app.block(view).await, page::upload)
}

fn datasets_to_choose(station: &Station) -> Result<Vec<views::Choice>, Problem> {
    let sets = station.store.datasets()?;
    Ok(sets.into_iter().map(|set| views::Choice { id: set.id.to_string(), name: set.name }).collect())
}

/// `/detectors`.
pub(super) async fn detectors(State(app): State<App>, asked: Asked, Query(chosen): Query<Chosen>) -> Response {
    let view = move |station: &Station| -> Result<views::Detectors, Problem> {
        let known = station.store.detectors()?;
        let detectors = known.iter().map(|known| Ok(made::detector(&described::described(station, known)?)));
        Ok(views::Detectors {
            detectors: detectors.collect::<Result<_, Problem>>()?,
            datasets: datasets_to_choose(station)?,
            chosen: chosen.dataset,
        })
    };
    asked.page(app.block(view).await, page::detectors)
}

/// `/detectors/{id}`.
pub(super) async fn detector(State(app): State<App>, asked: Asked, Path(id): Path<String>) -> Response {
    asked.page(app.block(move |station| one_detector(station, &id)).await, page::detector)
}

fn one_detector(station: &Station, id: &str) -> Result<views::OneDetector, Problem> {
    let record = described::described(station, &station.store.detector(id)?)?;
    let thresholds = described::thresholds_of(station, id, None).ok().map(|found| views::Thresholds {
        held_out: found.held_out,
        recent: found.recent.into_iter().map(|one| views::Recent { score: one.score, mark: one.mark }).collect(),
        alpha: found.alpha,
        threshold: found.threshold,
        smallest_alpha: found.smallest_alpha,
    });
    let n_false_alarms = station.store.marked(id)?.iter().filter(|(.., is_defective)| !is_defective).count() as i64;
    let step = |step: &crate::serve::record::LineageStep| views::Step {
        what: step.what.clone(),
        at: step.at.clone(),
        version: step.version.clone(),
    };
    Ok(views::OneDetector {
        detector: made::detector(&record),
        version: record.version,
        conditions: record.conditions,
        n_held_out: record.n_held_out,
        calibration: record.calibration,
        suspects: record.suspects,
        lineage: record.lineage.iter().map(step).collect(),
        can_undo: record.can_undo,
        thresholds,
        datasets: datasets_to_choose(station)?,
        others: choices(station)?.into_iter().filter(|other| other.id != id).collect(),
        n_false_alarms,
    })
}

/// `/datasets`.
pub(super) async fn datasets(State(app): State<App>, asked: Asked) -> Response {
    let view = |station: &Station| -> Result<views::Datasets, Problem> {
        let set = |record: &crate::serve::record::DatasetRecord| -> Result<_, Problem> {
            let first = station.store.images(record.id, 0, 4)?;
            Ok(made::dataset(record, first.into_iter().map(|image| image.id).collect()))
        };
        Ok(views::Datasets { datasets: station.store.datasets()?.iter().map(set).collect::<Result<_, _>>()? })
    };
    asked.page(app.block(view).await, page::datasets)
}

/// `/datasets/{id}`.
pub(super) async fn dataset(
    State(app): State<App>,
    asked: Asked,
    Path(id): Path<i64>,
    Query(chosen): Query<Chosen>,
) -> Response {
    let view = move |station: &Station| -> Result<views::OneDataset, Problem> {
        let record = station.store.dataset(id)?;
        let mut images = station.store.images(id, chosen.after.unwrap_or(0), IMAGES + 1)?;
        let more = images.len() > IMAGES;
        images.truncate(IMAGES);
        let next = images.last().filter(|_| more).map(|image| image.id);
        let first = images.iter().take(4).map(|image| image.id).collect();
        Ok(views::OneDataset {
            dataset: made::dataset(&record, first),
            images: images.into_iter().map(made::dataset_image).collect(),
            next,
            is_later: chosen.after.is_some(),
            max_files: station.options.max_files,
            max_bytes: station.options.max_request_bytes,
        })
    };
    asked.page(app.block(view).await, page::dataset)
}

/// `/settings`.
pub(super) async fn settings(State(app): State<App>, asked: Asked) -> Response {
    let is_admin = asked.caller.role == Role::Admin;
    let view = move |station: &Station| -> Result<views::Settings, Problem> {
        let facts = system::facts(station)?;
        let account =
            |Account { name, role, created_at }: Account| views::Account { name, role: role.to_string(), created_at };
        let of = |accounts: Vec<Account>| accounts.into_iter().filter(|_| is_admin).map(account).collect();
        Ok(views::Settings {
            users: of(station.store.users()?),
            tokens: of(station.store.tokens()?),
            device: facts.device,
            data: facts.data,
            disk_free: facts.disk_free,
            n_pending: facts.n_pending,
            accounts: facts.accounts,
            folders: facts.folders,
        })
    };
    asked.page(app.block(view).await, page::settings)
}

/// `/login`.
pub(super) async fn login(Query(chosen): Query<Chosen>, uri: Uri, headers: HeaderMap) -> Response {
    // A path of this server, and nothing else.
    let is_own = |then: &String| then.starts_with('/') && !then.starts_with("//") && !then.contains('\\');
    let then = chosen.then.filter(is_own).unwrap_or_else(|| "/".to_owned());
    answered(&shell(&headers, None, uri.path()), Ok(views::Login { then }), page::login)
}
