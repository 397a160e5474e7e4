//! The section in which a reader moves the threshold.

use askama::Template;

use super::Report;

/// Scores, truths and where the threshold stands; a few lines of script count. Hidden without script.
#[derive(Template)]
#[template(path = "html/slider.html")]
pub(super) struct Slider {
    scores: String,
    /// A letter for each: `n`ormal, `a`nomalous, `u`nknown.
    truth: String,
    low: f32,
    high: f32,
    at: f32,
    unit: &'static str,
    /// What sets such a threshold, before its number; empty where one number is none.
    command: String,
    /// Whether the truth of any image is known.
    is_labelled: bool,
}

impl Slider {
    /// `None` where there are no scores, or no threshold that they share in some unit.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let scored: Vec<(f32, f32, f32, Option<bool>)> = report
            .images
            .iter()
            .filter_map(|image| {
                let row = &image.row;
                Some((row.raw_score?, row.score?, row.threshold?, image.anomalous))
            })
            .filter(|(raw, score, threshold, _)| raw.is_finite() && score.is_finite() && threshold.is_finite())
            .collect();
        let first = scored.first()?;
        let truth = scored.iter().map(|(.., anomalous)| match anomalous {
            Some(true) => 'a',
            Some(false) => 'n',
            None => 'u',
        });
        let truth: String = truth.collect();
        let is_shared = scored.iter().all(|(_, _, threshold, _)| *threshold == first.2);
        let (values, at, unit, command): (Vec<f32>, f32, _, _) = if is_shared {
            let at = raw_threshold(&scored)?;
            (
                scored.iter().map(|(raw, ..)| *raw).collect(),
                at,
                "raw score",
                if report.cut.is_empty() { String::new() } else { format!("{} ", report.cut) },
            )
        } else if scored.iter().all(|(_, _, threshold, _)| *threshold > 0.0) {
            (
                scored.iter().map(|(_, score, threshold, _)| score / threshold).collect(),
                1.0,
                "score, in thresholds of its condition",
                String::new(),
            )
        } else {
            return None;
        };
        let low = values.iter().copied().fold(at, f32::min);
        let high = values.iter().copied().fold(at, f32::max);
        let scores = values.iter().map(|value| format!("{value}")).collect::<Vec<_>>().join(",");
        let is_labelled = truth.contains(['a', 'n']);
        Some(Self { scores, truth, low, high, at, unit, command, is_labelled })
    }
}

/// The threshold of raw scores: calibrated ones are a straight line of them.
fn raw_threshold(scored: &[(f32, f32, f32, Option<bool>)]) -> Option<f32> {
    let by_score = |a: &&(f32, f32, f32, Option<bool>), b: &&(f32, f32, f32, Option<bool>)| a.1.total_cmp(&b.1);
    let (least, most) = (scored.iter().min_by(by_score)?, scored.iter().max_by(by_score)?);
    let per_unit = f64::from(most.0 - least.0) / f64::from(most.1 - least.1);
    let at = f64::from(least.0) + per_unit * f64::from(least.2 - least.1);
    at.is_finite().then_some(at as f32)
}
