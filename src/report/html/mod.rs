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
mod report;
mod slider;
mod suspects;
mod threshold;

use askama::Template;
use gate::GateTable;

use super::template::rendered;

use figures::{Charts, Figures, Tiles};
use images::{Gallery, Images};
pub(super) use markup::Markup;
pub use report::{
    Legend, MAX_GALLERY_BYTES, MAX_GALLERY_ITEMS, MAX_TABLE_ROWS, Report, ThresholdNote, ThresholdSource,
};
use slider::Slider;
pub(super) use suspects::SuspectRow;
use suspects::Suspects;
use threshold::Threshold;

/// Of this program, for the page.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

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
        slider_section: Slider::of(report),
        figures_section: report.evaluation.as_ref().map(Figures::of),
        gate_section: report.evaluation.as_ref().and_then(|evaluation| evaluation.gate.as_ref()).map(GateTable::of),
        suspects_section: Suspects::of(report.suspects.as_ref()),
        gallery_section: Gallery::of(report),
        images_section: Images::of(&report.images),
        facts_heading: "About this run",
        facts: &report.facts,
    };
    rendered(&page)
}

#[derive(Template)]
#[template(path = "html/report.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: &'a str,
    tiles_section: Tiles,
    threshold_section: Option<Threshold<'a>>,
    charts_section: Option<Charts>,
    slider_section: Option<Slider>,
    figures_section: Option<Figures<'a>>,
    gate_section: Option<GateTable<'a>>,
    suspects_section: Option<Suspects<'a>>,
    gallery_section: Option<Gallery<'a>>,
    images_section: Option<Images<'a>>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

#[cfg(test)]
mod tests;
