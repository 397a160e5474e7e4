//! The report as one self-contained HTML page.
//!
//! No network, no script needed (a few lines sort and filter the table of
//! images), readable on a phone and in print, in light and dark. A content
//! security policy in the page forbids everything but its own styles, script
//! and embedded pictures.
//!
//! The page is made of templates, `*.html` beside this file, that are compiled
//! into the program; [`markup`] says how texts in them are escaped.

mod figures;
mod gate;
mod images;
mod markup;
mod threshold;

use askama::Template;
use gate::GateTable;

use super::gallery::GalleryItem;
use super::picture::ColourScale;
use super::results::ResultRow;
use crate::eval::Evaluation;
use crate::score::Verdict;

use figures::{Charts, Figures, Tiles};
use images::{Gallery, Images};
pub(super) use markup::Markup;
use threshold::Threshold;

/// Most pictures in a page.
pub const MAX_GALLERY_ITEMS: usize = 60;
/// Most bytes of PNG in a page, before base64.
pub const MAX_GALLERY_BYTES: usize = 24 << 20;
/// Most rows of the table of images.
pub const MAX_TABLE_ROWS: usize = 2_000;

/// Of this program, for the page.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything a page is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Headline, such as the name of the product line.
    pub title: String,
    /// One line below it: what was inspected, when, with what.
    pub subtitle: String,
    /// The figures, if the truth is known.
    pub evaluation: Option<Evaluation>,
    /// Every image, in any order.
    pub images: Vec<ReportImage>,
    /// The threshold of each condition, or one for all.
    pub thresholds: Vec<ThresholdNote>,
    /// Pictures for what [`super::select_gallery`] picked; items that name no
    /// image of the list are left out.
    pub gallery: Vec<GalleryItem>,
    /// What the colours of the gallery mean, if all its pictures share one
    /// scale; otherwise draw the legend into each picture.
    pub legend: Option<Legend>,
    /// Versions, seed, device, weights hash, timings: name and value.
    pub facts: Vec<(String, String)>,
}

/// One image of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportImage {
    /// What was measured.
    pub row: ResultRow,
    /// The truth, where known.
    pub anomalous: Option<bool>,
    /// The defect type, where known.
    pub defect: Option<String>,
}

/// What the pictures of the gallery have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Legend {
    /// The scores that the colours span.
    pub scale: ColourScale,
    /// The score along the contour.
    pub contour: Option<f32>,
    /// Whether true faults are outlined.
    pub truth_outlined: bool,
}

/// A threshold, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdNote {
    /// The condition it is for; `None` for all images.
    pub condition: Option<String>,
    /// Scores above it are anomalous.
    pub threshold: f32,
    /// Normal images, or groups of them, that it was computed from.
    pub n: usize,
    /// The false alarm rate asked for.
    pub alpha: f64,
    /// How the threshold was found.
    pub source: ThresholdSource,
}

/// How a threshold was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdSource {
    /// Given by the user, or imported: no rate is known.
    Given,
    /// The split-conformal quantile of images that are not in the bank.
    HeldOut {
        /// Whether groups of images (the shots of a part) count, not images.
        grouped: bool,
    },
    /// The same quantile of images that are in the bank, each scored without its own patches.
    LeaveOneOut {
        /// Whether groups of images count, each scored without the patches of its group.
        grouped: bool,
    },
}

impl ReportImage {
    /// How far the score lies above its threshold.
    pub(super) fn margin(&self) -> Option<f32> {
        Some(self.row.score? - self.row.threshold?).filter(|margin| !margin.is_nan())
    }

    fn outcome(&self) -> Outcome {
        match (self.row.verdict, self.anomalous) {
            (None, _) => Outcome::Failed,
            (Some(Verdict::Normal), Some(true)) => Outcome::MissedFault,
            (Some(Verdict::Anomalous), Some(false)) => Outcome::FalseAlarm,
            (Some(Verdict::Anomalous), _) => Outcome::Anomalous,
            (Some(Verdict::Normal), _) => Outcome::Normal,
        }
    }
}

impl ThresholdNote {
    /// The smallest false alarm rate that `n` images can promise: `1 / (n + 1)`.
    #[must_use]
    pub fn smallest_alpha(&self) -> f64 {
        1.0 / (self.n as f64 + 1.0)
    }
}

impl ThresholdSource {
    /// Whether groups of images count, not images.
    pub(super) fn is_grouped(self) -> bool {
        matches!(self, Self::HeldOut { grouped: true } | Self::LeaveOneOut { grouped: true })
    }
}

/// What became of an image, as a word and a style class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Failed,
    MissedFault,
    FalseAlarm,
    Anomalous,
    Normal,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "not inspected",
            Self::MissedFault => "missed fault",
            Self::FalseAlarm => "false alarm",
            Self::Anomalous => "anomalous",
            Self::Normal => "normal",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::MissedFault => "missed",
            Self::FalseAlarm => "alarm",
            Self::Anomalous => "anomalous",
            Self::Normal => "normal",
        }
    }
}

/// The page as text; write it to `report.html`.
///
/// All text is escaped. At most [`MAX_GALLERY_ITEMS`] pictures,
/// [`MAX_GALLERY_BYTES`] of them and [`MAX_TABLE_ROWS`] table rows are
/// included; the page says so where it leaves something out.
#[must_use]
pub fn html_page(report: &Report) -> String {
    let page = Page {
        title: &report.title,
        subtitle: &report.subtitle,
        tiles_section: Tiles::of(report),
        threshold_section: Threshold::of(report),
        charts_section: Charts::of(report),
        figures_section: report.evaluation.as_ref().map(Figures::of),
        gate_section: report.evaluation.as_ref().and_then(|evaluation| evaluation.gate.as_ref()).map(GateTable::of),
        gallery_section: Gallery::of(report),
        images_section: Images::of(&report.images),
        facts_heading: "About this run",
        facts: &report.facts,
    };
    rendered(&page)
}

/// The text of a page.
pub(in crate::report) fn rendered<T: Template>(page: &T) -> String {
    let mut text = String::with_capacity(T::SIZE_HINT);
    // Writing to a String can't fail.
    let _ = page.render_into(&mut text);
    text
}

#[derive(Template)]
#[template(path = "html/report.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: &'a str,
    tiles_section: Tiles,
    threshold_section: Option<Threshold<'a>>,
    charts_section: Option<Charts>,
    figures_section: Option<Figures<'a>>,
    gate_section: Option<GateTable<'a>>,
    gallery_section: Option<Gallery<'a>>,
    images_section: Option<Images<'a>>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

#[cfg(test)]
mod tests;
