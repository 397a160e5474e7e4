//! How rows are compared.

/// How rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance, `|q - b|`.
    Euclidean,
    /// Cosine distance, `1 - q.b / (|q| |b|)`, from 0 to 2; 1 where a row is zero.
    Cosine,
}

/// Norm and squared norm, summed in double precision (eight partial sums) and rounded once each.
pub(super) fn norm_and_square(row: &[f32]) -> (f32, f32) {
    let mut sums = [0.0f64; 8];
    let (eights, rest) = row.as_chunks::<8>();
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    let rest: f64 = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let square = sums.iter().sum::<f64>() + rest;
    (square.sqrt() as f32, square as f32)
}
