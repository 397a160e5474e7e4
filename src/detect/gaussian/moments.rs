//! Sums over patches, from which means and covariances follow.

use crate::detect::DetectError;
use crate::kernel::Projection;

/// Sums over patches around a fixed centre. Those of two sets of patches add up, and those of a part can be taken away.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    n: f64,
    /// `[dim]` of `x - centre`.
    sum: Vec<f64>,
    /// `[dim, dim]` of its products.
    products: Vec<f64>,
    /// Of the fourth power of its length.
    fourth: f64,
}

/// The mean and the shrunk covariance of patches.
#[derive(Clone, Debug)]
pub(super) struct Shrunk {
    pub(super) mean: Vec<f64>,
    /// `[dim, dim]`.
    pub(super) covariance: Vec<f64>,
    /// The share of the covariance that was replaced by a multiple of the identity, 0..1.
    pub(super) shrinkage: f64,
}

impl Moments {
    pub(super) fn none(dim: usize) -> Self {
        Self { n: 0.0, sum: vec![0.0; dim], products: vec![0.0; dim * dim], fourth: 0.0 }
    }

    /// Of the patches `[n, dim]` of one image.
    pub(super) fn of(rows: &[f32], centre: &[f32]) -> Result<Self, DetectError> {
        let dim = centre.len();
        let centred: Vec<f32> =
            rows.chunks_exact(dim).flat_map(|row| row.iter().zip(centre).map(|(v, c)| v - c)).collect();
        let products = Projection::gram(&centred, dim)?.into_iter().map(f64::from).collect();
        let mut found = Self { products, ..Self::none(0) };
        found.sum = vec![0.0; dim];
        for row in centred.chunks_exact(dim) {
            found.sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
            found.fourth += row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().powi(2);
            found.n += 1.0;
        }
        Ok(found)
    }

    /// Of so many patches around their mean whose covariance, after shrinking by `shrinkage`, is this: [`Self::shrunk`] read
    /// backwards. A covariance that was shrunk to the end is taken as it is.
    pub(super) fn of_fitted(n: f64, mut covariance: Vec<f64>, shrinkage: f64) -> Self {
        let dim = (covariance.len() as f64).sqrt().round() as usize;
        // Shrinking leaves the mean variance as it is.
        let scale = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim.max(1) as f64;
        if shrinkage < 1.0 {
            (0..dim).for_each(|i| covariance[i * dim + i] -= shrinkage * scale);
            covariance.iter_mut().for_each(|v| *v /= 1.0 - shrinkage);
        }
        let square = covariance.iter().map(|v| v * v).sum::<f64>();
        let apart = ((square - dim as f64 * scale * scale) / dim as f64).max(0.0);
        let fourth = n * (shrinkage * apart * n * dim as f64 + square);
        covariance.iter_mut().for_each(|v| *v *= n);
        Self { n, sum: vec![0.0; dim], products: covariance, fourth }
    }

    /// What is missing to `n_least` patches, spread around the mean of these as `other` is around its own.
    pub(super) fn filled_with(&self, other: &Self, n_least: usize) -> Self {
        let n = (n_least as f64 - self.n).max(0.0);
        let (share, dim) = (n / other.n.max(1.0), self.sum.len());
        let mean: Vec<f64> = self.sum.iter().map(|sum| sum / self.n.max(1.0)).collect();
        let mut found = Self { n, fourth: other.fourth * share, ..Self::none(dim) };
        found.sum = mean.iter().map(|mean| mean * n).collect();
        for i in 0..dim {
            for j in 0..dim {
                found.products[i * dim + j] = other.products[i * dim + j] * share + n * mean[i] * mean[j];
            }
        }
        found
    }

    pub(super) fn n(&self) -> usize {
        self.n as usize
    }

    /// Adds `factor` times the others: 1 or -1.
    fn combine(&mut self, other: &Self, factor: f64) {
        self.n += factor * other.n;
        self.fourth += factor * other.fourth;
        self.sum.iter_mut().zip(&other.sum).for_each(|(a, b)| *a += factor * b);
        self.products.iter_mut().zip(&other.products).for_each(|(a, b)| *a += factor * b);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.combine(other, 1.0);
    }

    /// Without a part of the patches.
    pub(super) fn without(mut self, other: &Self) -> Self {
        self.combine(other, -1.0);
        self
    }

    /// These around their own mean, so that those of other centres can be added: what is common to them is the spread within
    /// each.
    pub(super) fn around_mean(mut self) -> Self {
        let n = self.n.max(1.0);
        let dim = self.sum.len();
        for i in 0..dim {
            for j in 0..dim {
                self.products[i * dim + j] -= self.sum[i] * self.sum[j] / n;
            }
        }
        self.sum.fill(0.0);
        self
    }

