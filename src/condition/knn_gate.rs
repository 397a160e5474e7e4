//! A gate by example: an image has the condition of most of the training images nearest to it in a small space.

use super::ConditionError;
use super::admission::{Admission, KNOWN_FROM};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Dimensions of the space: the eight intensity statistics, or the eight most telling pooled features.
pub const GATE_DIM: usize = 8;
/// Neighbours that vote, fewer where a condition has less than eight images.
const N_VOTERS: usize = 15;
/// Share of the votes below which the gate abstains.
const QUORUM: f32 = 2.0 / 3.0;
/// The least weight of an axis.
const LEAST_ETA: f64 = 0.02;
/// How many times as far from the nearest training image as nearly all (99 %) of the training images are from each other
/// an image is still of a known condition. Faults move an image too: up to 11 times as far in the simulated gearbox.
pub const KNOWN_FACTOR: f32 = 30.0;
/// Share of the training images whose distance to the nearest other one that is a multiple of.
const KNOWN_SHARE: f64 = 0.99;
/// Parts of the cross-validation.
const N_FOLDS: usize = 5;

/// One axis of the space: a feature, standardised and weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateAxis {
    /// Index of the feature.
    pub feature: usize,
    /// Its mean over the training images.
    pub mean: f32,
    /// Its standard deviation over them, divided by its correlation ratio (Fisher's eta, at least 0.02) with the
    /// condition: an axis that does not tell the conditions apart counts little. Above 0.
    pub unit: f32,
}

/// Standardised, weighted examples in a kd-tree, and the vote among the nearest.
#[derive(Clone)]
pub struct KnnGate {
    axes: Vec<GateAxis>,
    points: Vec<[f32; GATE_DIM]>,
    conditions: Vec<u32>,
    n_voters: NonZeroUsize,
    reach: Option<f32>,
    tree: Arc<ImmutableKdTree<f32, GATE_DIM>>,
}

impl KnnGate {
    /// Learns from `features[i]` (all of one length) of images of condition `conditions[i]`. Of more than [`GATE_DIM`]
    /// features those are taken that separate the conditions best one by one: by the ratio of the variance between the
    /// conditions to that within (Fisher).
    ///
    /// # Shapes
    /// `features[i]`: `[dim]`, `conditions`: one for each.
    ///
    /// # Errors
    /// [`ConditionError::NoExamples`] without examples, [`ConditionError::Shape`] when numbers differ.
    pub fn learn(features: &[&[f32]], conditions: &[u32]) -> Result<Self, ConditionError> {
        let dim = features.first().ok_or(ConditionError::NoExamples)?.len();
        if let Some(other) = features.iter().find(|f| f.len() != dim) {
            return Err(ConditionError::Shape { what: "features of an image", expected: dim, found: other.len() });
        }
        if conditions.len() != features.len() {
            let (expected, found) = (features.len(), conditions.len());
            return Err(ConditionError::Shape { what: "conditions of images", expected, found });
        }
        let mut ranked: Vec<(f64, GateAxis)> = (0..dim).map(|k| axis(features, conditions, k)).collect();
        if dim > GATE_DIM {
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
            ranked.truncate(GATE_DIM);
        }
        let axes: Vec<GateAxis> = ranked.into_iter().map(|(_, axis)| axis).collect();
        let points = features.iter().map(|f| place(&axes, f)).collect();
        let mut learnt = Self::new(axes, points, conditions.to_vec(), None)?;
        learnt.reach = learnt.known_reach();
        Ok(learnt)
    }

    /// Takes what [`Self::learn`] found before.
    ///
    /// # Errors
    /// [`ConditionError::NoExamples`] without points, [`ConditionError::Shape`] when numbers differ or there are too many axes,
    /// [`ConditionError::Gate`] for numbers no tree can be built of.
    pub fn new(
        axes: Vec<GateAxis>,
        points: Vec<[f32; GATE_DIM]>,
        conditions: Vec<u32>,
        reach: Option<f32>,
    ) -> Result<Self, ConditionError> {
        if points.is_empty() {
            return Err(ConditionError::NoExamples);
        }
        if points.len() != conditions.len() {
            let (expected, found) = (points.len(), conditions.len());
            return Err(ConditionError::Shape { what: "conditions of the gate's points", expected, found });
        }
        if axes.len() > GATE_DIM {
            return Err(ConditionError::Shape { what: "axes of the gate", expected: GATE_DIM, found: axes.len() });
        }
        if !points.iter().flatten().all(|v| v.is_finite()) {
            return Err(ConditionError::Gate { reason: "a point is not finite".to_owned() });
        }
        let smallest =
            conditions.iter().map(|condition| conditions.iter().filter(|c| *c == condition).count()).min().unwrap_or(1);
        // A condition of few images must still be able to win the vote.
        let n_voters = NonZeroUsize::new(N_VOTERS.min(2 * smallest - 1)).unwrap_or(NonZeroUsize::MIN);
        let tree = ImmutableKdTree::new_from_slice(&points)
            .map_err(|reason| ConditionError::Gate { reason: format!("{reason:?}") })?;
        Ok(Self { axes, points, conditions, n_voters, reach, tree: Arc::new(tree) })
    }

