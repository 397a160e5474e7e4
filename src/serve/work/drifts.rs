//! Whether the images of each line still come from where those of the fit came from.

use crate::bundle::Contents;
use crate::condition::light_statistics;
use crate::image::Image;
use crate::infer::{Inspection, Inspector};
use crate::live::drift::{Drift, DriftPlan, Part};
use crate::serve::place::DataFolder;
use crate::serve::record::DriftRecord;
use crate::serve::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Results that a line's drift is found from again, after a start.
const BACK: usize = 5000;

/// What an image looked like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::serve) struct SeenText {
    light: [f32; 6],
    alike: Option<[f32; 2]>,
}

impl SeenText {
    /// Of an inspected image.
    pub(in crate::serve) fn of(inspector: &Inspector, image: &Image, inspection: &Inspection) -> Self {
        let light = light_statistics(image);
        Self { light, alike: inspector.alike(light[0], inspection) }
    }
}

/// A bet on each line, against the bundle that judges it.
#[derive(Default)]
pub(in crate::serve) struct Drifts(Mutex<HashMap<i64, (String, Drift)>>);

impl Drifts {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, (String, Drift)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a result of a line: the bundle that made it, its raw score and its condition.
    pub(in crate::serve) fn push(
        &self,
        place: &DataFolder,
        line: i64,
        (bundle, raw_score, condition): (&str, Option<f32>, Option<&str>),
        seen: Option<&SeenText>,
    ) {
        let Some(raw_score) = raw_score else { return };
        let mut lines = self.lock();
        // Another bundle, another question.
        if lines.get(&line).is_none_or(|(sha, _)| *sha != bundle) {
            match Contents::read(&place.bundle(bundle)) {
                Ok(contents) => {
                    lines.insert(line, (bundle.to_owned(), Drift::new(&contents, DriftPlan::default())));
                }
                Err(error) => return tracing::warn!(line, %error, "drift can't be looked for"),
            }
        }
        if let Some((_, drift)) = lines.get_mut(&line) {
            drift.push_part(&Part {
                raw_score: Some(raw_score),
                condition,
                light: seen.map(|seen| seen.light),
                alike: seen.and_then(|seen| seen.alike),
            });
        }
    }

    /// Finds out again where lines are, by their last results.
    pub(in crate::serve) fn resume(&self, place: &DataFolder, store: &Store) {
        let lines = store.lines().unwrap_or_default();
        for (line, _) in lines {
            for (found, seen) in store.last_seen(line, BACK).unwrap_or_default() {
                let seen = seen.and_then(|text| serde_json::from_str(&text).ok());
                let said = (found.bundle.as_str(), found.raw_score, found.condition.as_deref());
                self.push(place, line, said, seen.as_ref());
            }
        }
    }

    /// What is known of a line.
    pub(in crate::serve) fn of(&self, line: i64) -> DriftRecord {
        let lines = self.lock();
        let Some((_, drift)) = lines.get(&line) else { return DriftRecord { state: "unknown".to_owned(), p: None } };
        let state = drift.state();
        let is_drifting = state.drift_at.is_some() || state.scores_at.is_some();
        let log10 = state.drift_log10.max(state.scores_log10).max(0.0);
        DriftRecord {
            state: if is_drifting { "drifting" } else { "steady" }.to_owned(),
            p: Some(10f64.powf(-log10).min(1.0)),
        }
    }
}
