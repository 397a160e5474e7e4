//! Principal directions of rows: an orthonormal basis of the few directions in which they vary most.

use super::project::transposed;
use super::{KernelError, Projection, check_rows};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Rows that tell the directions of all.
const N_SAMPLED: usize = 4096;
/// Directions iterated beyond those asked for, so that the last of these settles as well.
const EXTRA: usize = 16;
/// Rounds of the subspace iteration.
const N_ROUNDS: usize = 12;
/// Sweeps of the Jacobi method at most; it settles within ten.
const N_SWEEPS: usize = 30;
/// Seed of the first directions; any will do.
const SEED: u64 = 0;

impl Projection {
    /// The indices of the rows that [`Projection::principal`] is to look at, out of `n`: at most 4,096, evenly spread,
    /// ascending.
    pub fn principal_sample(n: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
        Self::sample(n, N_SAMPLED)
    }

    /// The indices of rows that stand for all `n`: at most `at_most`, one anywhere in each of as many strata, ascending.
    pub fn sample(n: usize, at_most: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
        let n_sampled = n.min(at_most);
        (0..n_sampled).map(move |i| {
            let (from, to) = (i * n / n_sampled, (i + 1) * n / n_sampled);
            from + scattered(i) % (to - from)
        })
    }

    /// The orthonormal matrix of the first principal directions of `[n, dim]` rows: as many as hold `share` (0..1) of
    /// their variance, at most `at_most`, at least one. Projected distances are never larger than the rows' and, within
    /// the variance held, equal to them.
    ///
    /// Found by randomised subspace iteration (Halko, Martinsson and Tropp, 2011, algorithm 4.4), the same for the same
    /// rows. Takes 8 bytes a value beside the rows: of many rows, give those that [`Projection::principal_sample`] names.
    ///
    /// # Errors
    /// As [`Projection::apply`]; [`KernelError::Empty`] without rows.
    pub fn principal(rows: &[f32], dim: usize, share: f64, at_most: usize) -> Result<Self, KernelError> {
        let n = check_rows("rows", rows, dim)?;
        if n == 0 {
            return Err(KernelError::Empty { what: "rows" });
        }
        let sample = Sample::of(rows, dim);
        let n_directions = (at_most.max(1) + EXTRA).min(dim);
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut basis: Vec<f32> = (0..n_directions * dim).map(|_| StandardNormal.sample(&mut rng)).collect();
        for _ in 0..N_ROUNDS {
            orthonormalise(&mut basis, dim);
            // One round multiplies the basis by the rows' covariance.
            let along = transposed(&Self::of_columns(&basis, dim)?.apply(&sample.rows)?, n_directions);
            let spread = Self::of_columns(&along, sample.n)?.apply(&sample.columns)?;
            basis = transposed(&spread, n_directions);
        }
        orthonormalise(&mut basis, dim);
        let along = Self::of_columns(&basis, dim)?.apply(&sample.rows)?;
        let (variances, rotation) = eigen(gram(&along, n_directions), n_directions);
        let mut held = 0.0;
        let mut to = 0;
        while to < at_most.min(n_directions).max(1) && (to == 0 || held < share * sample.variance) {
            held += variances[to];
            to += 1;
        }
        let mut columns = vec![0.0f32; to * dim];
        for (column, turn) in columns.chunks_exact_mut(dim).zip(rotation.chunks_exact(n_directions)) {
            for (direction, weight) in basis.chunks_exact(dim).zip(turn) {
                column.iter_mut().zip(direction).for_each(|(c, d)| *c += *weight as f32 * d);
            }
        }
        Self::of_columns(&columns, dim)
    }
}

/// The rows, less their mean.
struct Sample {
    n: usize,
    /// `[n, dim]`.
    rows: Vec<f32>,
    /// `[dim, n]`.
    columns: Vec<f32>,
    /// Sum of all squares.
    variance: f64,
}

