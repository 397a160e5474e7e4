//! Figures by pixel: by hand, by the slow twin, and in bins against all pixels one by one.

use super::*;
use crate::eval::{image_auroc, twin};
use proptest::prelude::*;

fn map(values: &[f32], width_px: usize) -> AnomalyMap {
    AnomalyMap { values: values.to_vec(), height_px: values.len() / width_px, width_px }
}

fn value(found: Option<Bounded>) -> Option<f64> {
    found.map(|found| found.value)
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} != {expected}");
}

#[test]
fn aupro_matches_the_value_computed_by_hand() {
    // One row: two regions of 1 and 2 pixels, 4 background pixels.
    let map = map(&[9.0, 1.0, 2.0, 8.0, 5.0, 7.0, 0.0], 7);
    let mask = [true, false, false, true, true, false, false];
    let item = MaskedMap { map: &map, mask: &mask, inside: None };
    // Overlap .5 at 9, .75 at 8, FPR .25 at 7 (overlap .75), overlap 1 at 5,
    // then FPR .5 at 2 (overlap 1).
    close(aupro(&[item], 0.25).unwrap(), 0.75);
    close(aupro(&[item], 0.5).unwrap(), (0.25 * 0.75 + 0.25) / 0.5);
    close(aupro(&[item], 0.3).unwrap(), (0.25 * 0.75 + 0.05) / 0.3);
}

#[test]
fn a_tied_step_is_cut_at_the_limit_by_interpolation() {
    // Everything ties: the curve is the diagonal, cut at .3 the mean is .15.
    let map = map(&[1.0; 10], 5);
    let mut mask = [false; 10];
    mask[3] = true;
    let item = MaskedMap { map: &map, mask: &mask, inside: None };
    close(aupro(&[item], 0.3).unwrap(), 0.15);
    close(aupro(&[item], 1.0).unwrap(), 0.5);
    close(pixel_auroc(&[item]).unwrap(), 0.5);
}

#[test]
fn background_of_normal_images_counts() {
    let faulty = map(&[5.0, 1.0], 2);
    let normal = map(&[9.0, 9.0, 9.0, 9.0], 4);
    let items = [
        MaskedMap { map: &faulty, mask: &[true, false], inside: None },
        MaskedMap { map: &normal, mask: &[false; 4], inside: None },
    ];
    close(aupro(&items, 0.3).unwrap(), 0.0);
    close(aupro(&items[..1], 0.3).unwrap(), 1.0);
    close(pixel_auroc(&items).unwrap(), 0.2);
}

#[test]
fn pixels_that_do_not_count_are_as_if_they_were_not_there() {
    // The lower row does not count: neither its background, nor the region that hangs down into it.
    let values = [9.0, 1.0, 2.0, 8.0, 5.0, 7.0];
    let mask = [true, false, false, true, true, false];
    let (upper, both) = (map(&values, 6), map(&[&values[..], &[9.5; 6]].concat(), 6));
    let both_mask = [&mask[..], &[true, true, false, false, true, false]].concat();
    let inside: Vec<bool> = (0..12).map(|pixel| pixel < 6).collect();
    let item = [MaskedMap { map: &both, mask: &both_mask, inside: Some(&inside) }];
    let alone = [MaskedMap { map: &upper, mask: &mask, inside: None }];
    close(pixel_auroc(&item).unwrap(), pixel_auroc(&alone).unwrap().unwrap());
    close(aupro(&item, 0.3).unwrap(), aupro(&alone, 0.3).unwrap().unwrap());
    let short = MaskedMap { inside: Some(&inside[1..]), ..item[0] };
    assert!(matches!(pixel_auroc(&[short]), Err(EvalError::PixelCount { what: "region of interest", .. })));
}

#[test]
fn maps_without_regions_or_without_background_are_undefined() {
    let one = map(&[1.0], 1);
    for mask in [[false], [true]] {
        let item = MaskedMap { map: &one, mask: &mask, inside: None };
        assert_eq!(pixel_auroc(&[item]).unwrap(), None);
        assert_eq!(aupro(&[item], 0.3).unwrap(), None);
    }
    assert_eq!(pixel_auroc(&[]).unwrap(), None);
    assert_eq!(aupro(&[], 0.3).unwrap(), None);
}