    /// The same with more examples, on the axes there are; the reach stays.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn with(&self, features: &[Vec<f32>], conditions: &[u32]) -> Result<Self, ConditionError> {
        let mut points = self.points.clone();
        points.extend(features.iter().map(|features| place(&self.axes, features)));
        let conditions = [&self.conditions[..], conditions].concat();
        Self::new(self.axes.clone(), points, conditions, self.reach)
    }

    /// [`KNOWN_FACTOR`] times the conformal quantile of the distances of the training images to their nearest others;
    /// `None` for fewer than [`KNOWN_FROM`], or when they do not differ.
    fn known_reach(&self) -> Option<f32> {
        if self.points.len() < KNOWN_FROM {
            return None;
        }
        let mut distances: Vec<f32> =
            self.points.iter().map(|point| self.distances(point, NonZeroUsize::MIN.saturating_add(1))[1]).collect();
        distances.sort_by(f32::total_cmp);
        let rank = (KNOWN_SHARE * (distances.len() + 1) as f64).ceil() as usize;
        let quantile = distances[rank.clamp(1, distances.len()) - 1];
        (quantile > 0.0).then_some(KNOWN_FACTOR * quantile)
    }

    /// The distances to the `n` nearest points, ascending.
    fn distances(&self, place: &[f32; GATE_DIM], n: NonZeroUsize) -> Vec<f32> {
        let found = self.tree.query(place).nearest_n::<SquaredEuclidean<f32>>(n).execute();
        let mut distances: Vec<f32> = found.iter().map(|found| found.distance.sqrt()).collect();
        distances.sort_by(f32::total_cmp);
        distances
    }

    /// Distance to the nearest training image beyond which an image is of no known condition; `None` for no such limit.
    #[must_use]
    pub fn reach(&self) -> Option<f32> {
        self.reach
    }

    /// The axes, at most [`GATE_DIM`].
    #[must_use]
    pub fn axes(&self) -> &[GateAxis] {
        &self.axes
    }

    /// The standardised training images; unused dimensions are 0.
    #[must_use]
    pub fn points(&self) -> &[[f32; GATE_DIM]] {
        &self.points
    }

    /// Their conditions.
    #[must_use]
    pub fn conditions(&self) -> &[u32] {
        &self.conditions
    }

    /// The condition of most of the nearest training images, its share of the votes being the confidence; abstains when
    /// that share is below two thirds, and when the nearest is farther away than [`Self::reach`].
    #[must_use]
    pub fn admit(&self, features: &[f32]) -> Admission {
        let place = place(&self.axes, features);
        if let Some(reach) = self.reach
            && self.distances(&place, NonZeroUsize::MIN).first().is_some_and(|distance| *distance > reach)
        {
            return Admission::unknown();
        }
        let nearest = self.tree.query(&place).nearest_n::<SquaredEuclidean<f32>>(self.n_voters).execute();
        let votes: Vec<u32> = nearest.iter().map(|found| self.conditions[found.item as usize]).collect();
        tally(&votes)
    }
}

impl fmt::Debug for KnnGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnnGate").field("axes", &self.axes).field("n_points", &self.points.len()).finish()
    }
}

/// The tree follows from the points.
impl PartialEq for KnnGate {
    fn eq(&self, other: &Self) -> bool {
        (&self.axes, &self.points, &self.conditions, self.reach)
            == (&other.axes, &other.points, &other.conditions, other.reach)
    }
}

