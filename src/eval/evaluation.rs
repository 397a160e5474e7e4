//! All figures of a test set, overall, by condition and by defect.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AtAlpha, Bounded, Confusion, DEFAULT_FPR_LIMIT, EvalError, GateAnswers, MaskCount, PixelPair, PixelRanking,
    PixelSet, ScoredImage, at_alphas, average_precision, f1_max, image_auroc,
};

/// The figures of a set of images; `None` where undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Area under the ROC curve of the raw scores.
    pub image_auroc: Option<f64>,
    /// Area under the ROC curve of the calibrated scores.
    pub calibrated_image_auroc: Option<f64>,
    /// Average precision of the raw scores.
    pub image_ap: Option<f64>,
    /// Best F1 score over all thresholds on the raw scores: an upper bound.
    pub image_f1_max: Option<f64>,
    /// The smallest raw score that it calls anomalous, chosen on these very images.
    pub image_f1_max_threshold: Option<f32>,
    /// Area under the ROC curve of the pooled pixels.
    pub pixel_auroc: Option<f64>,
    /// Area under the per-region overlap curve to a false positive rate of .3.
    pub aupro: Option<f64>,
    /// Right verdicts of all.
    pub accuracy: Option<f64>,
    /// Faults among alarms.
    pub precision: Option<f64>,
    /// Alarms among faults.
    pub recall: Option<f64>,
    /// Alarms among normal images.
    pub false_alarm_rate: Option<f64>,
    /// Normal images.
    pub n_normal: usize,
    /// Anomalous images.
    pub n_anomalous: usize,
}

/// The figures of a test set and of its parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// All images.
    pub overall: Metrics,
    /// The images of each condition; images without one are in none.
    pub per_condition: BTreeMap<String, Metrics>,
    /// The unweighted mean over the conditions, where each is a product of its own, see [`Metrics::mean_of`].
    pub mean_of_conditions: Option<Metrics>,
    /// The images of each defect type together with all normal images.
    pub per_defect: BTreeMap<String, Metrics>,
    /// Whether masks were given: without, there are no pixel figures at all.
    pub has_masks: bool,
    /// Decisions at other false-alarm rates; empty where images have no p-values.
    pub at_alpha: Vec<AtAlpha>,
    /// How far the figures per pixel can be from those of all pixels one by one; `None` where they are those.
    pub pixel_error: Option<PixelError>,
    /// What the figures per pixel rest on, where that was counted.
    pub masks: Option<MaskCount>,
    /// What the gate told of images whose condition is known, where it decided.
    pub gate: Option<GateAnswers>,
}

/// The most that figures per pixel of a test set or of a part of it are off, where there are more than
/// [`MOST_EXACT_PIXELS`](super::MOST_EXACT_PIXELS).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PixelError {
    /// Of areas under the ROC curve.
    pub auroc: f64,
    /// Of areas under the per-region overlap curve.
    pub aupro: f64,
}

impl PixelError {
    fn raise(&mut self, auroc: Option<Bounded>, aupro: Option<Bounded>) {
        self.auroc = self.auroc.max(auroc.map_or(0.0, |found| found.error));
        self.aupro = self.aupro.max(aupro.map_or(0.0, |found| found.error));
    }
}

impl Metrics {
    /// The unweighted mean over `parts`, each figure over the parts that have it; images are added up.
    pub fn mean_of<'a>(parts: impl Iterator<Item = &'a Metrics> + Clone) -> Self {
        let mean = |figure: fn(&Metrics) -> Option<f64>| {
            let (n, sum) = parts.clone().filter_map(figure).fold((0u32, 0.0), |(n, sum), found| (n + 1, sum + found));
            (n > 0).then(|| sum / f64::from(n))
        };
        Self {
            image_auroc: mean(|m| m.image_auroc),
            calibrated_image_auroc: mean(|m| m.calibrated_image_auroc),
            image_ap: mean(|m| m.image_ap),
            image_f1_max: mean(|m| m.image_f1_max),
            // Those of different products do not make a mean.
            image_f1_max_threshold: None,
            pixel_auroc: mean(|m| m.pixel_auroc),
            aupro: mean(|m| m.aupro),
            accuracy: mean(|m| m.accuracy),
            precision: mean(|m| m.precision),
            recall: mean(|m| m.recall),
            false_alarm_rate: mean(|m| m.false_alarm_rate),
            n_normal: parts.clone().map(|m| m.n_normal).sum(),
            n_anomalous: parts.map(|m| m.n_anomalous).sum(),
        }
    }
}

