//! Agreement with the statistics of the real maps.

use std::collections::BTreeMap;

use pcore::synth::hdmap::{Condition, Domain, HdmapPlan, HealthMap, Split, generate};

use super::stats::{NAMES, angular_power_entropy, moments, otsu, p90, six};
use crate::shared::shared;

const GOLDEN: &str = include_str!("../../golden/hdmap_domain_c/groups.csv");
const GROUPS: [(&str, Split, Condition); 4] = [
    ("good_cold", Split::TestGood, Condition::Cold),
    ("fault_cold", Split::TestFault, Condition::Cold),
    ("good_warm", Split::TestGood, Condition::Warm),
    ("fault_warm", Split::TestFault, Condition::Warm),
];

/// Mean and sample deviation over the maps of a group, for each of [`NAMES`].
type Targets = BTreeMap<String, [(f64, f64); 6]>;

fn golden() -> Targets {
    let mut targets = Targets::new();
    let mut lines = 0;
    for line in GOLDEN.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let place = NAMES.iter().position(|name| *name == fields[2]).unwrap();
        let group = targets.entry(fields[0].to_owned()).or_insert([(0.0, 0.0); 6]);
        group[place] = (fields[3].parse().unwrap(), fields[4].parse().unwrap());
        lines += 1;
    }
    assert_eq!((lines, targets.len()), (24, 4));
    targets
}

fn maps(plan: &HdmapPlan, split: Split) -> Vec<HealthMap> {
    (0..plan.count(split)).map(|index| generate(plan, split, index).unwrap()).collect()
}

fn of_condition(maps: &[HealthMap], condition: Condition) -> Vec<&HealthMap> {
    maps.iter().filter(|map| map.condition == condition).collect()
}

#[test]
fn golden_groups_condense_the_real_table() {
    let Some(table) = shared("reference/domain_C_intensity_stats.csv") else { return };
    let table = std::fs::read_to_string(table).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (group, columns) = (place("full_condition"), NAMES.map(place));
    let mut found: BTreeMap<String, [Vec<f64>; 6]> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let values = found.entry(fields[group].to_owned()).or_default();
        for (values, column) in values.iter_mut().zip(columns) {
            values.push(fields[column].parse().unwrap());
        }
    }
    assert_eq!(found.len(), 4);
    for (group, targets) in golden() {
        for (values, (mean, deviation)) in found[&group].iter().zip(targets) {
            assert_eq!(values.len(), 500);
            let (m, s) = moments(values);
            assert!((m - mean).abs() < 2e-6 && (s * (500.0_f64 / 499.0).sqrt() - deviation).abs() < 2e-6, "{group}");
        }
    }
}

#[test]
fn domain_c_group_means_are_within_a_tenth_and_spreads_within_three_tenths() {
    let targets = golden();
    for seed in 0..3 {
        let plan = HdmapPlan::new(Domain::C, seed);
        for (group, split, condition) in GROUPS {
            let maps = maps(&plan, split);
            let found: Vec<[f64; 6]> = of_condition(&maps, condition).iter().map(|map| six(&map.values)).collect();
            assert_eq!(found.len(), 500);
            for (k, name) in NAMES.iter().enumerate() {
                let (mean, spread) = moments(&found.iter().map(|six| six[k]).collect::<Vec<_>>());
                let (real_mean, real_spread) = targets[group][k];
                let (of_mean, of_spread) = (mean / real_mean, spread / real_spread);
                println!(
                    "seed {seed} {group:10} {name:4} mean {mean:.4} real {real_mean:.4} ratio {of_mean:.3} | \
                     spread {spread:.4} real {real_spread:.4} ratio {of_spread:.2}"
                );
                assert!((0.9..=1.1).contains(&of_mean), "seed {seed} {group} {name}: {mean} is not {real_mean}");
                assert!((0.7..=1.3).contains(&of_spread), "seed {seed} {group} {name}: {spread} is not {real_spread}");
            }
        }
    }
}

#[test]
fn unsupervised_p90_limit_labels_at_least_94_percent_of_training_maps() {
    for domain in Domain::ALL {
        for (seed, cold_share) in [(0, 0.5), (1, 0.5), (2, 0.26), (3, 0.26), (4, 0.5)] {
            let plan = HdmapPlan { cold_share, ..HdmapPlan::new(domain, seed) };
            let maps = maps(&plan, Split::TrainGood);
            let tails: Vec<f64> = maps.iter().map(|map| p90(&map.values)).collect();
            let limit = otsu(&tails);
            let right = maps.iter().zip(&tails).filter(|(m, p)| (m.condition == Condition::Cold) == (**p < limit));
            let share = right.count() as f64 / maps.len() as f64;
            println!("{domain} seed {seed} cold share {cold_share}: limit {limit:.4}, {:.1} % right", 100.0 * share);
            assert!(share >= 0.94, "{domain} seed {seed}: {share}");
        }
    }
}

