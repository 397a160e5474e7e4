//! From patch distances to the one number of an image.

use super::ScoreError;
use crate::bank::{MemoryBank, Neighbours};
use crate::kernel::Metric;
use std::fmt;
use std::str::FromStr;

/// Most neighbours that [`ImageScore::Reweighted`] may look at.
pub const MAX_REWEIGHT_NEIGHBOURS: usize = 1000;

/// How patch distances become the image score.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ImageScore {
    /// The largest patch distance (the released code of Roth et al., CVPR 2022).
    Max,
    /// The largest distance, weighted by how crowded the bank is around its nearest row
    /// (Roth et al., CVPR 2022, equations 6 and 7), with that many neighbours.
    Reweighted(usize),
    /// The mean of the largest share of the distances, at least one (AnomalyDINO uses 0.01).
    Top(f64),
}

impl FromStr for ImageScore {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Self, ScoreError> {
        let bad = || ScoreError::ImageScore { text: text.to_owned() };
        match text.split_once(':') {
            None if text == "max" => Ok(Self::Max),
            None if text == "reweighted" => Ok(Self::Reweighted(9)),
            None if text == "top" => Ok(Self::Top(0.01)),
            Some(("reweighted", n)) => match n.parse() {
                Ok(n) if (1..=MAX_REWEIGHT_NEIGHBOURS).contains(&n) => Ok(Self::Reweighted(n)),
                Ok(_) | Err(_) => Err(bad()),
            },
            Some(("top", share)) => match share.parse::<f64>() {
                Ok(share) if share > 0.0 && share <= 1.0 => Ok(Self::Top(share)),
                Ok(_) | Err(_) => Err(bad()),
            },
            Some(_) | None => Err(bad()),
        }
    }
}

impl fmt::Display for ImageScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Reweighted(n) => write!(f, "reweighted:{n}"),
            Self::Top(share) => write!(f, "top:{share}"),
        }
    }
}

impl ImageScore {
    /// The score of one image.
    ///
    /// # Shapes
    /// `descriptors`: `[n_patches, dim]`; `nearest`: their neighbours in `bank`, `[n_patches, k]`, `k >= 1`.
    ///
    /// # Errors
    /// [`ScoreError::Bank`] when the bank can't be searched.
    pub fn of(self, descriptors: &[f32], nearest: &Neighbours, bank: &MemoryBank) -> Result<f32, ScoreError> {
        let distances: Vec<f32> = nearest.distances.iter().step_by(nearest.k).copied().collect();
        match self {
            Self::Max => Ok(distances.iter().copied().fold(0.0, f32::max)),
            Self::Top(share) => Ok(top_mean(distances, share)),
            Self::Reweighted(n) => reweighted(&distances, descriptors, nearest, bank, n),
        }
    }
}

impl ImageScore {
    /// The score of an image whose patches have these distances, at least one; `None` for one that needs a memory bank.
    #[must_use]
    pub fn of_patches(self, distances: &[f32]) -> Option<f32> {
        match self {
            Self::Max => Some(distances.iter().copied().fold(0.0, f32::max)),
            Self::Top(share) => Some(top_mean(distances.to_vec(), share)),
            Self::Reweighted(_) => None,
        }
    }
}

fn top_mean(mut distances: Vec<f32>, share: f64) -> f32 {
    let n = ((distances.len() as f64 * share) as usize).clamp(1, distances.len().max(1));
    distances.sort_by(|a, b| b.total_cmp(a));
    let top = &distances[..n.min(distances.len())];
    (top.iter().map(|d| f64::from(*d)).sum::<f64>() / n as f64) as f32
}

/// The bank's distance, in double precision.
fn distance(metric: Metric, query: &[f32], row: &[f32]) -> f64 {
    let sum = |term: fn(f64, f64) -> f64| -> f64 {
        query.iter().zip(row).map(|(q, b)| term(f64::from(*q), f64::from(*b))).sum()
    };
    match metric {
        Metric::Euclidean => sum(|q, b| (q - b).powi(2)).sqrt(),
        Metric::Cosine => {
            let scale = (sum(|q, _| q * q) * sum(|_, b| b * b)).sqrt();
            if scale > 0.0 { (1.0 - sum(|q, b| q * b) / scale).clamp(0.0, 2.0) } else { 1.0 }
        }
    }
}

