//! Whole pieces of work, from images to files, without a terminal: what the program and any server call.
//!
//! | job | from | to |
//! |---|---|---|
//! | [`fit()`] | normal images | a bundle, and a page of those unlike the others |
//! | [`inspect()`] | images | rows, overlays, maps, explanations and `report.html` in a folder |
//! | [`evaluate()`] | labelled images | figures, and the same folder |
//! | [`calibrate()`], [`choose_threshold()`] | a bundle, and normal or labelled images | the bundle with other thresholds |
//! | [`update()`], [`forget()`], [`merge()`] | a bundle, and images, names or another bundle | the bundle that learned or forgot |
//! | [`compare()`] | two bundles or results, and images | agreement, and the images judged differently |
//! | [`screen()`] | unlabelled images | their order, and a list of the most normal ones |
//! | [`study()`] | labelled images and a plan | tables and pages in a folder |
//! | [`drift_of_images`] | images in their order | whether they still come from where those of the fit came from |
//! | [`export()`] | a folder of results | files of Label Studio, COCO, Parquet, CSV, TensorBoard |
//!
//! A job checks its place before it works, tells how far it is and what it leaves out through the [`Progress`] of its
//! [`Context`], stops where that says so, and leaves files that are whole at every moment: `run.json` says whether they are all
//! there. Choosing a bundle, opening a device and telling results to people is left to the caller.
//!
//! ```no_run
//! use pcore::bundle::Contents;
//! use pcore::job::{self, Context, FitJob, InspectJob, JobError, Opened};
//! use pcore::{FitPlan, OpenDevice};
//! use std::path::Path;
//!
//! let (bundle, device, context) = (Path::new("part.pcore"), OpenDevice::cpu(), Context::default());
//! let normals = pcore::dataset::normals("normal".as_ref(), None)?;
//! let plan = FitPlan::default();
//! job::fit(&FitJob { listing: &normals, plan: &plan, base: None, bundle, suspects: None }, &device, &context)?;
//!
//! let opened = Opened::open(Contents::read(bundle)?, bundle, "just fitted", device)?;
//! let images = pcore::dataset::inputs(&["line1".into()], None)?;
//! let work = InspectJob { out: Some(Path::new("results")), ..InspectJob::new(&opened, &images) };
//! let done = job::inspect(&work, &context, |row, _why| {
//!     println!("{}: {:?}", row.path, row.verdict);
//!     Ok::<_, JobError>(())
//! })?;
//! println!("{} of {} anomalous", done.n_anomalous(), done.images.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Progress`]: crate::progress::Progress

mod change;
mod compare;
mod context;
mod drift;
mod error;
mod evaluate;
mod explain;
mod export;
mod feedback;
mod fit;
mod folder;
mod history;
mod inspect;
mod known;
mod levels;
mod opened;
mod page;
mod pictures;
mod place;
mod screen;
mod shown;
mod study;
mod suspects;
mod times;
mod training;
mod truth;

pub use change::{
    ChangeJob, Evidence, UpdateDone, calibrate, choose_threshold, forget, merge, set_alpha, set_cut, update,
};
pub use compare::{CompareJob, Compared, Side, compare};
pub use context::Context;
pub use drift::{drift_of_history, drift_of_images, drift_of_results, write_drift};
pub use error::JobError;
pub use evaluate::{EvaluateJob, Evaluated, evaluate};
pub use explain::{Explained, Explaining};
pub use export::{ExportDone, ExportFormat, ExportJob, export, export_fit};
pub use feedback::{FEEDBACK_FILE, MarkJob, mark, marked};
pub use fit::{FitDone, FitJob, fit};
pub use history::history_files;
pub use inspect::{InspectJob, Inspected, inspect};
pub use known::known_conditions;
pub use opened::Opened;
pub use pictures::MapFormat;
pub use place::{check_bundle, check_file, check_folder, prepare_folder, read_at_most};
pub use screen::{Keep, NORMAL_LIST, SCREENING_CSV, ScreenDone, ScreenJob, screen};
pub use study::{StudyDone, StudyJob, study};
pub use suspects::SUSPECTS_PAGE;
pub use times::{HistoryTime, PartOrder};
pub use training::{check_trains, record_trainings};
pub use truth::Truth;
