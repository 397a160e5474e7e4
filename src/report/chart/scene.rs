//! The marks of a chart and its two renderings.

use askama::Template;

use crate::report::picture::{ASCENT, text_width_px};
use crate::report::template::rendered;
use crate::report::{Picture, ReportError};

/// Picture pixels per scene unit.
const ZOOM: usize = 2;

/// A chart, in its own units: x to the right, y down.
#[derive(Clone, Debug, PartialEq, Template)]
#[template(path = "chart/scene.svg")]
pub struct Scene {
    pub(super) width: f32,
    pub(super) height: f32,
    /// What the chart shows, for those who can't see it.
    pub(super) description: String,
    pub(super) marks: Vec<Mark>,
}

/// What a mark stands for; the style sheet or the palette gives the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Grid,
    Axis,
    Text,
    Muted,
    Normal,
    Anomalous,
    Threshold,
    Curve,
    Alarm,
}

/// Which point of a text lies at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        role: Role,
    },
    Line {
        points: Vec<(f32, f32)>,
        width: f32,
        dashed: bool,
        role: Role,
    },
    /// `y` is the baseline.
    Text {
        x: f32,
        y: f32,
        anchor: Anchor,
        role: Role,
        text: String,
    },
}

impl Role {
    fn class(self) -> &'static str {
        match self {
            Self::Grid => "c-grid",
            Self::Axis => "c-axis",
            Self::Text => "c-text",
            Self::Muted => "c-muted",
            Self::Normal => "c-normal",
            Self::Anomalous => "c-anomalous",
            Self::Threshold => "c-threshold",
            Self::Curve => "c-curve",
            Self::Alarm => "c-alarm",
        }
    }

    /// On white; blue and vermilion are Okabe and Ito's (2008), told apart by
    /// every kind of colour vision.
    fn colour(self) -> ([u8; 3], f32) {
        match self {
            Self::Grid => ([226, 229, 234], 1.0),
            Self::Axis => ([120, 126, 138], 1.0),
            Self::Text => ([28, 32, 40], 1.0),
            Self::Muted => ([92, 99, 112], 1.0),
            Self::Normal | Self::Curve => ([0, 114, 178], 1.0),
            Self::Anomalous => ([213, 94, 0], 1.0),
            Self::Threshold => ([28, 32, 40], 1.0),
            Self::Alarm => ([213, 94, 0], 0.08),
        }
    }
}

impl Anchor {
    /// As SVG calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Scene {
    /// The chart as an inline `<svg>` element, coloured by the classes
    /// `c-grid`, `c-axis`, `c-text`, `c-muted`, `c-normal`, `c-anomalous`,
    /// `c-threshold`, `c-curve`, `c-alarm` of the page's style sheet.
    #[must_use]
    pub fn svg(&self) -> String {
        rendered(self)
    }

    /// The chart as a picture on white, two pixels per unit.
    ///
    /// # Errors
    ///
    /// [`ReportError::Extent`] if the scene is empty.
    pub fn picture(&self) -> Result<Picture, ReportError> {
        let pixels = |length: f32| (length * ZOOM as f32).round() as usize;
        let mut picture = Picture::filled(pixels(self.height), pixels(self.width), [255; 3])?;
        for mark in &self.marks {
            match mark {
                Mark::Rect { x, y, width, height, role } => {
                    let (colour, alpha) = role.colour();
                    let (top, bottom) = (pixels(*y), pixels(y + height));
                    for row in top..bottom {
                        for column in pixels(*x)..pixels(x + width) {
                            picture.blend(row, column, colour, alpha);
                        }
                    }
                }
                Mark::Line { points, width, dashed, role } => {
                    for pair in points.windows(2) {
                        draw_segment(&mut picture, pair[0], pair[1], *width, *dashed, role.colour());
                    }
                }
                Mark::Text { x, y, anchor, role, text } => {
                    let width = text_width_px(text, ZOOM);
                    let left = match anchor {
                        Anchor::Start => pixels(*x),
                        Anchor::Middle => pixels(*x).saturating_sub(width / 2),
                        Anchor::End => pixels(*x).saturating_sub(width),
                    };
                    let top = pixels(*y).saturating_sub(ASCENT * ZOOM);
                    picture.text(top, left, ZOOM, role.colour().0, text);
                }
            }
        }
        Ok(picture)
    }
}

