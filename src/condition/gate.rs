//! Gates: which condition an image is in, told from the image alone.

use super::admission::{Admission, KNOWN_FROM};
use super::pooling::{Pooled, Pooling};
use super::{ConditionError, KnnGate, intensity_statistics, percentile_90};
use crate::image::Image;
use rayon::prelude::*;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// One condition's intensity level: a normal distribution of the images' 90th percentiles.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level {
    share: f64,
    mean: f64,
    std: f64,
}

impl Level {
    /// Of labelled values; `None` where there are none.
    fn of(values: &[f64], n_all: usize) -> Option<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Some(Self { share: n / n_all as f64, mean, std: variance.sqrt() })
    }

    fn log_density(&self, value: f64, floor: f64) -> f64 {
        let std = self.std.max(floor);
        self.share.ln() - std.ln() - 0.5 * ((value - self.mean) / std).powi(2)
    }
}

/// Tells the condition of an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Gate {
    /// There is one condition, and every image is in it.
    Single,
    /// By the 90th intensity percentile: above `limit` the second condition, else the first.
    P90 {
        /// The limit.
        limit: f32,
        /// Width of the zone around the limit over which the confidence rises from 1/2 to about 0.9.
        softness: f32,
        /// The lowest and the highest level at which each condition that has training images is known, see
        /// [`Gate::p90`]. An image outside all of them is of no known condition; without ranges every image is of one.
        known: Vec<[f32; 2]>,
    },
    /// By the intensity statistics of the nearest training images.
    Intensity(KnnGate),
    /// By the pooled descriptors of the nearest training images, for conditions that differ in texture.
    Embedding(KnnGate),
    /// Nothing in the image is known to tell: the condition must be given with it.
    Abstain,
}

/// How far outside the levels of its training images a condition is still known, in robust standard deviations. A fault
/// raises the level too: by up to 6 deviations above the mean of its condition in the simulated gearbox.
pub const KNOWN_DEVIATIONS: f64 = 8.0;
impl Gate {
    /// The condition of an image with these patch descriptors.
    ///
    /// # Shapes
    /// `descriptors`: `[n_patches, dim]`.
    #[must_use]
    pub fn admit(&self, image: &Image, descriptors: &[f32], dim: usize) -> Admission {
        match self.admit_by::<Infallible>(image, &|| Ok(Self::pooled(descriptors, dim))) {
            Ok(admission) => admission,
            Err(never) => match never {},
        }
    }

    /// The same of descriptors that are pooled only where they count.
    pub(crate) fn admit_by<E>(&self, image: &Image, pooled: Pooled<'_, E>) -> Result<Admission, E> {
        Ok(match self {
            Self::Single => Admission::certain(0),
            Self::P90 { limit, softness, known } => by_level(percentile_90(&image.luma()), *limit, *softness, known),
            Self::Intensity(gate) => gate.admit(&intensity_statistics(&image.luma())),
            Self::Embedding(gate) => gate.admit(&pooled()?),
            Self::Abstain => Admission::abstained(),
        })
    }

    /// Mean and standard deviation of each descriptor value over the patches.
    ///
    /// # Shapes
    /// `descriptors`: `[n_patches, dim]`. Result: `[2 dim]`, means first.
    #[must_use]
    pub fn pooled(descriptors: &[f32], dim: usize) -> Vec<f32> {
        let mut pooling = Pooling::new(dim);
        pooling.add(descriptors);
        pooling.finish()
    }

