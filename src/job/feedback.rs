//! What people say of results, kept beside them, and images that were marked.

use super::JobError;
use super::place::{read_at_most, write_text};
use crate::dataset::{Label, Sample, path_from_text};
use crate::report::{Feedback, Mark, ResultRow};
use crate::score::Verdict;
use glob::Pattern;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file of marks, in a folder of results.
pub const FEEDBACK_FILE: &str = "feedback.json";

/// The largest file of results that is read.
const MAX_RESULT_BYTES: u64 = 2 << 30;

/// What is to be marked in a folder of results: paths of its rows, ends of them that only one has, or patterns.
#[derive(Clone, Copy, Debug)]
pub struct MarkJob<'a> {
    /// The folder.
    pub results: &'a Path,
    /// Called anomalous, and normal.
    pub false_alarms: &'a [String],
    /// Called normal, and defective.
    pub missed: &'a [String],
    /// No longer marked.
    pub cleared: &'a [String],
    /// When.
    pub at: Option<SystemTime>,
}

/// Marks images of a run in [`FEEDBACK_FILE`]; gives all marks there are then. Nothing is changed on an error.
///
/// # Errors
/// [`JobError::Mark`] for a name that fits no row or several, or a mark that the row's verdict contradicts; results that can't be
/// read, and a file that can't be written.
pub fn mark(job: &MarkJob<'_>) -> Result<Feedback, JobError> {
    let place = job.results.join("results.jsonl");
    let text = read_at_most(&place, MAX_RESULT_BYTES)?;
    let rows = ResultRow::read_all(&String::from_utf8_lossy(&text)).map_err(JobError::report(&place))?;
    let mut feedback = read(job.results)?;
    let at = humantime::format_rfc3339_seconds(job.at.unwrap_or_else(SystemTime::now)).to_string();
    for (names, mark, needed) in
        [(job.false_alarms, Mark::FalseAlarm, Verdict::Anomalous), (job.missed, Mark::Missed, Verdict::Normal)]
    {
        for name in names {
            for row in chosen(&rows, name)? {
                if row.verdict != Some(needed) {
                    let said = row.verdict.map_or("has no verdict", |v| match v {
                        Verdict::Normal => "was called normal",
                        Verdict::Anomalous => "was called anomalous",
                    });
                    return Err(JobError::Mark {
                        name: row.path.clone(),
                        why: format!("it {said}, so it is no {mark}"),
                    });
                }
                feedback.mark(row, mark, &at);
            }
        }
    }
    for name in job.cleared {
        let cleared: Vec<bool> = chosen(&rows, name)?.into_iter().map(|row| feedback.clear(&row.path)).collect();
        if !cleared.contains(&true) {
            return Err(JobError::Mark { name: name.clone(), why: "it was not marked".to_owned() });
        }
    }
    let place = job.results.join(FEEDBACK_FILE);
    if !(job.false_alarms.is_empty() && job.missed.is_empty() && job.cleared.is_empty()) {
        write_text(&place, &feedback.text().map_err(JobError::report(&place))?)?;
    }
    Ok(feedback)
}

/// The rows that a name is of.
fn chosen<'a>(rows: &'a [ResultRow], name: &str) -> Result<Vec<&'a ResultRow>, JobError> {
    if let Some(row) = rows.iter().find(|row| row.path == name) {
        return Ok(vec![row]);
    }
    let refused = |why: String| Err(JobError::Mark { name: name.to_owned(), why });
    let ends = |row: &&ResultRow| row.path.replace('\\', "/").ends_with(&format!("/{name}"));
    let found: Vec<&ResultRow> = rows.iter().filter(ends).collect();
    match found.len() {
        0 => {}
        1 => return Ok(found),
        n => return refused(format!("{n} images end so; give more of the path")),
    }
    let Ok(pattern) = Pattern::new(name) else { return refused("no image of the results is called so".to_owned()) };
    let found: Vec<&ResultRow> = rows.iter().filter(|row| pattern.matches(&row.path)).collect();
    if found.is_empty() { refused("no image of the results is called so".to_owned()) } else { Ok(found) }
}

fn read(results: &Path) -> Result<Feedback, JobError> {
    let place = results.join(FEEDBACK_FILE);
    if !place.exists() {
        return Ok(Feedback::default());
    }
    let text = read_at_most(&place, MAX_RESULT_BYTES)?;
    Feedback::read(&String::from_utf8_lossy(&text)).map_err(JobError::report(&place))
}

/// The images that were marked in these folders of results: false alarms as normal ones, misses as defective ones.
///
/// # Errors
/// [`JobError::Mark`] for a folder without marks; [`ReportError`](crate::report::ReportError) for a file that is none.
pub fn marked(results: &[PathBuf]) -> Result<Vec<Sample>, JobError> {
    let mut samples: Vec<Sample> = vec![];
    for folder in results {
        let feedback = read(folder)?;
        if feedback.marks.is_empty() {
            let why = "nothing is marked there (`job::mark`)".to_owned();
            return Err(JobError::Mark { name: folder.display().to_string(), why });
        }
        for row in feedback.marks {
            let (label, defect) = match row.mark {
                Mark::FalseAlarm => (Label::Normal, None),
                Mark::Missed => (Label::Anomalous, Some("missed".to_owned())),
            };
            let path = path_from_text(&row.path);
            if samples.iter().any(|known| known.path == path) {
                continue;
            }
            let name = row.path.replace('\\', "/").trim_start_matches(['.', '/']).to_owned();
            let (label, mask, roi, domain, product) = (Some(label), None, None, None, None);
            samples.push(Sample { path, name, label, defect, mask, roi, domain, product });
        }
    }
    Ok(samples)
}
