use super::*;
use crate::simd::{Level, exp_sum, gelu, largest};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(rng: &mut ChaCha8Rng, n: usize, bound: f32) -> Vec<f32> {
    (0..n).map(|_| rng.random_range(-bound..bound)).collect()
}

/// Parameters as given, to be packed for any level and evaluated in double precision.
struct Plain {
    dim: usize,
    hidden: usize,
    heads: usize,
    norms: [Norm; 2],
    linear: [(Vec<f32>, Vec<f32>, usize); 4],
}

impl Plain {
    fn new(seed: u64, heads: usize, size: usize, hidden: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dim = heads * size;
        let norm =
            |rng: &mut ChaCha8Rng| Norm { scale: random(rng, dim, 1.5), shift: random(rng, dim, 0.5), epsilon: 1e-6 };
        let norms = [norm(&mut rng), norm(&mut rng)];
        let linear = [(dim, 3 * dim), (dim, dim), (dim, hidden), (hidden, dim)].map(|(from, to)| {
            let bound = (3.0 / from as f32).sqrt();
            (random(&mut rng, from * to, bound), random(&mut rng, to, 0.3), from)
        });
        Self { dim, hidden, heads, norms, linear }
    }

    fn block(&self, level: Level) -> Block {
        let linear = |i: usize| {
            let (weight, bias, from) = &self.linear[i];
            Linear::with_level(weight, bias, *from, level).unwrap()
        };
        let [norm1, norm2] = self.norms.clone();
        let heads = self.heads;
        Block { norm1, qkv: linear(0), projection: linear(1), norm2, up: linear(2), down: linear(3), heads }
    }

    fn linear(&self, i: usize, rows: &[f64]) -> Vec<f64> {
        let (weight, bias, from) = &self.linear[i];
        rows.chunks(*from)
            .flat_map(|row| {
                weight
                    .chunks(*from)
                    .zip(bias)
                    .map(move |(w, b)| f64::from(*b) + w.iter().zip(row).map(|(w, x)| f64::from(*w) * x).sum::<f64>())
            })
            .collect()
    }

