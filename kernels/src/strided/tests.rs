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

/// Every product of the layer: index in the large end, in the weights, in the small end.
fn terms(shape: Strided, mut see: impl FnMut(usize, usize, usize)) {
    let Strided { n, height, width, from, to } = shape;
    for (image, y, x) in (0..n * height * width).map(|at| (at / height / width, at / width % height, at % width)) {
        for (ky, kx) in (0..TAPS).map(|tap| (tap / 4, tap % 4)) {
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

fn close(found: &[f32], expected: &[f64], size: f64) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() < 1e-5 * size, "{at}: {found} for {expected}");
    }
}

fn shapes() -> impl Strategy<Value = Strided> {
    (1usize..4, 1usize..7, 1usize..9, prop_oneof![1usize..5, Just(33), Just(40)], 1usize..40)
        .prop_map(|(n, height, width, from, to)| Strided { n, height, width, from, to })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_ways_and_the_gradients_are_sums_of_the_same_products(shape in shapes(), seed: u64) {
        let Strided { n, from, to, .. } = shape;
        let (large, small) = (values(seed, n * shape.large_len()), values(seed ^ 1, n * shape.small_len()));
        let (weight, bias) = (values(seed ^ 2, shape.weights_len()), values(seed ^ 3, from.max(to)));
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (l, s, w) = (wide(&large), wide(&small), wide(&weight));
        let mut halves: Vec<f64> = (0..small.len()).map(|at| f64::from(bias[at % to])).collect();
        let mut doubles: Vec<f64> = (0..large.len()).map(|at| f64::from(bias[at % from])).collect();
        let mut crosses = vec![0.0f64; weight.len()];
        terms(shape, |at_l, at_w, at_s| {
            halves[at_s] += l[at_l] * w[at_w];
            doubles[at_l] += s[at_s] * w[at_w];
            crosses[at_w] += l[at_l] * s[at_s];
        });
        for level in Level::supported() {
            close(&halved(level, shape, &large, &weight, &bias[..to]).unwrap(), &halves, 4.0 * (TAPS * from) as f64);
            close(&doubled(level, shape, &small, &weight, &bias[..from]).unwrap(), &doubles, 4.0 * (4 * to) as f64);
            close(&crossed(level, shape, &large, &small).unwrap(), &crosses, 4.0 * (small.len() / to) as f64);
        }
    }

    #[test]
    fn a_gradient_is_how_the_sum_changes(seed: u64) {
        let shape = Strided { n: 2, height: 3, width: 2, from: 3, to: 5 };
        let (large, small) = (values(seed, 2 * shape.large_len()), values(seed ^ 1, 2 * shape.small_len()));
        let (weight, bias) = (values(seed ^ 2, shape.weights_len()), values(seed ^ 3, 5));
        // The sum of what halving says, each weighed by `small`: linear in every argument.
        let sum = |large: &[f32], weight: &[f32], bias: &[f32]| -> f64 {
            let said = halve(shape, large, weight, bias).unwrap();
            said.iter().zip(&small).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let (by_weight, by_bias) = halve_weight_gradient(shape, &large, &small).unwrap();
        let by_input = halve_input_gradient(shape, &small, &weight).unwrap();
        let changed = |values: &[f32], at: usize, by: f32| {
            let mut values = values.to_vec();
            values[at] += by;
            values
        };
        let slope = |of: &dyn Fn(f32) -> f64| (of(1.0) - of(-1.0)) / 2.0;
        for at in [0, 7, large.len() - 1] {
            let found = slope(&|by| sum(&changed(&large, at, by), &weight, &bias));
            prop_assert!((found - f64::from(by_input[at])).abs() < 1e-3, "{} {}", found, by_input[at]);
        }
        for at in [0, 11, weight.len() - 1] {
            let found = slope(&|by| sum(&large, &changed(&weight, at, by), &bias));
            prop_assert!((found - f64::from(by_weight[at])).abs() < 1e-3, "{} {}", found, by_weight[at]);
        }
        let found = slope(&|by| sum(&large, &weight, &changed(&bias, 2, by)));
        prop_assert!((found - f64::from(by_bias[2])).abs() < 1e-3);
    }
}

#[test]
fn an_image_says_the_same_in_any_company_and_on_any_number_of_threads() {
    let shape = Strided { n: 5, height: 9, width: 12, from: 16, to: 24 };
    let (large, small) = (values(1, 5 * shape.large_len()), values(2, 5 * shape.small_len()));
    let weight = values(3, shape.weights_len());
    let all = || {
        (
            halve(shape, &large, &weight, &values(4, 24)).unwrap(),
            double(shape, &small, &weight, &values(5, 16)).unwrap(),
            halve_weight_gradient(shape, &large, &small).unwrap(),
            double_weight_gradient(shape, &small, &large).unwrap(),
        )
    };
    let on = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(all);
    let found = on(1);
    assert!([2, 3].into_iter().all(|n| on(n) == found));
    let one = Strided { n: 1, ..shape };
    for image in 0..5 {
        let large = &large[image * shape.large_len()..][..shape.large_len()];
        let small = &small[image * shape.small_len()..][..shape.small_len()];
        let halved = halve(one, large, &weight, &values(4, 24)).unwrap();
        assert_eq!(halved, found.0[image * shape.small_len()..][..shape.small_len()]);
        let doubled = double(one, small, &weight, &values(5, 16)).unwrap();
        assert_eq!(doubled, found.1[image * shape.large_len()..][..shape.large_len()]);
    }
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
    assert!(halve(shape, &large, &weight, &[0.0; 4]).is_ok());
    assert!(matches!(
        halve(shape, &large[1..], &weight, &[0.0; 4]),
        Err(KernelError::OutOfRange { what: "large end", .. })
    ));
    assert!(matches!(
        double(shape, &small, &weight[1..], &[0.0; 3]),
        Err(KernelError::OutOfRange { what: "weight", .. })
    ));
    assert!(matches!(double(shape, &small, &weight, &[0.0; 4]), Err(KernelError::OutOfRange { what: "bias", .. })));
    let empty = Strided { width: 0, ..shape };
    assert!(matches!(halve(empty, &[], &weight, &[0.0; 4]), Err(KernelError::Empty { what: "width" })));
}
