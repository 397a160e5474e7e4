use super::*;
use crate::simd::{Level, squared_distance};
use proptest::prelude::*;

fn values(seed: u64, n: usize, dim: usize, grid: f32) -> Vec<f32> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let centers: Vec<f32> = (0..7 * dim).map(|_| rng.random::<f32>() * 3.0).collect();
    (0..n)
        .flat_map(|_| {
            let c = rng.random_range(0..7) * dim;
            let row: Vec<f32> = centers[c..c + dim].iter().map(|x| x + rng.random::<f32>()).collect();
            row
        })
        .map(|v| if grid > 0.0 { (v / grid).round() * grid } else { v })
        .collect()
}

/// By the definition: the lists by the distance of their means, then every row of the first ones, and of more lists where
/// these hold too few.
fn naive(rows: &[f32], query: &[f32], dim: usize, list_of: &[u32], k: usize, mut n_probes: usize) -> Vec<(f32, u32)> {
    let level = Level::supported()[0];
    let mut names: Vec<u32> = list_of.to_vec();
    names.sort_unstable();
    names.dedup();
    let members = |name: u32| (0..list_of.len()).filter(move |i| list_of[*i] == name);
    let mut order: Vec<(f32, usize)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let n = members(*name).count() as f64;
            let mean: Vec<f32> = (0..dim)
                .map(|d| (members(*name).map(|i| f64::from(rows[i * dim + d])).sum::<f64>() / n) as f32)
                .collect();
            (squared_distance(level, query, &mean), at)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    loop {
        let mut found: Vec<(f32, u32)> = order
            .iter()
            .take(n_probes)
            .flat_map(|(_, at)| members(names[*at]))
            .map(|i| (squared_distance(level, query, &rows[i * dim..][..dim]).sqrt(), i as u32))
            .collect();
        if found.len() >= k {
            found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            found.truncate(k);
            return found;
        }
        n_probes = (2 * n_probes).min(names.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn finds_what_the_definition_finds(
        seed: u64, n in 1usize..300, nq in 1usize..20, dim in 1usize..40, n_lists in 1usize..30, n_probes in 1usize..40,
        k in 1usize..6, grid in prop_oneof![Just(0.0f32), Just(0.5)],
    ) {
        let rows = values(seed, n, dim, grid);
        let queries = values(seed ^ 9, nq, dim, grid);
        let list_of = k_means(&rows, dim, Metric::Euclidean, n_lists.min(n)).unwrap();
        let file = InvertedFile::new(&rows, dim, Metric::Euclidean, &list_of).unwrap();
        let k = k.min(n);
        let found = file.nearest(&queries, k, n_probes).unwrap();
        let n_probes = n_probes.min(file.n_lists());
        for (q, query) in queries.chunks(dim).enumerate() {
            let expected = naive(&rows, query, dim, &list_of, k, n_probes);
            let distances: Vec<f32> = expected.iter().map(|e| e.0).collect();
            prop_assert_eq!(&found.distances[q * k..][..k], &distances[..]);
            // Squares that differ can have the same root: then the order of the rows is that of the squares.
            for (row, distance) in found.indices[q * k..][..k].iter().zip(distances) {
                let row = &rows[*row as usize * dim..][..dim];
                prop_assert_eq!(squared_distance(Level::best(), query, row).sqrt(), distance);
            }
        }
    }

    #[test]
    fn all_lists_give_the_exact_answer_and_fewer_never_a_smaller_distance(
        seed: u64, n in 1usize..300, dim in 1usize..40, n_lists in 1usize..30, cosine: bool,
    ) {
        let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
        let rows = values(seed, n, dim, 0.0);
        let queries = values(seed ^ 5, 12, dim, 0.0);
        let list_of = k_means(&rows, dim, metric, n_lists.min(n)).unwrap();
        let used: std::collections::BTreeSet<u32> = list_of.iter().copied().collect();
        prop_assert!(used.iter().copied().eq(0..used.len() as u32), "numbers left out");
        let file = InvertedFile::new(&rows, dim, metric, &list_of).unwrap();
        let exact = PreparedRows::new(&rows[..], dim, metric).unwrap().nearest(&queries, 1).unwrap();
        prop_assert_eq!(&file.nearest(&queries, 1, usize::MAX).unwrap().distances, &exact.distances);
        if n > 1 {
            let even = |row: usize| row.is_multiple_of(2);
            let prepared = PreparedRows::new(&rows[..], dim, metric).unwrap();
            let exact = prepared.nearest_among(&queries, 1, &even).unwrap();
            prop_assert_eq!(&file.nearest_among(&queries, 1, usize::MAX, &even).unwrap(), &exact);
            let found = file.nearest_among(&queries, 1, 1, &even).unwrap();
            prop_assert!(found.indices.iter().all(|i| even(*i as usize)));
        }
        let needed = file.probes_to(&queries, &exact.indices).unwrap();
        for n_probes in [1, 2, 5] {
            let found = file.nearest(&queries, 1, n_probes).unwrap();
            for (i, exact) in exact.distances.iter().enumerate() {
                prop_assert!(found.distances[i] >= *exact);
                prop_assert!(needed[i] > n_probes || found.distances[i] == *exact);
            }
        }
    }
}

#[test]
fn a_query_does_not_depend_on_batch_or_threads() {
    let (n, dim) = (3000, 48);
    let (rows, queries) = (values(1, n, dim, 0.0), values(2, 300, dim, 0.0));
    let list_of = k_means(&rows, dim, Metric::Euclidean, 50).unwrap();
    let file = InvertedFile::new(&rows, dim, Metric::Euclidean, &list_of).unwrap();
    let all = file.nearest(&queries, 3, 6).unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| k_means(&rows, dim, Metric::Euclidean, 50).unwrap()), list_of);
        for size in [1, 7, 300] {
            let parts: Vec<Neighbours> =
                pool.install(|| queries.chunks(size * dim).take(20).map(|q| file.nearest(q, 3, 6).unwrap()).collect());
            let distances: Vec<f32> = parts.iter().flat_map(|p| p.distances.clone()).collect();
            let indices: Vec<u32> = parts.iter().flat_map(|p| p.indices.clone()).collect();
            assert_eq!(distances, all.distances[..distances.len()]);
            assert_eq!(indices, all.indices[..indices.len()]);
        }
    }
}

