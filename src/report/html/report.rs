//! What a page is made of.

use crate::bundle::SuspectsEntry;
use crate::eval::Evaluation;
use crate::report::gallery::GalleryItem;
use crate::report::picture::ColourScale;
use crate::report::report_image::ReportImage;

/// Most bytes of pictures in a page of training images unlike the others, before base64.
pub const MAX_GALLERY_BYTES: usize = 24 << 20;

/// What the page of a run takes at most, as long as all but pictures and table takes less than 0.8 MB: pictures that do not fit
/// into it are shown from their files, and where the list of pictures or the table would still be too long, they end.
pub const MAX_PAGE_BYTES: usize = 5_000_000;

/// Most rows of the table of images.
pub const MAX_TABLE_ROWS: usize = 2_000;

/// Everything a page is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Headline: the name of the product.
    pub title: String,
    /// When the run began, in UTC, as `2026-03-01T08:30:00Z`; empty where that is not known.
    pub began: String,
    /// Conditions that the bundle tells apart: of one or none nothing is said.
    pub n_conditions: usize,
    /// The figures, if the truth is known.
    pub evaluation: Option<Evaluation>,
    /// Every image, in any order.
    pub images: Vec<ReportImage>,
    /// The threshold of each condition, or one for all.
    pub thresholds: Vec<ThresholdNote>,
    /// Training images unlike the others that the bundle names, if it does.
    pub suspects: Option<SuspectsEntry>,
    /// What sets a threshold of raw scores, in the words of whoever reads the page; empty where nothing does.
    pub cut: String,
    /// Pictures of what [`select_gallery`](crate::report::select_gallery) picked, in its order; items that name no
    /// image of the list are left out.
    pub gallery: Vec<GalleryItem>,
    /// What the colours of the gallery mean, if all its pictures share one
    /// scale; otherwise draw the legend into each picture.
    pub legend: Option<Legend>,
    /// Versions, seed, device, weights hash, timings: name and value.
    pub facts: Vec<(String, String)>,
}

/// What the pictures of the gallery have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Legend {
    /// The scores that the colours span.
    pub scale: ColourScale,
    /// The score along the contour.
    pub contour: Option<f32>,
    /// Whether true defects are outlined.
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
    /// The same quantile of all images, each scored by a fit without its part of them.
    CrossFit {
        /// Whether groups of images count, not images.
        grouped: bool,
    },
    /// The same quantile of images that are in the bank, each scored without its own patches.
    LeaveOneOut {
        /// Whether groups of images count, each scored without the patches of its group.
        grouped: bool,
    },
}

impl Report {
    /// Whether there are conditions to speak of.
    pub(super) fn has_conditions(&self) -> bool {
        let n_evaluated = self.evaluation.as_ref().map_or(0, |evaluation| evaluation.per_condition.len());
        self.n_conditions.max(self.thresholds.len()).max(n_evaluated) > 1
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
    pub(in crate::report) fn is_grouped(self) -> bool {
        let (Self::HeldOut { grouped } | Self::CrossFit { grouped } | Self::LeaveOneOut { grouped }) = self else {
            return false;
        };
        grouped
    }
}