#[test]
fn published_p90_limit_errs_on_cold_faults_of_domain_c_as_it_does_on_real_maps() {
    for seed in 0..3 {
        let plan = HdmapPlan::new(Domain::C, seed);
        let mut right = [0.0; 4];
        for (right, (group, split, condition)) in right.iter_mut().zip(GROUPS) {
            let maps = maps(&plan, split);
            let maps = of_condition(&maps, condition);
            let agree =
                maps.iter().filter(|map| (p90(&map.values) < Domain::C.p90_limit()) == (condition == Condition::Cold));
            *right = agree.count() as f64 / maps.len() as f64;
            println!("seed {seed} {group}: {:.1} % right", 100.0 * *right);
        }
        let all = right.iter().sum::<f64>() / 4.0;
        // Real maps: 94.3 % of all, 77.2 % of cold faults.
        assert!((0.92..=0.98).contains(&all), "seed {seed}: {all}");
        assert!((0.67..=0.88).contains(&right[1]), "seed {seed}: {right:?}");
        assert!(right.iter().enumerate().all(|(k, share)| k == 1 || *share > 0.95), "seed {seed}: {right:?}");
    }
}

#[test]
fn every_domain_has_its_published_level_spread_and_directionality() {
    // Mean and deviation over all pixels of test good and test fault, angular power entropy of both.
    let real = [
        (Domain::A, [0.217, 0.098, 0.228, 0.088, 0.777, 0.850]),
        (Domain::B, [0.223, 0.097, 0.190, 0.080, 0.713, 0.855]),
        (Domain::C, [0.228, 0.075, 0.263, 0.096, 0.866, 0.889]),
        (Domain::D, [0.197, 0.086, 0.181, 0.076, 0.816, 0.887]),
    ];
    for (domain, real) in real {
        let plan = HdmapPlan { n_test_good: 200, n_test_fault: 200, ..HdmapPlan::new(domain, 0) };
        let mut found = [0.0; 6];
        for (k, split) in [Split::TestGood, Split::TestFault].into_iter().enumerate() {
            let maps = maps(&plan, split);
            let pixels: Vec<f64> = maps.iter().flat_map(|map| map.values.iter().map(|v| f64::from(*v))).collect();
            (found[2 * k], found[2 * k + 1]) = moments(&pixels);
            let some: Vec<f64> = maps.iter().step_by(8).map(|map| angular_power_entropy(&map.values)).collect();
            found[4 + k] = moments(&some).0;
        }
        println!("{domain} found {found:.3?}\n         real  {real:.3?}");
        for k in 0..4 {
            assert!((found[k] / real[k] - 1.0).abs() < 0.12, "{domain} {k}: {} is not {}", found[k], real[k]);
        }
        for k in 4..6 {
            assert!((found[k] - real[k]).abs() < 0.05, "{domain} {k}: {} is not {}", found[k], real[k]);
        }
        assert!(found[5] > found[4], "{domain}: faults are less directional");
    }
}

#[test]
fn white_noise_has_an_angular_power_entropy_near_one_and_stripes_near_zero() {
    let mut state = 1_u64;
    let noise: Vec<f32> = (0..31 * 95)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        })
        .collect();
    assert!(angular_power_entropy(&noise) > 0.98);
    let stripes: Vec<f32> = (0..31 * 95).map(|k| noise[k / 95]).collect();
    assert!(angular_power_entropy(&stripes) < 0.01);
}

/// After every map is brought to mean 0 and deviation 1, brightness and contrast changes are gone; what is left of
/// the difference between cold and warm is structure.
#[test]
fn conditions_differ_in_structure_beyond_brightness_and_contrast() {
    let standardised = |map: &HealthMap| -> Vec<f64> {
        let values: Vec<f64> = map.values.iter().map(|v| f64::from(*v)).collect();
        let (mean, std) = moments(&values);
        values.iter().map(|v| (v - mean) / std).collect()
    };
    let centre = |maps: &[&HealthMap]| -> Vec<f64> {
        let mut sum = vec![0.0; 31 * 95];
        for map in maps {
            sum.iter_mut().zip(standardised(map)).for_each(|(s, v)| *s += v / maps.len() as f64);
        }
        sum
    };
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    for domain in Domain::ALL {
        let plan = HdmapPlan { n_train: 200, n_test_good: 200, ..HdmapPlan::new(domain, 3) };
        let train = maps(&plan, Split::TrainGood);
        let cold = centre(&of_condition(&train, Condition::Cold));
        let warm = centre(&of_condition(&train, Condition::Warm));
        let test = maps(&plan, Split::TestGood);
        let right = test.iter().filter(|map| {
            let values = standardised(map);
            (apart(&values, &cold) < apart(&values, &warm)) == (map.condition == Condition::Cold)
        });
        assert!(right.count() >= 196, "{domain}");
    }
}
