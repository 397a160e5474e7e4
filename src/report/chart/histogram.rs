//! How the scores of normal and anomalous images are spread.

use super::axis::Axis;
use super::scene::{Anchor, Mark, Role, Scene};
use crate::report::number::short;

const WIDTH: f32 = 460.0;
const HEIGHT: f32 = 326.0;
const LEFT: f32 = 46.0;
const RIGHT: f32 = 448.0;
const TOP: f32 = 64.0;
const BOTTOM: f32 = 280.0;
/// Bars at most, of thousands of images, and at least.
const MOST_BINS: f64 = 48.0;
const FEWEST_BINS: f64 = 12.0;
/// From so many scores on, few that lie far off do not stretch the axis.
const MANY: usize = 20;

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

/// Normal images upwards, anomalous ones downwards, each as a share of its own class, on one scale of scores and one of shares,
/// with the threshold across both. Scores far beyond nearly all others are counted in the last bar, which says so.
///
/// `None` without a finite score.
#[must_use]
pub fn score_histogram(data: &HistogramData) -> Option<Scene> {
    let finite = |scores: &[f32]| -> Vec<f64> {
        scores.iter().filter(|score| score.is_finite()).map(|&score| f64::from(score)).collect()
    };
    let (normal, anomalous) = (finite(&data.normal), finite(&data.anomalous));
    if normal.is_empty() && anomalous.is_empty() {
        return None;
    }
    let threshold = data.threshold.filter(|threshold| threshold.is_finite()).map(f64::from);
    let all: Vec<f64> = normal.iter().chain(&anomalous).copied().collect();
    let axis = Bars::of(all, threshold)?;
    let Bars { x, n_beyond, .. } = axis;
    let halves = halves(&normal, &anomalous, &axis);

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
    halves.iter().for_each(|half| half.draw_scale(&mut marks));
    halves.iter().for_each(|half| half.draw_bars(&mut marks));
    let base = halves[0].y.start;
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
    let shares = if anomalous.is_empty() { "share of the images" } else { "share of the images of a class" };
    marks.push(text(2.0, 32.0, Anchor::Start, Role::Muted, format!("%: {shares}")));
    if let (Some(at), Some(threshold)) = (shown, threshold) {
        draw_threshold(&mut marks, at, threshold);
    }
    let beyond = if n_beyond > 0 { format!("; {n_beyond} beyond, in the last bar") } else { String::new() };
    let below = format!("{}{beyond}", data.score_name);
    marks.push(text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, Anchor::Middle, Role::Muted, below));
    let description =
        format!("Histogram of {}: {} {name} and {} anomalous images", data.score_name, normal.len(), anomalous.len());
    Some(Scene { width: WIDTH, height: HEIGHT, description, marks })
}

/// Both classes on one scale of shares: a share is as high on either side.
fn halves(normal: &[f64], anomalous: &[f64], axis: &Bars) -> [Half; 2] {
    let (up_bins, down_bins) = (axis.shares(normal), axis.shares(anomalous));
    let tallest = |bins: &[f64]| bins.iter().copied().fold(0.0, f64::max);
    let (up, down) = (tallest(&up_bins), tallest(&down_bins));
    let whole = if up + down > 0.0 { up + down } else { 1.0 };
    let base = TOP + (BOTTOM - TOP) * (up / whole) as f32;
    let y = |high: f64, end: f32| Axis { low: 0.0, high, start: base, end };
    [
        Half { bins: up_bins, y: y(up, TOP), whole, role: Role::Normal },
        Half { bins: down_bins, y: y(down, BOTTOM), whole, role: Role::Anomalous },
    ]
}

fn draw_threshold(marks: &mut Vec<Mark>, at: f32, threshold: f64) {
    let points = vec![(at, TOP - 5.0), (at, BOTTOM)];
    marks.push(Mark::Line { points, width: 1.5, dashed: true, role: Role::Threshold });
    let label = format!("threshold {}", short(threshold as f32));
    let room = label.len() as f32 * 3.5;
    let middle = at.clamp(LEFT + room, RIGHT - room);
    marks.push(text(middle, TOP - 9.0, Anchor::Middle, Role::Text, label));
}

/// The axis of the scores, cut into bars.
struct Bars {
    x: Axis,
    n: usize,
    /// Scores that lie further right, in the last bar.
    n_beyond: usize,
}

impl Bars {
    /// Of the values and a little room, with the threshold between two bars; `None` without any value.
    fn of(mut values: Vec<f64>, threshold: Option<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let mut low = threshold.map_or(least, |threshold| threshold.min(least));
        let mut high = threshold.map_or(most, |threshold| threshold.max(most));
        // Nearly all of the values, and the threshold.
        let usual = values[(values.len() * 19 / 20).min(values.len() - 1)];
        let usual = threshold.map_or(usual, |threshold| threshold.max(usual));
        if values.len() >= MANY && usual > low && high - low > 3.0 * (usual - low) {
            high = usual + 0.5 * (usual - low);
        }
        let n_beyond = values.iter().rev().take_while(|value| **value > high).count();
        let room = if high > low { (high - low) * 0.02 } else { high.abs().max(1.0) * 0.5 };
        (low, high) = (low - room, high + room);
        let mut n = ((3.0 * values.len() as f64).cbrt() * 2.0).clamp(FEWEST_BINS, MOST_BINS) as usize;
        if let Some(threshold) = threshold {
            let width = (high - low) / n as f64;
            low = threshold - ((threshold - low) / width).ceil() * width;
            n += 1;
            high = low + n as f64 * width;
        }
        Some(Self { x: Axis { low, high, start: LEFT, end: RIGHT }, n, n_beyond })
    }