impl Sample {
    fn of(rows: &[f32], dim: usize) -> Self {
        let n = rows.len() / dim;
        let mut mean = vec![0.0f64; dim];
        for row in rows.chunks_exact(dim) {
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / n as f64);
        }
        let centre =
            |row: &'_ [f32]| -> Vec<f32> { row.iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m) as f32).collect() };
        let centred: Vec<f32> = rows.chunks_exact(dim).flat_map(centre).collect();
        let columns = transposed(&centred, dim);
        let variance = centred.iter().map(|v| f64::from(*v).powi(2)).sum();
        Self { n, rows: centred, columns, variance }
    }
}

/// A number that follows from another and looks like none (the finaliser of `SplitMix64`; Steele, Lea and Flood, 2014).
fn scattered(i: usize) -> usize {
    let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // On every machine the same, also where an index has 32 bits.
    ((z ^ (z >> 31)) >> 33) as usize
}

/// Makes the directions `[n, dim]` orthonormal, in place (Gram and Schmidt, each twice). One that depends on those before
/// it becomes zero.
fn orthonormalise(directions: &mut [f32], dim: usize) {
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    for i in 0..directions.len() / dim {
        let (before, rest) = directions.split_at_mut(i * dim);
        let own = &mut rest[..dim];
        let length = dot(own, own).sqrt();
        for _ in 0..2 {
            for other in before.chunks_exact(dim) {
                let part = dot(own, other) as f32;
                own.iter_mut().zip(other).for_each(|(v, o)| *v -= part * o);
            }
        }
        let left = dot(own, own).sqrt();
        let scale = if left > 1e-6 * length { 1.0 / left } else { 0.0 };
        own.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
    }
}

/// Sums of products of the columns of `[n, width]`: `[width, width]`.
fn gram(values: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; width * width];
    for row in values.chunks_exact(width) {
        for (i, a) in row.iter().enumerate() {
            let a = f64::from(*a);
            sums[i * width..][..width].iter_mut().zip(row).for_each(|(s, b)| *s += a * f64::from(*b));
        }
    }
    sums
}

