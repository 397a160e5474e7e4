//! Which domain of a tree is meant.

use std::path::{Path, PathBuf};

use super::DatasetError;
use super::place::{DOMAIN_PREFIX, absolute, domain_name, domain_of};
use super::walk::subfolders;

/// The domain folder inside `folder`, if it holds any: the chosen one, or the only one.
pub(super) fn choose(folder: &Path, wanted: Option<&str>) -> Result<Option<PathBuf>, DatasetError> {
    let folders = subfolders(folder)?;
    let names = folders.iter().filter_map(|name| name.strip_prefix(DOMAIN_PREFIX));
    let found: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let path = folder.to_path_buf();
    let chosen = match (wanted.map(domain_name), found.as_slice()) {
        (_, []) => return Ok(None),
        (None, [only]) => only,
        (None, _) => return Err(DatasetError::SeveralDomains { path, found }),
        (Some(wanted), all) => match all.iter().find(|name| *name == wanted) {
            Some(name) => name,
            None => {
                let wanted = wanted.to_owned();
                return Err(DatasetError::NoSuchDomain { path, wanted, found });
            }
        },
    };
    Ok(Some(folder.join(format!("{DOMAIN_PREFIX}{chosen}"))))
}

/// Refuses a folder inside one domain where another was chosen.
pub(super) fn check_agrees(folder: &Path, wanted: Option<&str>) -> Result<(), DatasetError> {
    match (wanted.map(domain_name), domain_of(&absolute(folder)?)) {
        (Some(wanted), Some(in_path)) if wanted != in_path => {
            Err(DatasetError::OtherDomain { path: folder.to_path_buf(), in_path, wanted: wanted.to_owned() })
        }
        _ => Ok(()),
    }
}