    /// Per bar, the share of the values that fall in; one on its border belongs to the left, as a score at the threshold does.
    fn shares(&self, values: &[f64]) -> Vec<f64> {
        let mut bins = vec![0.0; self.n];
        for value in values {
            let part = (value - self.x.low) / (self.x.high - self.x.low);
            let bin = ((part * self.n as f64 - 1e-9).max(0.0) as usize).min(self.n - 1);
            bins[bin] += 1.0 / values.len() as f64;
        }
        bins
    }
}

/// The bars of one class, growing from the base line.
struct Half {
    bins: Vec<f64>,
    /// Shares, from the base line to the tallest bar.
    y: Axis,
    /// The tallest bars of both classes, on top of each other.
    whole: f64,
    role: Role,
}

impl Half {
    fn draw_scale(&self, marks: &mut Vec<Mark>) {
        let Axis { high, start, end, .. } = self.y;
        // The step is that of both classes, and a label keeps clear of the base line's.
        let both = Axis { low: 0.0, high: self.whole, start: 0.0, end: 1.0 };
        let ticks = both.ticks(6).into_iter().filter(|(share, _)| *share > 0.0 && *share <= high);
        let decimals = usize::from(self.whole < 0.1);
        for (share, _) in ticks {
            let at = start + (end - start) * (share / high) as f32;
            marks.push(line([(LEFT, at), (RIGHT, at)], Role::Grid));
            let label = format!("{:.decimals$} %", share * 100.0);
            marks.push(text(LEFT - 6.0, at + 4.0, Anchor::End, Role::Muted, label));
        }
    }

    fn draw_bars(&self, marks: &mut Vec<Mark>) {
        let bar_width = (RIGHT - LEFT) / self.bins.len() as f32;
        let base = self.y.start;
        for (bin, &share) in self.bins.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let height = (self.y.at(share) - base).abs().max(1.0);
            let top = if self.y.end < base { base - height } else { base };
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
    fn a_share_is_as_high_on_either_side_and_its_scale_says_so() {
        let scene = score_histogram(&data(&[1.0, 2.0], &[5.0, 5.0, 6.0, 7.0], Some(3.0))).unwrap();
        let (normal, anomalous) = (bars(&scene, Role::Normal), bars(&scene, Role::Anomalous));
        let half = anomalous.iter().map(|bar| bar.2).fold(0.0, f32::max);
        assert!((normal[0].2 - half).abs() < 1e-3 && (anomalous[1].2 * 2.0 - half).abs() < 1e-3);
        let labels: Vec<(f32, String)> = texts(&scene).filter(|(x, _, _)| *x < LEFT).map(|(_, y, t)| (y, t)).collect();
        let at = |label: &str| labels.iter().filter(|(_, text)| text == label).map(|(y, _)| *y).collect::<Vec<_>>();
        let base = normal[0].1 + normal[0].2 + 4.0;
        assert!(matches!(at("40 %")[..], [up, down] if (base - up - (down - base)).abs() < 0.1), "{labels:?}");
        assert!(labels.iter().any(|(_, text)| text == "%: share of the images of a class"));
    }

    #[test]
    fn no_bar_lies_across_the_threshold() {
        for threshold in [2.5_f32, 0.1, 7.0, -3.0, 40.0] {
            let scores: Vec<f32> = (0..60).map(|i| i as f32 / 6.0).chain([threshold]).collect();
            let scene = score_histogram(&data(&scores, &[threshold + 0.01], Some(threshold))).unwrap();
            let at = bars(&scene, Role::Alarm)[0].0;
            let width = (RIGHT - LEFT) / 13.0 - 1.0;
            for role in [Role::Normal, Role::Anomalous] {
                assert!(bars(&scene, role).iter().all(|bar| bar.0 > at || bar.0 + width < at), "{threshold}");
            }
            let n_left = |role| bars(&scene, role).iter().filter(|bar| bar.0 < at).count();
            assert!(n_left(Role::Normal) >= 1 && n_left(Role::Anomalous) == 0, "at the threshold is not beyond it");
        }
    }

    fn texts(scene: &Scene) -> impl Iterator<Item = (f32, f32, String)> {
        scene.marks.iter().filter_map(|mark| match mark {
            Mark::Text { x, y, text, .. } => Some((*x, *y, text.clone())),
            _ => None,
        })
    }

    #[test]
    fn bars_grow_in_number_with_the_images_and_a_lone_score_far_off_does_not_stretch_the_axis() {
        let many: Vec<f32> = (0..5000).map(|i| (i % 97) as f32).collect();
        let n_bars = |values: &[f32]| bars(&score_histogram(&data(values, &[], None)).unwrap(), Role::Normal).len();
        assert!((40..=48).contains(&n_bars(&many)), "{}", n_bars(&many));
        assert!(n_bars(&many[..97]) <= 16);
        let scene = |anomalous: &[f32]| score_histogram(&data(&many[..97], anomalous, Some(100.0))).unwrap();
        let says = |scene: &Scene, what: &str| texts(scene).any(|(.., text)| text.contains(what));
        let (near, far) = (scene(&[150.0]), scene(&[1e6]));
        assert!(says(&far, "; 1 beyond, in the last bar") && !says(&near, "beyond"));
        let right = |scene: &Scene| bars(scene, Role::Normal).last().unwrap().0;
        assert!(right(&far) > (LEFT + RIGHT) / 2.0, "the normal images keep their width: {}", right(&far));
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
