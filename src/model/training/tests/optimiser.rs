//! The optimiser against its formulas.

use super::super::Trainee;
use super::line::{FIRST, Learner, rows};

#[test]
fn the_optimiser_follows_the_formulas_and_cuts_the_gradient_of_all_weights_together() {
    for clip in [None, Some(0.5)] {
        let mut learner = Learner::new(0.1, clip);
        let mut twin = FIRST.map(f64::from);
        let (mut mean, mut square) = ([0.0; 4], [0.0; 4]);
        for step in 0..25_usize {
            let batch = rows(step as u64);
            let (x, wanted) = &batch;
            let mut gradient = [0.0; 4];
            for (x, wanted) in x.chunks_exact(3).zip(wanted) {
                let x = [f64::from(x[0]), f64::from(x[1]), f64::from(x[2]), 1.0];
                let off = x.iter().zip(&twin).map(|(x, w)| x * w).sum::<f64>() - f64::from(*wanted);
                gradient.iter_mut().zip(x).for_each(|(g, x)| *g += 2.0 * off * x / 8.0);
            }
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let stepped = learner.step(step, 0.05, &batch).unwrap();
            assert!((stepped.gradient_norm - norm).abs() < 1e-4 * norm, "{} {norm}", stepped.gradient_norm);
            let factor = clip.map_or(1.0, |most| (most / norm).min(1.0));
            for at in 0..4 {
                let g = gradient[at] * factor;
                mean[at] = 0.9 * mean[at] + 0.1 * g;
                square[at] = 0.999 * square[at] + 0.001 * g * g;
                let t = step as i32 + 1;
                let corrected = (mean[at] / (1.0 - 0.9f64.powi(t)), square[at] / (1.0 - 0.999f64.powi(t)));
                twin[at] -= 0.05 * (0.1 * twin[at] + corrected.0 / (corrected.1.sqrt() + 1e-5));
            }
            for (found, twin) in learner.weights().iter().zip(&twin) {
                assert!((f64::from(*found) - twin).abs() < 1e-4, "step {step}, {clip:?}: {found} {twin}");
            }
        }
    }
}

#[test]
fn the_optimiser_has_the_bits_of_burns_own() {
    use burn::optim::{AdamWConfig, GradientsParams};
    let mut own = Learner::new(0.01, None);
    let other = Learner::new(0.01, None);
    let (mut line, mut optimiser) = (other.line.clone(), AdamWConfig::new().with_weight_decay(0.01).init());
    for step in 0..20 {
        let batch = rows(step as u64);
        own.step(step, 0.05, &batch).unwrap();
        let mut twin = Learner::new(0.01, None);
        twin.line = line;
        let gradients = GradientsParams::from_grads(twin.loss_of(&batch).backward(), &twin.line);
        twin.line = optimiser.step(0.05, twin.line, gradients);
        let bits = |weights: Vec<f32>| weights.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(own.weights()), bits(twin.weights()));
        line = twin.line;
    }
}
