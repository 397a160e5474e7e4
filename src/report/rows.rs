//! What became of an image, as a row of results and as an image of the report.

use super::{RegionRow, ReportImage, ResultRow};
use crate::dataset::{Label, Listing, Sample, Skipped, path_text};
use crate::image::PixelBox;
use crate::infer::{Inspection, Item};
use crate::score::Region;

impl ResultRow {
    /// The row of an outcome; `wording` turns an error of the library into the words of whoever reads the rows.
    #[must_use]
    pub fn of(item: &Item<'_>, wording: fn(&str) -> String) -> Self {
        let path = path_text(&item.sample.path);
        let row = match &item.outcome {
            Ok((image, inspection)) => Self {
                width: Some(image.width_px()),
                height: Some(image.height_px()),
                ..Self::inspected(path, inspection, item.ms)
            },
            Err(error) => Self { path, error: Some(wording(&error.to_string())), ..Self::default() },
        };
        let label = item.sample.label.map(|label| label.as_str().to_owned());
        Self { label, defect: item.sample.defect.clone(), ..row }
    }

    fn inspected(path: String, inspection: &Inspection, ms: f64) -> Self {
        Self {
            path,
            raw_score: Some(inspection.raw_score),
            score: Some(inspection.calibrated_score),
            threshold: Some(inspection.calibrated_threshold),
            p_value: inspection.p_value.map(|p| p.value),
            verdict: Some(inspection.verdict),
            condition: inspection.condition.as_ref().map(ToString::to_string),
            gate_confidence: Some(inspection.gate_confidence),
            unknown_condition: Some(inspection.is_unknown_condition),
            ms: Some(ms),
            regions: inspection.pixel_threshold.map(|_| inspection.regions.iter().map(RegionRow::of).collect()),
            ..Self::default()
        }
    }

    /// A row for each file that a listing left out though it may be an image.
    #[must_use]
    pub fn not_inspected(listing: &Listing) -> Vec<Self> {
        let row = |Skipped { path, why }: &Skipped| {
            let path = path_text(path);
            let error = Some(format!("{path}: not inspected: {why}"));
            Self { path, error, ..Self::default() }
        };
        listing.skipped.iter().filter(|skipped| skipped.why.is_failure()).map(row).collect()
    }
}

impl RegionRow {
    fn of(region: &Region) -> Self {
        let PixelBox { top_px: top, left_px: left, height_px: height, width_px: width } = region.bounds;
        let (area, polygon) = (region.area_px, region.polygon.clone());
        Self { left, top, width, height, area, peak: region.peak, mean: region.mean, polygon }
    }
}

impl ReportImage {
    /// A row with what is known of its image.
    #[must_use]
    pub fn of(sample: &Sample, row: ResultRow) -> Self {
        let anomalous = sample.label.map(|label| match label {
            Label::Anomalous => true,
            Label::Normal => false,
        });
        Self { row, anomalous, defect: sample.defect.clone() }
    }
}
