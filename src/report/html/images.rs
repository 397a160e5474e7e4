//! The sections with images: gallery and table.

use std::cmp::Ordering;

use askama::Template;
use data_encoding::{Display, Encoding};

use super::{MAX_GALLERY_BYTES, MAX_GALLERY_ITEMS, MAX_TABLE_ROWS, Report};
use crate::report::gallery::{GalleryGroup, GalleryItem};
use crate::report::number::{short, tick};
use crate::report::picture::colour;
use crate::report::report_image::{Outcome, ReportImage};

static BASE64: Encoding = data_encoding::BASE64;

/// The pictures, group by group.
#[derive(Template)]
#[template(path = "html/gallery.html")]
pub(super) struct Gallery<'a> {
    legend: Option<Legend>,
    n_shown: usize,
    n_items: usize,
    groups: Vec<(GalleryGroup, Vec<Card<'a>>)>,
}

/// The colour scale, once for all pictures.
struct Legend {
    low: String,
    high: String,
    stops: Vec<[u8; 3]>,
    contour: Option<Contour>,
    truth_outlined: bool,
}

/// Where on the scale the contour lies.
struct Contour {
    percent: f32,
    limit: String,
}

struct Card<'a> {
    png: Display<'a>,
    image: &'a ReportImage,
}

impl<'a> Gallery<'a> {
    /// `None` without a picture.
    pub(super) fn of(report: &'a Report) -> Option<Self> {
        let mut items: Vec<(&GalleryItem, &ReportImage)> =
            report.gallery.iter().filter_map(|item| Some((item, report.images.get(item.image_idx)?))).collect();
        items.sort_by_key(|(item, _)| item.group);
        let (mut n_shown, mut n_bytes) = (0, 0);
        let mut groups = vec![];
        for group in GalleryGroup::ALL {
            let mut cards = vec![];
            for (item, image) in items.iter().filter(|(item, _)| item.group == group) {
                if n_shown < MAX_GALLERY_ITEMS && n_bytes + item.png.len() <= MAX_GALLERY_BYTES {
                    n_shown += 1;
                    n_bytes += item.png.len();
                    cards.push(Card { png: BASE64.encode_display(&item.png), image });
                }
            }
            if !cards.is_empty() {
                groups.push((group, cards));
            }
        }
        let legend = report.legend.map(Legend::of);
        (n_shown > 0).then_some(Self { legend, n_shown, n_items: items.len(), groups })
    }
}

impl Legend {
    fn of(legend: super::Legend) -> Self {
        let contour = |limit| Contour { percent: legend.scale.position(limit) * 100.0, limit: tick(limit) };
        Self {
            low: tick(legend.scale.low()),
            high: tick(legend.scale.high()),
            stops: (0..=16).map(|stop| colour(stop as f32 / 16.0)).collect(),
            contour: legend.contour.map(contour),
            truth_outlined: legend.truth_outlined,
        }
    }
}

/// Every image as a row, failed ones first, then from the highest score down.
#[derive(Template)]
#[template(path = "html/images.html")]
pub(super) struct Images<'a> {
    n_images: usize,
    outcomes: Vec<Outcome>,
    rows: Vec<&'a ReportImage>,
}

impl<'a> Images<'a> {
    /// `None` without an image.
    pub(super) fn of(images: &'a [ReportImage]) -> Option<Self> {
        let mut rows: Vec<&ReportImage> = images.iter().collect();
        rows.sort_by(|a, b| {
            let failed = |image: &ReportImage| image.outcome() != Outcome::Failed;
            let by_margin = match (a.margin(), b.margin()) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                _ => Ordering::Equal,
            };
            failed(a).cmp(&failed(b)).then(by_margin)
        });
        rows.truncate(MAX_TABLE_ROWS);
        let mut outcomes: Vec<Outcome> = images.iter().map(ReportImage::outcome).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        (!images.is_empty()).then_some(Self { n_images: images.len(), outcomes, rows })
    }
}

/// What the templates say of an image.
impl ReportImage {
    fn score(&self) -> String {
        score(self.row.score)
    }

    fn threshold(&self) -> String {
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

    fn has_condition(&self) -> bool {
        self.row.condition.is_some() || self.is_unknown()
    }

    /// Whether it was told that its condition is none of the known.
    fn is_unknown(&self) -> bool {
        self.row.condition.is_none() && self.row.unknown_condition == Some(true)
    }
}

fn score(value: Option<f32>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}
