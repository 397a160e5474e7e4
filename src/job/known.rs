//! Conditions that are known without asking a gate.

use super::JobError;
use crate::dataset::{ConditionTable, Listing};
use crate::infer::Inspector;
use crate::progress::Progress;
use std::path::Path;

/// Images that a warning names.
const MAX_NAMED: usize = 5;

/// Tables that are used without being named, when they lie beside the images.
pub(super) const KNOWN_TABLES: [&str; 2] = ["conditions.csv", "manifest.csv"];

/// The condition table of these images: the one named, else one at the listing's root that names conditions of the bundle.
/// `progress` is told which one it is, and what it leaves out.
///
/// # Errors
/// The one named can't be read, or names none of the images.
pub fn known_conditions(
    named: Option<&Path>,
    listing: &Listing,
    inspector: &Inspector,
    progress: &dyn Progress,
) -> Result<Option<ConditionTable>, JobError> {
    let is_known = |name: &&str| inspector.conditions().iter().any(|known| known.as_str() == *name);
    if let Some(path) = named {
        let table = ConditionTable::read(path)?;
        warn_of_missing(&table, path, listing, progress)?;
        let strange: Vec<&str> = table.conditions().into_iter().filter(|name| !is_known(name)).collect();
        if !strange.is_empty() {
            progress.warn(&format!(
                "{} names conditions that the bundle does not know ({}): their images count as of unknown condition",
                path.display(),
                strange.join(", ")
            ));
        }
        return Ok(Some(table));
    }
    if inspector.conditions().len() < 2 {
        return Ok(None);
    }
    let roots = listing.root.ancestors().take(2);
    for path in roots.flat_map(|root| KNOWN_TABLES.map(|name| root.join(name))) {
        if !path.is_file() {
            continue;
        }
        let table = ConditionTable::read(&path)?;
        if table.conditions().iter().all(is_known) {
            progress.note(&format!("conditions from {} (`job::known_conditions` takes another table)", path.display()));
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Refuses a table that names none of the images, and says which it leaves out.
fn warn_of_missing(
    table: &ConditionTable,
    path: &Path,
    listing: &Listing,
    progress: &dyn Progress,
) -> Result<(), JobError> {
    table.names_any_of(&listing.samples.iter().collect::<Vec<_>>())?;
    let missing: Vec<&str> = listing.samples.iter().filter(|s| table.get(s).is_none()).map(|s| &*s.name).collect();
    if !missing.is_empty() {
        let more = if missing.len() > MAX_NAMED { ", ..." } else { "" };
        progress.warn(&format!(
            "{} of {} images are not in {} ({}{more}): the gate tells their condition",
            missing.len(),
            listing.samples.len(),
            path.display(),
            missing[..missing.len().min(MAX_NAMED)].join(", ")
        ));
    }
    Ok(())
}
