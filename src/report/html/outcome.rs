//! What became of a run, in one sentence, and when it was.

use crate::report::report_image::ReportImage;
use crate::score::Verdict;

/// Images by their truth and what they were called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) n_found: usize,
    pub(super) n_missed: usize,
    pub(super) n_false_alarms: usize,
    pub(super) n_passed: usize,
    /// Of unknown truth, called anomalous.
    pub(super) n_alarms: usize,
    /// Of unknown truth, called normal.
    pub(super) n_quiet: usize,
    pub(super) n_failed: usize,
}

impl Counts {
    pub(super) fn of(images: &[ReportImage]) -> Self {
        let mut counts = Self::default();
        for image in images {
            let count = match (image.row.verdict, image.anomalous) {
                (None, _) => &mut counts.n_failed,
                (Some(Verdict::Anomalous), Some(true)) => &mut counts.n_found,
                (Some(Verdict::Normal), Some(true)) => &mut counts.n_missed,
                (Some(Verdict::Anomalous), Some(false)) => &mut counts.n_false_alarms,
                (Some(Verdict::Normal), Some(false)) => &mut counts.n_passed,
                (Some(Verdict::Anomalous), None) => &mut counts.n_alarms,
                (Some(Verdict::Normal), None) => &mut counts.n_quiet,
            };
            *count += 1;
        }
        counts
    }

    pub(super) fn n_defects(&self) -> usize {
        self.n_found + self.n_missed
    }

    pub(super) fn n_normal(&self) -> usize {
        self.n_false_alarms + self.n_passed
    }

    fn n_unknown(&self) -> usize {
        self.n_alarms + self.n_quiet
    }

    /// What the run says, and what it could not say.
    pub(super) fn sentence(&self) -> String {
        let mut parts = vec![];
        if self.n_defects() > 0 {
            parts.push(match self.n_missed {
                0 if self.n_found == 1 => "The one defect is found".to_owned(),
                0 => format!("All {} defects are found", self.n_found),
                n_missed => format!("{} of {} defects are found, {n_missed} missed", self.n_found, self.n_defects()),
            });
        }
        if self.n_normal() > 0 {
            let alarms = match self.n_false_alarms {
                0 => "no false alarm".to_owned(),
                n => counted(n, "false alarm"),
            };
            parts.push(format!("{alarms} among {}", counted(self.n_normal(), "normal image")));
        }
        if self.n_unknown() > 0 {
            let more = if parts.is_empty() { "" } else { " further" };
            let n = match self.n_alarms {
                0 => "none".to_owned(),
                n => n.to_string(),
            };
            let is = if self.n_alarms < 2 { "is" } else { "are" };
            let images = if self.n_unknown() == 1 { "image" } else { "images" };
            parts.push(format!("{n} of {}{more} {images} {is} anomalous", self.n_unknown()));
        }
        let mut text = parts.join("; ");
        match (text.is_empty(), self.n_failed) {
            (true, 0) => text.push_str("No images"),
            (true, n) => text = format!("{} could not be inspected", counted(n, "image")),
            (false, 0) => {}
            (false, n) => text.push_str(&format!("; {} could not be inspected", counted(n, "image"))),
        }
        let mut letters = text.chars();
        let first = letters.next().map(char::to_uppercase);
        first.into_iter().flatten().chain(letters).chain(['.']).collect()
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `2026-03-01T08:30:00Z` as people write it; anything else as it is.
pub(super) fn date(began: &str) -> String {
    let told = || {
        let (day, time) = began.strip_suffix('Z')?.split_once('T')?;
        let mut parts = day.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?.parse::<usize>().ok()?, parts.next()?);
        let day: usize = day.parse().ok()?;
        let month = MONTHS.get(month.checked_sub(1)?)?;
        Some(format!("{day} {month} {year}, {} UTC", time.get(..5)?))
    };
    told().unwrap_or_else(|| began.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_says_the_outcome_in_every_case() {
        let none = Counts::default();
        let cases = [
            (Counts { n_alarms: 3, n_quiet: 117, ..none }, "3 of 120 images are anomalous."),
            (Counts { n_alarms: 1, n_quiet: 119, ..none }, "1 of 120 images is anomalous."),
            (Counts { n_quiet: 1, ..none }, "None of 1 image is anomalous."),
            (
                Counts { n_quiet: 9, n_failed: 2, ..none },
                "None of 9 images is anomalous; 2 images could not be inspected.",
            ),
            (
                Counts { n_found: 58, n_missed: 2, n_false_alarms: 1, n_passed: 59, ..none },
                "58 of 60 defects are found, 2 missed; 1 false alarm among 60 normal images.",
            ),
            (
                Counts { n_found: 7, n_passed: 9, n_alarms: 2, n_quiet: 3, ..none },
                "All 7 defects are found; no false alarm among 9 normal images; 2 of 5 further images are anomalous.",
            ),
            (Counts { n_found: 1, ..none }, "The one defect is found."),
            (Counts { n_false_alarms: 2, ..none }, "2 false alarms among 2 normal images."),
            (Counts { n_failed: 1, ..none }, "1 image could not be inspected."),
            (none, "No images."),
        ];
        for (counts, expected) in cases {
            assert_eq!(counts.sentence(), expected);
        }
    }

    #[test]
    fn a_date_is_written_out_and_what_is_none_is_left() {
        assert_eq!(date("2026-03-01T08:30:59Z"), "1 March 2026, 08:30 UTC");
        for text in ["", "today", "2026-13-01T08:30:59Z", "2026-03-01T08Z", "2026-00-01T08:30:59Z", "2026-03-01"] {
            assert_eq!(date(text), text);
        }
    }
}
