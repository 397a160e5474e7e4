//! Evidence over time.

use super::axis::Axis;
use super::scene::{Anchor, Mark, Role, Scene};

const WIDTH: f32 = 460.0;
const HEIGHT: f32 = 220.0;
const LEFT: f32 = 46.0;
const RIGHT: f32 = 448.0;
const TOP: f32 = 16.0;
const BOTTOM: f32 = 176.0;
/// More points are thinned: a screen can't show them.
const MAX_POINTS: usize = 600;

/// Draws the decimal logarithm of evidence after each part, and the limit that makes an alarm.
#[must_use]
pub(in crate::report) fn evidence_chart(name: &str, evidence: &[f64], limit: f64) -> Scene {
    let most = evidence.iter().copied().filter(|value| value.is_finite()).fold(limit, f64::max);
    let least = evidence.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::min);
    let x = Axis { low: 1.0, high: evidence.len().max(2) as f64, start: LEFT, end: RIGHT };
    let y = Axis { low: least - 0.5, high: most + 0.5, start: BOTTOM, end: TOP };
    let line =
        |points: Vec<(f32, f32)>, width: f32, dashed: bool, role: Role| Mark::Line { points, width, dashed, role };
    let text = |x: f32, y: f32, anchor: Anchor, role: Role, text: String| Mark::Text { x, y, anchor, role, text };
    let mut marks = vec![];
    for (value, label) in y.ticks(5) {
        marks.push(line(vec![(LEFT, y.at(value)), (RIGHT, y.at(value))], 1.0, false, Role::Grid));
        marks.push(text(LEFT - 6.0, y.at(value) + 4.0, Anchor::End, Role::Muted, label));
    }
    for (value, label) in x.ticks(5) {
        marks.push(text(x.at(value), BOTTOM + 18.0, Anchor::Middle, Role::Muted, label));
    }
    marks.push(line(vec![(LEFT, y.at(limit)), (RIGHT, y.at(limit))], 1.5, true, Role::Threshold));
    let stride = evidence.len().div_ceil(MAX_POINTS).max(1);
    let kept = evidence
        .iter()
        .enumerate()
        .filter(|(at, value)| value.is_finite() && (at % stride == 0 || at + 1 == evidence.len()));
    let points: Vec<(f32, f32)> = kept.map(|(at, value)| (x.at((at + 1) as f64), y.at(*value))).collect();
    marks.push(line(points, 2.0, false, Role::Curve));
    marks.push(text(LEFT + 6.0, TOP + 12.0, Anchor::Start, Role::Text, name.to_owned()));
    let axes = "part (across), decimal logarithm of the capital (up)".to_owned();
    marks.push(text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, Anchor::Middle, Role::Muted, axes));
    let last = evidence.last().copied().unwrap_or(0.0);
    let description = format!("{name}: {last:.2} after {} parts, an alarm at {limit:.2}", evidence.len());
    Scene { width: WIDTH, height: HEIGHT, description, marks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_begins_at_the_first_part_and_the_limit_is_dashed_within_the_frame() {
        let scene = evidence_chart("half", &[0.0, -1.0, f64::NEG_INFINITY, 3.0], 2.3);
        let lines = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Line { points, dashed, role, .. } => Some((points.clone(), *dashed, *role)),
            Mark::Rect { .. } | Mark::Text { .. } => None,
        });
        let curve = lines.clone().find(|(_, _, role)| *role == Role::Curve).unwrap().0;
        assert_eq!((curve.len(), curve[0].0, curve[2].0), (3, LEFT, RIGHT));
        assert!(curve[2].1 < curve[0].1 && curve[0].1 < curve[1].1);
        let (limit, ..) = lines.clone().find(|(_, dashed, _)| *dashed).unwrap();
        assert!((TOP..BOTTOM).contains(&limit[0].1) && curve[2].1 < limit[0].1);
        assert!(evidence_chart("none", &[], 2.3).svg().contains("<svg"));
        let thinned = evidence_chart("long", &vec![0.0; 100_000], 2.3);
        assert!(thinned.svg().len() < 20_000);
    }
}
