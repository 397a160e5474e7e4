use super::select::{go_on, select};
use super::*;
use crate::KernelError;
use crate::simd::{Level, squared_distance};
use proptest::prelude::*;

/// One pass over all rows per pick.
fn naive(rows: &[f32], dim: usize, n_picks: usize, start: usize) -> Picks {
    let level = Level::supported()[Level::supported().len() - 1];
    let mut nearest = vec![f32::INFINITY; rows.len() / dim];
    let mut indices = vec![start as u32];
    loop {
        let center = &rows[indices[indices.len() - 1] as usize * dim..][..dim];
        let mut far = (0.0, 0);
        for (i, (d, row)) in nearest.iter_mut().zip(rows.chunks(dim)).enumerate() {
            *d = d.min(squared_distance(level, row, center));
            if *d > far.0 {
                far = (*d, i as u32);
            }
        }
        if indices.len() == n_picks || far.0 == 0.0 {
            let stopped_early = indices.len() < n_picks;
            return Picks { indices, covering_radius: far.0.sqrt(), stopped_early };
        }
        indices.push(far.1);
    }
}

/// Clustered rows with duplicates, on a coarse grid so that equal distances occur.
fn values(seed: u64, n: usize, dim: usize, grid: f32, offset: f32) -> Vec<f32> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let centers: Vec<f32> = (0..5 * dim).map(|_| rng.random::<f32>() * 3.0).collect();
    (0..n)
        .flat_map(|_| {
            let c = rng.random_range(0..5) * dim;
            let spread: f32 = rng.random();
            let row: Vec<f32> = centers[c..c + dim]
                .iter()
                .map(|x| {
                    let v = x + spread * rng.random::<f32>() + offset;
                    if grid > 0.0 { (v / grid).round() * grid } else { v }
                })
                .collect();
            row
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn selects_what_the_plain_algorithm_selects_at_every_level(
        seed: u64, n in 1usize..500, dim in 1usize..150, part in 0.0f64..1.0, start in 0.0f64..1.0,
        grid in prop_oneof![Just(0.0f32), Just(0.5), Just(2.0)], offset in prop_oneof![Just(0.0f32), Just(300.0)],
        capacity in 1usize..80,
    ) {
        let rows = values(seed, n, dim, grid, offset);
        let n_picks = 1 + ((n - 1) as f64 * part) as usize;
        let start = ((n - 1) as f64 * start) as usize;
        let expected = naive(&rows, dim, n_picks, start);
        for level in Level::supported() {
            let found = select(level, &rows, dim, n_picks, start, capacity, &mut |_| {}).unwrap();
            prop_assert_eq!(&found, &expected, "{}", level.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_selection_that_goes_on_selects_what_it_would_have_selected(
        seed: u64, n in 2usize..400, dim in 1usize..100, first in 0.0f64..1.0, more in 0.0f64..1.0,
        grid in prop_oneof![Just(0.0f32), Just(0.5)], capacity in 1usize..80,
    ) {
        let rows = values(seed, n, dim, grid, 0.0);
        let n_first = 1 + ((n - 1) as f64 * first) as usize;
        let n_more = ((n - n_first) as f64 * more) as usize;
        let whole = naive(&rows, dim, n_first + n_more, 0);
        let before = naive(&rows, dim, n_first, 0);
        for level in Level::supported() {
            let to = |row: &[f32], center: u32| squared_distance(level, row, &rows[center as usize * dim..][..dim]);
            let nearest = |row: &[f32]| before.indices.iter().map(|c| to(row, *c)).fold(f32::INFINITY, f32::min);
            let squares: Vec<f32> = rows.chunks(dim).map(nearest).collect();
            let found = go_on(level, &rows, dim, n_more, squares, capacity, &mut |_| {}).unwrap();
            prop_assert_eq!([&before.indices[..], &found.indices].concat(), whole.indices.clone(), "{}", level.name());
            prop_assert_eq!(found.covering_radius, whole.covering_radius);
        }
    }
}

#[test]
fn does_not_depend_on_threads() {
    let rows = values(5, 6000, 24, 0.0, 0.0);
    let expected = naive(&rows, 24, 600, 17);
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut counts = vec![];
        let found = pool.install(|| greedy_k_center(&rows, 24, 600, 17, &mut |n| counts.push(n)).unwrap());
        assert_eq!(found, expected);
        assert_eq!(counts, (1..=600).collect::<Vec<_>>());
    }
}

#[test]
fn stops_when_only_duplicates_are_left() {
    let rows: Vec<f32> = (0..4000).map(|i| (i % 7) as f32).collect();
    let picks = greedy_k_center(&rows, 1, 100, 3, &mut |_| {}).unwrap();
    assert_eq!((picks.indices.len(), picks.covering_radius, picks.stopped_early), (7, 0.0, true));
    let all = greedy_k_center(&rows, 1, 7, 3, &mut |_| {}).unwrap();
    assert_eq!((all.indices, all.stopped_early), (picks.indices, false));
}

#[test]
fn values_whose_squares_overflow_or_vanish_are_handled() {
    for scale in [1e19, 1e-23] {
        let rows: Vec<f32> = (0..3000).map(|i| ((i * 37) % 1000) as f32 * scale).collect();
        assert_eq!(greedy_k_center(&rows, 2, 50, 0, &mut |_| {}).unwrap(), naive(&rows, 2, 50, 0));
    }
}

#[test]
fn refuses_what_cannot_be_selected() {
    let run = |rows: &[f32], k, start| greedy_k_center(rows, 2, k, start, &mut |_| {}).map(|_| ());
    assert_eq!(run(&[], 1, 0), Err(KernelError::Empty { what: "rows" }));
    assert!(matches!(run(&[0.0; 4], 3, 0), Err(KernelError::OutOfRange { what: "n_picks", .. })));
    assert!(matches!(run(&[0.0; 4], 0, 0), Err(KernelError::OutOfRange { what: "n_picks", .. })));
    assert!(matches!(run(&[0.0; 4], 1, 2), Err(KernelError::OutOfRange { what: "start", .. })));
    assert!(matches!(run(&[0.0, f32::NAN], 1, 0), Err(KernelError::NotFinite { .. })));
    let more = |k, squares: &[f32]| continue_k_center(&[0.0; 4], 2, k, squares.to_vec(), &mut |_| {}).map(|_| ());
    assert!(matches!(more(3, &[1.0; 2]), Err(KernelError::OutOfRange { what: "n_picks", .. })));
    assert!(matches!(more(1, &[1.0]), Err(KernelError::OutOfRange { what: "squares", .. })));
    assert!(matches!(more(1, &[1.0, -1.0]), Err(KernelError::NotFinite { what: "squares", row: 1 })));
    assert_eq!(more(0, &[1.0; 2]), Ok(()));
}
