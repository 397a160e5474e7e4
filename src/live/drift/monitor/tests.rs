use super::*;
use crate::bundle::{LightEntry, LightImage};
use crate::condition::LIGHT_STATISTICS;
use rand_distr::{Distribution, StandardNormal};

/// Scores and light of calibration images.
struct Calibration<'a> {
    names: Vec<&'a str>,
    scores: Vec<(usize, f64)>,
    light: LightEntry,
}

impl<'a> Calibration<'a> {
    /// Of `n` images in each of these conditions, all standard normal.
    fn new(names: &[&'a str], n: usize, random: &mut ChaCha8Rng) -> Self {
        let mut normal = || -> f32 { StandardNormal.sample(random) };
        let conditions: Vec<usize> = (0..names.len() * n).map(|at| at / n).collect();
        let scores = conditions.iter().map(|condition| (*condition, f64::from(normal()))).collect();
        let image =
            |condition: &usize| LightImage { condition: *condition, values: (0..6).map(|_| normal()).collect() };
        let images: Vec<LightImage> = conditions.iter().map(image).collect();
        Self { names: names.to_vec(), scores, light: LightEntry::of(&LIGHT_STATISTICS, &images) }
    }

    fn drift(&self, plan: DriftPlan) -> Drift {
        Drift::of(&self.names, &self.scores, (Some(&self.light), None), plan)
    }
}

fn part<'a>(condition: &'a str, shift: (f32, f32), random: &mut ChaCha8Rng) -> Part<'a> {
    let normal = |random: &mut ChaCha8Rng| -> f32 { StandardNormal.sample(random) };
    let mut light: [f32; 6] = std::array::from_fn(|_| normal(random));
    light[0] += shift.1;
    Part { raw_score: Some(normal(random) + shift.0), condition: Some(condition), light: Some(light), alike: None }
}

#[test]
fn of_a_thousand_exchangeable_runs_no_more_end_in_an_alarm_than_were_promised() {
    let plan = DriftPlan { delta: 0.05, seed: 1 };
    let mut n_alarms = 0;
    for seed in 0..1000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Conditions in turn, calibrated by few images: a fixed list of so few would give alarms in most runs.
        let known = Calibration::new(&["cold", "warm"], 15, &mut random);
        let mut drift = known.drift(DriftPlan { seed, ..plan });
        for at in 0..400 {
            drift.push_part(&part(["cold", "warm"][at / 7 % 2], (0.0, 0.0), &mut random));
        }
        let state = drift.state();
        n_alarms += usize::from(state.drift_at.is_some() || state.scores_at.is_some());
    }
    // 50 were promised at most; a hundred in a million runs of such a test would see more than 77.
    assert!(n_alarms <= 77, "{n_alarms} of 1000");
}

#[test]
fn a_change_of_light_is_found_soon_also_after_a_long_quiet_time() {
    for n_quiet in [0, 1000] {
        let mut delays = vec![];
        for seed in 0..50 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let known = Calibration::new(&["all"], 60, &mut random);
            let mut drift = known.drift(DriftPlan { seed, ..DriftPlan::default() });
            for _ in 0..n_quiet {
                drift.push_part(&part("all", (0.0, 0.0), &mut random));
            }
            assert_eq!(drift.state().drift_at, None);
            let found = (1..=200).find(|_| drift.push_part(&part("all", (0.0, 4.0), &mut random)).drift_at.is_some());
            delays.push(found.unwrap_or(usize::MAX));
        }
        delays.sort_unstable();
        assert!(delays[25] <= 10 && delays[49] <= 20, "after {n_quiet}: {delays:?}");
    }
}

#[test]
fn defects_are_no_drift_and_many_at_a_time_are_seen_among_the_scores() {
    let count = |is_defect: fn(usize) -> bool| {
        let (mut n_drift, mut n_scores) = (0, 0);
        for seed in 0..50 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let known = Calibration::new(&["all"], 60, &mut random);
            let mut drift = known.drift(DriftPlan { seed, ..DriftPlan::default() });
            for at in 0..300 {
                // Whatever its score.
                let shift = if is_defect(at) { 50.0 } else { 0.0 };
                drift.push_part(&part("all", (shift, 0.0), &mut random));
            }
            n_drift += usize::from(drift.state().drift_at.is_some());
            n_scores += usize::from(drift.state().scores_at.is_some());
        }
        (n_drift, n_scores)
    };
    let (one_in_eight, _) = count(|at| at % 8 == 0);
    let (ten_in_a_row, seen) = count(|at| (100..110).contains(&at));
    assert!(one_in_eight <= 2 && ten_in_a_row <= 2, "{one_in_eight} and {ten_in_a_row} of 50");
    assert!(seen >= 45, "{seen} of 50");
}

#[test]
fn what_is_not_known_says_nothing_and_older_bundles_have_scores_alone() {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut known = Calibration::new(&["cold", "warm"], 20, &mut random);
    let mut drift = known.drift(DriftPlan::default());
    let state = drift.push_part(&Part::default());
    assert_eq!((state.n_parts, state.drift_log10, state.scores_log10), (1, 0.0, 0.0));
    assert_eq!(state.evidence.len(), 7);
    assert!((state.limit_log10 - 200f64.log10()).abs() < 1e-12);
    // Where all images were grey, coloured ones are a change.
    known.light.images.iter_mut().for_each(|image| image.values[3] = 0.0);
    let mut grey = known.drift(DriftPlan::default());
    for _ in 0..60 {
        grey.push_part(&Part { light: Some([0.0; 6]), condition: Some("cold"), ..Part::default() });
    }
    let tint = |drift: &Drift| drift.state().evidence.iter().find(|evidence| evidence.name == "tint").unwrap().log10;
    assert!(tint(&grey) < 0.5, "{:?}", grey.state());
    for _ in 0..20 {
        grey.push_part(&Part {
            light: Some([0.0, 0.0, 0.0, 0.1, 0.0, 0.0]),
            condition: Some("cold"),
            ..Part::default()
        });
    }
    assert!(tint(&grey) > 3.0, "{:?}", grey.state());
    let mut old = Drift::of(&known.names, &known.scores, (None, None), DriftPlan::default());
    for _ in 0..40 {
        old.push_part(&part("strange", (4.0, 0.0), &mut random));
    }
    assert!(old.state().drift_at.is_some() && old.state().evidence.len() == 1);
}
