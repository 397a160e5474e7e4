//! Results, jobs and lines.

use super::{Choice, Fact};

/// A result in a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) at: String,
    /// Id of the detector.
    pub(crate) detector: String,
    /// `normal` or `anomalous`; none where the image could not be inspected.
    pub(crate) verdict: Option<String>,
    pub(crate) score: Option<f32>,
    pub(crate) threshold: Option<f32>,
    pub(crate) p_value: Option<f64>,
    pub(crate) condition: Option<String>,
    pub(crate) n_regions: usize,
    pub(crate) ms: Option<f64>,
    pub(crate) error: Option<String>,
    /// `false_alarm`, `missed`, `defect` or `good`.
    pub(crate) mark: Option<String>,
}

impl Found {
    /// `normal`, `anomalous` or `failed`.
    pub(crate) fn verdict_word(&self) -> &str {
        self.verdict.as_deref().unwrap_or("failed")
    }
}

/// A job in a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) id: i64,
    /// `inspect`, `fit`, `update`, `calibrate` or `compare`.
    pub(crate) kind: String,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    pub(crate) state: String,
    /// Id of the detector.
    pub(crate) detector: String,
    pub(crate) title: String,
    pub(crate) n_total: i64,
    pub(crate) n_done: i64,
    pub(crate) n_failed: i64,
    pub(crate) n_anomalous: i64,
    pub(crate) stage: Option<String>,
    pub(crate) eta_s: Option<f64>,
    pub(crate) created_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) by: String,
}

impl Job {
    /// Whether something may still happen.
    pub(crate) fn is_open(&self) -> bool {
        ["pending", "running"].contains(&self.state.as_str())
    }

    /// Whether its results are of images.
    pub(crate) fn is_inspection(&self) -> bool {
        self.kind == "inspect"
    }
}

/// A line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Id of the detector.
    pub(crate) detector: String,
    /// `running`, `stopped` or `failed`.
    pub(crate) state: String,
    /// `folder`, `push` or `command`.
    pub(crate) source_kind: String,
    /// The folder or the command; empty where there is none.
    pub(crate) source: String,
    /// Each place where results go, in words: `webhook https://mes.example/in`.
    pub(crate) sinks: Vec<String>,
    /// The same as JSON, without secrets.
    pub(crate) sinks_json: String,
    /// `block`, `drop_oldest` or `spill`.
    pub(crate) policy: String,
    pub(crate) capacity: i64,
    pub(crate) n_inspected: i64,
    pub(crate) n_anomalous: i64,
    pub(crate) n_failed: i64,
    pub(crate) n_dropped: i64,
    pub(crate) n_pending: i64,
    /// Marked as false alarms.
    pub(crate) n_false_alarm: i64,
    pub(crate) per_minute: i64,
    pub(crate) p95_ms: Option<f64>,
    /// `steady`, `drifting` or `unknown`.
    pub(crate) drift: String,
    pub(crate) drift_p: Option<f64>,
    pub(crate) error: Option<String>,
    /// The newest first: up to 12 on a card, 24 on its own page.
    pub(crate) last: Vec<Found>,
}

/// `/`: what goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overview {
    pub(crate) lines: Vec<Line>,
    /// The last ones, the newest first.
    pub(crate) jobs: Vec<Job>,
    pub(crate) detectors: Vec<Choice>,
    pub(crate) n_datasets: i64,
    pub(crate) n_results: i64,
}

impl Overview {
    /// Whether nothing has been inspected yet, and nothing will by itself.
    pub(crate) fn is_new(&self) -> bool {
        self.lines.is_empty() && self.n_results == 0
    }
}

/// `/lines/{id}`: what happens on a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) line: Line,
    /// The newest result, at large.
    pub(crate) newest: Option<Picture>,
    pub(crate) detectors: Vec<Choice>,
}

/// An image that is shown large.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Pixels; the numbers of regions and boxes are counted in them.
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) regions: Vec<Region>,
    /// Where somebody saw a defect: left, top, width, height.
    pub(crate) marked: Option<[i64; 4]>,
}

/// A place that is unlike normal images.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    pub(crate) left: i64,
    pub(crate) top: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) area: i64,
    pub(crate) peak: f64,
    pub(crate) mean: f64,
}

/// `/upload`: images for a detector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) detectors: Vec<Choice>,
    /// The id of the one that is chosen.
    pub(crate) chosen: Option<String>,
    pub(crate) max_files: usize,
    pub(crate) max_bytes: u64,
    /// Folders of the server that a job may read; shown to admins.
    pub(crate) folders: Vec<String>,
}

/// `/jobs`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<Job>,
    /// What the list is narrowed to; empty where it is not.
    pub(crate) state: String,
    pub(crate) kind: String,
    /// `before` of the next page.
    pub(crate) next: Option<i64>,
}

/// What a list of results is narrowed to, as its address says it. Empty means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) verdict: String,
    pub(crate) search: String,
    /// `-at`, `at`, `-score`, `score` or `name`.
    pub(crate) sort: String,
    pub(crate) mark: String,
    pub(crate) day: String,
    pub(crate) line: String,
    pub(crate) detector: String,
    /// `grid` or `table`.
    pub(crate) view: String,
}

/// A page of a list of results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The path of the page that it is on.
    pub(crate) base: String,
    pub(crate) filter: Filter,
    pub(crate) results: Vec<Found>,
    pub(crate) total: i64,
    /// `after` of the next page.
    pub(crate) next: Option<String>,
    /// Whether this is not the first page.
    pub(crate) is_later: bool,
    /// Where files are downloaded from: `/api/v1/jobs/7/results` or `/api/v1/results`.
    pub(crate) api: String,
    /// To choose from; empty where all results are of one.
    pub(crate) lines: Vec<Choice>,
    pub(crate) detectors: Vec<Choice>,
}

/// `/jobs/{id}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneJob {
    pub(crate) job: Job,
    /// Of an inspection.
    pub(crate) listing: Option<Listing>,
    /// What it has to say at its end.
    pub(crate) report: Vec<Fact>,
}

/// `/results/{id}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneResult {
    pub(crate) found: Found,
    pub(crate) picture: Picture,
    pub(crate) raw_score: Option<f32>,
    /// SHA-256 of the bundle.
    pub(crate) bundle: String,
    pub(crate) job: Option<i64>,
    /// Number and name.
    pub(crate) line: Option<(i64, String)>,
    pub(crate) detector_name: String,
    pub(crate) note: Option<String>,
    /// Who marked it, and when.
    pub(crate) marked_by: Option<(String, String)>,
    /// Addresses of its neighbours, with what the list is narrowed to.
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
    /// The list it was opened from.
    pub(crate) list: String,
}

/// A day of results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    /// `2026-11-28`, UTC.
    pub(crate) day: String,
    pub(crate) n: i64,
    pub(crate) n_anomalous: i64,
    pub(crate) n_failed: i64,
    pub(crate) n_false_alarm: i64,
    pub(crate) median_score: Option<f64>,
    pub(crate) p95_score: Option<f64>,
}

/// `/history`.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The oldest first; days without results may be left out.
    pub(crate) days: Vec<Day>,
    pub(crate) listing: Listing,
}
