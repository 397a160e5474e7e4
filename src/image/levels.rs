//! Whether the values of images lie where the network expects them, which nothing else would tell.

use super::Image;

/// Images whose largest value is a smaller part of their range than this lose most of their contrast.
const SMALL_PART: f32 = 1.0 / 8.0;
/// So do images whose values lie this near to each other.
const SMALL_SPREAD: f32 = 1.0 / 16.0;
/// Floats beyond this are no shares of full scale: kelvin, counts, micrometres.
const FAR_OUTSIDE: f32 = 10.0;

/// The values of one image.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Smallest and largest, in units of full scale.
    extrema: [f32; 2],
    /// The stored integer that became 1; `None` for floats.
    full_scale: Option<f64>,
}

/// Values that lie elsewhere than the network expects them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// What was found, in words.
    pub found: String,
    /// The range that would become 0 to 1, as [`ValueRange`](super::ValueRange) is written.
    pub range: String,
}

impl Levels {
    /// Those of an image.
    pub fn of(image: &Image) -> Self {
        Levels { extrema: image.extrema(), full_scale: image.full_scale() }
    }

    /// Whether they are integers, whose range is that of their type.
    pub fn is_integer(&self) -> bool {
        self.full_scale.is_some()
    }

    /// What there is to say where all images together use a small part of their range, or floats lie far from 0 to 1.
    pub fn unusual(levels: impl Iterator<Item = Self>) -> Vec<Unusual> {
        let (integers, floats): (Vec<Self>, Vec<Self>) = levels.partition(Self::is_integer);
        let of_kind = |kind: &[Self], is_integer: bool| {
            let low = kind.iter().map(|l| l.extrema[0]).fold(f32::INFINITY, f32::min);
            let high = kind.iter().map(|l| l.extrema[1]).fold(f32::NEG_INFINITY, f32::max);
            let full = kind.iter().filter_map(|l| l.full_scale).fold(1.0, f64::max);
            unusual(low, high, is_integer.then_some(full))
        };
        [of_kind(&integers, true), of_kind(&floats, false)].into_iter().flatten().collect()
    }
}

fn unusual(low: f32, high: f32, full_scale: Option<f64>) -> Option<Unusual> {
    // No image, or all of one value: nothing to say about a range.
    if low >= high {
        return None;
    }
    let (largest, spread) = (high.max(-low), high - low);
    let is_small = largest < SMALL_PART || spread < SMALL_SPREAD;
    match full_scale {
        Some(full) if largest < SMALL_PART => {
            let stored = (f64::from(high) * full).round();
            let bits = (stored + 1.0).max(2.0).log2().ceil();
            let found = format!(
                "the images use at most {} % of the range of their values (the largest is {stored} of {full}): the network sees hardly any contrast",
                percent(high)
            );
            Some(Unusual { found, range: format!("0:{}", 2_f64.powf(bits) - 1.0) })
        }
        Some(full) if is_small => {
            let [least, most] = [low, high].map(|value| (f64::from(value) * full).round());
            let found = format!(
                "the images use {} % of the range of their values ({least} to {most} of {full}): the network sees hardly any contrast",
                percent(spread)
            );
            Some(Unusual { found, range: format!("{least}:{most}") })
        }
        Some(_) => None,
        None => {
            let why = if largest > FAR_OUTSIDE || low > 1.0 {
                "far from 0 to 1 that the network was trained on"
            } else if is_small {
                "a small part of 0 to 1: the network sees hardly any contrast"
            } else {
                return None;
            };
            let found = format!("the values of the float images lie between {low} and {high}, {why}");
            Some(Unusual { found, range: format!("{low}:{high}") })
        }
    }
}

fn percent(share: f32) -> f32 {
    (share * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{Image, Levels, unusual};

    #[test]
    fn values_far_from_where_the_network_expects_them_are_said() {
        let unit = |stored: f32| stored / 65_535.0;
        let said = |low, high, full| {
            unusual(low, high, full).map_or_else(String::new, |u| format!("{}; range {}", u.found, u.range))
        };
        let full = Some(65_535.0);
        assert!(said(0.0, unit(1023.0), full).contains("at most 1.6 % of the range"));
        assert!(said(0.0, unit(1023.0), full).contains("range 0:1023"));
        assert!(said(0.0, unit(255.0), full).contains("range 0:255"));
        assert!(said(0.0, unit(4000.0), full).contains("range 0:4095"));
        assert_eq!(said(0.0, unit(20_000.0), full), "");
        assert!(said(0.0, 31.0 / 255.0, Some(255.0)).contains("range 0:31"));
        // A narrow band in the middle of the range.
        assert!(said(unit(30_049.0), unit(30_195.0), full).contains("use 0.2 % of the range"));
        assert!(said(unit(30_049.0), unit(30_195.0), full).contains("range 30049:30195"));
        assert_eq!(said(unit(30_000.0), unit(36_000.0), full), "");
        assert!(said(0.5, 0.51, None).contains("small part"));
        // Kelvin, counts, reflectances of a per mille.
        assert!(said(290.0, 310.5, None).contains("range 290:310.5"));
        assert!(said(0.0, 4000.0, None).contains("far from 0 to 1"));
        assert!(said(0.0, 0.02, None).contains("small part"));
        for usual in [[0.0, 1.0], [-1.0, 1.0], [0.1, 2.9], [0.0, 0.0]] {
            assert_eq!(said(usual[0], usual[1], None), "", "{usual:?}");
        }
        assert_eq!(said(f32::INFINITY, f32::NEG_INFINITY, full), "");
    }

    #[test]
    fn extrema_are_those_of_all_values_at_every_length() {
        for n in 1..=67 {
            for at in 0..n {
                let mut pixels = vec![0.5; n];
                pixels[at] = 0.75;
                pixels[(at + 1) % n] = if n == 1 { 0.75 } else { -0.25 };
                let image = Image::new(pixels, 1, n, 1).unwrap();
                assert_eq!(image.extrema(), if n == 1 { [0.75; 2] } else { [-0.25, 0.75] }, "{n} values, {at}");
                assert!(!Levels::of(&image).is_integer());
            }
        }
    }
}