    fn norm(&self, i: usize, rows: &[f64]) -> Vec<f64> {
        let norm = &self.norms[i];
        rows.chunks(self.dim)
            .flat_map(|row| {
                let mean = row.iter().sum::<f64>() / self.dim as f64;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / self.dim as f64;
                let inverse = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
                let terms = row.iter().zip(&norm.scale).zip(&norm.shift);
                terms.map(|((x, a), b)| (x - mean) * inverse * f64::from(*a) + f64::from(*b)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn naive(&self, values: &[f32], tokens: usize) -> Vec<f64> {
        let (dim, size) = (self.dim, self.dim / self.heads);
        let x: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
        let qkv = self.linear(0, &self.norm(0, &x));
        let mut mixed = vec![0.0; x.len()];
        for first in (0..x.len() / dim).step_by(tokens) {
            for h in 0..self.heads {
                let part = |t: usize, which: usize| &qkv[((first + t) * 3 + which) * dim + h * size..][..size];
                for q in 0..tokens {
                    let dot = |k: usize| part(q, 0).iter().zip(part(k, 1)).map(|(a, b)| a * b).sum::<f64>();
                    let scores: Vec<f64> = (0..tokens).map(|k| (dot(k) / (size as f64).sqrt()).exp()).collect();
                    let total: f64 = scores.iter().sum();
                    for (k, s) in scores.iter().enumerate() {
                        for (j, v) in part(k, 2).iter().enumerate() {
                            mixed[(first + q) * dim + h * size + j] += s / total * v;
                        }
                    }
                }
            }
        }
        let x: Vec<f64> = self.linear(1, &mixed).iter().zip(&x).map(|(a, b)| a + b).collect();
        let hidden: Vec<f64> = self.linear(2, &self.norm(1, &x)).into_iter().map(exact_gelu).collect();
        assert_eq!(hidden.len(), x.len() / dim * self.hidden);
        self.linear(3, &hidden).iter().zip(&x).map(|(a, b)| a + b).collect()
    }
}

/// By the series `erf(x) = 2 / sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!`, whose terms are all of one sign.
fn exact_gelu(x: f64) -> f64 {
    let z = x / 2f64.sqrt();
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= 2.0 * z * z / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 * x * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * (-z * z).exp() * sum)
}

#[test]
fn gelu_is_accurate_everywhere() {
    for level in Level::supported() {
        let x: Vec<f32> = (-80_000..=80_000).map(|i| i as f32 * 1e-4).collect();
        let mut y = x.clone();
        gelu(level, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let error = (f64::from(*y) - exact_gelu(f64::from(*x))).abs();
            assert!(error <= 5e-7 * f64::from(x.abs()), "{x}: {error}");
        }
    }
}

#[test]
fn exponentials_are_accurate_everywhere() {
    for level in Level::supported() {
        let x: Vec<f32> = (0..=86_003).map(|i| -(i as f32) * 1e-3).collect();
        let mut y = x.clone();
        let sum = exp_sum(level, &mut y, 0.0, 1.0);
        for (x, y) in x.iter().zip(&y) {
            let exact = f64::from(*x).exp();
            assert!((f64::from(*y) - exact).abs() <= 2e-7 * exact, "{x}: {y} {exact}");
        }
        let exact: f64 = x.iter().map(|x| f64::from(*x).exp()).sum();
        assert!((f64::from(sum) - exact).abs() <= 1e-5 * exact);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_block_equals_the_naive_evaluation(
        seed: u64, heads in 1usize..4, size in 1usize..40, hidden in 1usize..80, tokens in 1usize..50, images in 1usize..3,
    ) {
        let plain = Plain::new(seed, heads, size, hidden);
        let values = random(&mut ChaCha8Rng::seed_from_u64(seed ^ 1), images * tokens * plain.dim, 2.0);
        let expected = plain.naive(&values, tokens);
        let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for level in Level::supported() {
            let mut found = values.clone();
            plain.block(level).apply(&mut found, tokens, &mut Workspace::default()).unwrap();
            for (f, e) in found.iter().zip(&expected) {
                // A row of one or two values has a variance near zero, which magnifies rounding.
                let bound = if plain.dim < 8 { 1e-2 } else { 2e-5 };
                prop_assert!((f64::from(*f) - e).abs() <= bound * largest, "{} {f} {e}", level.name());
            }
        }
    }
}

#[test]
fn a_block_of_whole_steps_equals_the_naive_evaluation() {
    // Shapes whose products are computed by tiles where there are any.
    for (seed, heads, size, hidden, tokens, images) in
        [(1, 2, 32, 96, 37, 2), (2, 1, 96, 512, 65, 1), (3, 4, 64, 64, 5, 1)]
    {
        let plain = Plain::new(seed, heads, size, hidden);
        let values = random(&mut ChaCha8Rng::seed_from_u64(seed), images * tokens * plain.dim, 2.0);
        let expected = plain.naive(&values, tokens);
        let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for level in Level::supported() {
            let mut found = values.clone();
            plain.block(level).apply(&mut found, tokens, &mut Workspace::default()).unwrap();
            for (f, e) in found.iter().zip(&expected) {
                assert!((f64::from(*f) - e).abs() <= 5e-6 * largest, "{} {f} {e}", level.name());
            }
        }
    }
}

#[test]
fn an_image_does_not_depend_on_batch_or_threads() {
    let (tokens, images) = (131, 5);
    let plain = Plain::new(1, 2, 256, 600);
    let block = plain.block(Level::best());
    let values = random(&mut ChaCha8Rng::seed_from_u64(2), images * tokens * plain.dim, 2.0);
    let mut alone = values.clone();
    let mut workspace = Workspace::default();
    for image in alone.chunks_mut(tokens * plain.dim) {
        block.apply(image, tokens, &mut workspace).unwrap();
    }
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut together = values.clone();
        pool.install(|| block.apply(&mut together, tokens, &mut workspace).unwrap());
        assert!(together == alone, "{threads} threads");
    }
}

#[test]
fn a_used_workspace_changes_nothing() {
    let plain = Plain::new(3, 3, 20, 70);
    let block = plain.block(Level::best());
    let mut workspace = Workspace::default();
    for tokens in [90, 33, 7, 64] {
        let values = random(&mut ChaCha8Rng::seed_from_u64(tokens as u64), tokens * plain.dim, 2.0);
        let (mut used, mut fresh) = (values.clone(), values);
        block.apply(&mut used, tokens, &mut workspace).unwrap();
        block.apply(&mut fresh, tokens, &mut Workspace::default()).unwrap();
        assert!(used == fresh, "{tokens} tokens");
    }
}

#[test]
fn the_largest_value_is_found_wherever_it_is() {
    for level in Level::supported() {
        assert_eq!(largest(level, &[]), f32::NEG_INFINITY);
        for n in 1..50 {
            let mut values: Vec<f32> = (0..n).map(|i| -1.0 - i as f32).collect();
            for at in 0..n {
                values[at] += 100.0;
                assert_eq!(largest(level, &values), 99.0 - at as f32);
                values[at] -= 100.0;
            }
        }
    }
}

#[test]
fn a_linear_map_with_residual_equals_the_naive_one() {
    for (n, from, to) in [(1, 5, 3), (37, 512, 40), (130, 70, 33), (1, 32, 5), (17, 64, 33), (131, 384, 70)] {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let (weight, bias) = (random(&mut rng, from * to, 0.1), random(&mut rng, to, 1.0));
        let (rows, residual) = (random(&mut rng, n * from, 1.0), random(&mut rng, n * to, 1.0));
        let mut out = vec![f32::NAN; n * to];
        for level in Level::supported() {
            let linear = Linear::with_level(&weight, &bias, from, level).unwrap();
            linear.apply(&rows, &residual, &mut out).unwrap();
            for (i, x) in out.iter().enumerate() {
                let terms = weight[i % to * from..][..from].iter().zip(&rows[i / to * from..]);
                let sum: f64 = terms.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let expected = sum + f64::from(bias[i % to]) + f64::from(residual[i]);
                assert!((f64::from(*x) - expected).abs() < 1e-5, "{} {i}: {x} {expected}", level.name());
            }
            assert!(linear.apply(&rows, &residual[1..], &mut out).is_err());
            assert!(linear.apply(&rows[1..], &residual, &mut out).is_err());
        }
    }
}

#[test]
fn refuses_parts_that_do_not_fit() {
    assert!(Linear::new(&[0.0; 6], &[0.0; 2], 4).is_err());
    assert!(Linear::new(&[], &[], 4).is_err());
    let plain = Plain::new(1, 2, 4, 5);
    let block = plain.block(Level::best());
    let refused =
        |block: &Block, n: usize, tokens| block.apply(&mut vec![0.0; n], tokens, &mut Workspace::default()).is_err();
    assert!(refused(&block, 8 * 3, 2));
    assert!(refused(&block, 8, 0));
    assert!(refused(&Block { heads: 3, ..block.clone() }, 8, 1));
    assert!(refused(&Block { up: block.qkv.clone(), ..block.clone() }, 8, 1));
    assert!(block.norm1.apply(&[0.0; 9]).is_err());
    assert_eq!(block.norm1.apply(&[1.0; 8]).unwrap(), block.norm1.shift);
}
