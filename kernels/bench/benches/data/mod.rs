//! Rows like those of real banks.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Patches of few images resemble each other: points near a curved surface of low dimension, plus noise.
pub fn patches(seed: u64, n: usize, dim: usize, noise: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    const LATENT: usize = 12;
    let mix: Vec<f32> = (0..LATENT * dim).map(|_| rng.random::<f32>() - 0.5).collect();
    let centers: Vec<f32> = (0..32 * LATENT).map(|_| 4.0 * rng.random::<f32>() - 2.0).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .flat_map(|_| {
            let c = rng.random_range(0..32) * LATENT;
            let z: Vec<f32> = (0..LATENT).map(|j| centers[c + j] + rng.random::<f32>() - 0.5).collect();
            let row: Vec<f32> = (0..dim)
                .map(|d| {
                    let s: f32 = (0..LATENT).map(|j| z[j] * mix[j * dim + d]).sum();
                    s.max(0.0) + noise * (rng.random::<f32>() - 0.5)
                })
                .collect();
            row
        })
        .collect()
}
