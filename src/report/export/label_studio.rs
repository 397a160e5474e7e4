//! Tasks with predictions for Label Studio.

use super::{ANOMALY, ExportImage, brush};
use crate::report::{ReportError, ResultRow};
use serde::Serialize;
use serde_json::{Value, json};

/// The labelling interface that the tasks are for.
pub const LABEL_CONFIG: &str = "\
<View>
  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>
  <Choices name=\"verdict\" toName=\"image\" choice=\"single\">
    <Choice value=\"normal\"/>
    <Choice value=\"anomalous\"/>
  </Choices>
  <BrushLabels name=\"mask\" toName=\"image\">
    <Label value=\"anomaly\" background=\"#D55E00\"/>
  </BrushLabels>
  <RectangleLabels name=\"box\" toName=\"image\">
    <Label value=\"anomaly\" background=\"#0072B2\"/>
  </RectangleLabels>
</View>
";

/// Tasks, one for each image: the verdict as a choice, each region as a brush and a rectangle.
///
/// A prediction's score has to lie between 0 and 1 there: it is `1 / (1 + e^(threshold - score))`, which keeps the order and is
/// 0.5 at the threshold. The score as measured is among the data of the task, the peak of a region in its notes.
#[derive(Debug)]
pub struct LabelStudio<'a> {
    prefix: &'a str,
    tasks: String,
    n_tasks: usize,
}

/// What a task tells of its image, to sort and filter by.
#[derive(Serialize)]
struct Data<'a> {
    image: String,
    #[serde(flatten)]
    row: About<'a>,
}

#[derive(Serialize)]
struct About<'a> {
    path: &'a str,
    run: &'a str,
    verdict: Option<&'static str>,
    score: Option<f32>,
    threshold: Option<f32>,
    condition: Option<&'a str>,
    label: Option<&'a str>,
    defect: Option<&'a str>,
}

impl<'a> LabelStudio<'a> {
    /// No tasks yet. Label Studio finds an image at `prefix` and its path.
    #[must_use]
    pub fn new(prefix: &'a str) -> Self {
        Self { prefix, tasks: "[".to_owned(), n_tasks: 0 }
    }

    /// Adds the task of an image.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn add(&mut self, image: &ExportImage<'_>) -> Result<(), ReportError> {
        let ResultRow { path, score, threshold, condition, label, defect, verdict, .. } = image.row;
        let about = About {
            path,
            run: &image.run.name,
            verdict: verdict.map(|verdict| verdict.as_str()),
            score: *score,
            threshold: *threshold,
            condition: condition.as_deref(),
            label: label.as_deref(),
            defect: defect.as_deref(),
        };
        let data = Data { image: format!("{}{path}", self.prefix), row: about };
        let prediction = json!({
            "model_version": image.run.model_version, "score": likeness(image.row), "result": results(image),
        });
        let predictions = if image.row.verdict.is_some() { vec![prediction] } else { vec![] };
        let task = json!({"data": data, "predictions": predictions});
        self.tasks.push_str(if self.n_tasks == 0 { "\n" } else { ",\n" });
        self.tasks.push_str(&serde_json::to_string(&task)?);
        self.n_tasks += 1;
        Ok(())
    }

    /// The file to import.
    #[must_use]
    pub fn finish(self) -> String {
        self.tasks + "\n]\n"
    }
}

/// The score between 0 and 1.
fn likeness(row: &ResultRow) -> Option<f64> {
    let margin = f64::from(row.score?) - f64::from(row.threshold?);
    (!margin.is_nan()).then(|| 1.0 / (1.0 + (-margin).exp()))
}

