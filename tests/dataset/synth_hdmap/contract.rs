//! What callers may rely on.

use pcore::synth::SynthError;
use pcore::synth::hdmap::{Condition, Domain, HdmapPlan, Label, MAX_MAPS_PER_SPLIT, Split, generate};

fn plan(n: usize) -> HdmapPlan {
    HdmapPlan { n_train: n, n_test_good: n, n_test_fault: n, ..HdmapPlan::new(Domain::C, 42) }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn same_plan_gives_the_same_bits_in_any_order() {
    let plan = plan(12);
    for split in Split::ALL {
        let forward: Vec<_> = (0..12).map(|k| generate(&plan, split, k).unwrap()).collect();
        for k in (0..12).rev() {
            let again = generate(&plan, split, k).unwrap();
            assert_eq!(bits(&again.values), bits(&forward[k].values));
            assert_eq!(again, forward[k]);
        }
    }
}

#[test]
fn seed_domain_split_and_index_each_change_the_map() {
    let base = plan(6);
    let map = generate(&base, Split::TrainGood, 0).unwrap();
    let others = [
        generate(&HdmapPlan { seed: 43, ..base.clone() }, Split::TrainGood, 0).unwrap(),
        generate(&HdmapPlan { domain: Domain::A, ..base.clone() }, Split::TrainGood, 0).unwrap(),
        generate(&base, Split::TestGood, 0).unwrap(),
        generate(&base, Split::TestFault, 0).unwrap(),
        generate(&base, Split::TrainGood, 1).unwrap(),
    ];
    for other in &others {
        let same = map.values.iter().zip(&other.values).filter(|(a, b)| a == b).count();
        assert!(same < 30, "{same} equal pixels");
    }
}

#[test]
fn training_maps_do_not_depend_on_any_count() {
    let (few, many) = (plan(10), HdmapPlan { n_test_good: 7, n_test_fault: 0, ..plan(1000) });
    for index in 0..10 {
        assert_eq!(generate(&few, Split::TrainGood, index).unwrap(), generate(&many, Split::TrainGood, index).unwrap());
    }
}

#[test]
fn test_maps_depend_on_the_count_of_their_own_folder_only_and_only_through_u() {
    let few = plan(10);
    let others = HdmapPlan { n_train: 3, n_test_good: 99, ..plan(10) };
    let many = plan(100);
    for index in 0..10 {
        let map = generate(&few, Split::TestFault, index).unwrap();
        assert_eq!(map, generate(&others, Split::TestFault, index).unwrap());
        let moved = generate(&many, Split::TestFault, index).unwrap();
        assert_eq!((&map.fault, &map.mask), (&moved.fault, &moved.mask));
        assert_ne!(map.u, moved.u);
    }
}

#[test]
fn test_folders_go_from_coldest_to_warmest_with_the_first_half_cold() {
    for n in [1, 2, 7, 50] {
        for split in [Split::TestGood, Split::TestFault] {
            let maps: Vec<_> = (0..n).map(|k| generate(&plan(n), split, k).unwrap()).collect();
            assert!(maps.windows(2).all(|pair| pair[0].u < pair[1].u));
            for (k, map) in maps.iter().enumerate() {
                let expected = if k < n.div_ceil(2) { Condition::Cold } else { Condition::Warm };
                assert_eq!(map.condition, expected, "{n} maps, index {k}");
                assert_eq!(map.label == Label::Fault, split == Split::TestFault);
                assert_eq!(map.fault.is_some(), map.label == Label::Fault);
            }
        }
    }
}

#[test]
fn every_prefix_of_the_training_maps_has_nearly_the_planned_cold_share_in_shuffled_order() {
    for cold_share in [0.0, 0.26, 0.5, 0.9, 1.0] {
        let plan = HdmapPlan { cold_share, ..plan(160) };
        let cold: Vec<bool> =
            (0..160).map(|k| generate(&plan, Split::TrainGood, k).unwrap().condition == Condition::Cold).collect();
        for block in [16, 32, 96, 160] {
            let count = cold[..block].iter().filter(|cold| **cold).count() as f64;
            assert!((count - cold_share * block as f64).abs() <= 1.0, "share {cold_share}, first {block}: {count}");
        }
        if cold_share == 0.5 {
            let changes = cold.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!((50..110).contains(&changes), "{changes} changes of condition");
        }
    }
}

#[test]
fn values_are_positive_and_finite_and_warm_faults_exceed_one() {
    let plan = plan(100);
    let mut beyond_one = 0;
    for split in Split::ALL {
        for index in 0..100 {
            let map = generate(&plan, split, index).unwrap();
            assert_eq!(map.values.len(), 31 * 95);
            assert!(map.values.iter().all(|v| v.is_finite() && *v > 0.0));
            let spikes = map.values.iter().any(|v| *v > 1.0);
            beyond_one += usize::from(spikes && map.label == Label::Fault && map.condition == Condition::Warm);
        }
    }
    assert!(beyond_one >= 45, "{beyond_one} of 50");
}

#[test]
fn faults_are_thin_broken_horizontal_lines_of_the_stated_size() {
    let plan = plan(200);
    let (mut two_rows, mut broken) = (0, 0);
    for index in 0..200 {
        let fault = generate(&plan, Split::TestFault, index).unwrap().fault.unwrap();
        let span = fault.columns[fault.columns.len() - 1] - fault.columns[0] + 1;
        assert!(fault.rows.end <= 31 && (1..=2).contains(&fault.rows.len()));
        assert!(fault.columns.windows(2).all(|pair| pair[0] < pair[1]) && span <= 80);
        two_rows += usize::from(fault.rows.len() == 2);
        broken += usize::from(fault.columns.len() < span);
    }
    assert!((60..140).contains(&two_rows) && broken > 180, "{two_rows} of two rows, {broken} broken");
}

#[test]
fn rejects_plans_and_indices_that_make_no_sense() {
    let base = plan(4);
    assert!(matches!(
        generate(&base, Split::TestGood, 4),
        Err(SynthError::NoSuchMap { split: Split::TestGood, index: 4, count: 4 })
    ));
    for cold_share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let plan = HdmapPlan { cold_share, ..base.clone() };
        assert!(matches!(generate(&plan, Split::TrainGood, 0), Err(SynthError::ColdShare { .. })));
    }
    let plan = HdmapPlan { n_test_fault: MAX_MAPS_PER_SPLIT + 1, ..base };
    assert!(matches!(plan.validate(), Err(SynthError::TooManyMaps { split: Split::TestFault, .. })));
}