/// Evaluates a test set: `images` for the figures per image, `pixels` (the
/// images that have masks, in any order, possibly none) for those per pixel.
///
/// A map counts as normal when it has no defect type and an empty mask.
///
/// # Errors
///
/// [`EvalError::NanScore`] for a NaN score, [`EvalError::PixelCount`] if a mask
/// is not of its map's size.
pub fn evaluate(images: &[ScoredImage], pixels: &[PixelPair]) -> Result<Evaluation, EvalError> {
    let mut set = PixelSet::default();
    pixels.iter().try_for_each(|pair| set.add(pair.masked(), pair.condition.as_deref(), pair.defect.as_deref()))?;
    evaluate_set(images, set)
}

/// [`evaluate()`] of maps that were handed over one by one.
///
/// # Errors
///
/// [`EvalError::NanScore`] for a NaN score of an image.
pub fn evaluate_set(images: &[ScoredImage], pixels: PixelSet) -> Result<Evaluation, EvalError> {
    let nan = |image: &ScoredImage| image.raw_score.is_nan() || image.calibrated_score.is_nan();
    if let Some(index) = images.iter().position(nan) {
        return Err(EvalError::NanScore { what: "image", index });
    }
    let (ranking, groups) = pixels.ranked();
    let mut error = PixelError::default();

    let conditions: BTreeSet<&String> = images.iter().filter_map(|image| image.condition.as_ref()).collect();
    let defects: BTreeSet<&String> =
        images.iter().filter(|image| image.anomalous).filter_map(|image| image.defect.as_ref()).collect();

    let mut evaluation = Evaluation {
        overall: metrics(images.iter(), &ranking, |_| true, &mut error)?,
        has_masks: !groups.is_empty(),
        at_alpha: at_alphas(images),
        ..Evaluation::default()
    };
    for name in conditions {
        let part = images.iter().filter(|image| image.condition.as_ref() == Some(name));
        let found = metrics(part, &ranking, |group| groups[group].condition.as_ref() == Some(name), &mut error)?;
        evaluation.per_condition.insert(name.clone(), found);
    }
    for name in defects {
        let part = images.iter().filter(|image| !image.anomalous || image.defect.as_ref() == Some(name));
        let keep = |group: usize| groups[group].is_normal || groups[group].defect.as_ref() == Some(name);
        evaluation.per_defect.insert(name.clone(), metrics(part, &ranking, keep, &mut error)?);
    }
    evaluation.pixel_error = (!ranking.is_exact()).then_some(error);
    Ok(evaluation)
}

