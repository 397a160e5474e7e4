//! Values as people write them, within the limits that bundles are held to as well.

use crate::message::as_typed;
use pcore::bundle::{MAX_MAP_NEIGHBOURS, MAX_MAP_SIGMA_PX, MAX_NEIGHBOURHOOD, MAX_PARTS, MAX_SCORE};
use pcore::detect::{Augment, MAX_WHITENING, Registry};
use pcore::image::MAX_INPUT_PX;
use pcore::job::Keep;
use pcore::synth::plate::PLATE_SIDES_PX;
use pcore::train::TileRule;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A type of the library, whose refusal names settings as they are typed.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| as_typed(error.to_string()).into_owned())
}

pub(super) fn parse_size(text: &str) -> Result<(usize, usize), String> {
    sides(text, 1..=MAX_INPUT_PX)
}

/// Rows and columns of a plate.
pub(super) fn parse_pixels(text: &str) -> Result<(usize, usize), String> {
    sides(text, PLATE_SIDES_PX)
}

fn sides(text: &str, range: RangeInclusive<usize>) -> Result<(usize, usize), String> {
    let sides = match text.split_once(['x', 'X']) {
        Some((height, width)) => (height.parse(), width.parse()),
        None => (text.parse(), text.parse()),
    };
    match sides {
        (Ok(height), Ok(width)) if [height, width].iter().all(|side| range.contains(side)) => Ok((height, width)),
        _ => {
            Err(format!("expected HEIGHTxWIDTH in pixels, {} to {} each, such as 256x256", range.start(), range.end()))
        }
    }
}

/// Tiles of images that are there already: nothing is chosen by itself.
pub(super) fn parse_cut(text: &str) -> Result<TileRule, String> {
    match text.parse() {
        Ok(rule) if rule != TileRule::Auto => Ok(rule),
        _ => Err("expected none, SIZE or SIZE:OVERLAP in pixels of the image, the overlap below the size".to_owned()),
    }
}

pub(super) fn parse_odd(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n % 2 == 1 && n <= MAX_NEIGHBOURHOOD => Ok(n),
        _ => Err(format!("expected an odd number from 1 to {MAX_NEIGHBOURHOOD}, such as 3")),
    }
}

pub(super) fn parse_positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

pub(super) fn parse_few(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=50).contains(&n) => Ok(n),
        _ => Err("expected a whole number from 1 to 50".to_owned()),
    }
}

pub(super) fn parse_neighbours(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=MAX_MAP_NEIGHBOURS).contains(&n) => Ok(n),
        _ => Err(format!("expected a whole number from 1 to {MAX_MAP_NEIGHBOURS}")),
    }
}

pub(super) fn parse_foreground(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(threshold) if (0.0..=MAX_SCORE).contains(&threshold) => Ok(threshold),
        _ => Err("expected a number of at least 0, such as 10".to_owned()),
    }
}

pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to below 1, such as 0.05".to_owned()),
    }
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate < 1.0 => Ok(rate),
        _ => Err("expected a rate between 0 and 1, such as 0.05".to_owned()),
    }
}

pub(super) fn parse_keep(text: &str) -> Result<Keep, String> {
    match (text.parse::<usize>(), text.parse::<f64>()) {
        (Ok(n), _) if n > 0 => Ok(Keep::Count(n)),
        (Err(_), Ok(share)) if share > 0.0 && share <= 1.0 => Ok(Keep::Share(share)),
        _ => Err("expected a number of images such as 50, or a share above 0 and at most 1 such as 0.5".to_owned()),
    }
}

pub(super) fn parse_sigma(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(sigma) if (0.0..=MAX_MAP_SIGMA_PX).contains(&sigma) => Ok(sigma),
        _ => Err(format!("expected a number of pixels from 0 to {MAX_MAP_SIGMA_PX}")),
    }
}

pub(super) fn parse_area(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(area) if area >= 0.0 && area.is_finite() => Ok(area),
        _ => Err("expected a number of pixels of at least 0".to_owned()),
    }
}

pub(super) fn parse_threshold(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(threshold) if threshold.abs() <= MAX_SCORE => Ok(threshold),
        _ => Err(format!("expected a number from {:e} to {MAX_SCORE:e}", -MAX_SCORE)),
    }
}

/// A value for one condition, or for all images.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfCondition<T> {
    pub(crate) condition: Option<String>,
    pub(crate) value: T,
}

pub(super) fn parse_rate_of(text: &str) -> Result<OfCondition<f64>, String> {
    of_condition(text, |text| parse_rate(text).map_err(|expected| format!("{expected}, or CONDITION=RATE")))
}

pub(super) fn parse_threshold_of(text: &str) -> Result<OfCondition<f32>, String> {
    of_condition(text, |text| parse_threshold(text).map_err(|expected| format!("{expected}, or CONDITION=NUMBER")))
}

/// The name ends at the last `=`: conditions may have one in theirs.
fn of_condition<T>(text: &str, value: impl Fn(&str) -> Result<T, String>) -> Result<OfCondition<T>, String> {
    match text.rsplit_once('=') {
        Some((name, number)) if !name.is_empty() => {
            Ok(OfCondition { condition: Some(name.to_owned()), value: value(number)? })
        }
        _ => Ok(OfCondition { condition: None, value: value(text)? }),
    }
}

