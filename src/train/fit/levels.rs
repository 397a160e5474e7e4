//! Whether the values of the images lie where the network expects them, which nothing else would tell.

use crate::image::Image;
use crate::progress::Progress;

/// Images that use a smaller part of their range than this lose most of their contrast.
const SMALL_PART: f32 = 1.0 / 8.0;
/// Floats beyond this are no shares of full scale: kelvin, counts, micrometres.
const FAR_OUTSIDE: f32 = 10.0;

/// The values of one image.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    /// Smallest and largest, in units of full scale.
    extrema: [f32; 2],
    /// The stored integer that became 1; `None` for floats.
    full_scale: Option<f64>,
}

impl Levels {
    pub(super) fn of(image: &Image) -> Self {
        Levels { extrema: image.extrema(), full_scale: image.full_scale() }
    }
}

/// Warns where all images together use a small part of their range, or floats lie far from 0 to 1.
pub(super) fn warn(levels: impl Iterator<Item = Levels>, progress: &dyn Progress) {
    let (mut integers, mut floats): (Vec<Levels>, Vec<Levels>) = levels.partition(|l| l.full_scale.is_some());
    for (kind, is_integer) in [(&mut integers, true), (&mut floats, false)] {
        let low = kind.iter().map(|l| l.extrema[0]).fold(f32::INFINITY, f32::min);
        let high = kind.iter().map(|l| l.extrema[1]).fold(f32::NEG_INFINITY, f32::max);
        let full = kind.iter().filter_map(|l| l.full_scale).fold(1.0, f64::max);
        if let Some(message) = message(low, high, is_integer.then_some(full)) {
            progress.warn(&message);
        }
    }
}

fn message(low: f32, high: f32, full_scale: Option<f64>) -> Option<String> {
    // No image, or all of them black: nothing to say about a range.
    if low > high || (low == 0.0 && high == 0.0) {
        return None;
    }
    let largest = high.max(-low);
    match full_scale {
        Some(full) if largest < SMALL_PART => {
            let stored = (f64::from(high) * full).round();
            let bits = (stored + 1.0).max(2.0).log2().ceil();
            Some(format!(
                "the images use at most {} % of the range of their values (the largest is {stored} of {full}): the network sees hardly any contrast; give the camera's range, such as --range 0:{}",
                percent(high),
                2_f64.powf(bits) - 1.0
            ))
        }
        Some(_) => None,
        None if largest < SMALL_PART => Some(format!(
            "the values of the float images lie between {low} and {high}, a small part of 0 to 1: the network sees hardly any contrast; give their range, such as --range {low}:{high}"
        )),
        None if largest > FAR_OUTSIDE || low > 1.0 => Some(format!(
            "the values of the float images lie between {low} and {high}, far from 0 to 1 that the network was trained on; give the range that becomes 0 to 1, such as --range {low}:{high}"
        )),
        None => None,
    }
}

fn percent(share: f32) -> f32 {
    (share * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn values_far_from_where_the_network_expects_them_are_said() {
        let unit = |stored: f32| stored / 65_535.0;
        let said = |low, high, full| message(low, high, full).unwrap_or_default();
        let full = Some(65_535.0);
        assert!(said(0.0, unit(1023.0), full).contains("at most 1.6 % of the range"));
        assert!(said(0.0, unit(1023.0), full).contains("--range 0:1023"));
        assert!(said(0.0, unit(255.0), full).contains("--range 0:255"));
        assert!(said(0.0, unit(4000.0), full).contains("--range 0:4095"));
        assert_eq!(said(0.0, unit(20_000.0), full), "");
        assert!(said(0.0, 31.0 / 255.0, Some(255.0)).contains("--range 0:31"));
        // Kelvin, counts, reflectances of a per mille.
        assert!(said(290.0, 310.5, None).contains("--range 290:310.5"));
        assert!(said(0.0, 4000.0, None).contains("far from 0 to 1"));
        assert!(said(0.0, 0.02, None).contains("small part"));
        for usual in [[0.0, 1.0], [-1.0, 1.0], [0.1, 2.9], [0.0, 0.0]] {
            assert_eq!(said(usual[0], usual[1], None), "", "{usual:?}");
        }
        assert_eq!(said(f32::INFINITY, f32::NEG_INFINITY, full), "");
    }
}