/// How often each condition was told, by cross-validation in five parts.
///
/// `[true condition][told condition]`; the last column counts the images at which the gate abstained.
///
/// # Errors
/// As [`KnnGate::learn`].
pub fn cross_validate(
    features: &[&[f32]],
    conditions: &[u32],
    n_conditions: usize,
) -> Result<Vec<Vec<usize>>, ConditionError> {
    let mut confusion = vec![vec![0; n_conditions + 1]; n_conditions];
    for fold in 0..N_FOLDS.min(features.len()) {
        let kept: Vec<usize> = (0..features.len()).filter(|i| i % N_FOLDS != fold).collect();
        let of_kept: Vec<&[f32]> = kept.iter().map(|i| features[*i]).collect();
        let known: Vec<u32> = kept.iter().map(|i| conditions[*i]).collect();
        let gate = if kept.is_empty() { None } else { Some(KnnGate::learn(&of_kept, &known)?) };
        for i in (fold..features.len()).step_by(N_FOLDS) {
            let told = gate.as_ref().and_then(|gate| gate.admit(features[i]).condition).unwrap_or(n_conditions);
            if let Some(count) = confusion.get_mut(conditions[i] as usize).and_then(|row| row.get_mut(told)) {
                *count += 1;
            }
        }
    }
    Ok(confusion)
}

/// Share of the images whose condition was told rightly; abstentions count as wrong. 0 without images.
#[must_use]
pub fn gate_accuracy(confusion: &[Vec<usize>]) -> f64 {
    let right: usize = confusion.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum();
    let all: usize = confusion.iter().flatten().sum();
    right as f64 / all.max(1) as f64
}

/// A feature's separation of the conditions, and its axis.
fn axis(features: &[&[f32]], conditions: &[u32], feature: usize) -> (f64, GateAxis) {
    let n = features.len() as f64;
    let mean = features.iter().map(|f| f64::from(f[feature])).sum::<f64>() / n;
    let total = features.iter().map(|f| (f64::from(f[feature]) - mean).powi(2)).sum::<f64>();
    let n_conditions = conditions.iter().max().map_or(0, |c| *c as usize + 1);
    let mut sums = vec![(0.0f64, 0.0f64); n_conditions];
    for (f, condition) in features.iter().zip(conditions) {
        let sum = &mut sums[*condition as usize];
        *sum = (sum.0 + f64::from(f[feature]), sum.1 + 1.0);
    }
    let between: f64 = sums.iter().filter(|s| s.1 > 0.0).map(|(sum, count)| count * (sum / count - mean).powi(2)).sum();
    let within = (total - between).max(total * 1e-9);
    let ratio = if within > 0.0 { between / within } else { 0.0 };
    let eta = if total > 0.0 { (between / total).sqrt().max(LEAST_ETA) } else { 1.0 };
    let unit = ((total / n).sqrt() / eta) as f32;
    (ratio, GateAxis { feature, mean: mean as f32, unit: if unit > 0.0 && unit.is_finite() { unit } else { 1.0 } })
}

fn place(axes: &[GateAxis], features: &[f32]) -> [f32; GATE_DIM] {
    let mut point = [0.0; GATE_DIM];
    for (value, axis) in point.iter_mut().zip(axes) {
        let found = features.get(axis.feature).copied().unwrap_or(axis.mean);
        // Far away is far away; the limit keeps squares finite.
        *value = ((found - axis.mean) / axis.unit).clamp(-1e6, 1e6);
    }
    point
}

