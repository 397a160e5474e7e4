//! An evaluation as the JSON object that machines read.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::eval::{AtAlpha, Evaluation, GateAnswers, MaskCount, Metrics, PixelError, ToldCounts};

/// The twin of [`Evaluation`] with the published key names.
///
/// Undefined figures are `null`; `pixel_AUROC` and `AUPRO` are left out when
/// the test set has no masks.
#[derive(Clone, Debug, Serialize)]
pub struct EvaluationJson {
    #[serde(flatten)]
    overall: MetricsJson,
    per_condition: BTreeMap<String, MetricsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_of_conditions: Option<MetricsJson>,
    per_defect: BTreeMap<String, MetricsJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    at_alpha: Vec<AtAlphaJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pixel_error: Option<PixelErrorJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    masks: Option<MasksJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<GateJson>,
}

/// Decisions at another false-alarm rate.
#[derive(Clone, Debug, Serialize)]
struct AtAlphaJson {
    alpha: f64,
    recall: Option<f64>,
    false_alarm_rate: Option<f64>,
    n_out_of_reach: usize,
}

impl AtAlphaJson {
    fn of(found: &AtAlpha) -> Self {
        let AtAlpha { alpha, recall, false_alarm_rate, n_out_of_reach } = *found;
        Self { alpha, recall, false_alarm_rate, n_out_of_reach }
    }
}

/// What the gate told of images whose condition is known.
#[derive(Clone, Debug, Serialize)]
struct GateJson {
    n_images: usize,
    n_right: usize,
    /// By true condition.
    confusion: BTreeMap<String, ToldJson>,
}

#[derive(Clone, Debug, Serialize)]
struct ToldJson {
    /// Images called of each condition.
    told: BTreeMap<String, usize>,
    abstained: usize,
    unknown: usize,
}

impl GateJson {
    fn of(gate: &GateAnswers) -> Self {
        let told = |ToldCounts { conditions, n_abstained, n_unknown }: &ToldCounts| ToldJson {
            told: conditions.clone(),
            abstained: *n_abstained,
            unknown: *n_unknown,
        };
        let confusion = gate.by_truth.iter().map(|(truth, counts)| (truth.clone(), told(counts))).collect();
        Self { n_images: gate.n_images(), n_right: gate.n_right(), confusion }
    }
}

/// The most that figures per pixel are off.
#[derive(Clone, Debug, Serialize)]
struct PixelErrorJson {
    #[serde(rename = "pixel_AUROC")]
    auroc: f64,
    #[serde(rename = "AUPRO")]
    aupro: f64,
}

impl PixelErrorJson {
    fn of(error: PixelError) -> Self {
        Self { auroc: error.auroc, aupro: error.aupro }
    }
}

/// What the figures per pixel rest on.
#[derive(Clone, Debug, Serialize)]
struct MasksJson {
    n_anomalous: usize,
    n_with_mask: usize,
    n_empty: usize,
    n_unusable: usize,
    /// Mask files that belong to no image.
    without_image: Vec<String>,
}

impl MasksJson {
    fn of(masks: &MaskCount) -> Self {
        let MaskCount { n_anomalous, n_with_mask, n_empty, n_unusable, ref unmatched } = *masks;
        let without_image = unmatched.iter().map(|path| path.display().to_string()).collect();
        Self { n_anomalous, n_with_mask, n_empty, n_unusable, without_image }
    }
}

impl From<&Evaluation> for EvaluationJson {
    fn from(evaluation: &Evaluation) -> Self {
        let part = |metrics: &Metrics| MetricsJson::of(metrics, evaluation.has_masks);
        let parts =
            |map: &BTreeMap<String, Metrics>| map.iter().map(|(name, metrics)| (name.clone(), part(metrics))).collect();
        Self {
            overall: part(&evaluation.overall),
            per_condition: parts(&evaluation.per_condition),
            mean_of_conditions: evaluation.mean_of_conditions.as_ref().map(part),
            per_defect: parts(&evaluation.per_defect),
            at_alpha: evaluation.at_alpha.iter().map(AtAlphaJson::of).collect(),
            pixel_error: evaluation.pixel_error.map(PixelErrorJson::of),
            masks: evaluation.masks.as_ref().map(MasksJson::of),
            gate: evaluation.gate.as_ref().map(GateJson::of),
        }
    }
}

/// A figure that is absent, undefined, or a number.
#[derive(Clone, Copy, Debug)]
enum PixelFigure {
    NoMasks,
    Masks(Option<f64>),
}

impl PixelFigure {
    fn is_absent(&self) -> bool {
        matches!(self, Self::NoMasks)
    }
}

