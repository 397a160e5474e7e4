//! What a gate sees of an image's descriptors.

/// Pools the descriptors of an image.
pub(crate) type Pooled<'a, E> = &'a dyn Fn() -> Result<Vec<f32>, E>;

/// Mean and standard deviation of each descriptor value over the patches of an image, some patches at a time.
pub(crate) struct Pooling {
    n: usize,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Pooling {
    /// Of descriptors of `dim` values.
    pub(crate) fn new(dim: usize) -> Self {
        Self { n: 0, sums: vec![0.0; dim], squares: vec![0.0; dim] }
    }

    /// Takes in `rows`, `[n, dim]`.
    pub(crate) fn add(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.sums.len().max(1)) {
            self.n += 1;
            for ((sum, square), value) in self.sums.iter_mut().zip(&mut self.squares).zip(row) {
                *sum += f64::from(*value);
                *square += f64::from(*value).powi(2);
            }
        }
    }

    /// `[2 dim]`, means first.
    pub(crate) fn finish(&self) -> Vec<f32> {
        let n = self.n.max(1) as f64;
        let deviation = |(sum, square): (&f64, &f64)| (square / n - (sum / n).powi(2)).max(0.0).sqrt() as f32;
        let means = self.sums.iter().map(|sum| (sum / n) as f32);
        means.chain(self.sums.iter().zip(&self.squares).map(deviation)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Gate;

    #[test]
    fn patches_in_pieces_are_pooled_as_all_at_once() {
        let rows: Vec<f32> = (0..60).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut pooling = Pooling::new(3);
        rows.chunks(15).for_each(|piece| pooling.add(piece));
        assert_eq!(pooling.finish(), Gate::pooled(&rows, 3));
        assert_eq!(Pooling::new(2).finish(), [0.0; 4]);
    }
}
