//! The answer about a line, part by part.

use super::martingale::ln_sum;
use super::{Bet, Martingale, Ranks};
use crate::bundle::{Contents, LightEntry};
use crate::condition::{LIGHT_STATISTICS, light_statistics};
use crate::image::Image;
use crate::infer::Inspection;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Share of the capital that is spread anew after each part.
const SHARE: f64 = 0.002;
const POWERS: [Bet; 5] = [Bet::Power(0.1), Bet::Power(0.25), Bet::Power(0.5), Bet::Power(0.75), Bet::None];
/// On either end.
const BOTH: [Bet; 9] = [
    Bet::Power(0.1),
    Bet::Power(0.25),
    Bet::Power(0.5),
    Bet::Power(0.75),
    Bet::HighPower(0.1),
    Bet::HighPower(0.25),
    Bet::HighPower(0.5),
    Bet::HighPower(0.75),
    Bet::None,
];
const HALVES: [Bet; 5] = [Bet::Half(0.25), Bet::Half(0.5), Bet::Half(0.75), Bet::Half(0.95), Bet::None];

/// How drift is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DriftPlan {
    /// The probability of a false alarm of either kind, over the whole run, that is at most taken.
    pub delta: f64,
    /// Seed of what decides among equal numbers.
    pub seed: u64,
}

impl Default for DriftPlan {
    fn default() -> Self {
        Self { delta: 0.01, seed: 0 }
    }
}

/// What is known of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part<'a> {
    /// Its raw score under the bundle's policy.
    pub raw_score: Option<f32>,
    /// Its condition, where one was told.
    pub condition: Option<&'a str>,
    /// Its [`light_statistics`].
    pub light: Option<[f32; 6]>,
}

/// One thing that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// `scores`, `half`, or one of [`LIGHT_STATISTICS`].
    pub name: String,
    /// The decimal logarithm of its capital.
    pub log10: f64,
}

/// What is known of the line so far.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DriftState {
    /// Parts.
    pub n_parts: usize,
    /// The decimal logarithm of the mean capital of all evidence for drift.
    pub drift_log10: f64,
    /// That of the capital that bets on high scores.
    pub scores_log10: f64,
    /// Capital from which on either is an alarm: the decimal logarithm of `2 / delta`.
    pub limit_log10: f64,
    /// The part, from 1, at which drift was found.
    pub drift_at: Option<usize>,
    /// The part, from 1, at which too many high scores were found: defects, or drift.
    pub scores_at: Option<usize>,
    /// The evidence for drift, each for itself.
    pub evidence: Vec<Evidence>,
}

/// Looks for drift while parts come.
///
/// Two questions are asked. *Drift*: the light ([`light_statistics`], two-sided), and whether more than half of the scores lie in
/// the upper half, however high they are, so that some defects are no drift; the capital is the mean over these. *Scores*: whether
/// scores are too high, which many defects in a short time make as well. Either is answered at `2 / delta`: whatever is said wrongly over a whole
/// run is said with a probability of `delta` at most, provided that the images are exchangeable with those of the calibration,
/// condition by condition.
#[derive(Clone, Debug)]
pub struct Drift {
    scores: BTreeMap<Option<String>, Ranks>,
    light: Vec<Light>,
    scored: Martingale,
    half: Option<Martingale>,
    random: ChaCha8Rng,
    state: DriftState,
}

/// One of the statistics of light.
#[derive(Clone, Debug)]
struct Light {
    name: String,
    /// Its place among the statistics.
    at: usize,
    ranks: BTreeMap<Option<String>, Ranks>,
    martingale: Martingale,
}

impl Drift {
    /// Begins with the calibration scores and the light of the training images of a bundle. One of before bundles kept the light
    /// has scores alone.
    #[must_use]
    pub fn new(contents: &Contents, plan: DriftPlan) -> Self {
        let names: Vec<&str> = contents.manifest.conditions.iter().map(|entry| entry.name.as_str()).collect();
        let of_scores = contents.score_condition.iter().map(|condition| *condition as usize);
        let scores = of_scores.zip(contents.scores_under(0).iter().map(|score| f64::from(*score)));
        Self::of(&names, &scores.collect::<Vec<_>>(), contents.manifest.light.as_ref(), plan)
    }

