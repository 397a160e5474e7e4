//! Data that is no part of the repository: `$PCORE_SHARED`, else the folder `shared` beside the checkout.

use std::path::{Path, PathBuf};

/// A file or folder of it; where it is missing, the test that asks is skipped and says so.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("PCORE_SHARED").map_or_else(beside, PathBuf::from).join(part);
    if path.exists() {
        return Some(path);
    }
    skipped!("no {}", path.display());
    None
}
