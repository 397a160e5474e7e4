//! Against sums as they are defined, in double precision.

use super::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn values(seed: u64, n: usize) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| StandardNormal.sample(&mut random)).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Values of the large end, of the small end, of the weights.
fn lengths(shape: Strided) -> (usize, usize, usize) {
    let Strided { n, height, width, from, to } = shape;
    (4 * n * height * width * from, n * height * width * to, 16 * from * to)
}

/// Every product of the layer: index in the large end, in the weights, in the small end.
fn terms(shape: Strided, mut see: impl FnMut(usize, usize, usize)) {
    let Strided { n, height, width, from, to } = shape;
    for (image, y, x) in (0..n * height * width).map(|at| (at / height / width, at / width % height, at % width)) {
        for (ky, kx) in (0..16).map(|tap| (tap / 4, tap % 4)) {
            let (row, column) = (2 * y + ky, 2 * x + kx);
            if row < 1 || column < 1 || row > 2 * height || column > 2 * width {
                continue;
            }
            for (f, t) in (0..from * to).map(|at| (at / to, at % to)) {
                let large = ((image * 2 * height + row - 1) * 2 * width + column - 1) * from + f;
                see(large, ((ky * 4 + kx) * from + f) * to + t, ((image * height + y) * width + x) * to + t);
            }
        }
    }
}

/// Halving as it is defined.
fn halved_plainly(shape: Strided, large: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let mut said: Vec<f64> = (0..lengths(shape).1).map(|at| bias[at % shape.to]).collect();
    terms(shape, |l, w, s| said[s] += large[l] * weight[w]);
    said
}

/// Doubling as it is defined.
fn doubled_plainly(shape: Strided, small: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let mut said: Vec<f64> = (0..lengths(shape).0).map(|at| bias[at % shape.from]).collect();
    terms(shape, |l, w, s| said[l] += small[s] * weight[w]);
    said
}

fn close(found: &[f32], expected: &[f64], n_terms: usize) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() < 4e-5 * n_terms as f64, "{at}: {found} for {expected}");
    }
}