#[test]
fn lists_gather_what_lies_together() {
    // Four well separated heaps of a hundred rows.
    let rows: Vec<f32> = (0..400).flat_map(|i| [(i / 100 * 100) as f32 + (i as f32).sin(), (i as f32).cos()]).collect();
    let list_of = k_means(&rows, 2, Metric::Euclidean, 4).unwrap();
    for (i, list) in list_of.iter().enumerate() {
        assert_eq!(*list, list_of[i / 100 * 100]);
    }
    let file = InvertedFile::new(&rows, 2, Metric::Euclidean, &list_of).unwrap();
    assert_eq!((file.n_lists(), list_of.iter().max()), (4, Some(&3)));
}

#[test]
fn refuses_what_cannot_be_listed() {
    let rows = [0.0f32; 6];
    assert!(matches!(k_means(&rows, 2, Metric::Euclidean, 4), Err(KernelError::OutOfRange { high: 3, .. })));
    assert!(matches!(k_means(&[], 2, Metric::Euclidean, 1), Err(KernelError::Empty { .. })));
    assert!(matches!(k_means(&[f32::NAN; 2], 2, Metric::Euclidean, 1), Err(KernelError::NotFinite { .. })));
    assert!(InvertedFile::new(&rows, 2, Metric::Euclidean, &[0, 1]).is_err());
    let file = InvertedFile::new(&rows, 2, Metric::Euclidean, &[7, 9, 7]).unwrap();
    assert_eq!(file.n_lists(), 2);
    assert!(matches!(file.nearest(&rows, 4, 1), Err(KernelError::OutOfRange { what: "k", .. })));
    assert!(file.probes_to(&rows[..2], &[3]).is_err());
    assert_eq!(file.nearest(&[], 1, 1).unwrap().indices.len(), 0);
}