#[test]
fn wrong_sizes_nan_and_bad_limits_are_errors() {
    let good = map(&[1.0, 2.0], 2);
    let nan = map(&[1.0, f32::NAN], 2);
    let mut lying = good.clone();
    lying.height_px = 7;
    let item = |map, mask| MaskedMap { map, mask, inside: None };
    let size = pixel_auroc(&[item(&good, &[true][..])]);
    assert!(matches!(size, Err(EvalError::PixelCount { what: "mask", .. })));
    let size = pixel_auroc(&[item(&lying, &[true, false][..])]);
    assert!(matches!(size, Err(EvalError::PixelCount { what: "map", .. })));
    let found = pixel_auroc(&[item(&good, &[true, false][..]), item(&nan, &[true, false][..])]);
    assert_eq!(found, Err(EvalError::NanScore { what: "map", index: 1 }));
    for limit in [0.0, -0.1, 1.1, f64::NAN] {
        let found = aupro(&[item(&good, &[true, false][..])], limit);
        assert!(matches!(found, Err(EvalError::FprLimit { .. })));
    }
}

#[test]
fn two_million_pixels_agree_with_the_image_ranking() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as u32
    };
    let values: Vec<f32> = (0..2_000_000).map(|_| (next() % 5000) as f32).collect();
    let mask: Vec<bool> = values.iter().map(|&v| v + (next() % 3000) as f32 > 6500.0).collect();
    let map = map(&values, 2000);
    let found = pixel_auroc(&[MaskedMap { map: &map, mask: &mask, inside: None }]).unwrap();
    assert_eq!(found, image_auroc(&values, &mask));
}

/// Maps and masks of a few pixels.
fn maps(images: &[(usize, Vec<(f32, bool)>)]) -> Vec<(AnomalyMap, Vec<bool>)> {
    let of = |(width, pixels): &(usize, Vec<(f32, bool)>)| {
        let n = pixels.len() / width * width;
        let values: Vec<f32> = pixels[..n].iter().map(|pixel| pixel.0).collect();
        (map(&values, *width), pixels[..n].iter().map(|pixel| pixel.1).collect())
    };
    images.iter().map(of).collect()
}

#[test]
fn what_a_tally_holds_is_bounded_whatever_comes() {
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let mut tally = PixelTally::within(1000, 64);
    for index in 0..50 {
        // A mask of many regions, and scores of all magnitudes.
        let values: Vec<f32> = (0..600).map(|_| f32::from_bits(next() % 0x7f80_0000)).collect();
        let mask: Vec<bool> = (0..600).map(|at| at % 3 == 0 && at / 30 % 2 == 0).collect();
        tally.add(MaskedMap { map: &map(&values, 30), mask: &mask, inside: None }, index % 5).unwrap();
        let n_regions = mask.iter().filter(|is_marked| **is_marked).count();
        assert!(tally.keys.len() <= 1000 && tally.bins.len() <= 64 && tally.segments.len() <= 4 * (n_regions + 1));
    }
    let ranking = tally.ranked();
    assert!(!ranking.is_exact() && ranking.keys.is_empty() && ranking.bins.len() <= 64);
    let n_pixels: u64 = ranking.totals.iter().map(|total| total.n_background).sum();
    assert_eq!(n_pixels, 50 * 500);
}

#[test]
fn where_scores_are_few_bins_are_exact() {
    let values: Vec<f32> = (0..2000).map(|at| ((at * 7919) % 50) as f32).collect();
    let mask: Vec<bool> = (0..2000).map(|at| at % 40 > 30 && at / 40 % 9 > 5).collect();
    let map = map(&values, 40);
    let item = MaskedMap { map: &map, mask: &mask, inside: None };
    let mut tally = PixelTally::within(300, 64);
    tally.add(item, 0).unwrap();
    let (ranking, exact) = (tally.ranked(), PixelRanking::new(&[item]).unwrap());
    assert!(ranking.is_exact() && !ranking.bins.is_empty());
    assert_eq!(ranking.auroc(|_| true), exact.auroc(|_| true));
    let found = ranking.aupro(0.3, |_| true).unwrap().unwrap();
    assert_eq!(found.error, 0.0);
    close(Some(found.value), exact.aupro(0.3, |_| true).unwrap().unwrap().value);
}