impl Serialize for PixelFigure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NoMasks => serializer.serialize_none(),
            Self::Masks(figure) => figure.serialize(serializer),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct MetricsJson {
    #[serde(rename = "image_AUROC")]
    image_auroc: Option<f64>,
    #[serde(rename = "calibrated_image_AUROC")]
    calibrated_image_auroc: Option<f64>,
    #[serde(rename = "image_AP")]
    image_ap: Option<f64>,
    #[serde(rename = "image_F1Max")]
    image_f1_max: Option<f64>,
    #[serde(rename = "image_F1Max_threshold")]
    image_f1_max_threshold: Option<f32>,
    #[serde(rename = "pixel_AUROC", skip_serializing_if = "PixelFigure::is_absent")]
    pixel_auroc: PixelFigure,
    #[serde(rename = "AUPRO", skip_serializing_if = "PixelFigure::is_absent")]
    aupro: PixelFigure,
    accuracy: Option<f64>,
    precision: Option<f64>,
    recall: Option<f64>,
    false_alarm_rate: Option<f64>,
    n_normal: usize,
    n_anomalous: usize,
}

impl MetricsJson {
    fn of(metrics: &Metrics, has_masks: bool) -> Self {
        let pixel = |figure| if has_masks { PixelFigure::Masks(figure) } else { PixelFigure::NoMasks };
        Self {
            image_auroc: metrics.image_auroc,
            calibrated_image_auroc: metrics.calibrated_image_auroc,
            image_ap: metrics.image_ap,
            image_f1_max: metrics.image_f1_max,
            image_f1_max_threshold: metrics.image_f1_max_threshold,
            pixel_auroc: pixel(metrics.pixel_auroc),
            aupro: pixel(metrics.aupro),
            accuracy: metrics.accuracy,
            precision: metrics.precision,
            recall: metrics.recall,
            false_alarm_rate: metrics.false_alarm_rate,
            n_normal: metrics.n_normal,
            n_anomalous: metrics.n_anomalous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Told;

    const KEYS: [&str; 13] = [
        "AUPRO",
        "accuracy",
        "calibrated_image_AUROC",
        "false_alarm_rate",
        "image_AP",
        "image_AUROC",
        "image_F1Max",
        "image_F1Max_threshold",
        "n_anomalous",
        "n_normal",
        "pixel_AUROC",
        "precision",
        "recall",
    ];

    fn object(evaluation: &Evaluation) -> serde_json::Map<String, serde_json::Value> {
        let value = serde_json::to_value(EvaluationJson::from(evaluation)).unwrap();
        value.as_object().unwrap().clone()
    }

    fn sorted_keys(object: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
        let mut keys: Vec<String> = object.keys().cloned().collect();
        keys.sort();
        keys
    }

    #[test]
    fn keys_are_the_published_ones_and_undefined_figures_null() {
        let mut evaluation = Evaluation { has_masks: true, ..Evaluation::default() };
        evaluation.overall.image_auroc = Some(0.1 + 0.2);
        evaluation.per_defect.insert("crack".to_owned(), Metrics::default());
        let found = object(&evaluation);
        let mut expected: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(sorted_keys(found["per_defect"]["crack"].as_object().unwrap()), expected);
        expected.extend(["per_condition".to_owned(), "per_defect".to_owned()]);
        expected.sort();
        assert_eq!(sorted_keys(&found), expected);
        assert_eq!(found["image_AUROC"].as_f64(), Some(0.1 + 0.2));
        assert!(found["AUPRO"].is_null() && found["recall"].is_null());
        assert_eq!(found["n_normal"], 0);
    }

    #[test]
    fn masks_are_counted_where_they_were_looked_for() {
        let mut masks = MaskCount { unmatched: vec!["gt/9.png".into()], ..MaskCount::default() };
        masks.add(Some(&[true]));
        masks.add(None);
        let found = object(&Evaluation { masks: Some(masks), ..Evaluation::default() });
        let expected = serde_json::json!({
            "n_anomalous": 2, "n_with_mask": 1, "n_empty": 0, "n_unusable": 0, "without_image": ["gt/9.png"],
        });
        assert_eq!(found["masks"], expected);
    }

    #[test]
    fn the_mean_and_the_gates_answers_are_there_where_they_were_found() {
        let mut gate = GateAnswers::default();
        for told in [Told::Condition("nut"), Told::Condition("nut"), Told::Condition("bolt"), Told::Unknown] {
            gate.add("nut", told);
        }
        let mean = Metrics { image_auroc: Some(0.5), ..Metrics::default() };
        let found = object(&Evaluation { gate: Some(gate), mean_of_conditions: Some(mean), ..Evaluation::default() });
        let expected = serde_json::json!({
            "n_images": 4, "n_right": 2,
            "confusion": {"nut": {"told": {"bolt": 1, "nut": 2}, "abstained": 0, "unknown": 1}},
        });
        assert_eq!(found["gate"], expected);
        assert_eq!(found["mean_of_conditions"]["image_AUROC"], 0.5);
    }

    #[test]
    fn pixel_figures_are_left_out_without_masks() {
        let found = object(&Evaluation::default());
        assert!(!found.contains_key("pixel_AUROC") && !found.contains_key("AUPRO"));
        assert_eq!(found.len(), 13);
    }
}
