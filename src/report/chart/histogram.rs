//! How the scores of normal and anomalous images are spread.

use super::axis::Axis;
use super::scene::{Anchor, Mark, Role, Scene};
use crate::report::number::short;

const WIDTH: f32 = 460.0;
const HEIGHT: f32 = 310.0;
const LEFT: f32 = 46.0;
const RIGHT: f32 = 448.0;
const TOP: f32 = 48.0;
const BOTTOM: f32 = 264.0;
const N_BINS: usize = 48;

/// The scores a histogram shows. Values that are not finite are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramData {
    /// Scores of normal images, or of all images where the truth is unknown.
    pub normal: Vec<f32>,
    /// Scores of anomalous images.
    pub anomalous: Vec<f32>,
    /// Whether the truth is known: otherwise `normal` is labelled as all images.
    pub labelled: bool,
    /// Where the decision is made.
    pub threshold: Option<f32>,
    /// What the scores are.
    pub score_name: String,
}

/// Normal images upwards, anomalous ones downwards on the same score axis,
/// each as a share of its own class, with the threshold across both.
///
/// `None` without a finite score.
#[must_use]
pub fn score_histogram(data: &HistogramData) -> Option<Scene> {
    let finite = |scores: &[f32]| -> Vec<f64> {
        scores.iter().filter(|score| score.is_finite()).map(|&score| f64::from(score)).collect()
    };
    let (normal, anomalous) = (finite(&data.normal), finite(&data.anomalous));
    let threshold = data.threshold.filter(|threshold| threshold.is_finite()).map(f64::from);
    let x = score_axis(normal.iter().chain(&anomalous).copied().chain(threshold))?;
    if normal.is_empty() && anomalous.is_empty() {
        return None;
    }

    let (normal_bins, anomalous_bins) = (shares(&normal, &x), shares(&anomalous, &x));
    let tallest = |bins: &[f64]| bins.iter().copied().fold(0.0, f64::max);
    let (up, down) = (tallest(&normal_bins), tallest(&anomalous_bins));
    // Each class fills its own part of the height: a broad one stays visible beside a narrow one.
    let base = match (up > 0.0, down > 0.0) {
        (true, true) => TOP + (BOTTOM - TOP) * 0.56,
        (true, false) => BOTTOM,
        (false, _) => TOP,
    };
    let halves = [
        Half { bins: normal_bins, tallest: up, end: TOP, base, role: Role::Normal },
        Half { bins: anomalous_bins, tallest: down, end: BOTTOM, base, role: Role::Anomalous },
    ];

    let mut marks = Vec::new();
    let shown = threshold.map(|threshold| x.at(threshold));
    if let Some(at) = shown {
        marks.push(Mark::Rect { x: at, y: TOP, width: RIGHT - at, height: BOTTOM - TOP, role: Role::Alarm });
    }
    for (value, label) in x.ticks(6) {
        let at = x.at(value);
        marks.push(line([(at, BOTTOM), (at, BOTTOM + 4.0)], Role::Axis));
        marks.push(text(at, BOTTOM + 18.0, Anchor::Middle, Role::Muted, label));
    }
    for half in halves.iter().filter(|half| half.tallest > 0.0) {
        half.draw(&mut marks);
    }
    marks.push(line([(LEFT, base), (RIGHT, base)], Role::Axis));
    let name = if data.labelled { "normal" } else { "all images" };
    if !normal.is_empty() {
        let label = format!("{name}{}, n = {}", if data.labelled { " (up)" } else { "" }, normal.len());
        marks.push(text(LEFT, 14.0, Anchor::Start, Role::Normal, label));
    }
    if !anomalous.is_empty() {
        let label = format!("anomalous (down), n = {}", anomalous.len());
        marks.push(text(RIGHT, 14.0, Anchor::End, Role::Anomalous, label));
    }
    if let (Some(at), Some(threshold)) = (shown, threshold) {
        draw_threshold(&mut marks, at, threshold);
    }
    marks.push(text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, Anchor::Middle, Role::Muted, data.score_name.clone()));
    let description =
        format!("Histogram of {}: {} {name} and {} anomalous images", data.score_name, normal.len(), anomalous.len());
    Some(Scene { width: WIDTH, height: HEIGHT, description, marks })
}

fn draw_threshold(marks: &mut Vec<Mark>, at: f32, threshold: f64) {
    let points = vec![(at, TOP - 5.0), (at, BOTTOM)];
    marks.push(Mark::Line { points, width: 1.5, dashed: true, role: Role::Threshold });
    let label = format!("threshold {}", short(threshold as f32));
    let room = label.len() as f32 * 3.5;
    let middle = at.clamp(LEFT + room, RIGHT - room);
    marks.push(text(middle, TOP - 9.0, Anchor::Middle, Role::Text, label));
}

