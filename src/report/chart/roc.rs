//! The ROC curve.

use super::axis::Axis;
use super::scene::{Anchor, Mark, Role, Scene};
use crate::eval::RocPoint;

const WIDTH: f32 = 460.0;
const HEIGHT: f32 = 310.0;
const LEFT: f32 = 46.0;
const RIGHT: f32 = 448.0;
const TOP: f32 = 16.0;
const BOTTOM: f32 = 264.0;
/// Corners beyond this are thinned: a screen can't show more.
const MAX_POINTS: usize = 600;

/// Draws the curve, the diagonal of chance and the operating point
/// `(false alarm rate, recall)` of the verdicts.
#[must_use]
pub fn roc_chart(curve: &[RocPoint], operating_point: Option<(f64, f64)>, auroc: Option<f64>) -> Scene {
    let x = Axis { low: 0.0, high: 1.0, start: LEFT, end: RIGHT };
    let y = Axis { low: 0.0, high: 1.0, start: BOTTOM, end: TOP };
    let mut marks = Vec::new();
    for (value, label) in x.ticks(5) {
        let (across, up) = (x.at(value), y.at(value));
        marks.push(line(vec![(LEFT, up), (RIGHT, up)], 1.0, false, Role::Grid));
        marks.push(line(vec![(across, TOP), (across, BOTTOM)], 1.0, false, Role::Grid));
        marks.push(text(LEFT - 6.0, up + 4.0, Anchor::End, Role::Muted, label.clone()));
        marks.push(text(across, BOTTOM + 18.0, Anchor::Middle, Role::Muted, label));
    }
    marks.push(line(vec![(LEFT, BOTTOM), (RIGHT, TOP)], 1.0, true, Role::Axis));
    let stride = curve.len().div_ceil(MAX_POINTS).max(1);
    let kept = curve.iter().enumerate().filter(|(index, _)| index % stride == 0 || index + 1 == curve.len());
    let points = kept.map(|(_, point)| (x.at(point.false_positive_rate), y.at(point.true_positive_rate)));
    marks.push(line(points.collect(), 2.0, false, Role::Curve));
    if let Some((false_alarm_rate, recall)) = operating_point {
        let (at_x, at_y) = (x.at(false_alarm_rate), y.at(recall));
        let size = 8.0;
        marks.push(Mark::Rect {
            x: at_x - size / 2.0,
            y: at_y - size / 2.0,
            width: size,
            height: size,
            role: Role::Anomalous,
        });
        let below = (at_y + 20.0).clamp(TOP + 24.0, BOTTOM - 8.0);
        let (label_x, anchor) =
            if false_alarm_rate > 0.5 { (at_x - 8.0, Anchor::End) } else { (at_x + 10.0, Anchor::Start) };
        marks.push(text(label_x, below, anchor, Role::Anomalous, "at the threshold".to_owned()));
    }
    if let Some(auroc) = auroc {
        let label = format!("AUROC {auroc:.4}");
        marks.push(text(RIGHT - 10.0, BOTTOM - 14.0, Anchor::End, Role::Text, label));
    }
    let axis_name = "false alarm rate (across), recall (up)".to_owned();
    marks.push(text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, Anchor::Middle, Role::Muted, axis_name));
    let area = auroc.map_or_else(String::new, |auroc| format!(", area {auroc:.4}"));
    Scene { width: WIDTH, height: HEIGHT, description: format!("ROC curve{area}"), marks }
}

fn line(points: Vec<(f32, f32)>, width: f32, dashed: bool, role: Role) -> Mark {
    Mark::Line { points, width, dashed, role }
}

fn text(x: f32, y: f32, anchor: Anchor, role: Role, text: String) -> Mark {
    Mark::Text { x, y, anchor, role, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::roc_curve;

    fn curve_points(scene: &Scene) -> Vec<(f32, f32)> {
        let curve = scene.marks.iter().find_map(|mark| match mark {
            Mark::Line { points, role: Role::Curve, .. } => Some(points.clone()),
            _ => None,
        });
        curve.unwrap()
    }

    #[test]
    fn the_curve_goes_from_corner_to_corner() {
        let curve = roc_curve(&[1.0, 2.0, 3.0], &[false, true, true]).unwrap();
        let scene = roc_chart(&curve, Some((0.0, 1.0)), Some(1.0));
        let points = curve_points(&scene);
        assert_eq!(points.len(), 4);
        assert_eq!((points[0], points[3]), ((LEFT, BOTTOM), (RIGHT, TOP)));
        assert!(scene.svg().contains("AUROC 1.0000"));
        assert!(scene.picture().is_ok());
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let scores: Vec<f32> = (0..5000).map(|i| i as f32).collect();
        let labels: Vec<bool> = (0..5000).map(|i| i % 3 == 0).collect();
        let points = curve_points(&roc_chart(&roc_curve(&scores, &labels).unwrap(), None, None));
        assert!(points.len() <= MAX_POINTS + 1);
        assert_eq!((points[0], points[points.len() - 1]), ((LEFT, BOTTOM), (RIGHT, TOP)));
    }
}
