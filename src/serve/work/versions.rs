//! Bundles become versions of detectors: files that never change, named by what is in them.

use super::Station;
use crate::bundle::Contents;
use crate::job::{self, ChangeJob, JobError};
use crate::serve::store::StoreError;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Why a version does not come to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::serve) enum VersionError {
    /// The bundle can't be made or used.
    #[error(transparent)]
    Job(#[from] JobError),
    /// It can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle's file can't be kept.
    #[error("keeping the bundle: {0}")]
    Io(#[from] io::Error),
}

/// SHA-256 of a file, 64 lower-case hexadecimal digits.
///
/// # Errors
/// What the system says.
pub(in crate::serve) fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(HEXLOWER.encode(&hash.finalize()))
}

/// Takes the bundle at `path`, which is the server's own, as the version of a detector that is used from now on. Gives its SHA-256.
///
/// # Errors
/// A bundle that this server can't use, and what can't be kept; the file is gone then.
pub(in crate::serve) fn adopt(
    station: &Station,
    path: &Path,
    detector: (&str, &str),
    (what, instead_of): (&str, Option<&str>),
) -> Result<String, VersionError> {
    let adopted = try_adopt(station, path, detector, (what, instead_of));
    if adopted.is_err() {
        drop(fs::remove_file(path));
    }
    adopted
}

fn try_adopt(
    station: &Station,
    path: &Path,
    detector: (&str, &str),
    (what, instead_of): (&str, Option<&str>),
) -> Result<String, VersionError> {
    station.bundles.try_open(path)?;
    let sha = digest(path)?;
    fs::rename(path, station.place.bundle(&sha))?;
    station.store.add_version(detector, &sha, what, instead_of)?;
    tracing::info!(detector = detector.0, version = sha, what, "a detector changed");
    Ok(sha)
}

/// Moves the threshold of a detector to another rate of false alarms.
///
/// # Errors
/// A rate out of reach; what can't be kept.
pub(in crate::serve) fn change_threshold(
    station: &Station,
    detector: &str,
    alpha: f64,
) -> Result<String, VersionError> {
    let known = station.store.detector(detector)?;
    let path = station.place.bundle(&known.sha);
    let contents = Contents::read(&path).map_err(JobError::from)?;
    let out = station.place.unfinished();
    job::set_alpha(&ChangeJob { contents: &contents, bundle: &path, out: Some(&out) }, alpha)?;
    adopt(station, &out, (&known.id, &known.name), (&format!("threshold for {alpha} false alarms"), Some(&known.sha)))
}
