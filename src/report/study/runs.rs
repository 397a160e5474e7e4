//! Finished runs, one per line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::eval::study::Run;
use crate::report::ReportError;

/// One line of `runs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunLine {
    /// Identifies everything that the run depends on.
    pub key: String,
    cell: String,
    seed: u64,
    conditions: Vec<String>,
    n_rows: usize,
    raw: Vec<f32>,
    calibrated: Vec<f32>,
    threshold: Vec<f32>,
    told: Vec<Option<u32>>,
    nearest: Vec<u32>,
}

impl RunLine {
    /// The line of a run.
    #[must_use]
    pub fn new(key: String, run: Run) -> Self {
        let Run { cell, seed, conditions, n_rows, raw, calibrated, threshold, told, nearest } = run;
        Self { key, cell, seed, conditions, n_rows, raw, calibrated, threshold, told, nearest }
    }

    /// The run, or nothing unless it tells as much of every one of `n_images`.
    #[must_use]
    pub fn run(self, n_images: usize) -> Option<Run> {
        let Self { key: _, cell, seed, conditions, n_rows, raw, calibrated, threshold, told, nearest } = self;
        let lengths = [raw.len(), calibrated.len(), threshold.len(), told.len(), nearest.len()];
        let run = Run { cell, seed, conditions, n_rows, raw, calibrated, threshold, told, nearest };
        lengths.iter().all(|n| *n == n_images).then_some(run)
    }

    /// The line, with its end. Floats are the shortest text that reads back as the same value.
    ///
    /// # Errors
    /// [`ReportError::Json`] when it can't be written as JSON.
    pub fn text(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// The runs of a file by key, those whose lines are whole and tell of `n_images`; and the length of the file up to the last
/// whole line. A study that was killed leaves at most its last line torn.
#[must_use]
pub fn run_lines(text: &[u8], n_images: usize) -> (BTreeMap<String, Run>, usize) {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut found = BTreeMap::new();
    for line in text[..whole].split(|byte| *byte == b'\n') {
        if let Ok(line) = serde_json::from_slice::<RunLine>(line) {
            let key = line.key.clone();
            found.extend(line.run(n_images).map(|run| (key, run)));
        }
    }
    (found, whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(values: &[f32]) -> Run {
        Run {
            cell: "context=h:2,3".to_owned(),
            seed: 3,
            conditions: vec!["cold".to_owned(), "warm \"x\"".to_owned()],
            n_rows: 20,
            raw: values.to_vec(),
            calibrated: values.iter().map(|v| v / 3.0).collect(),
            threshold: vec![0.1; values.len()],
            told: (0..values.len()).map(|i| (i % 2 == 0).then_some(1)).collect(),
            nearest: vec![1; values.len()],
        }
    }

    proptest! {
        #[test]
        fn a_run_reads_back_bit_for_bit(bits in proptest::collection::vec(any::<u32>(), 1..20)) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|v| v.is_finite()).collect();
            let run = run(&values);
            let text = RunLine::new("k".to_owned(), run.clone()).text().unwrap();
            let (found, end) = run_lines(text.as_bytes(), values.len());
            prop_assert_eq!(end, text.len());
            let bits = |run: &Run| -> Vec<u32> { run.raw.iter().chain(&run.calibrated).map(|v| v.to_bits()).collect() };
            prop_assert_eq!(bits(&found["k"]), bits(&run));
            prop_assert_eq!(&found["k"], &run);
        }
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_was_torn() {
        let line = |key: &str| RunLine::new(key.to_owned(), run(&[1.0, 2.5])).text().unwrap();
        let (first, second) = (line("a"), line("b"));
        for cut in 0..second.len() {
            let text = format!("{first}{}", &second[..cut]);
            let (found, end) = run_lines(text.as_bytes(), 2);
            assert_eq!((found.len(), end), (1, first.len()), "cut at {cut}");
        }
        assert_eq!(run_lines(format!("{first}{second}").as_bytes(), 2).0.len(), 2);
    }

    #[test]
    fn lines_of_other_data_or_other_versions_are_passed_over() {
        let line = RunLine::new("a".to_owned(), run(&[1.0, 2.5])).text().unwrap();
        assert!(run_lines(line.as_bytes(), 3).0.is_empty());
        let newer = line.replace("\"seed\"", "\"grain\"");
        assert_eq!(run_lines(format!("{newer}{line}").as_bytes(), 2).0.len(), 1);
    }
}
