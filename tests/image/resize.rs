//! Resizes: against Pillow, against a plain twin, and where each source pixel goes.

use pcore::image::{IMAGENET_MEAN, IMAGENET_STD, Image, ImageError, Mask, Preprocessing, Resize};
use proptest::prelude::*;

const EXACT: f32 = 1e-5;

fn plain(resize: Resize, height_px: usize, width_px: usize) -> Preprocessing {
    Preprocessing { mean: [0.0; 3], std: [1.0; 3], ..Preprocessing::imagenet(height_px, width_px, resize) }
}

/// One output value straight from the definition: every source pixel of the plane is weighed.
fn naive_bilinear(plane: &[f32], size: [usize; 2], target: [usize; 2], y: usize, x: usize) -> f64 {
    let weights = |position: usize, n_source: usize, n_target: usize| -> Vec<f64> {
        if n_source == n_target {
            return (0..n_source).map(|i| f64::from(u8::from(i == position))).collect();
        }
        let scale = n_source as f64 / n_target as f64;
        let centre = (position as f64 + 0.5) * scale;
        let reach = scale.max(1.0);
        let raw: Vec<f64> = (0..n_source).map(|i| (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0)).collect();
        let total: f64 = raw.iter().sum();
        raw.iter().map(|weight| weight / total).collect()
    };
    let rows = weights(y, size[0], target[0]);
    let columns = weights(x, size[1], target[1]);
    let mut sum = 0.0;
    for (i, row_weight) in rows.iter().enumerate() {
        for (j, column_weight) in columns.iter().enumerate() {
            sum += row_weight * column_weight * f64::from(plane[i * size[1] + j]);
        }
    }
    sum
}

fn image() -> impl Strategy<Value = Image> {
    (1_usize..24, 1_usize..24, prop_oneof![Just(1_usize), Just(3)]).prop_flat_map(|(h, w, c)| {
        prop::collection::vec(-2.0_f32..4.0, h * w * c).prop_map(move |pixels| Image::new(pixels, h, w, c).unwrap())
    })
}

fn any_resize() -> impl Strategy<Value = Resize> {
    prop_oneof![
        Just(Resize::StretchBilinear),
        Just(Resize::StretchNearest),
        Just(Resize::FitPad),
        (1_usize..40).prop_map(|shortest_px| Resize::ShortestCrop { shortest_px }),
    ]
}

