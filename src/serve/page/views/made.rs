//! Detectors, data sets, accounts, and what went wrong.

use super::Choice;

/// A detector in a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detector {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) backbone: String,
    pub(crate) fitted_at: String,
    pub(crate) n_images: usize,
    pub(crate) n_conditions: usize,
    pub(crate) alpha: f64,
    pub(crate) bytes: u64,
    pub(crate) n_versions: i64,
    /// Why it can't be used.
    pub(crate) error: Option<String>,
}

/// `/detectors`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detectors {
    pub(crate) detectors: Vec<Detector>,
    pub(crate) datasets: Vec<Choice>,
    /// The data set that the form begins with.
    pub(crate) chosen: Option<String>,
}

/// A version of a detector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) what: String,
    pub(crate) at: String,
    /// SHA-256 of its bundle.
    pub(crate) version: String,
}

/// The raw score of a result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    pub(crate) score: f64,
    pub(crate) mark: Option<String>,
}

/// A threshold and what it is seen with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thresholds {
    /// Raw scores of held-out normal images.
    pub(crate) held_out: Vec<f32>,
    pub(crate) recent: Vec<Recent>,
    pub(crate) alpha: f64,
    /// Of raw scores; none where too few images were held out.
    pub(crate) threshold: Option<f32>,
    /// The smallest rate that the held-out images can vouch for.
    pub(crate) smallest_alpha: f64,
}

/// `/detectors/{id}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneDetector {
    pub(crate) detector: Detector,
    /// SHA-256 of the bundle in use.
    pub(crate) version: String,
    pub(crate) conditions: Vec<String>,
    pub(crate) n_held_out: usize,
    /// How the threshold came about.
    pub(crate) calibration: String,
    /// Names of training images that score unlike the others.
    pub(crate) suspects: Vec<String>,
    /// The newest first.
    pub(crate) lineage: Vec<Step>,
    pub(crate) can_undo: bool,
    pub(crate) thresholds: Option<Thresholds>,
    pub(crate) datasets: Vec<Choice>,
    /// Other detectors, to compare with.
    pub(crate) others: Vec<Choice>,
    pub(crate) n_false_alarms: i64,
}

/// A data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dataset {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) n_images: i64,
    pub(crate) n_normal: i64,
    pub(crate) n_anomalous: i64,
    pub(crate) n_unlabelled: i64,
    pub(crate) bytes: u64,
    pub(crate) created_at: String,
    /// Numbers of its first images, up to 4.
    pub(crate) first: Vec<i64>,
}

/// `/datasets`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Datasets {
    pub(crate) datasets: Vec<Dataset>,
}

/// An image of a data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatasetImage {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// `normal`, `anomalous`, or none.
    pub(crate) label: Option<String>,
    pub(crate) bytes: u64,
}

/// `/datasets/{id}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneDataset {
    pub(crate) dataset: Dataset,
    pub(crate) images: Vec<DatasetImage>,
    /// `after` of the next page.
    pub(crate) next: Option<i64>,
    pub(crate) is_later: bool,
    pub(crate) max_files: usize,
    pub(crate) max_bytes: u64,
}

/// Somebody, or a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) created_at: String,
}

/// `/settings`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Both empty but for admins.
    pub(crate) users: Vec<Account>,
    pub(crate) tokens: Vec<Account>,
    pub(crate) device: String,
    /// The data folder.
    pub(crate) data: String,
    pub(crate) disk_free: u64,
    pub(crate) n_pending: i64,
    pub(crate) accounts: bool,
    pub(crate) folders: Vec<String>,
}

/// `/login`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// Where the reader goes then: a path of this server.
    pub(crate) then: String,
}

/// What went wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) request_id: Option<String>,
}
