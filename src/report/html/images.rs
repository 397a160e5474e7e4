//! The table of all images, and what the templates say of one.

use std::cmp::Ordering;

use askama::Template;

use super::gallery::address;
use super::{MAX_TABLE_ROWS, Report};
use crate::report::number::short;
use crate::report::report_image::{Outcome, ReportImage};
use crate::report::template::rendered;

/// Most bytes of the rows.
const MAX_ROW_BYTES: usize = 1_600_000;

/// Every image as a row, failed ones first, then from the highest score down.
#[derive(Template)]
#[template(path = "html/images.html")]
pub(super) struct Images {
    n_images: usize,
    has_conditions: bool,
    has_truth: bool,
    outcomes: Vec<Outcome>,
    rows: Vec<String>,
}

#[derive(Template)]
#[template(path = "html/row.html")]
struct Row<'a> {
    image: &'a ReportImage,
    has_conditions: bool,
    has_truth: bool,
    /// Its overlay.
    link: Option<String>,
}

impl Images {
    /// `None` without an image.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let images = &report.images;
        let mut sorted: Vec<&ReportImage> = images.iter().collect();
        sorted.sort_by(|a, b| {
            let failed = |image: &ReportImage| image.outcome() != Outcome::Failed;
            let by_margin = match (a.margin(), b.margin()) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                _ => Ordering::Equal,
            };
            failed(a).cmp(&failed(b)).then(by_margin)
        });
        let has_conditions = report.has_conditions();
        let has_truth = images.iter().any(|image| image.anomalous.is_some() || image.defect.is_some());
        let mut room = MAX_ROW_BYTES;
        let rows = sorted.into_iter().take(MAX_TABLE_ROWS).map(|image| {
            let link = image.row.overlay.as_deref().map(address);
            rendered(&Row { image, has_conditions, has_truth, link })
        });
        let rows = rows.map_while(|row| {
            room = room.checked_sub(row.len())?;
            Some(row)
        });
        let rows = rows.collect();
        let mut outcomes: Vec<Outcome> = images.iter().map(ReportImage::outcome).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        let n_images = images.len();
        (n_images > 0).then_some(Self { n_images, has_conditions, has_truth, outcomes, rows })
    }
}

/// What the templates say of an image.
impl ReportImage {
    pub(super) fn score(&self) -> String {
        score(self.row.score)
    }

    pub(super) fn threshold(&self) -> String {
        score(self.row.threshold)
    }

    /// The defect, or what is known instead.
    fn truth(&self) -> &str {
        match (&self.defect, self.anomalous) {
            (Some(defect), _) => defect,
            (None, Some(true)) => "anomalous",
            (None, Some(false)) => "normal",
            (None, None) => "",
        }
    }

    pub(super) fn has_condition(&self) -> bool {
        self.row.condition.is_some() || self.is_unknown()
    }

    /// Whether it was told that its condition is none of the known.
    pub(super) fn is_unknown(&self) -> bool {
        self.row.condition.is_none() && self.row.unknown_condition == Some(true)
    }
}

fn score(value: Option<f32>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}