    /// A percentile gate at `limit`, its softness a quarter of the distance between the two levels it separates.
    ///
    /// A condition is known from its lowest training image less [`KNOWN_DEVIATIONS`] robust standard deviations (1.4826
    /// times the median distance from the median; the ordinary one, or that of all conditions, where it is larger) to its
    /// highest one plus as much. With fewer than [`KNOWN_FROM`] images, or no deviation, there are no such ranges.
    #[must_use]
    pub fn p90(limit: f32, p90s: &[f32]) -> Self {
        let mean = |above: bool| {
            let side: Vec<f64> = p90s.iter().filter(|v| (**v > limit) == above).map(|v| f64::from(*v)).collect();
            if side.is_empty() { f64::from(limit) } else { side.iter().sum::<f64>() / side.len() as f64 }
        };
        let softness = ((mean(true) - mean(false)) / 4.0) as f32;
        let softness = softness.max(limit.abs() * 1e-3).max(f32::MIN_POSITIVE);
        Self::P90 { limit, softness, known: known_ranges(limit, p90s) }
    }
}

fn known_ranges(limit: f32, p90s: &[f32]) -> Vec<[f32; 2]> {
    if p90s.len() < KNOWN_FROM {
        return vec![];
    }
    let sides = [false, true]
        .map(|above| -> Vec<f64> { p90s.iter().filter(|v| (**v > limit) == above).map(|v| f64::from(*v)).collect() });
    let sides: Vec<(f64, Vec<f64>)> =
        sides.into_iter().filter(|side| !side.is_empty()).map(|side| (median(&side), side)).collect();
    let from_median =
        |(centre, side): &(f64, Vec<f64>)| -> Vec<f64> { side.iter().map(|v| (v - centre).abs()).collect() };
    let robust = |distances: &[f64]| 1.4826 * median(distances);
    let of_all = robust(&sides.iter().flat_map(from_median).collect::<Vec<_>>());
    let range = |side: &(f64, Vec<f64>)| {
        let distances = from_median(side);
        let ordinary = (distances.iter().map(|d| d * d).sum::<f64>() / distances.len() as f64).sqrt();
        let reach = KNOWN_DEVIATIONS * robust(&distances).max(ordinary).max(of_all);
        let ends = side.1.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        (reach > 0.0).then_some([(ends.0 - reach) as f32, (ends.1 + reach) as f32])
    };
    sides.iter().map(range).collect::<Option<_>>().unwrap_or_default()
}

/// Of at least one value; the mean of the middle two of an even number.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// Which gate a fit makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateKind {
    /// By level where the level made the conditions; else the one with the best cross-validated accuracy.
    #[default]
    Auto,
    /// [`Gate::P90`].
    P90,
    /// [`Gate::Intensity`].
    Knn,
    /// [`Gate::Embedding`].
    Embedding,
}

impl FromStr for GateKind {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        match text {
            "auto" => Ok(Self::Auto),
            "p90" => Ok(Self::P90),
            "knn" => Ok(Self::Knn),
            "embedding" => Ok(Self::Embedding),
            _ => Err(ConditionError::GateKind { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for GateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::P90 => "p90",
            Self::Knn => "knn",
            Self::Embedding => "embedding",
        })
    }
}

fn by_level(p90: f32, limit: f32, softness: f32, known: &[[f32; 2]]) -> Admission {
    if !known.is_empty() && known.iter().all(|[low, high]| !(*low..=*high).contains(&p90)) {
        return Admission::unknown();
    }
    let distance = (p90 - limit).abs() / softness.max(f32::MIN_POSITIVE);
    let confidence = 1.0 / (1.0 + (-2.2 * distance).exp());
    Admission { confidence, ..Admission::certain(usize::from(p90 > limit)) }
}

/// Rounds of expectation maximisation; it settles within a few dozen.
const EM_ROUNDS: usize = 200;

