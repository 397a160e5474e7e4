//! Which program this is.

use super::super::JobError;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::env;
use std::fs::File;
use std::io;
use std::path::Path;

/// Identifies this program: results of another build are not reused.
pub(super) fn digest() -> Result<String, JobError> {
    let path = env::current_exe().map_err(JobError::file("finding the file of", Path::new("this program")))?;
    let mut hash = Sha256::new();
    let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hash));
    read.map_err(JobError::file("reading", &path))?;
    Ok(HEXLOWER.encode(&hash.finalize()))
}