fn metrics<'a>(
    images: impl Iterator<Item = &'a ScoredImage>,
    ranking: &PixelRanking,
    keep: impl Fn(usize) -> bool,
    error: &mut PixelError,
) -> Result<Metrics, EvalError> {
    let images: Vec<&ScoredImage> = images.collect();
    let anomalous: Vec<bool> = images.iter().map(|image| image.anomalous).collect();
    let raw: Vec<f32> = images.iter().map(|image| image.raw_score).collect();
    let calibrated: Vec<f32> = images.iter().map(|image| image.calibrated_score).collect();
    let counts = Confusion::of(images.iter().map(|image| (image.anomalous, image.verdict)));
    let best = f1_max(&raw, &anomalous);
    let (auroc, aupro) = (ranking.auroc(&keep), ranking.aupro(DEFAULT_FPR_LIMIT, &keep)?);
    error.raise(auroc, aupro);
    Ok(Metrics {
        image_auroc: image_auroc(&raw, &anomalous),
        calibrated_image_auroc: image_auroc(&calibrated, &anomalous),
        image_ap: average_precision(&raw, &anomalous),
        image_f1_max: best.map(|best| best.f1),
        image_f1_max_threshold: best.map(|best| best.threshold),
        pixel_auroc: auroc.map(|found| found.value),
        aupro: aupro.map(|found| found.value),
        accuracy: counts.accuracy(),
        precision: counts.precision(),
        recall: counts.recall(),
        false_alarm_rate: counts.false_alarm_rate(),
        n_normal: counts.n_normal(),
        n_anomalous: counts.n_anomalous(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::AnomalyMap;
    use crate::score::Verdict;

    fn image(score: f32, condition: &str, defect: Option<&str>) -> ScoredImage {
        ScoredImage {
            anomalous: defect.is_some(),
            raw_score: score,
            // Cold scores are shifted up so that both conditions share a level.
            calibrated_score: score + if condition == "cold" { 10.0 } else { 0.0 },
            verdict: Verdict::of(score, 11.5),
            p_value: None,
            condition: Some(condition.to_owned()),
            defect: defect.map(str::to_owned),
        }
    }

    fn pair(values: [f32; 2], mask: [bool; 2], condition: &str, defect: Option<&str>) -> PixelPair {
        PixelPair {
            map: AnomalyMap { values: values.to_vec(), height_px: 1, width_px: 2 },
            mask: mask.to_vec(),
            inside: None,
            condition: Some(condition.to_owned()),
            defect: defect.map(str::to_owned),
        }
    }

    fn test_set() -> Vec<ScoredImage> {
        vec![
            image(1.0, "cold", None),
            image(3.0, "cold", Some("crack")),
            image(11.0, "warm", None),
            image(12.0, "warm", Some("dent")),
        ]
    }

    #[test]
    fn conditions_are_evaluated_apart_and_defects_against_all_normals() {
        let found = evaluate(&test_set(), &[]).unwrap();
        assert_eq!(found.overall.image_auroc, Some(0.75));
        assert_eq!(found.overall.calibrated_image_auroc, Some(1.0));
        assert_eq!((found.overall.n_normal, found.overall.n_anomalous), (2, 2));
        assert_eq!(found.overall.recall, Some(0.5));
        assert_eq!(found.overall.false_alarm_rate, Some(0.0));
        assert_eq!(found.per_condition.len(), 2);
        assert_eq!(found.per_condition["cold"].image_auroc, Some(1.0));
        assert_eq!(found.per_condition["cold"].recall, Some(0.0));
        assert_eq!(found.per_condition["cold"].precision, None);
        assert_eq!(found.per_condition["warm"].recall, Some(1.0));
        assert_eq!(found.per_defect["crack"].image_auroc, Some(0.5));
        assert_eq!(found.per_defect["dent"].image_auroc, Some(1.0));
        assert_eq!(found.per_defect["crack"].n_normal, 2);
        assert!(!found.has_masks);
        assert_eq!(found.overall.aupro, None);
    }

    #[test]
    fn pixel_figures_of_a_defect_use_its_maps_and_the_normal_ones() {
        let pixels = [
            pair([9.0, 1.0], [true, false], "cold", Some("crack")),
            pair([2.0, 1.0], [true, false], "warm", Some("dent")),
            pair([5.0, 0.0], [false, false], "warm", None),
        ];
        let found = evaluate(&test_set(), &pixels).unwrap();
        assert!(found.has_masks);
        assert_eq!(found.per_defect["crack"].pixel_auroc, Some(1.0));
        // Background 1, 5, 0 against 2: two of three pairs won.
        assert_eq!(found.per_defect["dent"].pixel_auroc, Some(2.0 / 3.0));
        assert_eq!(found.per_condition["cold"].pixel_auroc, Some(1.0));
        assert_eq!(found.per_condition["warm"].pixel_auroc, Some(2.0 / 3.0));
        assert_eq!(found.overall.pixel_auroc, Some(7.0 / 8.0));
        assert_eq!(found.per_defect["crack"].aupro, Some(1.0));
    }

    #[test]
    fn a_mean_is_unweighted_and_over_the_parts_that_have_the_figure() {
        let of = |image_auroc, aupro, n_normal| Metrics { image_auroc, aupro, n_normal, ..Metrics::default() };
        let parts = [of(Some(0.5), None, 1000), of(Some(1.0), Some(0.25), 1), of(None, None, 0)];
        assert_eq!(Metrics::mean_of(parts.iter()), of(Some(0.75), Some(0.25), 1001));
        assert_eq!(Metrics::mean_of([].iter()), Metrics::default());
    }

    #[test]
    fn an_empty_and_a_one_image_test_set_have_undefined_figures() {
        let empty = evaluate(&[], &[]).unwrap();
        assert_eq!(empty, Evaluation::default());
        let one = evaluate(&test_set()[..1], &[]).unwrap();
        assert_eq!(one.overall.image_auroc, None);
        assert_eq!(one.overall.accuracy, Some(1.0));
        assert_eq!(one.overall.n_normal, 1);
    }

    #[test]
    fn a_nan_score_is_an_error_that_names_the_image() {
        let mut images = test_set();
        images[2].calibrated_score = f32::NAN;
        let found = evaluate(&images, &[]);
        assert_eq!(found, Err(EvalError::NanScore { what: "image", index: 2 }));
    }
}
