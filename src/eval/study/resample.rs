//! Bootstrap over images and seeds at once.
//!
//! A resample draws images with replacement within each class and known condition, so that it has as many of each as the
//! data, and seeds with replacement where there are several (a two-stage bootstrap: Davison and Hinkley, *Bootstrap Methods
//! and their Application*, 1997, section 3.8). All cells are measured on the same resamples, so a difference of two cells is
//! paired: what makes images hard for both cancels out.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Figure;
use super::figure::{Ready, Truth};
use crate::eval::Interval;
use crate::eval::bootstrap::percentile;

/// Coverage of every interval.
const CONFIDENCE: f64 = 0.95;
/// Seed of the draws: all studies on as many images draw alike.
const SEED: u64 = 0;

/// How often each image counts in each resample.
pub(super) struct Resamples {
    weights: Vec<Vec<u32>>,
}

impl Resamples {
    pub(super) fn draw(truth: &Truth, n_resamples: usize) -> Self {
        let mut strata: BTreeMap<(bool, Option<usize>), Vec<usize>> = BTreeMap::new();
        for (i, (anomalous, condition)) in truth.anomalous.iter().zip(&truth.condition).enumerate() {
            strata.entry((*anomalous, *condition)).or_default().push(i);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut one = || {
            let mut weights = vec![0; truth.anomalous.len()];
            for stratum in strata.values() {
                for _ in 0..stratum.len() {
                    weights[stratum[rng.random_range(0..stratum.len())]] += 1;
                }
            }
            weights
        };
        Self { weights: (0..n_resamples).map(|_| one()).collect() }
    }

    /// The figure of a run on the images of which `member` is true: as they are, and in each resample.
    pub(super) fn measure(&self, run: &Ready<'_>, figure: Figure, member: &[bool]) -> Measured {
        let of = |weights: &[u32]| {
            let part: Vec<u32> = weights.iter().zip(member).map(|(w, m)| if *m { *w } else { 0 }).collect();
            run.figure(figure, &part)
        };
        let estimate = of(&vec![1; member.len()]);
        // What is not defined on the data is not in a resample of it either.
        let draws = if estimate.is_some() { self.weights.iter().map(|weights| of(weights)).collect() } else { vec![] };
        Measured { estimate, draws }
    }
}

/// A figure of one run, on the data and in each resample.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    estimate: Option<f64>,
    draws: Vec<Option<f64>>,
}

/// Mean over seeds and its interval; `None` where the figure is undefined.
pub(super) fn interval(runs: &[&Measured]) -> Option<Interval> {
    combine(runs.len(), &|seed| runs[seed].estimate, &|seed, draw| runs[seed].draws[draw], runs.first()?.draws.len())
}

/// Mean over seeds of the difference of paired runs, and its interval.
pub(super) fn difference(runs: &[(&Measured, &Measured)]) -> Option<Interval> {
    let minus = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    combine(
        runs.len(),
        &|seed| minus(runs[seed].0.estimate, runs[seed].1.estimate),
        &|seed, draw| minus(runs[seed].0.draws[draw], runs[seed].1.draws[draw]),
        runs.first().map_or(0, |(a, b)| a.draws.len().min(b.draws.len())),
    )
}

fn combine(
    n_seeds: usize,
    estimate: &dyn Fn(usize) -> Option<f64>,
    value: &dyn Fn(usize, usize) -> Option<f64>,
    n_draws: usize,
) -> Option<Interval> {
    let estimates: Vec<f64> = (0..n_seeds).map(estimate).collect::<Option<_>>()?;
    let mean = estimates.iter().sum::<f64>() / n_seeds as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED ^ n_seeds as u64);
    let mut figures = Vec::with_capacity(n_draws);
    for draw in 0..n_draws {
        let seeds: Vec<usize> = (0..n_seeds).map(|_| rng.random_range(0..n_seeds)).collect();
        let drawn: Option<Vec<f64>> = seeds.iter().map(|seed| value(*seed, draw)).collect();
        figures.extend(drawn.map(|drawn| drawn.iter().sum::<f64>() / n_seeds as f64));
    }
    if figures.is_empty() {
        return None;
    }
    figures.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { estimate: mean, low: percentile(&figures, tail), high: percentile(&figures, 1.0 - tail) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::study::Run;

    fn truth(n: usize) -> Truth {
        Truth {
            anomalous: (0..n).map(|i| i % 2 == 1).collect(),
            condition: (0..n).map(|i| Some((i / 2) % 2)).collect(),
            conditions: vec!["cold".to_owned(), "warm".to_owned()],
        }
    }

    fn run(n: usize, shift: f32, seed: u64) -> Run {
        let raw: Vec<f32> = (0..n)
            .map(|i| ((i * 37 + seed as usize * 11) % 101) as f32 / 101.0 + if i % 2 == 1 { shift } else { 0.0 })
            .collect();
        Run {
            cell: "baseline".to_owned(),
            seed,
            conditions: vec!["cold".to_owned(), "warm".to_owned()],
            n_rows: 1,
            calibrated: raw.clone(),
            raw,
            threshold: vec![0.9; n],
            told: vec![Some(0); n],
            nearest: vec![0; n],
        }
    }

    #[test]
    fn a_resample_has_as_many_of_each_class_and_condition_as_the_data() {
        let truth = truth(41);
        for weights in Resamples::draw(&truth, 50).weights {
            for anomalous in [false, true] {
                for condition in [0, 1] {
                    let is = |i: &usize| truth.anomalous[*i] == anomalous && truth.condition[*i] == Some(condition);
                    let members: Vec<usize> = (0..41).filter(is).collect();
                    let drawn: u32 = members.iter().map(|i| weights[*i]).sum();
                    assert_eq!(drawn as usize, members.len());
                }
            }
        }
    }

    #[test]
    fn a_paired_difference_is_narrower_than_its_parts_and_zero_for_one_cell() {
        let truth = truth(80);
        let resamples = Resamples::draw(&truth, 300);
        let runs: Vec<Run> = (0..3).flat_map(|seed| [run(80, 0.3, seed), run(80, 0.35, seed)]).collect();
        let measured: Vec<Measured> =
            runs.iter().map(|r| resamples.measure(&Ready::new(r, &truth), Figure::RawAuroc, &[true; 80])).collect();
        let pairs: Vec<(&Measured, &Measured)> = measured.chunks(2).map(|pair| (&pair[1], &pair[0])).collect();
        let paired = difference(&pairs).unwrap();
        let alone = interval(&[&measured[0], &measured[2], &measured[4]]).unwrap();
        assert!(paired.estimate > 0.0 && paired.low <= paired.estimate && paired.estimate <= paired.high);
        assert!(paired.high - paired.low < (alone.high - alone.low) / 2.0, "{paired:?} {alone:?}");
        let same = difference(&[(&measured[0], &measured[0])]).unwrap();
        assert_eq!((same.estimate, same.low, same.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn several_seeds_that_disagree_widen_the_interval() {
        let truth = truth(80);
        let resamples = Resamples::draw(&truth, 300);
        let measure = |r: &Run| resamples.measure(&Ready::new(r, &truth), Figure::RawAuroc, &[true; 80]);
        let (low, high) = (measure(&run(80, 0.1, 0)), measure(&run(80, 0.9, 0)));
        let alike = interval(&[&low, &low]).unwrap();
        let unlike = interval(&[&low, &high]).unwrap();
        assert!(unlike.high - unlike.low > alike.high - alike.low);
        assert!(interval(&[]).is_none());
    }
}
