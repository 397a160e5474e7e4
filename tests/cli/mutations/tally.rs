//! What is counted over all folders.

use std::collections::BTreeMap;
use std::time::Duration;

/// The counts.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) n_files: usize,
    pub(crate) n_scored: usize,
    pub(crate) n_failed: usize,
    pub(crate) n_folders: usize,
    /// Failures in which a decoder gave up at one of its own checks: a panic that was caught.
    pub(crate) n_caught: usize,
    /// Ends with each exit code.
    pub(crate) by_code: BTreeMap<i32, usize>,
    pub(crate) peak_mib: u64,
    pub(crate) longest: Duration,
    /// Scored and refused files made from each format.
    pub(crate) by_format: BTreeMap<&'static str, [usize; 2]>,
    /// Reasons of refusal: how their messages begin, up to the first number or quoted word.
    reasons: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn score(&mut self, format: &'static str) {
        self.n_scored += 1;
        self.by_format.entry(format).or_default()[0] += 1;
    }

    /// Counts a refusal; `error` is what was said of the file `name`.
    pub(crate) fn refuse(&mut self, format: &'static str, name: &str, error: &str) {
        self.n_failed += 1;
        self.by_format.entry(format).or_default()[1] += 1;
        self.n_caught += usize::from(error.contains("its decoder gave up"));
        *self.reasons.entry(reason(name, error)).or_default() += 1;
    }

    pub(crate) fn n_reasons(&self) -> usize {
        self.reasons.len()
    }

    /// Prints all counts, the most frequent reasons too.
    pub(crate) fn print(&self, time: Duration) {
        println!(
            "{} files in {} folders: {} scored, {} refused by name in {} kinds of words, {} of them by a decoder's caught panic",
            self.n_files,
            self.n_folders,
            self.n_scored,
            self.n_failed,
            self.n_reasons(),
            self.n_caught
        );
        println!(
            "folders by exit code {:?}; peak memory {} MiB, longest folder {:.1} s, {:.0} s in all",
            self.by_code,
            self.peak_mib,
            self.longest.as_secs_f64(),
            time.as_secs_f64()
        );
        for (format, [scored, failed]) in &self.by_format {
            println!("  {format:14} {scored:7} scored {failed:7} refused");
        }
        let mut reasons: Vec<(&String, &usize)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (reason, n) in reasons.iter().take(40) {
            println!("  {n:7} {reason}");
        }
    }
}

/// The part of a message that is the same for all files of its kind.
fn reason(name: &str, error: &str) -> String {
    let after = error.find(name).map_or(error, |at| &error[at + name.len()..]);
    let words = after.trim_start_matches([':', ' ']);
    // Quotes, numbers and brackets begin what comes from the file.
    let is_own = |c: char| c.is_ascii_alphabetic() || " :;,.-".contains(c);
    words.split(|c| !is_own(c)).next().unwrap_or_default().chars().take(70).collect()
}