fn shapes() -> impl Strategy<Value = Strided> {
    let channels = || prop_oneof![1usize..9, Just(16), Just(33), Just(40)];
    (1usize..4, 1usize..7, 1usize..17, channels(), channels()).prop_map(|(n, height, width, from, to)| Strided {
        n,
        height,
        width,
        from,
        to,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn both_ways_and_the_gradients_are_sums_of_the_same_products(shape in shapes(), seed: u64) {
        let Strided { from, to, .. } = shape;
        let (n_large, n_small, n_weights) = lengths(shape);
        let (large, small) = (values(seed, n_large), values(seed ^ 1, n_small));
        let (weight, bias) = (values(seed ^ 2, n_weights), values(seed ^ 3, from.max(to)));
        let (l, s, w, b) = (wide(&large), wide(&small), wide(&weight), wide(&bias));
        let (halves, doubles) = (halved_plainly(shape, &l, &w, &b[..to]), doubled_plainly(shape, &s, &w, &b[..from]));
        let (halves_alone, doubles_alone) =
            (halved_plainly(shape, &l, &w, &vec![0.0; to]), doubled_plainly(shape, &s, &w, &vec![0.0; from]));
        let mut crosses = vec![0.0f64; n_weights];
        terms(shape, |at_l, at_w, at_s| crosses[at_w] += l[at_l] * s[at_s]);
        for level in Level::supported() {
            close(&halved(level, shape, &large, &weight, Some(&bias[..to])), &halves, 16 * from);
            close(&halved(level, shape, &large, &weight, None), &halves_alone, 16 * from);
            close(&doubled(level, shape, &small, &weight, Some(&bias[..from])), &doubles, 4 * to);
            close(&doubled(level, shape, &small, &weight, None), &doubles_alone, 4 * to);
            close(&crossed(level, shape, &large, &small), &crosses, n_small / to);
        }
    }

    #[test]
    fn a_bias_has_the_sum_over_all_pixels_for_its_gradient(rows in 0usize..40_000, width in 1usize..90, seed: u64) {
        let values = values(seed, rows.min(200_000 / width) * width);
        let mut sums = vec![0.0f64; width];
        values.iter().enumerate().for_each(|(at, value)| sums[at % width] += f64::from(*value));
        close(&column_sums(&values, width), &sums, 10 + values.len() / width / 100);
    }
}

/// How `sum` changes with the value at `at`, by differences.
fn slope(values: &[f64], at: usize, sum: impl Fn(&[f64]) -> f64) -> f64 {
    let step = 1e-3;
    let moved = |by: f64| {
        let mut values = values.to_vec();
        values[at] += by;
        sum(&values)
    };
    (moved(step) - moved(-step)) / (2.0 * step)
}

/// The mean square of what a layer says, halved, and its gradient with respect to that.
fn loss(said: &[f64]) -> f64 {
    said.iter().map(|value| value * value).sum::<f64>() / 2.0
}

#[test]
fn a_gradient_is_how_a_loss_changes() {
    let shape = Strided { n: 2, height: 3, width: 2, from: 3, to: 5 };
    let (n_large, n_small, n_weights) = lengths(shape);
    let (large, small, weight) = (values(1, n_large), values(2, n_small), values(3, n_weights));
    let (of_small, of_large) = (values(4, 5), values(5, 3));
    let (l, s, w) = (wide(&large), wide(&small), wide(&weight));
    let near = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} for {expected}");
    };

    let b = wide(&of_small);
    let said = halve(shape, &large, &weight, &of_small).unwrap();
    let by_input = halve_input_gradient(shape, &said, &weight).unwrap();
    let (by_weight, by_bias) = halve_weight_gradient(shape, &large, &said).unwrap();
    (0..n_large).for_each(|at| near(by_input[at], slope(&l, at, |l| loss(&halved_plainly(shape, l, &w, &b)))));
    (0..n_weights).for_each(|at| near(by_weight[at], slope(&w, at, |w| loss(&halved_plainly(shape, &l, w, &b)))));
    (0..5).for_each(|at| near(by_bias[at], slope(&b, at, |b| loss(&halved_plainly(shape, &l, &w, b)))));

    let b = wide(&of_large);
    let said = double(shape, &small, &weight, &of_large).unwrap();
    let by_input = double_input_gradient(shape, &said, &weight).unwrap();
    let (by_weight, by_bias) = double_weight_gradient(shape, &small, &said).unwrap();
    (0..n_small).for_each(|at| near(by_input[at], slope(&s, at, |s| loss(&doubled_plainly(shape, s, &w, &b)))));
    (0..n_weights).for_each(|at| near(by_weight[at], slope(&w, at, |w| loss(&doubled_plainly(shape, &s, w, &b)))));
    (0..3).for_each(|at| near(by_bias[at], slope(&b, at, |b| loss(&doubled_plainly(shape, &s, &w, b)))));
}

/// Shapes that are cut into several tasks: by lines, by columns, by pixels.
fn large_shapes() -> [Strided; 4] {
    [
        Strided { n: 5, height: 9, width: 12, from: 16, to: 24 },
        Strided { n: 3, height: 40, width: 33, from: 3, to: 32 },
        Strided { n: 7, height: 4, width: 4, from: 130, to: 70 },
        Strided { n: 5, height: 18, width: 15, from: 1, to: 48 },
    ]
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    for shape in large_shapes() {
        let (n_large, n_small, n_weights) = lengths(shape);
        let (large, small, weight) = (values(1, n_large), values(2, n_small), values(3, n_weights));
        let (of_small, of_large) = (values(4, shape.to), values(5, shape.from));
        let all = || {
            (
                halve(shape, &large, &weight, &of_small).unwrap(),
                double(shape, &small, &weight, &of_large).unwrap(),
                halve_input_gradient(shape, &small, &weight).unwrap(),
                double_input_gradient(shape, &large, &weight).unwrap(),
                halve_weight_gradient(shape, &large, &small).unwrap(),
                double_weight_gradient(shape, &small, &large).unwrap(),
            )
        };
        let on = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(all);
        let found = on(1);
        assert!([2, 3].into_iter().all(|n| on(n) == found), "{shape:?}");
    }
}