proptest! {
    #[test]
    fn bilinear_equals_its_definition(image in image(), h in 1_usize..20, w in 1_usize..20) {
        let input = plain(Resize::StretchBilinear, h, w).apply(&image).unwrap();
        let size = [image.height_px(), image.width_px()];
        for channel in 0..3 {
            let source = channel % image.n_channels();
            let plane: Vec<f32> =
                image.pixels().iter().skip(source).step_by(image.n_channels()).copied().collect();
            for y in 0..h {
                for x in 0..w {
                    let expected = naive_bilinear(&plane, size, [h, w], y, x) as f32;
                    let found = input[(channel * h + y) * w + x];
                    prop_assert!((found - expected).abs() <= EXACT, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn every_resize_fills_its_visible_part_and_nothing_else(
        source in image(), resize in any_resize(), h in 1_usize..30, w in 1_usize..30,
    ) {
        // A constant image stays constant wherever it is visible; padding is 0.
        let n_values = source.height_px() * source.width_px();
        let constant =
            Image::new(vec![2.0; n_values], source.height_px(), source.width_px(), 1).unwrap();
        let preprocessing = plain(resize, h, w);
        let input = preprocessing.apply(&constant).unwrap();
        let placement = preprocessing.placement(source.height_px(), source.width_px());
        prop_assert!(!placement.input_rows().is_empty());
        prop_assert!(!placement.input_columns().is_empty());
        for y in 0..h {
            for x in 0..w {
                let visible =
                    placement.input_rows().contains(&y) && placement.input_columns().contains(&x);
                let found = input[y * w + x];
                let expected = if visible { 2.0 } else { 0.0 };
                prop_assert!((found - expected).abs() < EXACT, "({y}, {x}): {found}");
            }
        }
    }

    #[test]
    fn contains_is_the_rectangle_of_pixels_that_map_inside(
        source in image(), resize in any_resize(), h in 1_usize..30, w in 1_usize..30,
    ) {
        let placement = plain(resize, h, w).placement(source.height_px(), source.width_px());
        let inside = |value: f32, n: usize| value >= -0.5 - EXACT && value < n as f32 - 0.5 + EXACT;
        let outside = |value: f32, n: usize| value < -0.5 + EXACT || value >= n as f32 - 0.5 - EXACT;
        for y in 0..source.height_px() {
            for x in 0..source.width_px() {
                let (v, u) = (placement.to_input_y(y), placement.to_input_x(x));
                if placement.contains(y, x) {
                    prop_assert!(inside(v, h) && inside(u, w), "({y}, {x}) -> ({v}, {u})");
                } else {
                    prop_assert!(outside(v, h) || outside(u, w), "({y}, {x}) -> ({v}, {u})");
                }
            }
        }
    }
}

#[test]
fn apply_gives_the_same_bits_in_any_thread_and_order() {
    let pixels = (0..61 * 47 * 3).map(|i| (i as f32 * 0.7391).sin()).collect();
    let image = Image::new(pixels, 61, 47, 3).unwrap();
    for resize in ["stretch-bilinear", "stretch-nearest", "fit-pad", "shortest-crop:48"] {
        let preprocessing = Preprocessing::imagenet(40, 44, resize.parse().unwrap());
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let first = bits(preprocessing.apply(&image).unwrap());
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| bits(preprocessing.apply(&image).unwrap()))).collect();
            for run in runs {
                assert_eq!(run.join().unwrap(), first, "{resize}");
            }
        });
    }
}

#[test]
fn normalises_each_channel_with_its_own_statistics() {
    let image = Image::new(vec![0.2, 0.4, 1.7], 1, 1, 3).unwrap();
    let input = Preprocessing::imagenet(1, 1, Resize::StretchBilinear).apply(&image).unwrap();
    for channel in 0..3 {
        let expected = (image.pixels()[channel] - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel];
        assert_eq!(input[channel], expected);
    }
}

#[test]
fn fit_pad_centres_the_image_and_pads_with_the_mean() {
    let image = Image::new(vec![1.0; 31 * 95], 31, 95, 1).unwrap();
    let preprocessing = Preprocessing::imagenet(256, 256, Resize::FitPad);
    let placement = preprocessing.placement(31, 95);
    // 256 / 95 * 31 = 83.5 rows.
    assert_eq!(placement.input_rows(), 86..170);
    assert_eq!(placement.input_columns(), 0..256);
    assert_eq!((placement.source_rows(), placement.source_columns()), (0..31, 0..95));
    let input = preprocessing.apply(&image).unwrap();
    assert!(input[85 * 256..86 * 256].iter().all(|&value| value == 0.0));
    assert!(input[86 * 256..170 * 256].iter().all(|&value| value > 2.0));
    assert!(input[170 * 256..256 * 256].iter().all(|&value| value == 0.0));
}

#[test]
fn shortest_crop_leaves_the_ends_of_the_long_side_uninspected() {
    let preprocessing = Preprocessing::imagenet(224, 224, Resize::ShortestCrop { shortest_px: 256 });
    let placement = preprocessing.placement(512, 1024);
    assert_eq!(placement.offset_px(), (-16, -144));
    assert_eq!(placement.scale(), (0.5, 0.5));
    // Source row 32 has its centre at 32.5 * 0.5 - 16 = 0.25, row 31 at -0.25.
    assert_eq!((placement.source_rows(), placement.source_columns()), (32..480, 288..736));
    assert_eq!(placement.to_input_y(32), -0.25);
    assert!(placement.contains(32, 288) && !placement.contains(31, 288));
}

#[test]
fn a_sliver_is_cropped_without_resizing_all_of_it() {
    // 1 x 60 000 at a short side of 256 would be 15 million columns.
    let image = Image::new(vec![0.5; 60_000], 1, 60_000, 1).unwrap();
    let preprocessing = plain(Resize::ShortestCrop { shortest_px: 256 }, 224, 224);
    assert!(preprocessing.apply(&image).unwrap().iter().all(|&value| value == 0.5));
}

#[test]
fn one_pixel_works_with_every_resize() {
    let image = Image::new(vec![0.25], 1, 1, 1).unwrap();
    for resize in ["stretch-bilinear", "stretch-nearest", "fit-pad", "shortest-crop"] {
        let input = plain(resize.parse().unwrap(), 7, 7).apply(&image).unwrap();
        assert_eq!(input, vec![0.25; 3 * 49], "{resize}");
    }
}

#[test]
fn resize_names_survive_the_way_through_text() {
    for name in ["stretch-bilinear", "stretch-nearest", "fit-pad", "shortest-crop:366"] {
        let resize: Resize = name.parse().unwrap();
        assert_eq!(resize.to_string(), name);
        assert!(name.starts_with(resize.as_str()));
    }
    let default: Resize = "shortest-crop".parse().unwrap();
    assert_eq!(default, Resize::ShortestCrop { shortest_px: 256 });
    for wrong in ["", "bilinear", "shortest-crop:", "shortest-crop:0", "fit-pad:3", "Fit-Pad"] {
        let error = wrong.parse::<Resize>().unwrap_err();
        assert!(error.to_string().contains("stretch-bilinear"), "{error}");
    }
}

#[test]
fn refuses_preprocessing_that_cannot_be_applied() {
    let image = Image::new(vec![0.5], 1, 1, 1).unwrap();
    let good = Preprocessing::imagenet(8, 8, Resize::StretchBilinear);
    assert!(good.apply(&image).is_ok());
    let huge = Resize::ShortestCrop { shortest_px: usize::MAX };
    for wrong in [
        Preprocessing { height_px: 0, ..good.clone() },
        Preprocessing { width_px: usize::MAX, ..good.clone() },
        Preprocessing { std: [0.2, 0.0, 0.2], ..good.clone() },
        Preprocessing { std: [0.2, f32::NAN, 0.2], ..good.clone() },
        Preprocessing { mean: [f32::INFINITY, 0.0, 0.0], ..good.clone() },
        Preprocessing { resize: huge, ..good.clone() },
    ] {
        let error = wrong.apply(&image).unwrap_err();
        assert!(matches!(error, ImageError::Preprocessing { .. }), "{error}");
        // Sizes that no image has must not panic either.
        wrong.placement(0, 0);
        wrong.placement(usize::MAX, 1);
    }
}

#[test]
fn refuses_values_that_overflow_in_normalisation() {
    let image = Image::new(vec![1e9], 1, 1, 1).unwrap();
    let tiny = Preprocessing { std: [1e-30; 3], ..Preprocessing::imagenet(4, 4, Resize::StretchBilinear) };
    let error = tiny.apply(&image).unwrap_err();
    assert!(matches!(error, ImageError::Overflow { channel: 0 }), "{error}");
}

#[test]
fn masks_shrink_and_grow_by_the_nearest_pixel() {
    let mask = Mask { values: vec![true, false, false, false, true, true], height_px: 2, width_px: 3 };
    assert_eq!(mask.resize_nearest(2, 3), mask);
    let grown = mask.resize_nearest(4, 6);
    assert_eq!((grown.height_px, grown.width_px), (4, 6));
    assert_eq!(grown.values[..6], [true, true, false, false, false, false]);
    assert_eq!(grown.values[18..], [false, false, true, true, true, true]);
    // floor(0.5 * 3) = 1: the middle column; floor(0.5 * 2) = 1: the lower row.
    assert_eq!(mask.resize_nearest(1, 1).values, [true]);
}

#[test]
fn the_pixels_of_the_source_under_a_part_of_the_input_are_those_it_shows() {
    for resize in [Resize::StretchBilinear, Resize::FitPad, Resize::ShortestCrop { shortest_px: 72 }] {
        for (height, width) in [(31, 95), (1, 1), (3, 200), (64, 64), (480, 641)] {
            let placement = plain(resize, 64, 64).placement(height, width);
            let (rows, columns) = (placement.input_rows(), placement.input_columns());
            // Each pixel of the input, and all of them together, from edge to edge.
            for row in rows.clone() {
                let found = placement.source_box(row..row + 1, columns.clone());
                let (top, bottom) = (placement.source_edge_y(row), placement.source_edge_y(row + 1));
                let end = (found.top_px + found.height_px) as f64;
                assert!(found.top_px as f64 <= top + 1e-9 && bottom <= end + 1e-9, "{resize:?} {height} {row}");
                assert!(
                    found.top_px as f64 + 1.0 > top - 1e-9 && bottom > end - 1.0 - 1e-9,
                    "{resize:?} {height} {row}"
                );
            }
            let all = placement.source_box(rows, columns);
            let (seen_rows, seen_columns) = (placement.source_rows(), placement.source_columns());
            assert!(all.top_px <= seen_rows.start && all.top_px + all.height_px >= seen_rows.end);
            assert!(all.left_px <= seen_columns.start && all.left_px + all.width_px >= seen_columns.end);
            assert!(all.top_px + all.height_px <= height && all.left_px + all.width_px <= width);
        }
    }
}
