//! The answer about a line, part by part.

use super::martingale::ln_sum;
use super::{Bet, Martingale, Ranks};
use crate::bundle::{Contents, LightEntry};
use crate::condition::{ALIKE_STATISTICS, Alike, LIGHT_STATISTICS, light_statistics};
use crate::image::Image;
use crate::infer::Inspection;
use crate::infer::convert::alike_of;
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
    /// Its [`ALIKE_STATISTICS`].
    pub alike: Option<[f32; 2]>,
}

impl Part<'_> {
    /// A number by its place among those of the light, then those of the features.
    fn number(&self, at: usize) -> Option<f32> {
        let of_light = self.light.as_ref().and_then(|light| light.get(at));
        let of_alike = || self.alike.as_ref()?.get(at.checked_sub(LIGHT_STATISTICS.len())?);
        of_light.or_else(of_alike).copied()
    }
}

/// One thing that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// `half`, or one of [`LIGHT_STATISTICS`] or [`ALIKE_STATISTICS`].
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
/// Two questions are asked. *Drift*: the light ([`light_statistics`]) and what the network sees beside the training images that
/// look most like it ([`Alike`]), two-sided, and whether more than half of the scores lie in
/// the upper half, however high they are, so that some defects are no drift; the capital is the mean over these. *Scores*: whether
/// scores are too high, which many defects in a short time make as well. Either is answered at `2 / delta`: whatever is said wrongly over a whole
/// run is said with a probability of `delta` at most, provided that the images are exchangeable with those of the calibration,
/// condition by condition.
#[derive(Clone, Debug)]
pub struct Drift {
    scores: BTreeMap<Option<String>, Ranks>,
    /// The training images as the network sees them, and the names of their conditions.
    known: Option<Alike>,
    names: Vec<String>,
    numbers: Vec<Number>,
    scored: Martingale,
    half: Option<Martingale>,
    random: ChaCha8Rng,
    state: DriftState,
}

/// One of the statistics of light or features.
#[derive(Clone, Debug)]
struct Number {
    name: String,
    /// Its place among them.
    at: usize,
    ranks: BTreeMap<Option<String>, Ranks>,
    martingale: Martingale,
}

impl Drift {
    /// Begins with the calibration scores of a bundle, and the light and the features of its training images. One of before bundles
    /// kept them has scores alone.
    #[must_use]
    pub fn new(contents: &Contents, plan: DriftPlan) -> Self {
        let names: Vec<&str> = contents.manifest.conditions.iter().map(|entry| entry.name.as_str()).collect();
        let of_scores = contents.score_condition.iter().map(|condition| *condition as usize);
        let scores = of_scores.zip(contents.scores_under(0).iter().map(|score| f64::from(*score)));
        Self::of(&names, &scores.collect::<Vec<_>>(), (contents.manifest.light.as_ref(), alike_of(contents)), plan)
    }

    /// Of conditions by name, scores each with the number of its condition, light and features.
    fn of(
        names: &[&str],
        scores: &[(usize, f64)],
        (known, alike): (Option<&LightEntry>, Option<Alike>),
        plan: DriftPlan,
    ) -> Self {
        let scores = by_condition(names, scores);
        let mut numbers = vec![];
        let number = |name: &str, at, ranks| {
            let martingale = Martingale::new(&BOTH, SHARE);
            Number { name: name.to_owned(), at, ranks, martingale }
        };
        for (at, name) in known.iter().flat_map(|light| light.names.iter().enumerate()) {
            let images = known.iter().flat_map(|light| &light.images);
            let values: Vec<(usize, f64)> =
                images.map(|image| (image.condition, f64::from(image.values[at]))).collect();
            let ranks = by_condition(names, &values);
            // Numbers of a later pcore say nothing here.
            if let Some(at) = LIGHT_STATISTICS.iter().position(|own| own == name) {
                numbers.push(number(name, at, ranks));
            }
        }
        if let Some(alike) = &alike {
            let of_name = |at: usize| (Some(names[at].to_owned()), alike.each(Some(at)));
            let own: Vec<_> = (0..names.len()).map(of_name).chain([(None, alike.each(None))]).collect();
            for (at, name) in ALIKE_STATISTICS.into_iter().enumerate() {
                let ranks = |values: &Vec<[f32; 2]>| Ranks::new(values.iter().map(|image| f64::from(image[at])));
                let ranks = own.iter().map(|(name, values)| (name.clone(), ranks(values))).collect();
                numbers.push(number(name, LIGHT_STATISTICS.len() + at, ranks));
            }
        }
        let has_scores = scores[&None].differ();
        Self {
            scores,
            known: alike,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            numbers,
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
        self.push_part(&self.part(light_statistics(image), inspection))
    }

    /// What is known of a part that is lit like this; of its features only where the inspection tells them
    /// ([`Inspector::set_pools`](crate::infer::Inspector::set_pools)).
    #[must_use]
    pub fn part<'a>(&self, light: [f32; 6], inspection: &'a Inspection) -> Part<'a> {
        let condition = inspection.condition.as_ref().map(crate::condition::Condition::as_str);
        let number = condition.and_then(|condition| self.names.iter().position(|own| own == condition));
        let pooled = self.known.as_ref().zip(inspection.pooled.as_ref());
        let alike = pooled.and_then(|(known, pooled)| known.numbers(pooled, light[0], number));
        Part { raw_score: Some(inspection.raw_score), condition, light: Some(light), alike }
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
        for number in &mut self.numbers {
            if let Some(value) = part.number(number.at) {
                let ranks = of_condition(&mut number.ranks, condition.as_ref());
                let p = ranks.push(f64::from(value), self.random.random());
                number.martingale.push(p);
            }
        }
        let log10 = |martingale: &Martingale| martingale.ln() / std::f64::consts::LN_10;
        let half = self.half.iter().map(|half| Evidence { name: "half".to_owned(), log10: log10(half) });
        let of_number = |number: &Number| Evidence { name: number.name.clone(), log10: log10(&number.martingale) };
        let numbers = self.numbers.iter().map(of_number);
        let state = &mut self.state;
        state.evidence = half.chain(numbers).collect();
        let all = self.half.iter().chain(self.numbers.iter().map(|number| &number.martingale)).map(Martingale::ln);
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