#[test]
fn an_image_says_the_same_in_any_company() {
    for shape in large_shapes() {
        let (n_large, n_small, n_weights) = lengths(shape);
        let (large, small, weight) = (values(1, n_large), values(2, n_small), values(3, n_weights));
        let (of_small, of_large) = (values(4, shape.to), values(5, shape.from));
        let halves = halve(shape, &large, &weight, &of_small).unwrap();
        let doubles = double(shape, &small, &weight, &of_large).unwrap();
        for n in [1, 2] {
            let some = Strided { n, ..shape };
            let (n_large, n_small, _) = lengths(some);
            for (large, halves) in large.chunks_exact(n_large).zip(halves.chunks_exact(n_small)) {
                assert_eq!(halve(some, large, &weight, &of_small).unwrap(), halves, "{some:?}");
            }
            for (small, doubles) in small.chunks_exact(n_small).zip(doubles.chunks_exact(n_large)) {
                assert_eq!(double(some, small, &weight, &of_large).unwrap(), doubles, "{some:?}");
            }
        }
    }
}

#[test]
fn what_scratch_memory_held_before_changes_nothing() {
    let shape = Strided { n: 1, height: 3, width: 5, from: 3, to: 7 };
    let (n_large, n_small, n_weights) = lengths(shape);
    let (large, small, weight) = (values(1, n_large), values(2, n_small), values(3, n_weights));
    let all = || {
        let halves = halved(Level::best(), shape, &large, &weight, None);
        let doubles = doubled(Level::best(), shape, &small, &weight, None);
        (halves, doubles, crossed(Level::best(), shape, &large, &small))
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    one.install(|| {
        let found = all();
        with_scratch(1 << 20, |scratch| scratch.fill(f32::NAN));
        assert_eq!(all(), found);
    });
}

#[test]
fn a_rectifier_leaks_and_so_does_its_gradient() {
    let mut said: Vec<f32> = (-20_000..20_000).map(|at| at as f32).collect();
    leaky(&mut said, 0.2);
    assert!((said[0] + 4000.0).abs() < 1e-3 && said[39_999] == 19_999.0);
    let mut gradient = vec![1.0; said.len()];
    leaky_gradient(&mut gradient, &said, 0.2);
    assert!(gradient[..20_000].iter().all(|g| *g == 0.2) && gradient[20_000..].iter().all(|g| *g == 1.0));
}

#[test]
fn slices_of_another_shape_are_refused() {
    let shape = Strided { n: 1, height: 2, width: 2, from: 3, to: 4 };
    let (large, small, weight) = (vec![0.0; 48], vec![0.0; 16], vec![0.0; 192]);
    let refused = |what: &str, said: Result<Vec<f32>, KernelError>| {
        assert!(matches!(said, Err(KernelError::OutOfRange { what: found, .. }) if found == what), "{what}");
    };
    assert!(halve(shape, &large, &weight, &[0.0; 4]).is_ok() && double(shape, &small, &weight, &[0.0; 3]).is_ok());
    refused("length of the large end", halve(shape, &large[1..], &weight, &[0.0; 4]));
    refused("length of the weights", halve(shape, &large, &weight[1..], &[0.0; 4]));
    refused("length of the bias", halve(shape, &large, &weight, &[0.0; 3]));
    refused("length of the small end", double(shape, &small[1..], &weight, &[0.0; 3]));
    refused("length of the bias", double(shape, &small, &weight, &[0.0; 4]));
    refused("length of the small end", halve_input_gradient(shape, &large, &weight));
    refused("length of the large end", double_input_gradient(shape, &small, &weight));
    refused("length of the small end", halve_weight_gradient(shape, &large, &large).map(|both| both.0));
    refused("length of the large end", double_weight_gradient(shape, &small, &small).map(|both| both.0));
}

#[test]
fn shapes_without_pixels_and_beyond_memory_are_refused() {
    let shape = Strided { n: 1, height: 2, width: 2, from: 3, to: 4 };
    for (what, empty) in [
        ("n", Strided { n: 0, ..shape }),
        ("height", Strided { height: 0, ..shape }),
        ("width", Strided { width: 0, ..shape }),
        ("from", Strided { from: 0, ..shape }),
        ("to", Strided { to: 0, ..shape }),
    ] {
        assert_eq!(halve(empty, &[], &[], &[]), Err(KernelError::Empty { what }));
    }
    // 4 n times 2 x 2 x 3 is 0 in 64 bits.
    let huge = Strided { n: 1 << 62, ..shape };
    let refused = halve(huge, &[], &[0.0; 192], &[0.0; 4]);
    assert!(matches!(refused, Err(KernelError::OutOfRange { what: "length of the large end", .. })));
}
