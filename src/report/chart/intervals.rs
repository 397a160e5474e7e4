//! Figures with their intervals, one above the other.

use super::axis::Axis;
use super::scene::{Anchor, Mark, Role, Scene};

const WIDTH: f32 = 460.0;
/// Height of a figure with its name above it.
const LINE: f32 = 38.0;
const LEFT: f32 = 14.0;
const RIGHT: f32 = 404.0;
const TOP: f32 = 14.0;
/// Longest name shown.
const MAX_NAME: usize = 62;

/// A named figure: low end, figure, high end.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedInterval {
    /// What it is of.
    pub name: String,
    /// Lower end of its interval.
    pub low: f64,
    /// The figure.
    pub estimate: f64,
    /// Upper end.
    pub high: f64,
    /// Whether it is the one that the others are compared with.
    pub highlighted: bool,
}

/// Draws each figure as a mark on a line from low to high, names above the lines, in the order given. A highlighted figure
/// casts a dashed line across all. `None` without figures, or where one is not finite.
#[must_use]
pub fn interval_chart(figures: &[NamedInterval], axis_name: &str) -> Option<Scene> {
    let ends = || figures.iter().flat_map(|f| [f.low, f.high, f.estimate]);
    if figures.is_empty() || !ends().all(f64::is_finite) {
        return None;
    }
    let (low, high) = (ends().fold(f64::INFINITY, f64::min), ends().fold(f64::NEG_INFINITY, f64::max));
    let room = if high > low { (high - low) * 0.04 } else { 0.01 };
    let x = Axis { low: low - room, high: high + room, start: LEFT, end: RIGHT };
    let bottom = TOP + LINE * figures.len() as f32 + 6.0;
    let mut marks = Vec::new();
    for (value, label) in x.ticks(5) {
        let at = x.at(value);
        marks.push(line(vec![(at, TOP), (at, bottom)], 1.0, false, Role::Grid));
        marks.push(text(at, bottom + 18.0, Anchor::Middle, Role::Muted, label));
    }
    for figure in figures.iter().filter(|f| f.highlighted) {
        let at = x.at(figure.estimate);
        marks.push(line(vec![(at, TOP), (at, bottom)], 1.0, true, Role::Threshold));
    }
    for (index, figure) in figures.iter().enumerate() {
        let up = TOP + LINE * index as f32 + 26.0;
        marks.push(text(LEFT, up - 12.0, Anchor::Start, Role::Text, cut(&figure.name)));
        marks.push(line(vec![(x.at(figure.low), up), (x.at(figure.high), up)], 2.0, false, Role::Curve));
        let role = if figure.highlighted { Role::Anomalous } else { Role::Normal };
        let size = 8.0;
        let (left, top) = (x.at(figure.estimate) - size / 2.0, up - size / 2.0);
        marks.push(Mark::Rect { x: left, y: top, width: size, height: size, role });
        marks.push(text(RIGHT + 8.0, up + 4.0, Anchor::Start, Role::Muted, format!("{:.3}", figure.estimate)));
    }
    marks.push(text((LEFT + RIGHT) / 2.0, bottom + 38.0, Anchor::Middle, Role::Muted, axis_name.to_owned()));
    let description = format!("{axis_name} of {} configurations with 95 % intervals", figures.len());
    Some(Scene { width: WIDTH, height: bottom + 46.0, description, marks })
}

fn cut(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['\u{2026}']).collect()
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

    fn figure(name: &str, estimate: f64) -> NamedInterval {
        NamedInterval {
            name: name.to_owned(),
            low: estimate - 0.02,
            estimate,
            high: estimate + 0.03,
            highlighted: name == "baseline",
        }
    }

    #[test]
    fn every_figure_is_drawn_inside_the_chart() {
        let long = "a configuration with a name that is longer than any chart of this width can show";
        let scene = interval_chart(&[figure("baseline", 0.8), figure(long, 0.9)], "AUROC").unwrap();
        let svg = scene.svg();
        assert!(svg.contains("0.900") && svg.contains("baseline") && svg.contains('\u{2026}'));
        let squares: Vec<f32> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Rect { x, .. } => Some(*x),
                Mark::Line { .. } | Mark::Text { .. } => None,
            })
            .collect();
        assert_eq!(squares.len(), 2);
        assert!(squares[0] < squares[1] && squares.iter().all(|x| *x >= LEFT - 4.0 && *x < RIGHT));
        assert!(scene.picture().is_ok());
    }

    #[test]
    fn nothing_finite_gives_no_chart() {
        assert_eq!(interval_chart(&[], "x"), None);
        assert_eq!(interval_chart(&[figure("a", f64::NAN)], "x"), None);
        assert!(interval_chart(&[NamedInterval { low: 1.0, high: 1.0, ..figure("a", 1.0) }], "x").is_some());
    }
}
