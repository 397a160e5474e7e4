//! The same picture in many encodings gives the same pixels, and the same network input bit for bit, or is refused by name.
//! `golden/encodings/generate.py` made the files, and asked independent readers what is in them.

use std::collections::BTreeMap;
use std::path::Path;

use pcore::image::{Image, Limits, Preprocessing, Resize, read};
use serde_json::Value;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/encodings"))
}

/// The values, three channels, and the input of a network.
fn colours(image: &Image) -> Vec<f32> {
    match image.n_channels() {
        1 => image.pixels().iter().flat_map(|value| [*value; 3]).collect(),
        _ => image.pixels().to_vec(),
    }
}

fn expected(picture: &Value) -> Image {
    let shape: Vec<usize> = picture["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let full = picture["full_scale"].as_f64().unwrap();
    // Rounded once, as a division of the stored integer by full scale is.
    let values = picture["values"].as_array().unwrap().iter().map(|v| (v.as_f64().unwrap() / full) as f32).collect();
    Image::new(values, shape[0], shape[1], shape.get(2).copied().unwrap_or(1)).unwrap()
}

#[test]
fn the_same_picture_in_another_encoding_is_the_same_picture_or_refused_by_name() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let pictures: BTreeMap<&str, Image> =
        all["pictures"].as_object().unwrap().iter().map(|(name, p)| (name.as_str(), expected(p))).collect();
    let preprocessing = Preprocessing::imagenet(16, 16, Resize::StretchBilinear);
    let (mut n_exact, mut n_close, mut n_refused, mut wrong) = (0, 0, 0, vec![]);
    for (name, case) in all["cases"].as_object().unwrap() {
        let found = read(&folder().join("files").join(name), &Limits::default());
        if let Some(words) = case["refused"].as_str() {
            match found {
                Err(error) if error.to_string().contains(words) && error.to_string().contains("save") => n_refused += 1,
                Err(error) => wrong.push(format!("{name}: does not say '{words}' and the way out: {error}")),
                Ok(_) => wrong.push(format!("{name}: read, not refused")),
            }
            continue;
        }
        let image = match found {
            Ok(image) => image,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let shown = &pictures[case["picture"].as_str().unwrap()];
        let tolerance = case["tolerance"].as_f64().unwrap() as f32;
        let (seen, exact) = (colours(&image), colours(shown));
        let same_size = (image.height_px(), image.width_px()) == (shown.height_px(), shown.width_px());
        let difference = seen.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if !same_size || difference > tolerance {
            wrong.push(format!("{name}: {} x {}, off by {difference}", image.height_px(), image.width_px()));
        } else if seen == exact {
            // Hence the same score.
            assert_eq!(preprocessing.apply(&image).unwrap(), preprocessing.apply(shown).unwrap(), "{name}");
            n_exact += 1;
        } else {
            n_close += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((n_exact + n_close, n_refused), (222, 25));
    // Lossy files, and levels that were rounded to another depth when they were written.
    assert!(n_close <= 20, "{n_close} pictures are only close");
}