/// Finds, without labels, the limit between two levels of `p90s`: a mixture of two normal distributions is fitted by
/// expectation maximisation (Dempster et al., 1977) from Otsu's split, and the limit is the sparsest place between their
/// means. Unlike Otsu's split alone it is not drawn towards the larger group when the shares are unequal.
///
/// # Errors
/// [`ConditionError::NoLimit`] for fewer than four images, or when all have the same level.
pub fn find_limit(p90s: &[f32]) -> Result<f32, ConditionError> {
    let mut values: Vec<f64> = p90s.iter().map(|v| f64::from(*v)).collect();
    values.sort_by(f64::total_cmp);
    let no_limit = || ConditionError::NoLimit { n_images: p90s.len() };
    let (Some(first), Some(last)) = (values.first().copied(), values.last().copied()) else { return Err(no_limit()) };
    if values.len() < 4 || last <= first {
        return Err(no_limit());
    }
    let cut = otsu(&values);
    let (below, above) = values.split_at(cut);
    let (Some(mut low), Some(mut high)) = (Level::of(below, values.len()), Level::of(above, values.len())) else {
        return Err(no_limit());
    };
    // A single value must not become a spike of infinite density.
    let floor = (last - first) * 1e-2;
    for _ in 0..EM_ROUNDS {
        let to_high: Vec<f64> = values
            .iter()
            .map(|v| 1.0 / (1.0 + (low.log_density(*v, floor) - high.log_density(*v, floor)).exp()))
            .collect();
        let (Some(next_low), Some(next_high)) = (weighted(&values, &to_high, false), weighted(&values, &to_high, true))
        else {
            break;
        };
        (low, high) = (next_low, next_high);
    }
    if low.mean >= high.mean {
        return Ok(((values[cut - 1] + values[cut]) / 2.0) as f32);
    }
    Ok(valley(&values, &low, &high, floor) as f32)
}

/// Places looked at between the means of two levels.
const N_PLACES: usize = 2000;

/// Where the values are sparsest between the means of two levels: the least value of a Gaussian kernel density estimate
/// with Silverman's bandwidth for the narrower level.
///
/// The crossing of the two normal distributions lies too near to the narrower level, whose tail is heavier than normal;
/// the sparsest place does not depend on the tails' shape.
fn valley(values: &[f64], low: &Level, high: &Level, floor: f64) -> f64 {
    let n = values.len() as f64;
    let bandwidth = 1.06 * low.std.min(high.std).max(floor) * n.powf(-0.2);
    let density = |place: f64| -> f64 { values.iter().map(|v| (-0.5 * ((v - place) / bandwidth).powi(2)).exp()).sum() };
    let place = |i: usize| low.mean + (high.mean - low.mean) * i as f64 / N_PLACES as f64;
    let densities: Vec<f64> = (0..=N_PLACES).into_par_iter().map(|i| density(place(i))).collect();
    let least = densities.iter().copied().fold(f64::INFINITY, f64::min);
    // Where nothing is near, the estimate underflows to the same zero all along: its middle is meant.
    let sparsest: Vec<usize> = (0..=N_PLACES).filter(|i| densities[*i] <= least).collect();
    place(sparsest[sparsest.len() / 2])
}

fn weighted(values: &[f64], to_high: &[f64], high: bool) -> Option<Level> {
    let weight = |w: &f64| if high { *w } else { 1.0 - *w };
    let total: f64 = to_high.iter().map(weight).sum();
    if total < 1.0 {
        return None;
    }
    let mean = values.iter().zip(to_high).map(|(v, w)| v * weight(w)).sum::<f64>() / total;
    let variance = values.iter().zip(to_high).map(|(v, w)| (v - mean).powi(2) * weight(w)).sum::<f64>() / total;
    Some(Level { share: total / values.len() as f64, mean, std: variance.sqrt() })
}