    /// Of conditions by name, scores each with the number of its condition, and light.
    fn of(names: &[&str], scores: &[(usize, f64)], known: Option<&LightEntry>, plan: DriftPlan) -> Self {
        let scores = by_condition(names, scores);
        let mut light = vec![];
        for (at, name) in known.iter().flat_map(|light| light.names.iter().enumerate()) {
            let images = known.iter().flat_map(|light| &light.images);
            let values: Vec<(usize, f64)> =
                images.map(|image| (image.condition, f64::from(image.values[at]))).collect();
            let ranks = by_condition(names, &values);
            // Numbers of a later pcore say nothing here.
            if let Some(at) = LIGHT_STATISTICS.iter().position(|own| own == name) {
                light.push(Light { name: name.clone(), at, ranks, martingale: Martingale::new(&BOTH, SHARE) });
            }
        }
        let has_scores = scores[&None].differ();
        Self {
            scores,
            light,
            scored: Martingale::new(&POWERS, SHARE),
            half: has_scores.then(|| Martingale::new(&HALVES, SHARE)),
            random: ChaCha8Rng::seed_from_u64(plan.seed),
            state: DriftState {
                n_parts: 0,
                drift_log10: 0.0,
                scores_log10: 0.0,
                limit_log10: (2.0 / plan.delta).log10(),
                drift_at: None,
                scores_at: None,
                evidence: vec![],
            },
        }
    }

    /// Takes in an image with what was said of it.
    pub fn push(&mut self, image: &Image, inspection: &Inspection) -> &DriftState {
        self.push_part(&Part {
            raw_score: Some(inspection.raw_score),
            condition: inspection.condition.as_ref().map(crate::condition::Condition::as_str),
            light: Some(light_statistics(image)),
        })
    }

    /// Takes in a part; what is not known of it says nothing.
    pub fn push_part(&mut self, part: &Part<'_>) -> &DriftState {
        let condition = part.condition.map(str::to_owned);
        if let (Some(score), Some(half)) = (part.raw_score, &mut self.half) {
            let ranks = of_condition(&mut self.scores, condition.as_ref());
            let p = ranks.push(f64::from(score), self.random.random());
            self.scored.push(p);
            half.push(p);
        }
        for light in &mut self.light {
            if let Some(values) = &part.light {
                let ranks = of_condition(&mut light.ranks, condition.as_ref());
                let p = ranks.push(f64::from(values[light.at]), self.random.random());
                light.martingale.push(p);
            }
        }
        let log10 = |martingale: &Martingale| martingale.ln() / std::f64::consts::LN_10;
        let half = self.half.iter().map(|half| Evidence { name: "half".to_owned(), log10: log10(half) });
        let light =
            self.light.iter().map(|light| Evidence { name: light.name.clone(), log10: log10(&light.martingale) });
        let state = &mut self.state;
        state.evidence = half.chain(light).collect();
        let all = self.half.iter().chain(self.light.iter().map(|light| &light.martingale)).map(Martingale::ln);
        let n = state.evidence.len().max(1) as f64;
        state.n_parts += 1;
        state.drift_log10 =
            if state.evidence.is_empty() { 0.0 } else { (ln_sum(all) - n.ln()) / std::f64::consts::LN_10 };
        state.scores_log10 = log10(&self.scored);
        let reached = |log10: f64| (log10 >= state.limit_log10).then_some(state.n_parts);
        state.drift_at = state.drift_at.or(reached(state.drift_log10));
        state.scores_at = state.scores_at.or(reached(state.scores_log10));
        state
    }

    /// What is known so far.
    #[must_use]
    pub fn state(&self) -> &DriftState {
        &self.state
    }
}

/// The numbers of each condition, and under `None` all of them.
fn by_condition(names: &[&str], values: &[(usize, f64)]) -> BTreeMap<Option<String>, Ranks> {
    let own = |at: usize| Ranks::new(values.iter().filter(|(condition, _)| *condition == at).map(|(_, value)| *value));
    let named = names.iter().enumerate().map(|(at, name)| (Some((*name).to_owned()), own(at)));
    named.chain([(None, Ranks::new(values.iter().map(|(_, value)| *value)))]).collect()
}

/// The numbers that a part of this condition is compared with; of one that the bundle does not know, all.
fn of_condition<'a>(ranks: &'a mut BTreeMap<Option<String>, Ranks>, condition: Option<&String>) -> &'a mut Ranks {
    let key = condition.cloned().filter(|name| ranks.contains_key(&Some(name.clone())));
    ranks.entry(key).or_default()
}

#[cfg(test)]
mod tests;