/// The choice, then a brush and a rectangle for each region.
fn results(image: &ExportImage<'_>) -> Vec<Value> {
    let (height, width) = image.size;
    let item = |id: String, kind: &str, from: &str, value: Value| {
        json!({
            "id": id, "type": kind, "from_name": from, "to_name": "image", "original_width": width,
            "original_height": height, "image_rotation": 0, "value": value,
        })
    };
    let word = image.row.verdict.map_or("", |verdict| verdict.as_str());
    let mut all = vec![item("verdict".to_owned(), "choices", "verdict", json!({"choices": [word]}))];
    for (at, marked) in image.marked.iter().enumerate() {
        let bounds = marked.spot.bounds();
        let percent = |part: usize, whole: usize| part as f64 * 100.0 / whole.max(1) as f64;
        let painted = json!({"format": "rle", "rle": brush(&marked.spot, image.size), "brushlabels": [ANOMALY]});
        let rectangle = json!({
            "x": percent(bounds.left_px, width), "y": percent(bounds.top_px, height),
            "width": percent(bounds.width_px, width), "height": percent(bounds.height_px, height),
            "rotation": 0, "rectanglelabels": [ANOMALY],
        });
        let (mut mask, mut outline) = (
            item(format!("mask-{at}"), "brushlabels", "mask", painted),
            item(format!("box-{at}"), "rectanglelabels", "box", rectangle),
        );
        for item in [&mut mask, &mut outline] {
            item["meta"] = json!({"text": [format!("peak {}", marked.peak)]});
        }
        all.extend([mask, outline]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::{ExportRun, Marked, Spot};
    use super::*;
    use crate::image::Mask;
    use crate::score::Verdict;

    #[test]
    fn a_task_has_its_choice_brush_and_rectangle_where_label_studio_looks_for_them() {
        let mask = Mask { values: vec![false, false, false, true, true, true], height_px: 2, width_px: 3 };
        let marked: Vec<Marked> = Spot::all_in(&mask).into_iter().map(|spot| Marked { spot, peak: 0.5 }).collect();
        let run = ExportRun { name: "monday".into(), model_version: "pcore".into(), ..ExportRun::default() };
        let row = ResultRow {
            path: "a b.png".into(),
            score: Some(2.5),
            threshold: Some(2.5),
            verdict: Some(Verdict::Anomalous),
            label: Some("normal".into()),
            ..ResultRow::default()
        };
        let mut tasks = LabelStudio::new("/data/local-files/?d=");
        let image = ExportImage { run: &run, row: &row, size: (2, 3), marked: &marked };
        let failed = ResultRow { path: "torn.png".into(), ..ResultRow::default() };
        tasks.add(&image).unwrap();
        tasks.add(&ExportImage { row: &failed, marked: &[], ..image }).unwrap();
        let tasks: Value = serde_json::from_str(&tasks.finish()).unwrap();
        assert_eq!(tasks[0]["data"]["image"], "/data/local-files/?d=a b.png");
        assert_eq!(tasks[0]["data"]["label"], "normal");
        assert_eq!(tasks[1]["predictions"], json!([]));
        let prediction = &tasks[0]["predictions"][0];
        assert_eq!((prediction["model_version"].as_str(), prediction["score"].as_f64()), (Some("pcore"), Some(0.5)));
        assert_eq!(tasks[0]["data"]["score"], 2.5);
        let result = prediction["result"].as_array().unwrap();
        assert_eq!(result[0]["value"], json!({"choices": ["anomalous"]}));
        let painted = json!({
            "format": "rle", "rle": [0, 0, 0, 24, 57, 27, 253, 176, 11, 127, 224], "brushlabels": ["anomaly"],
        });
        assert_eq!(result[1]["value"], painted);
        assert_eq!((&result[1]["original_width"], &result[1]["original_height"]), (&json!(3), &json!(2)));
        let rectangle = json!({
            "x": 0.0, "y": 50.0, "width": 100.0, "height": 50.0, "rotation": 0, "rectanglelabels": ["anomaly"],
        });
        assert_eq!(result[2]["value"], rectangle);
        // What results name is in the interface, with the label that they have.
        for item in result {
            let name = format!("name=\"{}\" toName=\"{}\"", item["from_name"].as_str().unwrap(), "image");
            assert!(LABEL_CONFIG.contains(&name), "{name}");
        }
        assert_eq!(LABEL_CONFIG.matches(&format!("Label value=\"{ANOMALY}\"")).count(), 2);
    }
}
