//! What the folders above an image say about it.

use std::path::{Component, Path, PathBuf};

use super::error::failed;
use super::{DatasetError, Label, Product};

/// The folder of normal images.
pub(super) const GOOD: &str = "good";
/// The folder of training images.
pub(super) const TRAIN: &str = "train";
/// The folder of test images, beside [`GROUND_TRUTH`].
pub(super) const TEST: &str = "test";
/// The folder of test images of MVTec AD 2, which holds its masks too.
pub(super) const TEST_PUBLIC: &str = "test_public";
/// The folder of masks.
pub(super) const GROUND_TRUTH: &str = "ground_truth";
/// What a domain folder's name begins with.
pub(super) const DOMAIN_PREFIX: &str = "domain_";
/// Label, defect, mask and product of one image.
#[derive(Clone, Debug, Default)]
pub(super) struct Role {
    pub(super) label: Option<Label>,
    pub(super) defect: Option<String>,
    /// A file, or a folder of several.
    pub(super) mask: Option<PathBuf>,
    pub(super) product: Option<Product>,
}

/// The domain of an absolute path: `C` for the last folder called `domain_C`.
pub(super) fn domain_of(place: &Path) -> Option<String> {
    let names = place.components().rev().filter_map(|component| component.as_os_str().to_str());
    let mut domains = names.filter_map(|name| name.strip_prefix(DOMAIN_PREFIX));
    domains.find(|name| !name.is_empty()).map(str::to_owned)
}

/// `C` for `C` and for `domain_C`.
pub(super) fn domain_name(domain: &str) -> &str {
    domain.strip_prefix(DOMAIN_PREFIX).unwrap_or(domain)
}

/// The absolute path without `.` and `..`, links left as they are.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, DatasetError> {
    let full = std::path::absolute(path).map_err(failed("find the absolute path of", path))?;
    let mut cleaned = PathBuf::new();
    for component in full.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                cleaned.push(component);
            }
        }
    }
    Ok(cleaned)
}