/// Otsu's split of sorted values: how many are in the lower group (at least one, not all).
fn otsu(sorted: &[f64]) -> usize {
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().sum();
    let (mut best, mut best_variance, mut sum) = (1, f64::NEG_INFINITY, 0.0);
    for (i, value) in sorted.iter().enumerate().take(sorted.len() - 1) {
        sum += value;
        let n_low = (i + 1) as f64;
        let between = n_low * (n - n_low) * (sum / n_low - (total - sum) / (n - n_low)).powi(2);
        if between > best_variance {
            (best, best_variance) = (i + 1, between);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    fn levels(n_low: usize, n_high: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |n: usize, mean: f32, std: f32| -> Vec<f32> {
            let normal = Normal::new(mean, std).unwrap();
            (0..n).map(|_| normal.sample(&mut rng)).collect()
        };
        let mut values = draw(n_low, 0.25, 0.012);
        values.extend(draw(n_high, 0.36, 0.02));
        values
    }

    #[test]
    fn the_limit_between_two_levels_is_found_at_any_shares() {
        for (n_low, n_high) in [(500, 500), (950, 50), (50, 950)] {
            let limit = find_limit(&levels(n_low, n_high)).unwrap();
            assert!((0.27..0.32).contains(&limit), "{n_low}:{n_high} gives {limit}");
        }
    }

    #[test]
    fn too_few_or_equal_levels_have_no_limit() {
        assert!(find_limit(&[]).is_err());
        assert!(find_limit(&[0.1, 0.2, 0.3]).is_err());
        assert!(find_limit(&[0.5; 20]).is_err());
    }

    #[test]
    fn confidence_grows_with_the_distance_from_the_limit() {
        let gate = Gate::p90(0.3, &levels(100, 100));
        let Gate::P90 { limit, softness, known } = gate.clone() else { panic!("another gate") };
        let admit = |p90: f32| by_level(p90, limit, softness, &known);
        let (near, far) = (admit(0.301), admit(0.4));
        assert_eq!((near.condition, far.condition, admit(0.2).condition), (Some(1), Some(1), Some(0)));
        assert!(near.confidence < 0.6 && far.confidence > 0.95, "{near:?} {far:?}");
        let image = Image::new(vec![0.4; 4], 2, 2, 1).unwrap();
        assert_eq!(gate.admit(&image, &[], 1).condition, Some(1));
        assert_eq!(Gate::Abstain.admit(&image, &[], 1), Admission::abstained());
    }

    #[test]
    fn a_level_far_from_all_conditions_is_unknown_and_a_fault_is_not() {
        let p90s = levels(500, 500);
        let Gate::P90 { limit, softness, known } = Gate::p90(0.3, &p90s) else { panic!("another gate") };
        let admit = |p90: f32| by_level(p90, limit, softness, &known);
        assert!(p90s.iter().all(|v| !admit(*v).is_unknown));
        // Six standard deviations above the warm mean.
        assert_eq!(admit(0.36 + 6.0 * 0.02).condition, Some(1));
        assert_eq!((admit(0.0), admit(0.9)), (Admission::unknown(), Admission::unknown()));
    }

    #[test]
    fn between_conditions_that_are_far_apart_there_is_unknown_land() {
        let p90s: Vec<f32> = (0..40).map(|i| if i % 2 == 0 { 0.1 } else { 0.8 } + i as f32 * 1e-4).collect();
        let Gate::P90 { limit, softness, known } = Gate::p90(0.45, &p90s) else { panic!("another gate") };
        assert_eq!(known.len(), 2);
        assert!(by_level(0.45, limit, softness, &known).is_unknown);
        assert_eq!(by_level(0.11, limit, softness, &known).condition, Some(0));
    }

    #[test]
    fn few_or_equal_levels_call_nothing_unknown() {
        let ranges = |p90s: &[f32]| known_ranges(0.3, p90s);
        assert!(ranges(&[]).is_empty() && ranges(&[0.2; 7]).is_empty() && ranges(&[0.2; 30]).is_empty());
        // One warm image borrows the deviation of the cold ones.
        let mut one: Vec<f32> = (0..20).map(|i| 0.2 + i as f32 * 1e-3).collect();
        one.push(0.5);
        let found = ranges(&one);
        assert_eq!(found.len(), 2);
        assert!(found[1][0] < 0.47 && found[1][1] > 0.53, "{found:?}");
        // A condition never seen has no range: its level is unknown.
        assert_eq!(ranges(&one[..20]).len(), 1);
    }

    #[test]
    fn pooling_takes_means_and_deviations_over_patches() {
        assert_eq!(Gate::pooled(&[1.0, 5.0, 3.0, 5.0], 2), [2.0, 5.0, 1.0, 0.0]);
    }
}
