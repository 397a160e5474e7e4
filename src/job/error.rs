//! What can end a job.

use crate::bundle::BundleError;
use crate::condition::ConditionRule;
use crate::dataset::{DatasetError, Shown};
use crate::detect::DetectError;
use crate::eval::EvalError;
use crate::eval::study::StudyError;
use crate::files::is_full;
use crate::image::ImageError;
use crate::live::LiveError;
use crate::report::ReportError;
use crate::train::TrainError;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The place for results is taken by a file.
    #[error("can't write results into {}: {} is no folder; choose another place", folder.display(), found.display())]
    NoFolder {
        /// The place.
        folder: PathBuf,
        /// What is there.
        found: PathBuf,
    },
    /// The place for results takes no files.
    #[error("can't write results into {}; choose another place: {source}", folder.display())]
    Refused {
        /// The place.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The place for a file is taken by a folder.
    #[error("can't write {}: it is a folder; name a file", path.display())]
    IsFolder {
        /// The place.
        path: PathBuf,
    },
    /// What is written through a link would lie outside of the folder of results.
    #[error("{} is a symbolic link, which is not followed; remove it, or name another folder", path.display())]
    IsLink {
        /// The link.
        path: PathBuf,
    },
    /// The place for a bundle is taken by somebody's file.
    #[error("{} is no bundle and is not overwritten; remove it, or name another file with `FitJob::bundle`", path.display())]
    NoBundle {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder can't be read or written.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was tried: `writing`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that is larger than it may be.
    #[error("{} is larger than {limit_mib} MiB", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit, in MiB.
        limit_mib: u64,
    },
    /// Results, a picture or a page can't be written.
    #[error("writing {}: {source}", path.display())]
    Report {
        /// Where.
        path: PathBuf,
        /// Why.
        source: ReportError,
    },
    /// A map can't be written.
    #[error("writing {}: {source}", path.display())]
    Map {
        /// Where.
        path: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// A file of results that is none.
    #[error("reading {}: {source}", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReportError,
    },
    /// Results of a run that was stopped.
    #[error("{} holds results of a run that did not come to its end (run.json); repeat it", folder.display())]
    Incomplete {
        /// The folder.
        folder: PathBuf,
    },
    /// No detector can be fitted.
    #[error("fitting on {}: {source}", root.display())]
    Fit {
        /// Folder of the images.
        root: PathBuf,
        /// Why.
        source: Box<TrainError>,
    },
    /// Results that can't be compared.
    #[error("comparing {}: {why}", path.display())]
    Compare {
        /// The results.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Settings of a training for detectors that train nothing.
    #[error(
        "{setting}: the detector {detectors} trains nothing step by step; leave it out, or fit one that does ({known})"
    )]
    NothingTrains {
        /// What was asked for.
        setting: &'static str,
        /// The detectors of the plan.
        detectors: String,
        /// Those that train.
        known: String,
    },
    /// A bundle can't be changed.
    #[error("changing {}: {source}", path.display())]
    Change {
        /// The bundle.
        path: PathBuf,
        /// Why.
        source: Box<LiveError>,
    },
    /// What can't be marked.
    #[error("{}: {why}", Shown::name(name))]
    Mark {
        /// The image, or the folder of results.
        name: String,
        /// Why.
        why: String,
    },
    /// False alarms that are no false alarms, or look too much like defects.
    #[error(
        "all {n_images} images cost known defects, which are missed when they are learned: nothing was changed; look at them, or learn them all the same with `Evidence::keeps_costly`"
    )]
    AllCostly {
        /// Images that were to be learned.
        n_images: usize,
    },
    /// A lot can't be screened.
    #[error("screening {}: {source}", root.display())]
    Screen {
        /// Folder of the images.
        root: PathBuf,
        /// Why.
        source: Box<TrainError>,
    },
    /// A bundle can't be used.
    #[error("opening {}: {source}", path.display())]
    Open {
        /// The bundle.
        path: PathBuf,
        /// Why.
        source: Box<DetectError>,
    },
    /// A rule that tells no true condition.
    #[error(
        "`StudyJob::test_conditions` {rule}: a level tells no true condition; expected none, index:N, folder or a CSV"
    )]
    NoTruth {
        /// The rule.
        rule: ConditionRule,
    },
    /// Several products that no condition keeps apart.
    #[error(
        "{} holds several products, and the plan's conditions ({rule}) do not tell them apart: give the folder of one product, or `ConditionRule::Folder`",
        root.display()
    )]
    Products {
        /// Folder of the products.
        root: PathBuf,
        /// The plan's rule.
        rule: ConditionRule,
    },
    /// A map can't be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The images can't be listed or labelled.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The bundle can't be read or written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The images can't be described or scored.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// There are no figures.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A study can't be run.
    #[error(transparent)]
    Study(#[from] StudyError),
}

impl JobError {
    /// A file or folder with what the system says.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// A piece of the report with why it can't be made.
    pub(super) fn report(path: &Path) -> impl FnOnce(ReportError) -> Self {
        let path = path.to_owned();
        move |source| Self::Report { path, source }
    }

    /// A file of results with why it is none.
    pub(super) fn unread(path: &Path) -> impl FnOnce(ReportError) -> Self {
        let path = path.to_owned();
        move |source| Self::Unread { path, source }
    }

    /// Whether it says that nothing more can be written at all.
    pub(super) fn is_disk_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(is_full) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_seen_through_every_layer() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let other = || io::Error::from(io::ErrorKind::PermissionDenied);
        let place = Path::new("out");
        assert!(JobError::file("writing", place)(full()).is_disk_full());
        assert!(JobError::report(place)(ReportError::Io(full())).is_disk_full());
        assert!(!JobError::file("writing", place)(other()).is_disk_full());
        assert!(!JobError::report(place)(ReportError::Io(other())).is_disk_full());
    }
}
