//! Kernels, burn, `PyTorch` and scikit-image say the same.

use super::ssim::{Windows, n_windows, whole_windows};
use super::*;
use crate::model::OpenDevice;
use crate::model::training::{Schedule, Trainee};
use serde_json::Value;

const SHAPE: AutoencoderShape = AutoencoderShape { n_channels: 3, n_levels: 3 };
const SIDE: usize = 32;
const N: usize = 4;

/// Made by tests/golden/autoencoder/generate.py.
fn golden(name: &str) -> Vec<f64> {
    let all: Value = serde_json::from_str(include_str!("../../../tests/golden/autoencoder/golden.json")).unwrap();
    all[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Values from -1 to 1 that every language makes alike.
fn drawn(n: usize, number: usize) -> Vec<f32> {
    let one = |at: usize| (((at * 7919 + number * 104_729) * 65_537) % 2003) as f64 / 1001.0 - 1.0;
    (0..n).map(|at| one(at) as f32).collect()
}

fn weights() -> Vec<LayerWeights> {
    let scaled = |values: Vec<f32>, by: f32| values.into_iter().map(|value| value * by).collect();
    let layer = |(number, (n_weights, n_values))| LayerWeights {
        weight: scaled(drawn(n_weights, number), 0.08),
        bias: scaled(drawn(n_values, number + 50), 0.05),
    };
    SHAPE.lengths().enumerate().map(layer).collect()
}

fn batch() -> CanvasBatch {
    let noise = drawn(N * SHAPE.canvas_len(), 99);
    let ramp = |at: usize| (at / 3 % SIDE) as f32 / SIDE as f32;
    let given = noise.iter().enumerate().map(|(at, value)| (value * 0.5 + 0.5) * 0.3 + ramp(at) * 0.7).collect();
    let shown: Vec<usize> = golden("shown").into_iter().map(|rows| rows as usize).collect();
    let counts = (0..N * SIDE * SIDE).map(|at| at / SIDE % SIDE < shown[at / SIDE / SIDE]).collect();
    CanvasBatch { given, counts }
}

#[test]
fn twenty_steps_from_the_same_weights_go_as_those_of_a_twin_in_pytorch() {
    let expected = golden("losses");
    assert_eq!(expected.len(), 20);
    for device in [OpenDevice::cpu(), OpenDevice::flex()] {
        let mut learner = Learner::with(&AutoencoderPlan::new(SHAPE), &weights(), &device).unwrap();
        for (step, expected) in expected.iter().enumerate() {
            let rate = Schedule::Cosine.rate(1e-3, step, 20);
            let found = f64::from(learner.step(step, rate, &batch()).unwrap().loss);
            let off = (found - expected).abs() / expected;
            assert!(off < 1e-3, "{}: step {step}: {found} for {expected}", device.description());
        }
    }
}

#[test]
fn similarity_is_that_of_scikit_image() {
    let expected = golden("ssim");
    for (number, expected) in expected.iter().enumerate() {
        let own = |number: usize| -> Vec<f32> { drawn(1600, number).iter().map(|v| v * 0.5 + 0.5).collect() };
        let x = own(number);
        let share = 0.9 - 0.2 * number as f32;
        let y: Vec<f32> = x.iter().zip(own(number + 7)).map(|(x, other)| x * share + 0.1 * other).collect();
        let found = Windows::of(40).similarity(&x, &y);
        assert_eq!(found.len(), n_windows(40).pow(2));
        let mean = found.iter().map(|value| f64::from(*value)).sum::<f64>() / found.len() as f64;
        assert!((mean - expected).abs() < 1e-5, "{mean} for {expected}");
    }
}

#[test]
fn the_gradient_of_the_loss_is_how_it_changes() {
    let (loss, CanvasBatch { given, counts }) = (Loss::new(SHAPE), batch());
    let mut other: Vec<f32> = given.iter().zip(drawn(given.len(), 5)).map(|(v, off)| 0.8 * v + 0.1 * off).collect();
    let (_, gradient) = loss.with_gradient(&given, &other, &counts);
    let largest = gradient.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let mut n_checked = 0;
    for at in (0..given.len()).step_by(997) {
        let (was, step) = (other[at], 0.02);
        let mut at_offset = |off: f32| {
            other[at] = was + off;
            f64::from(loss.with_gradient(&given, &other, &counts).0)
        };
        let slope = (at_offset(step) - at_offset(-step)) / f64::from(2.0 * step);
        other[at] = was;
        let off = (slope - f64::from(gradient[at])).abs() / f64::from(largest);
        assert!(off < 0.05, "{at}: {slope} for {}", gradient[at]);
        n_checked += 1;
    }
    assert!(n_checked > 10);
    let hidden = counts.iter().enumerate().filter(|(_, counts)| !**counts);
    assert!(hidden.flat_map(|(at, _)| &gradient[3 * at..3 * at + 3]).all(|value| *value == 0.0));
}

#[test]
fn a_window_is_whole_where_all_its_pixels_count() {
    let counts: Vec<bool> = (0..16 * 20).map(|at| at != 3 * 16 + 12).take(256).collect();
    let whole = whole_windows(&counts, 16);
    let n = n_windows(16);
    for (at, whole) in whole.iter().enumerate() {
        let (row, column) = (at / n, at % n);
        assert_eq!(*whole, !((row..row + 11).contains(&3) && (column..column + 11).contains(&12)), "{at}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_an_error() {
    let mut learner = Learner::new(&AutoencoderPlan::new(SHAPE), &OpenDevice::flex()).unwrap();
    let broken = CanvasBatch { given: vec![f32::NAN; SHAPE.canvas_len()], counts: vec![true; SIDE * SIDE] };
    assert!(matches!(learner.step(0, 1e-3, &broken), Err(crate::model::ModelError::Diverged { step: 0, .. })));
}

#[test]
fn weights_of_another_shape_are_refused() {
    let other = AutoencoderShape { n_levels: 4, ..SHAPE };
    assert!(Autoencoder::new(other, weights()).unwrap_err().to_string().contains("weights"));
}

#[test]
fn a_state_goes_on_bit_for_bit_where_it_was_taken() {
    for device in [OpenDevice::cpu(), OpenDevice::flex()] {
        let learner = |seed| Learner::new(&AutoencoderPlan { seed, ..AutoencoderPlan::new(SHAPE) }, &device).unwrap();
        let mut whole = learner(1);
        let steps = |learner: &mut Learner, steps: std::ops::Range<usize>| {
            for step in steps {
                learner.step(step, 1e-3, &batch()).unwrap();
            }
        };
        steps(&mut whole, 0..2);
        let mut other = learner(2);
        other.restore(whole.state().unwrap()).unwrap();
        for learner in [&mut whole, &mut other] {
            steps(learner, 2..4);
        }
        assert_eq!(whole.weights().unwrap(), other.weights().unwrap());
        assert_eq!(whole.loss(&batch()).unwrap(), other.loss(&batch()).unwrap());
    }
}