    /// Mean and covariance (divided by `n`), shrunk towards a multiple of the identity:
    /// `(1 - rho) S + rho tr(S) / D I`. `shrinkage`: rho; `None` for that of Ledoit and Wolf (*A well-conditioned estimator
    /// for large-dimensional covariance matrices*, 2004, lemma 3.2 to 3.4):
    /// `rho = min(b, d) / d` with `d = |S - m I|² / D`, `b = (mean of |x|⁴ - |S|²) / (n D)`, `m = tr(S) / D`.
    pub(super) fn shrunk(&self, centre: &[f32], shrinkage: Option<f64>) -> Shrunk {
        let dim = self.sum.len();
        let n = self.n.max(1.0);
        let shift: Vec<f64> = self.sum.iter().map(|s| s / n).collect();
        let mut covariance = self.products.clone();
        for (i, row) in covariance.chunks_exact_mut(dim).enumerate() {
            row.iter_mut().zip(&shift).for_each(|(v, s)| *v = *v / n - shift[i] * s);
        }
        let scale = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim as f64;
        let square = covariance.iter().map(|v| v * v).sum::<f64>();
        let shrinkage = shrinkage.unwrap_or_else(|| {
            let apart = (square - dim as f64 * scale * scale) / dim as f64;
            let noise = (self.fourth / n - square) / (n * dim as f64);
            if apart > 0.0 { (noise / apart).clamp(0.0, 1.0) } else { 1.0 }
        });
        covariance.iter_mut().for_each(|v| *v *= 1.0 - shrinkage);
        (0..dim).for_each(|i| covariance[i * dim + i] += shrinkage * scale);
        let mean = centre.iter().zip(&shift).map(|(c, s)| f64::from(*c) + s).collect();
        Shrunk { mean, covariance, shrinkage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that are far from round, around (3, -1, 0.5).
    fn rows(n: usize) -> Vec<f32> {
        let value = |i: usize, k: usize| (((i * 7 + k * 13) % 11) as f32 / 3.0).sin() * (k + 1) as f32;
        (0..n).flat_map(|i| [3.0 + value(i, 0), -1.0 + value(i, 1) + value(i, 0), 0.5 + value(i, 2)]).collect()
    }

    /// The definitions, over all rows.
    fn naive(rows: &[f32]) -> (Vec<f64>, Vec<f64>, f64) {
        let n = rows.len() as f64 / 3.0;
        let wide: Vec<[f64; 3]> = rows.chunks(3).map(|r| [r[0], r[1], r[2]].map(f64::from)).collect();
        let mean: Vec<f64> = (0..3).map(|k| wide.iter().map(|r| r[k]).sum::<f64>() / n).collect();
        let centred: Vec<Vec<f64>> = wide.iter().map(|r| (0..3).map(|k| r[k] - mean[k]).collect()).collect();
        let covariance: Vec<f64> =
            (0..9).map(|at| centred.iter().map(|r| r[at / 3] * r[at % 3]).sum::<f64>() / n).collect();
        let m = (covariance[0] + covariance[4] + covariance[8]) / 3.0;
        let identity = |at: usize| f64::from(u8::from(at / 3 == at % 3));
        let apart: f64 = (0..9).map(|at| (covariance[at] - m * identity(at)).powi(2)).sum::<f64>() / 3.0;
        let noise: f64 = centred
            .iter()
            .map(|r| (0..9).map(|at| (r[at / 3] * r[at % 3] - covariance[at]).powi(2)).sum::<f64>() / 3.0)
            .sum::<f64>()
            / (n * n);
        let rho = noise.min(apart) / apart;
        let shrunk = (0..9).map(|at| (1.0 - rho) * covariance[at] + rho * m * identity(at)).collect();
        (mean, shrunk, rho)
    }

    #[test]
    fn the_shrunk_covariance_is_that_of_ledoit_and_wolf() {
        for n in [4, 9, 60] {
            let rows = rows(n);
            // Around a centre that is not the mean: the fourth powers must not notice.
            let (mean, covariance, rho) = naive(&rows);
            let centre: Vec<f32> = mean.iter().map(|m| *m as f32).collect();
            let found = Moments::of(&rows, &centre).unwrap().shrunk(&centre, None);
            assert!((found.shrinkage - rho).abs() < 1e-4, "{n}: {} and {rho}", found.shrinkage);
            for (found, expected) in found.mean.iter().zip(&mean).chain(found.covariance.iter().zip(&covariance)) {
                assert!((found - expected).abs() < 1e-4, "{n}: {found} and {expected}");
            }
        }
    }

    #[test]
    fn what_a_distribution_was_made_of_follows_from_what_it_says() {
        let (old, new) = (rows(60), rows(90)[180..].to_vec());
        let centre: Vec<f32> = naive(&old).0.iter().map(|m| *m as f32).collect();
        let of_old = Moments::of(&old, &centre).unwrap();
        let fitted = of_old.shrunk(&centre, None);
        let back = Moments::of_fitted(60.0, fitted.covariance.clone(), fitted.shrinkage);
        let mean: Vec<f32> = fitted.mean.iter().map(|m| *m as f32).collect();
        let (mut whole, mut grown) = (Moments::of(&old, &mean).unwrap(), back);
        let further = Moments::of(&new, &mean).unwrap();
        whole.add(&further);
        grown.add(&further);
        let (expected, found) = (whole.shrunk(&mean, None), grown.shrunk(&mean, None));
        assert!((expected.shrinkage - found.shrinkage).abs() < 1e-4, "{} {}", expected.shrinkage, found.shrinkage);
        for (a, b) in expected.mean.iter().zip(&found.mean).chain(expected.covariance.iter().zip(&found.covariance)) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }

    #[test]
    fn a_part_can_be_taken_away_and_a_given_shrinkage_is_kept() {
        let (all, part) = (rows(40), rows(60)[120..].to_vec());
        let centre = [3.0, -1.0, 0.5];
        let mut both = Moments::of(&all, &centre).unwrap();
        let part = Moments::of(&part, &centre).unwrap();
        both.add(&part);
        assert_eq!(both.n(), 60);
        let back = both.without(&part).shrunk(&centre, Some(0.25));
        let alone = Moments::of(&all, &centre).unwrap().shrunk(&centre, Some(0.25));
        assert_eq!((back.shrinkage, alone.shrinkage), (0.25, 0.25));
        for (a, b) in back.covariance.iter().zip(&alone.covariance).chain(back.mean.iter().zip(&alone.mean)) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}