proptest! {
    #[test]
    fn figures_in_bins_are_as_near_to_the_exact_ones_as_they_say_in_any_order(
        images in prop::collection::vec((1usize..6, prop::collection::vec((0.0f32..9.0, any::<bool>()), 0..60)), 1..8),
        (most_exact, most_bins) in (1usize..40, 1usize..40),
        limit in prop::sample::select(vec![0.05, 0.3, 1.0]),
        kept in prop::collection::vec(any::<bool>(), 3),
    ) {
        let pairs = maps(&images);
        let items: Vec<MaskedMap<'_>> =
            pairs.iter().map(|(map, mask)| MaskedMap { map, mask, inside: None }).collect();
        let exact = PixelRanking::new(&items).unwrap();
        let binned = |order: &mut dyn Iterator<Item = usize>| {
            let mut tally = PixelTally::within(most_exact, most_bins);
            order.for_each(|index| tally.add(items[index], index % 3).unwrap());
            tally.ranked()
        };
        let (forwards, backwards) = (binned(&mut (0..items.len())), binned(&mut (0..items.len()).rev()));
        let pairs = [
            (exact.auroc(|map| kept[map % 3]), forwards.auroc(|group| kept[group]), backwards.auroc(|group| kept[group])),
            (
                exact.aupro(limit, |map| kept[map % 3]).unwrap(),
                forwards.aupro(limit, |group| kept[group]).unwrap(),
                backwards.aupro(limit, |group| kept[group]).unwrap(),
            ),
        ];
        for (exact, found, other) in pairs {
            prop_assert_eq!((exact.is_some(), exact.is_some()), (found.is_some(), other.is_some()));
            if let (Some(exact), Some(found), Some(other)) = (exact, found, other) {
                prop_assert_eq!(exact.error, 0.0);
                prop_assert!((exact.value - found.value).abs() <= found.error + 1e-12, "{:?} {:?}", exact, found);
                prop_assert!((found.value - other.value).abs() < 1e-12 && (found.error - other.error).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn pixel_figures_agree_with_the_threshold_sweep(
        images in prop::collection::vec(
            (1usize..5, prop::collection::vec((-2i8..3, any::<bool>()), 0..24)), 0..5),
        limit in prop::sample::select(vec![0.05, 0.3, 0.5, 1.0]),
        kept in prop::collection::vec(any::<bool>(), 5),
    ) {
        let pairs: Vec<(AnomalyMap, Vec<bool>)> = images.iter().map(|(width, pixels)| {
            let n = pixels.len() / width * width;
            let values: Vec<f32> = pixels[..n].iter().map(|pixel| f32::from(pixel.0) * 0.7).collect();
            (map(&values, *width), pixels[..n].iter().map(|pixel| pixel.1).collect())
        }).collect();
        let items: Vec<MaskedMap<'_>> = pairs.iter()
            .map(|(map, mask)| MaskedMap { map, mask, inside: None })
            .collect();
        let part: Vec<MaskedMap<'_>> = items.iter().zip(&kept)
            .filter_map(|(item, &kept)| kept.then_some(*item))
            .collect();
        let ranking = PixelRanking::new(&items).unwrap();
        let checks = [
            (value(ranking.auroc(|_| true)), twin::pixel_auroc(&items)),
            (value(ranking.aupro(limit, |_| true).unwrap()), twin::aupro(&items, limit)),
            (value(ranking.auroc(|map| kept[map])), twin::pixel_auroc(&part)),
            (value(ranking.aupro(limit, |map| kept[map]).unwrap()), twin::aupro(&part, limit)),
        ];
        for (fast, slow) in checks {
            prop_assert_eq!(fast.is_some(), slow.is_some());
            if let (Some(fast), Some(slow)) = (fast, slow) {
                prop_assert!((fast - slow).abs() < 1e-9, "{} != {}", fast, slow);
            }
        }
    }
}