/// Equation 7: `s = (1 - exp(|q* - m*|) / sum over b in N(m*) of exp(|q* - b|)) s*`, where `N(m*)` are the `n` rows nearest
/// to `m*`, itself included. The exponentials are shifted by the largest, so they can't overflow. All of them are of plain
/// distances, also where `s*` is a penalised or normalised one: the weight stays between 0 and 1.
fn reweighted(
    distances: &[f32],
    descriptors: &[f32],
    nearest: &Neighbours,
    bank: &MemoryBank,
    n: usize,
) -> Result<f32, ScoreError> {
    let mut worst = 0;
    for (patch, distance) in distances.iter().enumerate() {
        if *distance > distances[worst] {
            worst = patch;
        }
    }
    let n = n.min(bank.n_rows());
    let star = f64::from(distances[worst]);
    if n == 1 {
        return Ok(distances[worst]);
    }
    let query = &*bank.compared(&descriptors[worst * bank.dim()..][..bank.dim()])?;
    let nearest_row = nearest.indices[worst * nearest.k] as usize;
    let around = bank.nearest(bank.row(nearest_row), n)?;
    let to_query = |row: usize| Ok(distance(bank.metric(), query, &bank.compared(bank.row(row))?));
    let nearest_distance = to_query(nearest_row)?;
    let to_query =
        around.indices.iter().map(|row| to_query(*row as usize)).collect::<Result<Vec<f64>, ScoreError>>()?;
    let largest = to_query.iter().copied().fold(nearest_distance, f64::max);
    let total: f64 = to_query.iter().map(|d| (d - largest).exp()).sum();
    // Where more duplicates of m* than neighbours crowd it out of its own neighbourhood, rounding could go below 0.
    let weight = (1.0 - (nearest_distance - largest).exp() / total).max(0.0);
    Ok((weight * star) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::BankRow;
    use crate::kernel::Metric;

    fn bank(rows: &[f32], dim: usize) -> MemoryBank {
        let origins = vec![BankRow { condition: 0, source: 0, position: 0 }; rows.len() / dim];
        MemoryBank::new(rows.to_vec(), dim, origins, Metric::Euclidean).unwrap()
    }

    #[test]
    fn the_reweighting_uses_the_distance_of_the_bank() {
        let origins = vec![BankRow { condition: 0, source: 0, position: 0 }; 3];
        let rows = vec![1.0, 0.0, 0.8, 0.6, 0.0, 1.0];
        let bank = MemoryBank::new(rows, 2, origins, Metric::Cosine).unwrap();
        // By hand: the query (1, -1) has the cosine distances 1 - 1/sqrt 2, 1 - 0.2/sqrt 2 and 1 + 1/sqrt 2.
        let root = 2.0f64.sqrt();
        let distances = [1.0 - 1.0 / root, 1.0 - 0.2 / root, 1.0 + 1.0 / root];
        let total: f64 = distances.iter().map(|d| d.exp()).sum();
        let expected = (1.0 - distances[0].exp() / total) * distances[0];
        for scale in [1.0, 50.0] {
            let found = score(ImageScore::Reweighted(3), &[scale, -scale], &bank);
            assert!((f64::from(found) - expected).abs() < 1e-6, "{scale}: {found} against {expected}");
        }
    }

    fn score(kind: ImageScore, queries: &[f32], bank: &MemoryBank) -> f32 {
        kind.of(queries, &bank.nearest(queries, 1).unwrap(), bank).unwrap()
    }

    #[test]
    fn max_is_the_worst_patch_and_top_the_mean_of_the_worst() {
        let bank = bank(&[0.0, 10.0], 1);
        let queries = [1.0, 12.0, 4.0, 0.5];
        assert_eq!(score(ImageScore::Max, &queries, &bank), 4.0);
        assert_eq!(score(ImageScore::Top(0.5), &queries, &bank), 3.0);
        assert_eq!(score(ImageScore::Top(0.001), &queries, &bank), 4.0);
    }

    #[test]
    fn reweighting_follows_equation_7() {
        let rows = [0.0f32, 1.0, 2.0, 9.0];
        let bank = bank(&rows, 1);
        let (queries, n) = ([4.0f32, 0.1], 3);
        // Worst patch 4.0, nearest row 2.0; its three neighbours are 2.0, 1.0, 0.0.
        let (star, sum) = (2.0f64, 2.0f64.exp() + 3.0f64.exp() + 4.0f64.exp());
        let expected = (1.0 - star.exp() / sum) * star;
        assert!((f64::from(score(ImageScore::Reweighted(n), &queries, &bank)) - expected).abs() < 1e-6);
    }

    #[test]
    fn reweighting_takes_at_most_a_ninth_away_and_never_overflows() {
        let rows: Vec<f32> = (0..40).map(|i| i as f32 * 3.0).collect();
        let bank = bank(&rows, 1);
        let query = [5000.0f32];
        let (max, weighted) = (score(ImageScore::Max, &query, &bank), score(ImageScore::Reweighted(9), &query, &bank));
        assert!(weighted.is_finite() && weighted <= max && weighted >= max * 8.0 / 9.0 - 1.0, "{weighted} {max}");
    }

    #[test]
    fn a_penalised_distance_is_weighted_by_the_plain_ones() {
        let rows: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let bank = bank(&rows, 1);
        let query = [60.0f32];
        let plain = bank.nearest(&query, 1).unwrap();
        let mut penalised = plain.clone();
        penalised.distances[0] *= 1.25;
        let score = |nearest| ImageScore::Reweighted(9).of(&query, nearest, &bank).unwrap();
        assert!(score(&plain) > 0.0);
        assert!((score(&penalised) / score(&plain) - 1.25).abs() < 1e-5);
    }

    #[test]
    fn a_bank_smaller_than_the_neighbourhood_serves() {
        let bank = bank(&[1.0], 1);
        assert_eq!(score(ImageScore::Reweighted(9), &[3.0], &bank), 2.0);
    }

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        for text in ["max", "reweighted:9", "top:0.01"] {
            assert_eq!(text.parse::<ImageScore>().unwrap().to_string(), text);
        }
        for text in ["", "mean", "top:0", "top:2", "reweighted:0", "max:1"] {
            assert!(text.parse::<ImageScore>().is_err(), "{text}");
        }
    }
}
