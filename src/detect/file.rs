//! Bundle files of the detectors in a registry.

use super::Registry;
use crate::bundle::{self, BundleError, Contents, Defect, SignatureError, SigningKey, TrustedKey};
use std::path::{Path, PathBuf};

/// Files of pcore's own detectors; [`Registry`] has the same for those of others.
impl Contents {
    /// Reads and verifies a bundle file.
    ///
    /// # Errors
    /// See [`bundle::read`].
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        bundle::read(path, Registry::built_in())
    }

    /// Verifies the bytes of a bundle file.
    ///
    /// # Errors
    /// The [`Defect`] that makes the bytes no valid bundle.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Defect> {
        bundle::from_bytes(bytes, Registry::built_in())
    }

    /// Reads a bundle that `key` signed.
    ///
    /// # Errors
    /// See [`bundle::read_signed`].
    pub fn read_signed(path: &Path, key: &TrustedKey) -> Result<Self, SignatureError> {
        bundle::read_signed(path, key, Registry::built_in())
    }

    /// Writes a bundle file, replacing the one that is there.
    ///
    /// # Errors
    /// See [`bundle::write`].
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        bundle::write(path, self, Registry::built_in())
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// The [`Defect`] for which a reader would refuse the contents.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Defect> {
        bundle::to_bytes(self, Registry::built_in())
    }

    /// Checks that all parts are finite, in range and agree with each other. Readers and writers do this themselves.
    ///
    /// # Errors
    /// The first [`Defect`] found.
    pub fn check(&self) -> Result<(), Defect> {
        self.check_with(Registry::built_in())
    }
}

/// Signs a bundle of one of pcore's own detectors.
///
/// # Errors
/// See [`bundle::sign`].
pub fn sign(bundle: &Path, key: &SigningKey) -> Result<(PathBuf, String), SignatureError> {
    bundle::sign(bundle, key, Registry::built_in())
}