/// The range of all values with a little room; `None` without any.
fn score_axis(values: impl Iterator<Item = f64>) -> Option<Axis> {
    let (low, high) = values.fold(None, |range: Option<(f64, f64)>, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })?;
    let room = if high > low { (high - low) * 0.02 } else { high.abs().max(1.0) * 0.5 };
    Some(Axis { low: low - room, high: high + room, start: LEFT, end: RIGHT })
}

/// Per bin, the share of the values that fall in.
fn shares(values: &[f64], x: &Axis) -> Vec<f64> {
    let mut bins = vec![0.0; N_BINS];
    for value in values {
        let part = (value - x.low) / (x.high - x.low);
        let bin = ((part * N_BINS as f64) as usize).min(N_BINS - 1);
        bins[bin] += 1.0 / values.len() as f64;
    }
    bins
}

/// The bars of one class, growing from `base` to `end`.
struct Half {
    bins: Vec<f64>,
    tallest: f64,
    base: f32,
    end: f32,
    role: Role,
}

impl Half {
    fn draw(&self, marks: &mut Vec<Mark>) {
        let y = Axis { low: 0.0, high: self.tallest, start: self.base, end: self.end };
        let decimals = usize::from(self.tallest < 0.04);
        for (share, _) in y.ticks(3).into_iter().filter(|tick| tick.0 > 0.0) {
            let at = y.at(share);
            marks.push(line([(LEFT, at), (RIGHT, at)], Role::Grid));
            let label = format!("{:.decimals$} %", share * 100.0);
            marks.push(text(LEFT - 6.0, at + 4.0, Anchor::End, Role::Muted, label));
        }
        let bar_width = (RIGHT - LEFT) / N_BINS as f32;
        for (bin, &share) in self.bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let height = (y.at(share) - self.base).abs().max(1.0);
            let top = if self.end < self.base { self.base - height } else { self.base };
            let x = LEFT + bin as f32 * bar_width + 0.5;
            marks.push(Mark::Rect { x, y: top, width: bar_width - 1.0, height, role: self.role });
        }
    }
}

fn line(points: [(f32, f32); 2], role: Role) -> Mark {
    Mark::Line { points: points.to_vec(), width: 1.0, dashed: false, role }
}

fn text(x: f32, y: f32, anchor: Anchor, role: Role, text: String) -> Mark {
    Mark::Text { x, y, anchor, role, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(normal: &[f32], anomalous: &[f32], threshold: Option<f32>) -> HistogramData {
        HistogramData {
            normal: normal.to_vec(),
            anomalous: anomalous.to_vec(),
            labelled: true,
            threshold,
            score_name: "score".to_owned(),
        }
    }

    fn bars(scene: &Scene, wanted: Role) -> Vec<(f32, f32, f32)> {
        let bars = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Rect { x, y, height, role, .. } if *role == wanted => Some((*x, *y, *height)),
            _ => None,
        });
        bars.collect()
    }

    #[test]
    fn classes_grow_apart_from_one_base_line() {
        let scene = score_histogram(&data(&[1.0, 1.0, 2.0], &[5.0], Some(3.0))).unwrap();
        let (normal, anomalous) = (bars(&scene, Role::Normal), bars(&scene, Role::Anomalous));
        assert_eq!((normal.len(), anomalous.len()), (2, 1));
        assert!((normal[0].2 / normal[1].2 - 2.0).abs() < 1e-3, "two images stand twice as high");
        let base = normal[0].1 + normal[0].2;
        assert!((anomalous[0].1 - base).abs() < 1e-3);
        assert!(anomalous[0].0 > normal[1].0);
        let alarm = bars(&scene, Role::Alarm);
        assert!(alarm[0].0 > normal[1].0 && alarm[0].0 < anomalous[0].0);
    }

    #[test]
    fn all_marks_stay_inside_the_scene() {
        let cases = [
            data(&[1.0], &[], None),
            data(&[], &[2.0, 2.0], Some(2.0)),
            data(&[0.0; 50], &[-1e30, 1e30], Some(0.0)),
            data(&[1.0, f32::NAN, f32::INFINITY], &[1.5], Some(f32::NAN)),
            data(&[-3.0, -2.0], &[], Some(900.0)),
        ];
        for case in cases {
            let scene = score_histogram(&case).unwrap();
            assert!(scene.picture().is_ok());
            for mark in &scene.marks {
                let (x, y, right, bottom) = match mark {
                    Mark::Rect { x, y, width, height, .. } => (*x, *y, x + width, y + height),
                    Mark::Line { points, .. } => (points[0].0, points[0].1, points[1].0, points[1].1),
                    Mark::Text { x, y, .. } => (*x, *y, *x, *y),
                };
                assert!(x >= 0.0 && y >= 0.0 && right <= WIDTH && bottom <= HEIGHT, "{mark:?} of {case:?}");
            }
        }
    }

    #[test]
    fn no_finite_score_gives_no_chart() {
        assert_eq!(score_histogram(&data(&[], &[], Some(1.0))), None);
        assert_eq!(score_histogram(&data(&[f32::NAN], &[f32::INFINITY], None)), None);
    }
}
