//! The steps of `AnomalyDINO` against NumPy's. `generate.py` beside this file wrote the expected values.

use pcore::bank::{BankRow, MemoryBank, foreground, normalise_rows};
use pcore::detect::Metric;
use pcore::image::Image;
use pcore::model::Grid;
use pcore::score::ImageScore;
use serde_json::Value;

const GRID: Grid = Grid { n_rows: 12, n_cols: 16 };
const DIM: usize = 24;

/// The formula of `generate.py`.
fn noise(seed: u64, n: usize) -> Vec<f32> {
    let value = |index: u64| {
        let mixed = ((index + seed * 1_000_003).wrapping_mul(2_654_435_761) + 12_345) & 0xffff_ffff;
        let mixed = mixed ^ (mixed >> 13);
        (mixed >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..n as u64).map(value).collect()
}

fn tokens(seed: u64, centre: (f32, f32), height: f32) -> Vec<f32> {
    let (values, direction) = (noise(seed, GRID.n_patches() * DIM), noise(999, DIM));
    let value = |(at, value): (usize, f32)| {
        let (place, channel) = (at / DIM, at % DIM);
        let (y, x) = ((place / GRID.n_cols) as f32, (place % GRID.n_cols) as f32);
        let is_inside = ((y - centre.0) / 4.0).powi(2) + ((x - centre.1) / 5.0).powi(2) <= 1.0;
        value * 2.0 + if is_inside { height * direction[channel] } else { 0.0 }
    };
    values.into_iter().enumerate().map(value).collect()
}

fn expected() -> Value {
    serde_json::from_str(include_str!("expected.json")).unwrap()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn masks_distances_and_scores_are_those_of_numpy() {
    let mut rows = [tokens(2, (5.5, 7.5), 8.0), tokens(3, (5.5, 7.5), 8.0)].concat();
    normalise_rows(&mut rows, DIM);
    let origins = (0..rows.len() / DIM).map(|_| BankRow { condition: 0, source: 0, position: 0 }).collect();
    let bank = MemoryBank::new(rows, DIM, origins, Metric::Cosine.into()).unwrap();
    let expected = expected();
    let images = expected["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let centre = numbers(&image["centre"]);
        let rows = tokens(
            image["seed"].as_u64().unwrap(),
            (centre[0] as f32, centre[1] as f32),
            image["height"].as_f64().unwrap() as f32,
        );
        let seen = foreground(&rows, GRID, 10.0);
        let found: String = seen.iter().map(|s| if *s { '#' } else { '.' }).collect();
        assert_eq!(found, image["mask"].as_str().unwrap());
        let nearest = bank.nearest(&rows, 1).unwrap();
        let counted = nearest.distances.iter().zip(&seen).map(|(d, seen)| if *seen { *d } else { 0.0 });
        let distances: Vec<f32> = counted.collect();
        for (found, expected) in distances.iter().zip(numbers(&image["distances"])) {
            assert!((f64::from(*found) - expected).abs() < 2e-6, "{found} {expected}");
        }
        let score = ImageScore::Top(0.05).of_patches(&distances).unwrap();
        assert!((f64::from(score) - image["score"].as_f64().unwrap()).abs() < 2e-6, "{score}");
    }
}

#[test]
fn turned_images_are_those_of_scipy() {
    let image = Image::new(noise(7, 9 * 13), 9, 13, 1).unwrap();
    let expected = expected();
    let turns = expected["turned"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    for turn in turns {
        let found = image.turned(turn["degrees"].as_f64().unwrap());
        for (found, expected) in found.pixels().iter().zip(numbers(&turn["values"])) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