fn tally(votes: &[u32]) -> Admission {
    let count = |condition: u32| votes.iter().filter(|v| **v == condition).count();
    let most = votes.iter().copied().max_by_key(|condition| (count(*condition), std::cmp::Reverse(*condition)));
    let Some(condition) = most else { return Admission::abstained() };
    let share = count(condition) as f32 / votes.len() as f32;
    if share < QUORUM {
        return Admission::abstained();
    }
    Admission { confidence: share, ..Admission::certain(condition as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn examples(n: usize, dim: usize, gap: f32, seed: u64) -> (Vec<Vec<f32>>, Vec<u32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let conditions: Vec<u32> = (0..n).map(|i| (i % 2) as u32).collect();
        let features = conditions
            .iter()
            .map(|c| (0..dim).map(|k| rng.random::<f32>() + if k == dim - 1 { gap * *c as f32 } else { 0.0 }).collect())
            .collect();
        (features, conditions)
    }

    fn slices(features: &[Vec<f32>]) -> Vec<&[f32]> {
        features.iter().map(Vec::as_slice).collect()
    }

    proptest! {
        #[test]
        fn the_vote_is_that_of_the_naive_search(n in 20usize..80, seed in 0u64..50) {
            let (features, conditions) = examples(n, 8, 0.5, seed);
            let gate = KnnGate::learn(&slices(&features), &conditions).unwrap();
            let (queries, _) = examples(10, 8, 0.5, seed + 1000);
            for query in queries {
                let at = place(gate.axes(), &query);
                let mut order: Vec<(f64, usize)> = gate
                    .points()
                    .iter()
                    .enumerate()
                    .map(|(i, p)| (p.iter().zip(&at).map(|(a, b)| f64::from(a - b).powi(2)).sum(), i))
                    .collect();
                order.sort_by(|a, b| a.0.total_cmp(&b.0));
                let votes: Vec<u32> = order[..15].iter().map(|(_, i)| conditions[*i]).collect();
                prop_assert_eq!(gate.admit(&query), tally(&votes));
            }
        }
    }

    #[test]
    fn of_many_features_those_that_separate_are_taken() {
        let (features, conditions) = examples(60, 40, 5.0, 1);
        let gate = KnnGate::learn(&slices(&features), &conditions).unwrap();
        assert_eq!((gate.axes().len(), gate.axes()[0].feature), (GATE_DIM, 39));
        let confusion = cross_validate(&slices(&features), &conditions, 2).unwrap();
        assert!(gate_accuracy(&confusion) > 0.9, "{confusion:?}");
        assert_eq!(confusion.iter().flatten().sum::<usize>(), 60);
    }

    #[test]
    fn conditions_that_look_alike_make_it_abstain_or_guess() {
        let (features, conditions) = examples(200, 8, 0.0, 2);
        let accuracy = gate_accuracy(&cross_validate(&slices(&features), &conditions, 2).unwrap());
        assert!(accuracy < 0.6, "{accuracy}");
    }

    #[test]
    fn a_tie_or_a_thin_majority_abstains() {
        assert_eq!(tally(&[0, 1]).condition, None);
        assert_eq!(tally(&[0, 1, 1, 1, 0]).condition, None);
        assert_eq!(tally(&[0, 1, 1]), Admission { confidence: 2.0 / 3.0, ..Admission::certain(1) });
    }

    #[test]
    fn far_from_all_examples_is_unknown_and_near_them_is_not() {
        let (features, conditions) = examples(100, 8, 0.5, 4);
        let gate = KnnGate::learn(&slices(&features), &conditions).unwrap();
        // By hand: the 99 % conformal quantile of 100 distances is the largest.
        let far = |a: &[f32; GATE_DIM], b: &[f32; GATE_DIM]| {
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
        };
        let nearest = |i: usize| {
            let others = gate.points().iter().enumerate().filter(|(k, _)| *k != i);
            others.map(|(_, p)| far(p, &gate.points()[i])).fold(f32::INFINITY, f32::min)
        };
        let largest = (0..100).map(nearest).fold(0.0, f32::max);
        let reach = gate.reach().unwrap();
        assert!((reach / (KNOWN_FACTOR * largest) - 1.0).abs() < 1e-4, "{reach} {largest}");
        assert!(features.iter().all(|f| !gate.admit(f).is_unknown));
        assert_eq!(gate.admit(&[1e4; 8]), Admission::unknown());
        let mut without = gate.clone();
        without.reach = None;
        assert!(!without.admit(&[1e4; 8]).is_unknown);
    }

    #[test]
    fn few_or_equal_examples_call_nothing_unknown() {
        let (features, conditions) = examples(KNOWN_FROM - 1, 8, 0.5, 4);
        assert_eq!(KnnGate::learn(&slices(&features), &conditions).unwrap().reach(), None);
        let same = vec![vec![1.0f32; 8]; 20];
        assert_eq!(KnnGate::learn(&slices(&same), &[0; 20]).unwrap().reach(), None);
    }

    #[test]
    fn a_condition_of_one_image_and_equal_images_serve() {
        let features = vec![vec![1.0f32; 8]; 100];
        let mut conditions = vec![0; 100];
        conditions[7] = 1;
        let gate = KnnGate::learn(&slices(&features), &conditions).unwrap();
        assert!(gate.admit(&features[0]).condition.is_some());
        assert!(matches!(KnnGate::learn(&[], &[]), Err(ConditionError::NoExamples)));
    }
}
