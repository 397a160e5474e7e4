//! Rounding bounds of the expanded distance, after Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1:
//! a sum of `n` products computed in any order errs by at most `gamma_n = n u / (1 - n u)` times the sum of magnitudes.

use super::metric::Metric;

/// Unit roundoff of `f32`.
pub(super) const U: f64 = 5.960_464_477_539_063e-8;
/// Covers the roundings made while the bounds themselves are computed and used.
const SAFETY: f64 = 1.01;

/// Smallest normal `f32`: what one operation can lose to underflow.
pub(super) const TINY: f64 = f32::MIN_POSITIVE as f64;

/// Squares of norms up to this one are far from overflowing.
const LARGEST_NORM: f32 = 1e18;

fn gamma(n: usize) -> Option<f64> {
    let nu = n as f64 * U;
    (nu < 0.25).then(|| nu / (1.0 - nu))
}

/// Relative error of the square of a direct Euclidean distance, its root's rounding included, or absolute error of a direct
/// cosine distance; underflow aside.
pub(super) fn direct_error(dim: usize) -> Option<f64> {
    gamma(dim.div_ceil(16) + 20)
}

/// How far values may be from the truth, for one query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    metric: Metric,
    /// `gamma` of the products, absolute underflow allowance per product, and the query's norm.
    gamma: f64,
    tiny: f64,
    query_norm: f64,
    /// Relative (Euclidean) or absolute (cosine) error of a direct distance.
    direct: f64,
}

impl Bound {
    /// Bounds for rows of `dim` values; `None` where the rows are too long for a meaningful bound or norms so large that
    /// products could overflow.
    ///
    /// `depth` is the number of products summed in a row before such sums are added up.
    pub(super) fn new(metric: Metric, dim: usize, depth: usize, query_norm: f32, largest_norm: f32) -> Option<Self> {
        if query_norm.max(largest_norm) > LARGEST_NORM {
            return None;
        }
        Some(Self {
            metric,
            // Products without fused instructions round once more.
            gamma: gamma(depth.min(dim) + dim.div_ceil(depth) + 2)?,
            tiny: (dim + 1) as f64 * TINY,
            query_norm: f64::from(query_norm),
            direct: direct_error(dim)?,
        })
    }

    /// Largest error of the score `|b|^2 - 2 q.b` or `-q.b / |b|` of a row whose norm is at most `norm`.
    pub(super) fn score_error(&self, norm: f32) -> f64 {
        let norm = f64::from(norm) * (1.0 + U);
        let error = match self.metric {
            // The product, its doubling's sum with |b|^2, and the rounding of |b|^2 itself.
            Metric::Euclidean => 2.0 * (self.gamma + 2.0 * U) * self.query_norm * norm + 3.0 * U * norm * norm,
            // The product, the reciprocal norm and their product.
            Metric::Cosine => (self.gamma + 4.0 * U) * self.query_norm,
        };
        SAFETY * error + 4.0 * self.tiny
    }

    /// Added to the k-th smallest upper bound of the scores: how much larger the score of a row can be whose *direct*
    /// distance is still not larger.
    pub(super) fn slack(&self, upper: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => {
                let square = (self.query_norm * self.query_norm * (1.0 + 4.0 * U) + upper).max(0.0);
                SAFETY * 2.5 * self.direct * square + 4.0 * self.tiny
            }
            Metric::Cosine => SAFETY * 2.0 * self.direct * self.query_norm + 4.0 * self.tiny,
        }
    }
}

/// The smallest `f32` not below `x`.
pub(super) fn round_up(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) < x { y.next_up() } else { y }
}
