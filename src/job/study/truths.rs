//! The true conditions of test images.

use super::super::known::KNOWN_TABLES;
use super::JobError;
use crate::condition::ConditionRule;
use crate::dataset::Listing;
use crate::progress::Progress;

/// The rule for them: as asked for, else a table, that of the training images or one found.
pub(super) fn rule(
    (asked, of_training): (Option<&ConditionRule>, &ConditionRule),
    listing: &Listing,
    progress: &dyn Progress,
) -> Result<ConditionRule, JobError> {
    if let Some(rule) = asked {
        return match rule {
            ConditionRule::P90 { .. } => Err(JobError::NoTruth { rule: rule.clone() }),
            _ => Ok(rule.clone()),
        };
    }
    if let ConditionRule::Table(path) = of_training {
        return Ok(ConditionRule::Table(path.clone()));
    }
    // The dataset's folder is the one of the labelled images, or one of those above it up to the root named.
    let first = listing.samples.first().map(|sample| sample.path.clone()).unwrap_or_default();
    let root = listing.root.parent().unwrap_or(&listing.root);
    let folders = first.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    let tables = folders.flat_map(|folder| KNOWN_TABLES.map(|name| folder.join(name)));
    let Some(path) = tables.into_iter().find(|path| path.is_file()) else { return Ok(ConditionRule::None) };
    progress.note(&format!(
        "conditions of test images from {} (`StudyJob::test_conditions` chooses otherwise)",
        path.display()
    ));
    Ok(ConditionRule::Table(path))
}
