//! Two systems on the same images: how often they agree, and whether one may take the other's place.

/// What a system says of one image, and the truth where it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedVerdict {
    /// Whether the first and the second call it anomalous.
    pub verdicts: [bool; 2],
    /// Their scores, where both have one.
    pub scores: [Option<f32>; 2],
    /// Whether it is.
    pub truth: Option<bool>,
}

/// How often two systems agree.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Agreement {
    /// Images that both judged.
    pub n: usize,
    /// Of these, with the same verdict.
    pub n_agree: usize,
    /// The 95 % interval of the agreement rate (Wilson, 1927); `None` without images.
    pub interval: Option<[f64; 2]>,
    /// Rank correlation of the scores (Spearman, ties at their mean rank); `None` where it is not defined.
    pub rank_correlation: Option<f64>,
    /// Images that the first alone, and the second alone, calls anomalous.
    pub only: [usize; 2],
    /// Known defects.
    pub n_defects: usize,
    /// Known normal images.
    pub n_normals: usize,
    /// Known defects that each finds.
    pub found: [usize; 2],
    /// Known normal images that each rejects.
    pub false_alarms: [usize; 2],
    /// Known defects that the first finds and the second misses.
    pub lost: usize,
}

/// Agreement from which one system may take the place of another.
pub const LEAST_AGREEMENT: f64 = 0.95;

/// Whether the second may take the place of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MayReplace {
    /// They agree on [`LEAST_AGREEMENT`] of the images at least, and no known defect that the first finds is missed by the second.
    Yes,
    /// They agree on fewer.
    Disagree,
    /// A known defect would be lost.
    Loses,
    /// They agree, but images that the first alone calls anomalous have no label: they may be defects.
    Unlabelled,
    /// There is nothing to judge by.
    NoImages,
}

impl Agreement {
    /// Of these images.
    #[must_use]
    pub fn of(pairs: &[PairedVerdict]) -> Self {
        let count = |is: &dyn Fn(&PairedVerdict) -> bool| pairs.iter().filter(|pair| is(pair)).count();
        let (n, n_agree) = (pairs.len(), count(&|pair| pair.verdicts[0] == pair.verdicts[1]));
        let scored: Vec<[f32; 2]> = pairs.iter().filter_map(|pair| Some([pair.scores[0]?, pair.scores[1]?])).collect();
        let of = |truth: bool| move |pair: &PairedVerdict| pair.truth == Some(truth);
        Self {
            n,
            n_agree,
            interval: wilson(n_agree, n),
            rank_correlation: spearman(&scored),
            only: [0, 1].map(|at| count(&|pair| pair.verdicts[at] && !pair.verdicts[1 - at])),
            n_defects: count(&of(true)),
            n_normals: count(&of(false)),
            found: [0, 1].map(|at| count(&|pair| of(true)(pair) && pair.verdicts[at])),
            false_alarms: [0, 1].map(|at| count(&|pair| of(false)(pair) && pair.verdicts[at])),
            lost: count(&|pair| of(true)(pair) && pair.verdicts == [true, false]),
        }
    }

    /// Whether the second may take the place of the first.
    #[must_use]
    pub fn may_replace(&self, pairs: &[PairedVerdict]) -> MayReplace {
        let is_open = |pair: &PairedVerdict| pair.truth.is_none() && pair.verdicts == [true, false];
        if self.n == 0 {
            MayReplace::NoImages
        } else if self.lost > 0 {
            MayReplace::Loses
        } else if (self.n_agree as f64) < LEAST_AGREEMENT * self.n as f64 {
            MayReplace::Disagree
        } else if pairs.iter().any(is_open) {
            MayReplace::Unlabelled
        } else {
            MayReplace::Yes
        }
    }
}

/// The 95 % score interval of a share.
fn wilson(n_yes: usize, n: usize) -> Option<[f64; 2]> {
    const Z: f64 = 1.959_963_985;
    if n == 0 {
        return None;
    }
    let (n, share) = (n as f64, n_yes as f64 / n as f64);
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

/// Pearson's correlation of the ranks.
fn spearman(scores: &[[f32; 2]]) -> Option<f64> {
    let ranks = [0, 1].map(|at| ranks(&scores.iter().map(|pair| pair[at]).collect::<Vec<_>>()));
    let mean = (scores.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&ranks[0], &ranks[0]) * product(&ranks[1], &ranks[1])).sqrt();
    (spread > 0.0).then(|| product(&ranks[0], &ranks[1]) / spread)
}

/// From 0; equal values have the mean of their ranks.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let end = start + order[start..].iter().take_while(|at| values[**at] == values[order[start]]).count();
        // Numbers that equal nothing, themselves included, stand alone.
        let end = end.max(start + 1);
        order[start..end].iter().for_each(|at| ranks[*at] = (start + end - 1) as f64 / 2.0);
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: bool, b: bool, scores: [f32; 2], truth: Option<bool>) -> PairedVerdict {
        PairedVerdict { verdicts: [a, b], scores: scores.map(Some), truth }
    }

    #[test]
    fn counts_are_those_made_by_hand() {
        let pairs = [
            pair(true, true, [9.0, 0.9], Some(true)),
            pair(true, false, [5.0, 0.2], Some(false)),
            pair(false, false, [1.0, 0.1], Some(false)),
            pair(false, true, [2.0, 0.5], None),
        ];
        let found = Agreement::of(&pairs);
        assert_eq!((found.n, found.n_agree, found.only), (4, 2, [1, 1]));
        assert_eq!((found.n_defects, found.found, found.n_normals, found.false_alarms), (1, [1, 1], 2, [1, 0]));
        assert_eq!((found.lost, found.may_replace(&pairs)), (0, MayReplace::Disagree));
        // Ranks 3, 2, 0, 1 and 3, 1, 0, 2: 1 - 6 * 2 / (4 * 15).
        assert!((found.rank_correlation.unwrap() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_that_of_wilson() {
        // 95 of 100: by the formula, 0.8882 to 0.9785.
        let [low, high] = wilson(95, 100).unwrap();
        assert!((low - 0.88825).abs() < 1e-4 && (high - 0.97846).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(3, 3).unwrap()[1], 1.0);
    }

    #[test]
    fn a_lost_defect_or_one_that_nobody_looked_at_decides_whatever_the_rate() {
        let mut pairs = vec![pair(false, false, [0.0, 0.0], Some(false)); 99];
        let answer = |pairs: &[PairedVerdict]| Agreement::of(pairs).may_replace(pairs);
        assert_eq!(answer(&pairs), MayReplace::Yes);
        pairs.push(pair(true, false, [1.0, 0.0], Some(false)));
        assert_eq!(answer(&pairs), MayReplace::Yes, "a false alarm less");
        pairs[99].truth = None;
        assert_eq!(answer(&pairs), MayReplace::Unlabelled);
        pairs[99].truth = Some(true);
        assert_eq!(answer(&pairs), MayReplace::Loses);
        assert_eq!(answer(&[]), MayReplace::NoImages);
    }

    #[test]
    fn ties_have_their_mean_rank_and_constant_scores_no_correlation() {
        assert_eq!(ranks(&[2.0, 1.0, 2.0, 3.0]), [1.5, 0.0, 1.5, 3.0]);
        assert_eq!(spearman(&[[1.0, 2.0], [1.0, 3.0]]), None);
        assert_eq!(spearman(&[]), None);
    }
}
