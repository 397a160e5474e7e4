//! Detections in the format of COCO.

use super::{ANOMALY, ExportImage, coco_counts, coco_text};
use crate::report::{ReportError, json_text};
use serde::Serialize;

/// Images, and an annotation for each region: mask, box, area and score.
#[derive(Debug, Default, Serialize)]
pub struct Coco {
    info: Info,
    licenses: [String; 0],
    images: Vec<CocoImage>,
    annotations: Vec<Annotation>,
    categories: [Category; 1],
}

#[derive(Debug, Serialize)]
struct Info {
    description: &'static str,
    version: &'static str,
}

impl Default for Info {
    fn default() -> Self {
        Self { description: "anomalies found by pcore", version: env!("CARGO_PKG_VERSION") }
    }
}

#[derive(Debug, Serialize)]
struct CocoImage {
    id: usize,
    file_name: String,
    height: usize,
    width: usize,
    run: String,
    verdict: Option<&'static str>,
    score: Option<f32>,
    threshold: Option<f32>,
    label: Option<String>,
    defect: Option<String>,
}

#[derive(Debug, Serialize)]
struct Annotation {
    id: usize,
    image_id: usize,
    category_id: usize,
    segmentation: Segmentation,
    /// Left, top, width, height.
    bbox: [usize; 4],
    area: usize,
    iscrowd: u8,
    score: f32,
}

#[derive(Debug, Serialize)]
struct Segmentation {
    /// Height, width.
    size: [usize; 2],
    counts: String,
}

#[derive(Debug, Serialize)]
struct Category {
    id: usize,
    name: &'static str,
    supercategory: &'static str,
}

impl Default for Category {
    fn default() -> Self {
        Self { id: 1, name: ANOMALY, supercategory: ANOMALY }
    }
}

impl Coco {
    /// Adds an image and its regions.
    pub fn add(&mut self, image: &ExportImage<'_>) {
        let (height, width) = image.size;
        let id = self.images.len() + 1;
        self.images.push(CocoImage {
            id,
            file_name: image.row.path.clone(),
            height,
            width,
            run: image.run.name.clone(),
            verdict: image.row.verdict.map(|verdict| verdict.as_str()),
            score: image.row.score,
            threshold: image.row.threshold,
            label: image.row.label.clone(),
            defect: image.row.defect.clone(),
        });
        for marked in image.marked {
            let bounds = marked.spot.bounds();
            self.annotations.push(Annotation {
                id: self.annotations.len() + 1,
                image_id: id,
                category_id: self.categories[0].id,
                segmentation: Segmentation {
                    size: [height, width],
                    counts: coco_text(&coco_counts(&marked.spot, image.size)),
                },
                bbox: [bounds.left_px, bounds.top_px, bounds.width_px, bounds.height_px],
                area: marked.spot.n_pixels(),
                iscrowd: 0,
                score: marked.peak,
            });
        }
    }

    /// The file.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn finish(&self) -> Result<String, ReportError> {
        json_text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ExportRun, Marked, Spot};
    use super::*;
    use crate::image::Mask;
    use crate::report::ResultRow;
    use serde_json::{Value, json};

    #[test]
    fn regions_are_annotations_of_their_image() {
        let mask = Mask { values: vec![false, true, true, false, false, true], height_px: 2, width_px: 3 };
        let marked: Vec<Marked> = Spot::all_in(&mask).into_iter().map(|spot| Marked { spot, peak: 0.5 }).collect();
        let (run, row) = (ExportRun::default(), ResultRow { path: "a.png".into(), ..ResultRow::default() });
        let mut coco = Coco::default();
        coco.add(&ExportImage { run: &run, row: &row, size: (4, 4), marked: &[] });
        coco.add(&ExportImage { run: &run, row: &row, size: (2, 3), marked: &marked });
        let found: Value = serde_json::from_str(&coco.finish().unwrap()).unwrap();
        assert_eq!(found["images"][1]["id"], 2);
        let expected = json!([{
            "id": 1, "image_id": 2, "category_id": 1, "segmentation": {"size": [2, 3], "counts": "2111"},
            "bbox": [1, 0, 2, 2], "area": 3, "iscrowd": 0, "score": 0.5,
        }]);
        assert_eq!(found["annotations"], expected);
        assert_eq!(found["categories"][0]["id"], 1);
    }
}
