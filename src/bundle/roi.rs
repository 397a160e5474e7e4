//! The region of interest of a bundle.

use super::require::require;
use super::{Defect, MAX_ENTRIES};
use crate::image::{Mask, Roi, RoiArea};
use serde::{Deserialize, Serialize};

/// Most corners of a polygon.
pub const MAX_CORNERS: usize = 10_000;
/// Most rows and columns of a mask.
const MAX_MASK_PX: usize = 1 << 16;
/// Most pixels of a mask.
const MAX_MASK_PIXELS: usize = 1 << 28;

/// Which part of every image is looked at, in shares of its sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoiEntry {
    /// What lies in none of these is not looked at; without any, all of the image is.
    pub inside: Vec<RoiAreaEntry>,
    /// Nor is what lies in one of these.
    pub ignored: Vec<RoiAreaEntry>,
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
#[non_exhaustive]
pub enum RoiAreaEntry {
    /// Left, top, width, height; 0 to 1.
    Rectangle([f64; 4]),
    /// The corners `[x, y]` of a polygon, 3 to [`MAX_CORNERS`]; 0 to 1.
    Polygon(Vec<[f64; 2]>),
    /// A mask, scaled to the image.
    Mask(RoiMaskEntry),
}

/// A mask as runs of pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoiMaskEntry {
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
    /// Lengths of runs, row by row without a break between rows, alternately of pixels that do not count and that do; the first
    /// may be 0. Together they are all pixels.
    pub runs: Vec<usize>,
}

impl RoiEntry {
    /// The entry of a region.
    #[must_use]
    pub fn of(roi: &Roi) -> Self {
        let entries = |areas: &[RoiArea]| areas.iter().map(entry).collect();
        Self { inside: entries(&roi.inside), ignored: entries(&roi.ignored) }
    }

    /// The region, of a checked entry.
    #[must_use]
    pub fn roi(&self) -> Roi {
        let areas = |entries: &[RoiAreaEntry]| entries.iter().map(area).collect();
        Roi { inside: areas(&self.inside), ignored: areas(&self.ignored) }
    }

    /// Refuses what is no part of an image.
    pub(super) fn check(&self) -> Result<(), Defect> {
        for (field, areas) in [("roi.inside", &self.inside), ("roi.ignored", &self.ignored)] {
            require(areas.len() <= MAX_ENTRIES, areas.len(), || (field.into(), format!("at most {MAX_ENTRIES}")))?;
            areas.iter().try_for_each(|area| check_area(field, area))?;
        }
        let n_areas = self.inside.len() + self.ignored.len();
        require(n_areas > 0, n_areas, || ("roi".into(), "at least one area".into()))
    }
}

fn check_area(field: &str, area: &RoiAreaEntry) -> Result<(), Defect> {
    let share =
        |value: f64| require((0.0..=1.0).contains(&value), value, || (field.into(), "shares from 0 to 1".into()));
    match area {
        RoiAreaEntry::Rectangle(sides) => sides.iter().try_for_each(|side| share(*side)),
        RoiAreaEntry::Polygon(corners) => {
            require((3..=MAX_CORNERS).contains(&corners.len()), corners.len(), || {
                (field.into(), format!("a polygon of 3 to {MAX_CORNERS} corners"))
            })?;
            corners.iter().flatten().try_for_each(|side| share(*side))
        }
        RoiAreaEntry::Mask(RoiMaskEntry { height_px, width_px, runs }) => {
            let sides = [*height_px, *width_px];
            let is_size = sides.iter().all(|side| (1..=MAX_MASK_PX).contains(side));
            let n_pixels = if is_size { height_px * width_px } else { 0 };
            require(is_size && n_pixels <= MAX_MASK_PIXELS, format!("{height_px} x {width_px}"), || {
                (field.into(), format!("a mask of sides from 1 to {MAX_MASK_PX}, {MAX_MASK_PIXELS} pixels at most"))
            })?;
            let sum = runs.iter().try_fold(0usize, |sum, run| sum.checked_add(*run));
            let limit = RoiArea::MAX_CHANGES + 2;
            require(sum == Some(n_pixels) && runs.len() <= limit, format!("{} runs", runs.len()), || {
                (field.into(), format!("at most {limit} runs of {n_pixels} pixels in all"))
            })
        }
    }
}

fn entry(area: &RoiArea) -> RoiAreaEntry {
    match area {
        RoiArea::Rectangle(sides) => RoiAreaEntry::Rectangle(*sides),
        RoiArea::Polygon(corners) => RoiAreaEntry::Polygon(corners.clone()),
        RoiArea::Mask(Mask { values, height_px, width_px }) => {
            let mut runs: Vec<usize> = values.chunk_by(|a, b| a == b).map(<[bool]>::len).collect();
            if values.first() == Some(&true) {
                runs.insert(0, 0);
            }
            RoiAreaEntry::Mask(RoiMaskEntry { height_px: *height_px, width_px: *width_px, runs })
        }
    }
}

fn area(entry: &RoiAreaEntry) -> RoiArea {
    match entry {
        RoiAreaEntry::Rectangle(sides) => RoiArea::Rectangle(*sides),
        RoiAreaEntry::Polygon(corners) => RoiArea::Polygon(corners.clone()),
        RoiAreaEntry::Mask(RoiMaskEntry { height_px, width_px, runs }) => {
            let values = runs.iter().enumerate().flat_map(|(at, run)| std::iter::repeat_n(at % 2 == 1, *run)).collect();
            RoiArea::Mask(Mask { values, height_px: *height_px, width_px: *width_px })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_round_trip_as_runs() {
        for bits in ["0000", "1111", "0110", "1001", "1010", "0101"] {
            let values = bits.bytes().map(|bit| bit == b'1').collect();
            let mask = RoiArea::Mask(Mask { values, height_px: 2, width_px: 2 });
            let roi = Roi { inside: vec![mask.clone(), RoiArea::Rectangle([0.1, 0.2, 0.3, 0.4])], ignored: vec![mask] };
            let entry = RoiEntry::of(&roi);
            entry.check().unwrap();
            assert_eq!(entry.roi(), roi, "{bits}");
            let json = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<RoiEntry>(&json).unwrap(), entry);
        }
    }

    #[test]
    fn what_is_no_part_of_an_image_is_refused() {
        let mask = |height_px, width_px, runs| RoiAreaEntry::Mask(RoiMaskEntry { height_px, width_px, runs });
        let bad = [
            RoiAreaEntry::Rectangle([0.0, 0.0, 1.5, 0.5]),
            RoiAreaEntry::Rectangle([f64::NAN, 0.0, 0.5, 0.5]),
            RoiAreaEntry::Polygon(vec![[0.0, 0.0], [0.5, 0.5]]),
            RoiAreaEntry::Polygon(vec![[0.0, 0.0], [0.5, 0.5], [0.5, -0.1]]),
            mask(2, 2, vec![1, 2]),
            mask(2, 2, vec![usize::MAX, 5]),
            mask(0, 2, vec![]),
            mask(usize::MAX, 2, vec![4]),
            mask(1 << 16, 1 << 16, vec![1 << 32]),
        ];
        for area in bad {
            let entry = RoiEntry { inside: vec![area.clone()], ignored: vec![] };
            assert!(entry.check().unwrap_err().to_string().contains("roi.inside"), "{area:?}");
        }
        assert!(RoiEntry { inside: vec![], ignored: vec![] }.check().is_err());
    }
}