/// A straight line with soft edges: a pixel is inked by its distance from it.
fn draw_segment(
    picture: &mut Picture,
    from: (f32, f32),
    to: (f32, f32),
    width: f32,
    dashed: bool,
    (colour, alpha): ([u8; 3], f32),
) {
    let zoom = ZOOM as f32;
    let (x0, y0, x1, y1) = (from.0 * zoom, from.1 * zoom, to.0 * zoom, to.1 * zoom);
    let (dx, dy) = (x1 - x0, y1 - y0);
    let length = dx.hypot(dy);
    let half = width * zoom / 2.0;
    // `as` saturates at 0, and `blend` ignores what lies outside.
    let range = |a: f32, b: f32| (a.min(b) - half - 1.0) as usize..(a.max(b) + half + 2.0) as usize;
    for row in range(y0, y1) {
        for column in range(x0, x1) {
            let (px, py) = (column as f32 + 0.5 - x0, row as f32 + 0.5 - y0);
            let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, length) } else { 0.0 };
            if dashed && along % (9.0 * zoom) > 5.0 * zoom {
                continue;
            }
            let (nx, ny) = if length > 0.0 { (dx / length * along, dy / length * along) } else { (0.0, 0.0) };
            let coverage = (half + 0.5 - (px - nx).hypot(py - ny)).clamp(0.0, 1.0);
            if coverage > 0.0 {
                picture.blend(row, column, colour, coverage * alpha);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(marks: Vec<Mark>) -> Scene {
        Scene { width: 20.0, height: 10.0, description: "a \"test\"".to_owned(), marks }
    }

    #[test]
    fn svg_escapes_text_and_names_itself() {
        let text = Mark::Text { x: 1.0, y: 2.0, anchor: Anchor::End, role: Role::Text, text: "<b>&".to_owned() };
        let svg = scene(vec![text]).svg();
        assert!(svg.contains("aria-label=\"a &#34;test&#34;\""));
        assert!(svg.contains("text-anchor=\"end\">&#60;b&#62;&#38;</text>"));
        assert!(!svg.contains("<b>"));
    }

    #[test]
    fn picture_shows_rectangles_and_lines_at_twice_the_units() {
        let rect = Mark::Rect { x: 2.0, y: 1.0, width: 3.0, height: 2.0, role: Role::Normal };
        let line =
            Mark::Line { points: vec![(0.0, 8.0), (20.0, 8.0)], width: 1.0, dashed: false, role: Role::Anomalous };
        let picture = scene(vec![rect, line]).picture().unwrap();
        assert_eq!((picture.height_px(), picture.width_px()), (20, 40));
        let blue = Role::Normal.colour().0;
        let count = (0..20)
            .flat_map(|row| (0..40).map(move |column| (row, column)))
            .filter(|&(row, column)| picture.at(row, column) == blue)
            .count();
        assert_eq!(count, 6 * 4);
        assert_eq!(picture.at(16, 20), Role::Anomalous.colour().0);
        assert_eq!(picture.at(13, 20), [255; 3]);
    }

    #[test]
    fn dashes_leave_gaps() {
        let line = Mark::Line { points: vec![(0.0, 5.0), (20.0, 5.0)], width: 1.0, dashed: true, role: Role::Axis };
        let picture = scene(vec![line]).picture().unwrap();
        let inked = (0..40).filter(|&column| picture.at(10, column) != [255; 3]).count();
        assert!((15..30).contains(&inked), "{inked}");
    }

    #[test]
    fn lines_outside_are_clipped() {
        let points = vec![(-50.0, -50.0), (90.0, 90.0), (90.0, 90.0)];
        let line = Mark::Line { points, width: 3.0, dashed: false, role: Role::Curve };
        assert!(scene(vec![line]).picture().is_ok());
    }
}
