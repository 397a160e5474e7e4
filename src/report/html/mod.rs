//! The report as one HTML page, with pictures in full size beside it.
//!
//! No network, no script needed (it sorts and filters the table of images,
//! moves the threshold, and enlarges pictures), readable on a phone and in
//! print, in light and dark. A content security policy in the page forbids
//! everything but its own styles, script, embedded pictures and those beside
//! it.
//!
//! The page is made of templates, `*.html` beside this file, that are compiled
//! into the program; [`markup`] says how texts in them are escaped.

mod figures;
mod gallery;
mod gate;
mod images;
mod markup;
mod outcome;
mod report;
mod slider;
mod suspects;
mod threshold;

use askama::Template;
use gate::GateTable;

use super::template::rendered;

use figures::{Charts, Figures, Tiles};
use gallery::Gallery;
use images::Images;
pub(crate) use markup::Markup;
use outcome::{Counts, date};
pub use report::{Legend, MAX_GALLERY_BYTES, MAX_PAGE_BYTES, MAX_TABLE_ROWS, Report, ThresholdNote, ThresholdSource};
use slider::Slider;
pub(super) use suspects::SuspectRow;
use suspects::Suspects;
use threshold::Threshold;

/// Of this program, for the page.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The page as text; write it to `report.html`, beside the pictures that its items name.
///
/// All text is escaped. Pictures are in the page as long as it takes no more than [`MAX_PAGE_BYTES`], the others are shown from
/// their files; at most [`MAX_TABLE_ROWS`] table rows are included. The page says so where it leaves something out.
#[must_use]
pub fn html_page(report: &Report) -> String {
    let counts = Counts::of(&report.images);
    let has_conditions = report.has_conditions();
    let gate = report.evaluation.as_ref().and_then(|evaluation| evaluation.gate.as_ref());
    let mut page = Page {
        title: &report.title,
        subtitle: counts.sentence(),
        date: date(&report.began),
        began: &report.began,
        tiles_section: Tiles::of(report, &counts),
        threshold_section: Threshold::of(report),
        charts_section: Charts::of(report),
        slider_section: Slider::of(report),
        figures_section: report.evaluation.as_ref().map(|evaluation| Figures::of(evaluation, has_conditions)),
        gate_section: gate.filter(|_| has_conditions).map(GateTable::of),
        suspects_section: Suspects::of(report.suspects.as_ref()),
        gallery_section: None,
        images_section: Images::of(report),
        facts_heading: "About this run",
        facts: &report.facts,
    };
    // What the rest of the page leaves is for pictures in it.
    page.gallery_section = Gallery::of(report, 0);
    let room = MAX_PAGE_BYTES.saturating_sub(rendered(&page).len());
    page.gallery_section = Gallery::of(report, room);
    rendered(&page)
}

#[derive(Template)]
#[template(path = "html/report.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: String,
    date: String,
    began: &'a str,
    tiles_section: Tiles,
    threshold_section: Option<Threshold<'a>>,
    charts_section: Option<Charts>,
    slider_section: Option<Slider>,
    figures_section: Option<Figures<'a>>,
    gate_section: Option<GateTable<'a>>,
    suspects_section: Option<Suspects<'a>>,
    gallery_section: Option<Gallery>,
    images_section: Option<Images>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

#[cfg(test)]
mod style_tests;
#[cfg(test)]
mod tests;
