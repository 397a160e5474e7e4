use super::found::Wanted;
use super::metric::norm_and_square;
use super::*;
use crate::KernelError;
use crate::simd::{ByteLevel, Level, dot, squared_distance};
use proptest::prelude::*;
use std::sync::Arc;

/// Measures every pair and sorts.
fn naive(rows: &[f32], queries: &[f32], dim: usize, metric: Metric, k: usize) -> Neighbours {
    naive_among(rows, queries, dim, metric, k, &|_| true)
}

fn naive_among(
    rows: &[f32],
    queries: &[f32],
    dim: usize,
    metric: Metric,
    k: usize,
    is_searched: &dyn Fn(usize) -> bool,
) -> Neighbours {
    let level = Level::supported()[Level::supported().len() - 1];
    let (mut distances, mut indices) = (vec![], vec![]);
    for q in queries.chunks(dim) {
        let mut all: Vec<(f32, u32)> = rows
            .chunks(dim)
            .enumerate()
            .filter(|(i, _)| is_searched(*i))
            .map(|(i, r)| {
                let value = match metric {
                    Metric::Euclidean => squared_distance(level, q, r).sqrt(),
                    Metric::Cosine => {
                        let scale = norm_and_square(q).0 * norm_and_square(r).0;
                        let c = if scale > 0.0 { dot(level, q, r) / scale } else { 0.0 };
                        (1.0 - c).clamp(0.0, 2.0)
                    }
                };
                (value, i as u32)
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (v, i) in &all[..k] {
            distances.push(*v);
            indices.push(*i);
        }
    }
    Neighbours { distances, indices, k }
}

/// Pseudo-random values with many exact and near ties: a few distinct rows, shifted by a large common offset.
fn values(seed: u64, n: usize, dim: usize, offset: f32, distinct: usize) -> Vec<f32> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let base: Vec<f32> = (0..distinct * dim).map(|_| offset + rng.random::<f32>()).collect();
    (0..n)
        .flat_map(|_| {
            let i = rng.random_range(0..distinct);
            let nudge = if rng.random::<bool>() { 0.0 } else { 1e-5 * rng.random::<f32>() };
            base[i * dim..][..dim].iter().map(|x| x + nudge).collect::<Vec<_>>()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn equals_the_naive_search_bit_for_bit_at_every_level(
        seed: u64, n in 1usize..400, nq in 1usize..70, dim in 1usize..300, k in 1usize..6,
        offset in prop_oneof![Just(0.0f32), Just(-0.5), Just(100.0)], distinct in 1usize..200, cosine: bool,
        left_out in prop_oneof![Just(usize::MAX), 1usize..7],
    ) {
        let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
        // Every so-many-th row, starting with the second, is not searched.
        let is_searched = |row: usize| row == 0 || row % left_out != 1 % left_out;
        let k = k.min((0..n).filter(|row| is_searched(*row)).count());
        let rows = values(seed, n, dim, offset, distinct);
        let queries = values(seed ^ 1, nq, dim, offset, distinct);
        let expected = naive_among(&rows, &queries, dim, metric, k, &is_searched);
        for level in Level::supported() {
            for bytes in ByteLevel::supported().into_iter().map(Some).chain([None]) {
                let prepared = PreparedRows::with_levels(&rows[..], dim, metric, level, bytes).unwrap();
                let found = prepared.nearest_among(&queries, k, &is_searched).unwrap();
                prop_assert_eq!(&found, &expected, "{} {:?}", level.name(), bytes);
            }
        }
    }
}

#[test]
fn a_query_does_not_depend_on_batch_or_threads() {
    let (n, dim, k) = (3000, 96, 4);
    let (rows, queries) = (values(1, n, dim, 3.0, 2500), values(2, 1100, dim, 3.0, 1100));
    let prepared = PreparedRows::new(rows, dim, Metric::Euclidean).unwrap();
    let all = prepared.nearest(&queries, k).unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for size in [1, 7, 64, 1100] {
            let parts: Vec<Neighbours> =
                pool.install(|| queries.chunks(size * dim).take(12).map(|q| prepared.nearest(q, k).unwrap()).collect());
            let distances: Vec<f32> = parts.iter().flat_map(|p| p.distances.clone()).collect();
            let indices: Vec<u32> = parts.iter().flat_map(|p| p.indices.clone()).collect();
            assert_eq!(distances, all.distances[..distances.len()]);
            assert_eq!(indices, all.indices[..indices.len()]);
        }
    }
}

#[test]
fn a_row_is_at_distance_zero_of_itself() {
    let rows = values(3, 500, 64, 1000.0, 500);
    let prepared = PreparedRows::new(rows.clone(), 64, Metric::Euclidean).unwrap();
    assert!(prepared.nearest(&rows, 1).unwrap().distances.iter().all(|d| *d == 0.0));
}

#[test]
fn values_whose_squares_overflow_are_still_ordered() {
    let rows: Vec<f32> = (0..64).flat_map(|i| [1e19 * i as f32, 3e19]).collect();
    let prepared = PreparedRows::new(rows.clone(), 2, Metric::Euclidean).unwrap();
    let found = prepared.nearest(&rows, 1).unwrap();
    assert_eq!(found.indices, (0..64).collect::<Vec<u32>>());
}

#[test]
fn tiny_values_are_still_ordered() {
    let rows: Vec<f32> = (0..64).flat_map(|i| [1e-22 * i as f32, 3e-23]).collect();
    let expected = naive(&rows, &rows, 2, Metric::Euclidean, 2);
    let prepared = PreparedRows::new(rows.clone(), 2, Metric::Euclidean).unwrap();
    assert_eq!(prepared.nearest(&rows, 2).unwrap(), expected);
}

#[test]
fn refuses_what_cannot_be_searched() {
    let make = |rows: &[f32], dim| PreparedRows::new(rows.to_vec(), dim, Metric::Euclidean).map(|_| ());
    assert_eq!(make(&[], 3), Err(KernelError::Empty { what: "rows" }));
    assert_eq!(make(&[1.0; 4], 3), Err(KernelError::Shape { what: "rows", len: 4, dim: 3 }));
    assert_eq!(make(&[1.0; 4], 0), Err(KernelError::Shape { what: "rows", len: 4, dim: 0 }));
    assert_eq!(make(&[1.0, 2.0, f32::NAN, 1.0], 2), Err(KernelError::NotFinite { what: "rows", row: 1 }));
    let prepared = PreparedRows::new(vec![0.0; 6], 3, Metric::Euclidean).unwrap();
    assert!(matches!(prepared.nearest(&[0.0; 3], 3), Err(KernelError::OutOfRange { found: 3, high: 2, .. })));
    assert!(matches!(prepared.nearest(&[f32::INFINITY; 3], 1), Err(KernelError::NotFinite { row: 0, .. })));
    assert!(prepared.nearest(&[], 1).unwrap().indices.is_empty());
}

#[test]
fn rows_unlike_each_other_are_found_by_their_codes_alone() {
    // Distances differ by far more than the codes leave out: nothing may be left to the search in `f32`.
    let (dim, n) = (96, 600);
    let rows = values(5, n, dim, 0.0, n);
    let queries = values(6, 40, dim, 0.0, 40);
    let prepared = PreparedRows::new(&rows[..], dim, Metric::Euclidean).unwrap();
    let Some((level, codes)) = &prepared.codes else {
        assert!(ByteLevel::fast().is_none(), "fast bytes are not used");
        skipped!("this machine has no fast instructions for bytes");
        return;
    };
    let found = coarse::search(
        &prepared.rows,
        (*level, codes),
        &queries,
        Wanted { k: 3, is_searched: &|_| true, is_all: true },
    );
    assert!(found.iter().all(Option::is_some));
    // Many rows nearly as near as the nearest: the bounds can't tell them apart, and the answer is still right.
    let rows: Vec<f32> = (0..4000 * dim).map(|i| if i % dim == 0 { 1000.0 } else { (i as f32).sin() * 1e-3 }).collect();
    let prepared = PreparedRows::new(&rows[..], dim, Metric::Euclidean).unwrap();
    let query: Vec<f32> = (0..5 * dim).map(|i| if i % dim == 1 { 900.0 } else { 0.0 }).collect();
    assert_eq!(prepared.nearest(&query, 2).unwrap(), naive(&rows, &query, dim, Metric::Euclidean, 2));
    let (level, codes) = prepared.codes.as_ref().unwrap();
    let found =
        coarse::search(&prepared.rows, (*level, codes), &query, Wanted { k: 2, is_searched: &|_| true, is_all: true });
    assert!(found.iter().all(Option::is_none), "the crowd was measured");
}

/// A scout in plain code, wrong in one way or another.
#[derive(Debug)]
struct Plain {
    rows: Vec<f32>,
    offsets: Vec<f32>,
    groups: Groups,
    dim: usize,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Values are kept in so many fewer bits.
    ShortProducts(u32),
    /// Values are rounded to numbers of ten bits before they are multiplied, as fast matrix units do.
    ShortFactors,
    NotANumber,
    Missing,
    TooFew,
}

fn shortened(x: f32, bits: u32) -> f32 {
    f32::from_bits(x.to_bits() >> bits << bits)
}

impl Scout for Plain {
    fn least(&self, queries: &[f32], offsets: Option<&[f32]>) -> Option<Vec<f32>> {
        let offsets = offsets.unwrap_or(&self.offsets);
        assert!(queries.len() / self.dim <= 1024 && offsets.len() * self.dim == self.rows.len());
        let (block, width) = (self.groups.block, self.groups.per_block());
        let mut least = vec![];
        for query in queries.chunks(self.dim) {
            let from = least.len();
            least.resize(from + self.groups.n_blocks() * width, f32::INFINITY);
            for (i, row) in self.rows.chunks(self.dim).enumerate() {
                let factor = |x: f32| if self.fault == Fault::ShortFactors { shortened(x, 13) } else { x };
                // From the last to the first: another order than that of any kernel.
                let product = row.iter().zip(query).rev().fold(0.0, |sum, (a, b)| sum + factor(*a) * factor(*b));
                let value = match self.fault {
                    Fault::ShortProducts(bits) => shortened(offsets[i] + product, bits),
                    Fault::NotANumber if i == 3 => f32::NAN,
                    _ => offsets[i] + product,
                };
                let group = &mut least[from + i / block * width + i % block % width];
                *group = if value.is_nan() || group.is_nan() { f32::NAN } else { group.min(value) };
            }
        }
        match self.fault {
            Fault::Missing => None,
            Fault::TooFew => least.pop().map(|_| least),
            _ => Some(least),
        }
    }
}

/// Zeros make up for what the last block lacks.
fn padded(mut rows: Vec<f32>, dim: usize, groups: Groups) -> Vec<f32> {
    rows.resize(groups.n_blocks() * groups.block * dim, 0.0);
    rows
}

fn helped(rows: &[f32], dim: usize, metric: Metric, fault: Fault) -> (PreparedRows<&[f32]>, bool) {
    let mut prepared = PreparedRows::new(rows, dim, metric).unwrap();
    let make = |Scouted { rows, offsets, groups }: Scouted<'_>| {
        let scout: Arc<dyn Scout> =
            Arc::new(Plain { rows: padded(rows.into_owned(), dim, groups), offsets, groups, dim, fault });
        Some(scout)
    };
    let helps = prepared.help(make);
    (prepared, helps)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn help_changes_nothing_bit_for_bit(
        seed: u64, n in 1usize..400, nq in 4usize..30, dim in 1usize..80, k in 1usize..6, distinct in 1usize..200, cosine: bool,
        offset in prop_oneof![Just(0.0f32), Just(-0.5), Just(100.0)], left_out in prop_oneof![Just(usize::MAX), 1usize..7],
        fault in prop_oneof![
            3 => Just(Fault::None), 1 => Just(Fault::ShortProducts(12)), 1 => Just(Fault::ShortFactors), 1 => Just(Fault::NotANumber),
        ],
    ) {
        let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
        let is_searched = |row: usize| row == 0 || row % left_out != 1 % left_out;
        let k = k.min((0..n).filter(|row| is_searched(*row)).count());
        let rows = values(seed, n, dim, offset, distinct);
        let queries = values(seed ^ 1, nq, dim, offset, distinct);
        let (prepared, helps) = helped(&rows, dim, metric, fault);
        prop_assert!(helps || fault != Fault::None, "a faultless scout was refused");
        let found = prepared.nearest_among(&queries, k, &is_searched).unwrap();
        prop_assert_eq!(found, naive_among(&rows, &queries, dim, metric, k, &is_searched));
    }
}

#[test]
fn a_scout_answers_for_most_queries_and_a_faulty_one_is_not_believed() {
    let (dim, n) = (96, 900);
    let rows = values(5, n, dim, 0.0, n);
    let queries = values(6, 40, dim, 0.0, 40);
    let wanted = Wanted { k: 3, is_searched: &|_| true, is_all: true };
    let (prepared, helps) = helped(&rows, dim, Metric::Euclidean, Fault::None);
    assert!(helps);
    let found = prepared.helped.as_ref().unwrap().search(&prepared.rows, &queries, wanted);
    assert!(found.iter().all(Option::is_some), "left to the search without help");
    let faults = [Fault::ShortProducts(14), Fault::ShortFactors, Fault::NotANumber, Fault::Missing, Fault::TooFew];
    for fault in faults {
        assert!(!helped(&rows, dim, Metric::Euclidean, fault).1, "{fault:?} was believed");
    }
    // One that goes wrong later.
    let (mut prepared, _) = helped(&rows, dim, Metric::Euclidean, Fault::None);
    let expected = prepared.nearest(&queries, 3).unwrap();
    for fault in faults {
        let of_rows = |Scouted { rows, offsets, groups }: Scouted<'_>| -> Option<Arc<dyn Scout>> {
            Some(Arc::new(Plain {
                rows: padded(rows.into_owned(), dim, groups),
                offsets,
                groups,
                dim,
                fault: Fault::None,
            }))
        };
        assert!(prepared.help(of_rows));
        let late: Arc<dyn Scout> = Arc::new(Plain {
            rows: rows.clone(),
            offsets: prepared.rows.squares.clone(),
            groups: Groups { n_rows: n, block: n, size: 4 },
            dim,
            fault,
        });
        prepared.helped.as_mut().unwrap().scout = late;
        assert_eq!(prepared.nearest(&queries, 3).unwrap(), expected, "{fault:?}");
    }
}

#[test]
fn every_row_is_in_one_group() {
    for (n, dim) in [(1, 3), (7, 1), (5000, 64), (40_000, 2000), (100_001, 9)] {
        let groups = Groups::new(n, dim);
        let mut rows: Vec<usize> =
            (0..groups.n_blocks() * groups.per_block()).flat_map(|group| groups.rows_of(group)).collect();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..n), "{groups:?}");
        assert!(groups.block * dim <= (16 << 20) || groups.block == groups.size, "{groups:?}");
    }
}
