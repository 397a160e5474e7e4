//! What an image costs that a detector learned as normal.

use super::{LiveError, On, forget};
use crate::bundle::Contents;
use crate::dataset::Sample;
use crate::flow::Pace;
use crate::infer::{Calibration, inspect_all};
use crate::progress::{Progress, Silent};
use crate::score::Verdict;

/// A learned image, and what known defects say of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Weighed {
    /// Its name among the training images.
    pub name: String,
    /// The threshold of all images with it, and without.
    pub thresholds: [Option<f32>; 2],
    /// Known defects that are found with it, and without.
    pub n_found: [usize; 2],
    /// Known defects that could be inspected.
    pub n_defects: usize,
}

impl Weighed {
    /// Whether defects are missed for its sake.
    #[must_use]
    pub fn is_costly(&self) -> bool {
        self.n_found[0] < self.n_found[1]
    }
}

/// Weighs images that a detector has learned against known defects: how many are found as it is, and had it forgotten the image
/// ([`forget()`]).
///
/// # Errors
/// As [`forget()`], and whatever the inspection refuses.
pub fn weigh<'a>(
    learned: &Contents,
    names: &[String],
    defects: &[Sample],
    (on, pace): (impl Into<On<'a>>, &Pace),
    progress: &dyn Progress,
) -> Result<Vec<Weighed>, LiveError> {
    let on = on.into();
    let threshold = |contents: &Contents| contents.manifest.calibration.global.threshold;
    let found = |contents: Contents| found(contents, defects, on, pace);
    progress.begin("weighing", names.len());
    let (n_found, n_defects) = found(learned.clone())?;
    let mut weighed = vec![];
    for name in names {
        crate::detect::go_on(progress)?;
        // A name is no pattern.
        let exact = glob::Pattern::escape(name);
        let without = forget(learned.clone(), &[exact], on, None)?.contents;
        let thresholds = [threshold(learned), threshold(&without)];
        let (n_without, _) = found(without)?;
        weighed.push(Weighed { name: name.clone(), thresholds, n_found: [n_found, n_without], n_defects });
        progress.advance(1);
    }
    progress.end();
    Ok(weighed)
}

/// How many of these defects are found, of how many that can be inspected.
fn found(contents: Contents, defects: &[Sample], on: On<'_>, pace: &Pace) -> Result<(usize, usize), LiveError> {
    let inspector = on.open(contents)?;
    let (mut n_found, mut n_defects) = (0, 0);
    inspect_all(&inspector, defects, None, Calibration::Condition, pace, &Silent, |item| {
        if let Ok((_, inspection)) = &item.outcome {
            n_defects += 1;
            n_found += usize::from(inspection.verdict == Verdict::Anomalous);
        }
        Ok::<_, LiveError>(())
    })?;
    Ok((n_found, n_defects))
}
