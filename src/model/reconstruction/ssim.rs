//! Structural similarity (Wang et al., *Image Quality Assessment: From Error Visibility to Structural Similarity*, IEEE Transactions
//! on Image Processing, 2004, equation 13): Gaussian windows of 11 x 11 with a deviation of 1.5, values from 0 to 1.

use rayon::prelude::*;

/// Side of a window.
pub(super) const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
/// `(K L)²` of the paper with its constants .01 and .03 and `L` = 1.
pub(super) const C1: f32 = 1e-4;
pub(super) const C2: f32 = 9e-4;

/// The weights of a window along a side; their sum is 1.
pub(super) fn taps() -> [f32; WINDOW] {
    let middle = (WINDOW / 2) as f64;
    let raw: [f64; WINDOW] = std::array::from_fn(|at| (-((at as f64 - middle) / SIGMA).powi(2) / 2.0).exp());
    let sum: f64 = raw.iter().sum();
    raw.map(|value| (value / sum) as f32)
}

/// Windows along a side of `n` pixels that lie wholly in it.
pub(super) fn n_windows(n: usize) -> usize {
    (n + 1).saturating_sub(WINDOW)
}

/// One plane, `[side, side]`, with the sums of the windows in it.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    side: usize,
    taps: [f32; WINDOW],
}

/// The similarity in each window, and how it changes with the other image's means, squares and products.
struct Terms {
    similarity: f32,
    by_mean: f32,
    by_square: f32,
    by_product: f32,
}

impl Windows {
    pub(super) fn of(side: usize) -> Self {
        Self { side, taps: taps() }
    }

    /// Weighted sums of all windows, `[n_windows, n_windows]`, of a value for each pixel.
    fn sums(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        let (side, n) = (self.side, n_windows(self.side));
        let mut along = vec![0.0f32; side * n];
        let mut line = vec![0.0f32; side];
        for (row, along) in along.chunks_exact_mut(n.max(1)).enumerate() {
            line.iter_mut().enumerate().for_each(|(x, to)| *to = value(row * side + x));
            for (tap, weight) in self.taps.iter().enumerate() {
                along.iter_mut().zip(&line[tap..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let mut sums = vec![0.0f32; n * n];
        for (row, sums) in sums.chunks_exact_mut(n.max(1)).enumerate() {
            for (tap, weight) in self.taps.iter().enumerate() {
                sums.iter_mut().zip(&along[(row + tap) * n..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        sums
    }

    /// What each pixel gets of values of the windows that it lies in: the transpose of [`Self::sums`].
    fn spread(&self, of_windows: &[f32]) -> Vec<f32> {
        let (side, n) = (self.side, n_windows(self.side));
        let mut along = vec![0.0f32; side * n];
        for (row, values) in of_windows.chunks_exact(n.max(1)).enumerate() {
            for (tap, weight) in self.taps.iter().enumerate() {
                let to = &mut along[(row + tap) * n..][..n];
                to.iter_mut().zip(values).for_each(|(to, value)| *to += weight * value);
            }
        }
        let mut out = vec![0.0f32; side * side];
        for (out, along) in out.chunks_exact_mut(side).zip(along.chunks_exact(n.max(1))) {
            for (tap, weight) in self.taps.iter().enumerate() {
                out[tap..].iter_mut().zip(along).for_each(|(to, value)| *to += weight * value);
            }
        }
        out
    }

    fn terms(&self, x: &[f32], y: &[f32]) -> impl Iterator<Item = Terms> + use<> {
        let means = self.sums(|at| x[at]).into_iter().zip(self.sums(|at| y[at]));
        let squares = self.sums(|at| x[at] * x[at]).into_iter().zip(self.sums(|at| y[at] * y[at]));
        let products = self.sums(|at| x[at] * y[at]);
        means.zip(squares).zip(products).map(|(((mx, my), (xx, yy)), xy)| {
            let (a1, a2) = (2.0 * mx * my + C1, 2.0 * (xy - mx * my) + C2);
            let (b1, b2) = (mx * mx + my * my + C1, (xx - mx * mx) + (yy - my * my) + C2);
            let similarity = a1 * a2 / (b1 * b2);
            Terms {
                similarity,
                by_mean: 2.0 * mx * (a2 - a1) / (b1 * b2) - 2.0 * my * similarity * (1.0 / b1 - 1.0 / b2),
                by_square: -similarity / b2,
                by_product: 2.0 * a1 / (b1 * b2),
            }
        })
    }

    /// The similarity in each window, `[n_windows, n_windows]`.
    #[cfg(test)]
    pub(super) fn similarity(&self, x: &[f32], y: &[f32]) -> Vec<f32> {
        self.terms(x, y).map(|terms| terms.similarity).collect()
    }

    /// The sum of the similarities, each times its weight, and its gradient with respect to `y`, `[side, side]`.
    pub(super) fn weighted(&self, x: &[f32], y: &[f32], weight: &[f32]) -> (f32, Vec<f32>) {
        let (mut sum, n) = (0.0f64, weight.len());
        let mut by: [Vec<f32>; 3] = std::array::from_fn(|_| Vec::with_capacity(n));
        for (terms, weight) in self.terms(x, y).zip(weight) {
            sum += f64::from(weight * terms.similarity);
            by[0].push(weight * terms.by_mean);
            by[1].push(weight * terms.by_square);
            by[2].push(weight * terms.by_product);
        }
        let [mean, square, product] = by.map(|of_windows| self.spread(&of_windows));
        let gradient = mean.iter().zip(&square).zip(&product).zip(x.iter().zip(y));
        (sum as f32, gradient.map(|(((m, s), p), (x, y))| m + 2.0 * y * s + x * p).collect())
    }
}

/// Which windows hold nothing but pixels that count, `[n_windows, n_windows]`, of `[side, side]` pixels.
pub(super) fn whole_windows(counts: &[bool], side: usize) -> Vec<bool> {
    let n = n_windows(side);
    // How many of the WINDOW values from each on count, along rows, then along columns.
    let along: Vec<usize> = (0..side * n)
        .into_par_iter()
        .map(|at| counts[at / n * side + at % n..][..WINDOW].iter().filter(|counts| **counts).count())
        .collect();
    let whole = |at: usize| (0..WINDOW).all(|tap| along[at + tap * n] == WINDOW);
    (0..n * n).map(whole).collect()
}