/// Eigenvalues, descending, and eigenvectors (rows) of a symmetric matrix `[n, n]`, by cyclic Jacobi rotations.
fn eigen(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let trace: f64 = (0..n).map(|i| matrix[i * n + i].abs()).sum();
    for _ in 0..N_SWEEPS {
        let mut largest = 0.0f64;
        for p in 0..n {
            for q in p + 1..n {
                let off = matrix[p * n + q];
                largest = largest.max(off.abs());
                if off.abs() <= 1e-14 * trace {
                    continue;
                }
                let theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * off);
                let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                for k in 0..n {
                    let (a, b) = (matrix[k * n + p], matrix[k * n + q]);
                    (matrix[k * n + p], matrix[k * n + q]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
                for k in 0..n {
                    let (a, b) = (matrix[p * n + k], matrix[q * n + k]);
                    (matrix[p * n + k], matrix[q * n + k]) = (cosine * a - sine * b, sine * a + cosine * b);
                    let (a, b) = (vectors[p * n + k], vectors[q * n + k]);
                    (vectors[p * n + k], vectors[q * n + k]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
            }
        }
        if largest <= 1e-14 * trace {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| matrix[b * n + b].total_cmp(&matrix[a * n + a]));
    let values = order.iter().map(|i| matrix[i * n + i]).collect();
    let rows = order.iter().flat_map(|i| vectors[i * n..][..n].iter().copied()).collect();
    (values, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    /// Rows that vary along `scales.len()` random directions by these much, around a mean.
    fn rows(seed: u64, n: usize, dim: usize, scales: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut directions: Vec<f32> = (0..scales.len() * dim).map(|_| StandardNormal.sample(&mut rng)).collect();
        orthonormalise(&mut directions, dim);
        let mut rows = vec![0.0f32; n * dim];
        for row in rows.chunks_exact_mut(dim) {
            row.iter_mut().enumerate().for_each(|(k, v)| *v = k as f32 / 7.0 + rng.random::<f32>() * 1e-4);
            for (direction, scale) in directions.chunks_exact(dim).zip(scales) {
                let along: f32 = StandardNormal.sample(&mut rng);
                row.iter_mut().zip(direction).for_each(|(v, d)| *v += scale * along * d);
            }
        }
        (rows, directions)
    }

    #[test]
    fn finds_the_directions_that_were_put_in_and_no_more() {
        let (values, directions) = rows(1, 3000, 60, &[9.0, 5.0, 2.0, 1.0]);
        let found = Projection::principal(&values, 60, 0.9999, 40).unwrap();
        assert_eq!(found.to(), 4);
        for (out, direction) in directions.chunks_exact(60).enumerate() {
            let along: f32 = direction.iter().enumerate().map(|(from, d)| d * found.entry(from, out)).sum();
            assert!(along.abs() > 0.99, "{out}: {along}");
        }
        // The first direction holds 81 of 111 parts of the variance.
        assert_eq!(Projection::principal(&values, 60, 0.5, 40).unwrap().to(), 1);
        assert_eq!(Projection::principal(&values, 60, 0.9999, 2).unwrap().to(), 2);
    }

    #[test]
    fn the_sample_is_spread_over_all_rows() {
        assert_eq!(Projection::principal_sample(0).len(), 0);
        assert!(Projection::principal_sample(N_SAMPLED).eq(0..N_SAMPLED));
        let found: Vec<usize> = Projection::principal_sample(7_200_000).collect();
        assert_eq!(found.len(), 4096);
        // One in each stratum, anywhere in it.
        assert!(
            found.iter().enumerate().all(|(i, row)| (i * 7_200_000 / 4096..(i + 1) * 7_200_000 / 4096).contains(row))
        );
        let late = found.iter().enumerate().filter(|(i, row)| **row - i * 7_200_000 / 4096 > 879).count();
        assert!((1900..2200).contains(&late), "{late}");
    }

    /// Rows of images that follow each other: a sample at even steps would see some columns of the grid only.
    #[test]
    fn a_sample_of_images_sees_every_place_of_their_grid() {
        for (n_images, n_cols) in [(240, 32), (180, 48), (500, 16)] {
            let mut seen = vec![0usize; n_cols];
            Projection::principal_sample(n_images * n_cols * n_cols).for_each(|row| seen[row % n_cols] += 1);
            let even = 4096 / n_cols;
            assert!(seen.iter().all(|n| (even / 2..2 * even).contains(n)), "{n_images} {n_cols}: {seen:?}");
        }
    }

    #[test]
    fn rows_that_do_not_vary_have_one_direction_without_variance() {
        let found = Projection::principal(&[3.0; 50], 5, 0.95, 3).unwrap();
        assert!(found.apply(&[3.0; 50]).unwrap().iter().all(|v| v.is_finite()));
        assert!(matches!(Projection::principal(&[], 5, 0.95, 3), Err(KernelError::Empty { .. })));
        assert!(matches!(Projection::principal(&[f32::NAN; 5], 5, 0.95, 3), Err(KernelError::NotFinite { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn distances_never_grow_and_all_directions_keep_them(seed: u64, n in 2usize..60, dim in 1usize..24) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let values: Vec<f32> = (0..n * dim).map(|_| StandardNormal.sample(&mut rng)).collect();
            let distance = |rows: &[f32], dim: usize| -> f32 {
                rows[..dim].iter().zip(&rows[(n - 1) * dim..]).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
            };
            let whole = distance(&values, dim);
            for (share, at_most) in [(0.5, 4), (f64::INFINITY, dim)] {
                let projection = Projection::principal(&values, dim, share, at_most).unwrap();
                let found = distance(&projection.apply(&values).unwrap(), projection.to());
                prop_assert!(found <= whole * 1.0001, "{} {}", found, whole);
                if share > 1.0 {
                    prop_assert!((found - whole).abs() <= 1e-3 * whole, "{} {}", found, whole);
                }
            }
        }
    }
}
