use super::*;
use proptest::prelude::*;

/// Every distance from the definition, sorted.
fn naive(bank: &MemoryBank, query: &[f32], k: usize, search: Search) -> Vec<(f64, u32)> {
    let mut all: Vec<(f64, u32)> = (0..bank.n_rows())
        .filter_map(|row| {
            let own = bank.origins()[row].condition as usize;
            let factor = match search {
                Search::All => 1.0,
                Search::Only { condition } if own != condition => return None,
                Search::Only { .. } => 1.0,
                Search::Penalised { condition, factor } => {
                    if own == condition {
                        1.0
                    } else {
                        f64::from(factor)
                    }
                }
            };
            let square: f64 =
                query.iter().zip(bank.row(row)).map(|(q, b)| (f64::from(*q) - f64::from(*b)).powi(2)).sum();
            Some((square.sqrt() * factor, row as u32))
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

fn bank(n_rows: usize, n_conditions: usize, seed: u32) -> MemoryBank {
    let value = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e7;
    let origins =
        (0..n_rows).map(|i| BankRow { condition: (i % n_conditions) as u32, source: 0, position: 0 }).collect();
    let rows = (0..n_rows * 3).map(value).collect();
    MemoryBank::new(rows, 3, origins, kernel::Metric::Euclidean).unwrap()
}

proptest! {
    #[test]
    fn what_two_banks_find_joined_is_what_one_of_all_rows_finds(
        n_first in 1usize..30, n_more in 1usize..30, n_conditions in 1usize..4, k in 1usize..5, left_out in 0u32..3,
        seed in any::<u32>(),
    ) {
        let all = bank(n_first + n_more, n_conditions, seed);
        let of = |range: std::ops::Range<usize>| {
            let origins = range.clone().map(|row| BankRow { source: row as u32 % 3, ..all.origins()[row] }).collect();
            MemoryBank::new(all.rows()[range.start * 3..range.end * 3].to_vec(), 3, origins, kernel::Metric::Euclidean).unwrap()
        };
        let (first, more) = (of(0..n_first), of(n_first..n_first + n_more));
        let all = of(0..n_first + n_more);
        let query = [0.7f32, 0.2, 1.1, 0.1, 0.9, 0.4];
        let is_left_out = |source: u32| source == left_out;
        let expected = all.nearest_by_condition_without(&query, k, &is_left_out).unwrap();
        let found = first.nearest_by_condition_without(&query, k, &is_left_out).unwrap();
        let found = found.joined(&more.nearest_by_condition_without(&query, k, &is_left_out).unwrap(), n_first as u32);
        for search in [Search::All, Search::Only { condition: 0 }, Search::Penalised { condition: 0, factor: 1.5 }] {
            prop_assert_eq!(found.under(search), expected.under(search));
        }
    }

    #[test]
    fn every_search_is_that_of_its_definition(
        n_rows in 3usize..40, n_conditions in 1usize..4, k in 1usize..5, condition in 0usize..3,
        factor in 1.0f32..3.0, seed in any::<u32>(),
    ) {
        let bank = bank(n_rows, n_conditions, seed);
        let condition = condition % n_conditions;
        let query = [0.7f32, 0.2, 1.1];
        for search in [Search::All, Search::Only { condition }, Search::Penalised { condition, factor }] {
            let found = bank.nearest_in(&[query, query].concat(), k, search).unwrap();
            let expected = naive(&bank, &query, k, search);
            prop_assert_eq!(found.k, expected.len());
            for half in 0..2 {
                for (i, (distance, _)) in expected.iter().enumerate() {
                    prop_assert!((f64::from(found.distances[half * found.k + i]) - distance).abs() < 1e-5);
                }
                prop_assert_eq!(found.indices[half * found.k], expected[0].1);
            }
        }
    }
}

#[test]
fn a_factor_of_one_changes_nothing_bit_for_bit() {
    let bank = bank(30, 3, 5);
    let queries: Vec<f32> = (0..21).map(|i| (i as f32).sin().abs()).collect();
    let all = bank.nearest(&queries, 4).unwrap();
    assert_eq!(bank.nearest_in(&queries, 4, Search::Penalised { condition: 1, factor: 1.0 }).unwrap(), all);
}

#[test]
fn all_lists_of_an_index_give_the_exact_answer_of_every_search() {
    let mut bank = bank(60, 3, 11);
    let queries: Vec<f32> = (0..30).map(|i| (i as f32).cos().abs()).collect();
    let searches = [Search::All, Search::Only { condition: 2 }, Search::Penalised { condition: 1, factor: 1.5 }];
    let exact: Vec<Neighbours> = searches.map(|s| bank.nearest_in(&queries, 4, s).unwrap()).into();
    let list_of = kernel::k_means(bank.rows(), 3, bank.metric(), 7).unwrap();
    bank.index(&list_of, 7).unwrap();
    for (search, exact) in searches.into_iter().zip(&exact) {
        assert_eq!(&bank.nearest_in(&queries, 4, search).unwrap(), exact);
    }
    bank.index(&list_of, 1).unwrap();
    for (search, exact) in searches.into_iter().zip(&exact) {
        let found = bank.nearest_in(&queries, 4, search).unwrap();
        assert!(found.distances.iter().zip(&exact.distances).all(|(found, exact)| found >= exact));
    }
    assert!(matches!(bank.index(&list_of[1..], 1), Err(BankError::Shape { expected: 60, found: 59, .. })));
}

#[test]
fn so_many_probes_as_are_said_to_be_needed_find_the_nearest_row_and_fewer_do_not() {
    let mut bank = bank(90, 3, 17);
    let queries: Vec<f32> = (0..90).map(|i| (i as f32 * 0.7).cos().abs()).collect();
    // Lists that have nothing to do with the rows' places.
    let list_of: Vec<u32> = (0..90).map(|row| row * row % 7).collect();
    bank.index(&list_of, usize::MAX).unwrap();
    let exact = bank.nearest(&queries, 1).unwrap();
    let needed = bank.probes_to_others(&queries, &|source| source == 7).unwrap().unwrap();
    assert!(needed.iter().any(|n| *n > 1), "{needed:?}");
    for (query, n) in needed.into_iter().enumerate() {
        let mut distance = |n_probes| {
            bank.set_probes(n_probes);
            bank.nearest(&queries[3 * query..][..3], 1).unwrap().distances[0]
        };
        assert_eq!(distance(n), exact.distances[query]);
        assert!(n == 1 || distance(n - 1) > exact.distances[query]);
    }
    assert_eq!(bank.probes_to_others(&queries, &|source| source == 0).unwrap(), None, "all rows come from there");
}

#[test]
fn a_condition_without_rows_is_searched_for_among_all() {
    let bank = bank(10, 2, 1);
    let all = bank.nearest(&[0.5; 3], 2).unwrap();
    assert_eq!(bank.nearest_in(&[0.5; 3], 2, Search::Only { condition: 9 }).unwrap(), all);
    assert_eq!(bank.nearest_in(&[0.5; 3], 2, Search::Penalised { condition: 9, factor: 2.0 }).unwrap(), all);
}

fn of_sources(rows: &[f32], dim: usize, sources: &[u32]) -> MemoryBank {
    let origins = sources.iter().map(|source| BankRow { condition: 0, source: *source, position: 0 }).collect();
    MemoryBank::new(rows.to_vec(), dim, origins, kernel::Metric::Euclidean).unwrap()
}

#[test]
fn leaving_an_image_out_heeds_the_search() {
    let origin = |condition, source| BankRow { condition, source, position: 0 };
    let origins = vec![origin(0, 0), origin(0, 1), origin(1, 2)];
    let bank = MemoryBank::new(vec![0.0, 4.0, 1.0], 1, origins, kernel::Metric::Euclidean).unwrap();
    let row = |source, search| bank.nearest_of_others(&[0.1], 1, source, search).unwrap().unwrap().indices[0];
    assert_eq!(row(0, Search::All), 2);
    assert_eq!(row(0, Search::Only { condition: 0 }), 1);
    assert_eq!(row(0, Search::Penalised { condition: 0, factor: 9.0 }), 1);
    // The condition has no rows of other images.
    assert_eq!(row(2, Search::Only { condition: 1 }), 0);
}

proptest! {
    #[test]
    fn leaving_an_image_out_equals_a_bank_without_it(
        rows in prop::collection::vec(-5i8..5, 2..60), queries in prop::collection::vec(-6i8..6, 1..12), left_out in 0u32..3,
        k in 1usize..5,
    ) {
        let rows: Vec<f32> = rows.chunks_exact(2).flatten().map(|v| f32::from(*v)).collect();
        let queries: Vec<f32> = queries.iter().flat_map(|v| [f32::from(*v), 0.5]).collect();
        let sources: Vec<u32> = (0..rows.len() as u32 / 2).map(|i| i * i % 3).collect();
        let kept: Vec<usize> = (0..sources.len()).filter(|i| sources[*i] != left_out).collect();
        let found = of_sources(&rows, 2, &sources).nearest_of_others(&queries, k, left_out, Search::All).unwrap();
        if kept.is_empty() {
            prop_assert!(found.is_none());
        } else {
            let others: Vec<f32> = kept.iter().flat_map(|i| [rows[2 * i], rows[2 * i + 1]]).collect();
            let expected = of_sources(&others, 2, &vec![9; kept.len()]).nearest(&queries, k).unwrap();
            let found = found.unwrap();
            prop_assert_eq!(found.distances, expected.distances);
            let rows: Vec<u32> = expected.indices.iter().map(|i| kept[*i as usize] as u32).collect();
            prop_assert_eq!(found.indices, rows);
        }
    }
}

proptest! {
    #[test]
    fn one_search_by_condition_answers_every_other(
        n_rows in 3usize..60, n_conditions in 1usize..4, k in 1usize..9, condition in 0usize..4,
        factor in 1.0f32..3.0, seed in any::<u32>(), left_out in prop::option::of(0u32..4),
    ) {
        let mut bank = bank(n_rows, n_conditions, seed);
        for (row, origin) in bank.origins.iter_mut().enumerate() {
            origin.source = (row * row % 4) as u32;
        }
        let queries: Vec<f32> = (0..21).map(|i| (i as f32 + seed as f32).sin().abs()).collect();
        let by_condition = bank.nearest_by_condition(&queries, k, left_out).unwrap();
        for search in [Search::All, Search::Only { condition }, Search::Penalised { condition, factor }] {
            let expected = match left_out {
                None => Some(bank.nearest_in(&queries, k, search).unwrap()),
                Some(source) => bank.nearest_of_others(&queries, k, source, search).unwrap(),
            };
            prop_assert_eq!(by_condition.under(search), expected, "{:?}", search);
        }
    }
}

#[test]
fn refuses_an_empty_bank_and_foreign_queries() {
    assert!(matches!(MemoryBank::new(vec![], 3, vec![], kernel::Metric::Euclidean), Err(BankError::Empty)));
    let found = of_sources(&[0.0, 1.0], 2, &[0]).nearest(&[1.0, 2.0, 3.0], 1);
    assert!(matches!(found, Err(BankError::DimMismatch { expected: 2, found: 3 })));
}

#[test]
fn more_neighbours_than_rows_gives_all_rows() {
    let found = of_sources(&[0.0, 1.0, 5.0], 1, &[0, 1, 2]).nearest(&[1.0], 9).unwrap();
    assert_eq!((found.k, found.indices), (3, vec![1, 0, 2]));
}
