//! Descriptors of length 1, on which Euclidean and cosine distance order alike: `|q - b|^2 = 2 (1 - q.b)`.

use rayon::prelude::*;

/// Added to the sum of squares, so that a zero row stays zero instead of dividing by zero.
const GUARD: f64 = 1e-12;

/// Divides each row by its Euclidean length, summed in double precision. Zero rows stay zero.
///
/// # Shapes
/// `rows`: `[n, dim]`, changed in place.
pub fn normalise_rows(rows: &mut [f32], dim: usize) {
    rows.par_chunks_mut(dim.max(1)).for_each(|row| {
        let square: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
        let length = (square + GUARD).sqrt();
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_length_one_and_zeros_stay() {
        let mut rows = vec![3.0, -4.0, 0.0, 0.0, 1e-3, 0.0];
        normalise_rows(&mut rows, 2);
        assert_eq!(rows[..4], [0.6, -0.8, 0.0, 0.0]);
        assert!((rows[4] - 1.0).abs() < 1e-6);
    }
}