/// One detector of `--detector A+B`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DetectorPart {
    pub(crate) kind: String,
    /// Its own input size, where one was given.
    pub(crate) size: Option<(usize, usize)>,
}

/// `--detector`: names with a `+` between them, each perhaps with `@` and a size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DetectorParts(pub(crate) Vec<DetectorPart>);

pub(super) fn parse_detector(text: &str) -> Result<DetectorParts, String> {
    let known: Vec<&str> = Registry::built_in().methods().collect();
    let part = |text: &str| {
        let (kind, size) = match text.split_once('@') {
            Some((kind, size)) => (kind, Some(parse_size(size)?)),
            None => (text, None),
        };
        if known.contains(&kind) {
            Ok(DetectorPart { kind: kind.to_owned(), size })
        } else {
            Err(format!(
                "expected {}, or several with + between them, such as {}@128+{}@384",
                known.join(" or "),
                known[0],
                known[0]
            ))
        }
    };
    let parts: Vec<DetectorPart> = text.split('+').map(part).collect::<Result<_, String>>()?;
    match parts.len() {
        n if n > MAX_PARTS => Err(format!("expected at most {MAX_PARTS} detectors, found {n}")),
        _ => Ok(DetectorParts(parts)),
    }
}

/// A share of shrinkage, or none for the one that the data tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shrinkage(pub(crate) Option<f64>);

/// Steps that vary training images.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AugmentSteps(pub(crate) Vec<Augment>);

pub(super) fn parse_augment(text: &str) -> Result<AugmentSteps, String> {
    Augment::list(text).map(AugmentSteps).map_err(|error| error.to_string())
}

/// `none` or a floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Whiten(pub(crate) Option<f64>);

pub(super) fn parse_whiten(text: &str) -> Result<Whiten, String> {
    match text.parse::<f64>() {
        Ok(floor) if (0.0..=MAX_WHITENING).contains(&floor) => Ok(Whiten(Some(floor))),
        Err(_) if text == "none" => Ok(Whiten(None)),
        Ok(_) | Err(_) => Err(format!("expected none or a number from 0 to {MAX_WHITENING}, such as 1")),
    }
}

pub(super) fn parse_shrinkage(text: &str) -> Result<Shrinkage, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(Shrinkage(Some(share))),
        Err(_) if text == "auto" => Ok(Shrinkage(None)),
        _ => Err("expected auto, or a share from 0 to 1".to_owned()),
    }
}

pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" | "kb" => 1 << 10,
        "mib" | "m" | "mb" => 1 << 20,
        "gib" | "g" | "gb" => 1 << 30,
        "tib" | "t" | "tb" => 1 << 40,
        _ => 0,
    };
    match digits.trim().parse::<f64>() {
        Ok(number) if factor > 0 && number > 0.0 && number.is_finite() => Ok((number * factor as f64) as u64),
        _ => Err("expected a size such as 8GiB or 500MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_parse_alone_and_joined_and_unknown_ones_name_those_there_are() {
        let part = |kind: &str, size| DetectorPart { kind: kind.to_owned(), size };
        assert_eq!(parse_detector("gaussian"), Ok(DetectorParts(vec![part("gaussian", None)])));
        let joined = vec![part("gaussian", Some((128, 128))), part("gaussian", Some((64, 96)))];
        assert_eq!(parse_detector("gaussian@128+gaussian@64x96"), Ok(DetectorParts(joined)));
        for bad in ["", "+", "gaussian+", "telepath", "combined", "gaussian@0", "gaussian@"] {
            assert!(parse_detector(bad).is_err(), "{bad}");
        }
        assert!(parse_detector(&vec!["gaussian"; 17].join("+")).unwrap_err().contains("at most 16"));
    }

    #[test]
    fn a_value_is_of_all_images_or_of_the_condition_before_the_last_equals_sign() {
        let of = |condition: Option<&str>, value| Ok(OfCondition { condition: condition.map(str::to_owned), value });
        assert_eq!(parse_rate_of("0.05"), of(None, 0.05));
        assert_eq!(parse_rate_of("t=3=0.05"), of(Some("t=3"), 0.05));
        assert_eq!(parse_threshold_of("cold=-2"), Ok(OfCondition { condition: Some("cold".to_owned()), value: -2.0 }));
        for bad in ["", "0", "1", "=0.1", "cold=", "nan"] {
            assert!(parse_rate_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_bytes_parse_as_people_write_them() {
        assert_eq!(parse_size("31x95"), Ok((31, 95)));
        assert_eq!(parse_size("224"), Ok((224, 224)));
        assert!(parse_size("0x5").is_err() && parse_size("axb").is_err() && parse_size("").is_err());
        assert_eq!(parse_bytes("8GiB"), Ok(8 << 30));
        assert_eq!(parse_bytes("1.5k"), Ok(1536));
        assert!(parse_bytes("8XB").is_err() && parse_bytes("-1").is_err() && parse_bytes("").is_err());
    }
}
