//! Statistics of an image's grey values.

/// The 90th percentile of an image's grey values, linear between ranks (NumPy's default).
#[must_use]
pub fn percentile_90(values: &[f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let mut values = values.to_vec();
    let position = 0.9 * (values.len() - 1) as f64;
    let low = position as usize;
    let (_, at, above) = values.select_nth_unstable_by(low, f32::total_cmp);
    let at = *at;
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(at);
    (f64::from(at) + (position - low as f64) * f64::from(next - at)) as f32
}

/// Mean, standard deviation, 10th, 25th, 50th, 75th and 90th percentile (linear between ranks) and interquartile range of
/// an image's grey values; zeros without any.
#[must_use]
pub fn intensity_statistics(values: &[f32]) -> [f32; 8] {
    if values.is_empty() {
        return [0.0; 8];
    }
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let percentile = |share: f64| {
        let position = share * (sorted.len() - 1) as f64;
        let low = position as usize;
        let (at, next) = (sorted[low], sorted[(low + 1).min(sorted.len() - 1)]);
        (f64::from(at) + (position - low as f64) * f64::from(next - at)) as f32
    };
    let [p10, p25, p50, p75, p90] = [0.1, 0.25, 0.5, 0.75, 0.9].map(percentile);
    [mean as f32, variance.sqrt() as f32, p10, p25, p50, p75, p90, p75 - p25]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_linear_between_ranks() {
        assert_eq!(percentile_90(&[3.0]), 3.0);
        let values: Vec<f32> = (0..11).rev().map(|v| v as f32).collect();
        assert_eq!(percentile_90(&values), 9.0);
        assert!((percentile_90(&[0.0, 1.0]) - 0.9).abs() < 1e-6);
    }

    #[test]
    fn statistics_match_those_by_hand() {
        let values: Vec<f32> = (0..11).rev().map(|v| v as f32).collect();
        let found = intensity_statistics(&values);
        assert_eq!(found[2..], [1.0, 2.5, 5.0, 7.5, 9.0, 5.0]);
        assert_eq!((found[0], found[1]), (5.0, 10.0f32.sqrt()));
        assert_eq!(found[6], percentile_90(&values));
        assert_eq!(intensity_statistics(&[]), [0.0; 8]);
    }
}
