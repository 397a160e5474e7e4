//! Values that lie elsewhere than the network expects them: said, or refused, and never the end of the others.

use crate::support::{expect, pcore, raw_scores, rows, text};
use pcore::bundle::Contents;
use pcore::image::write_tiff_f32;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SIDE: u32 = 48;

/// A grey picture of 16 bits whose brightest value is `full`.
fn write_u16(path: &Path, seed: u32, full: u16) {
    let value = |x: u32, y: u32| {
        let wave = ((x + seed) as f32 * 0.4).sin() * (y as f32 * 0.3).cos();
        (f32::from(full) * (0.5 + 0.5 * wave)) as u16
    };
    let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(SIDE, SIDE, |x, y| image::Luma([value(x, y)]));
    picture.save_with_format(path, image::ImageFormat::Png).unwrap();
}

/// A float map around 0.5; one pixel is `odd`.
fn write_float(path: &Path, seed: usize, scale: f32, odd: Option<f32>) {
    let side = SIDE as usize;
    let mut values: Vec<f32> =
        (0..side * side).map(|i| scale * (0.5 + 0.4 * ((i + 7 * seed) as f32 * 0.37).sin())).collect();
    if let Some(odd) = odd {
        values[side + 3] = odd;
    }
    write_tiff_f32(path, &values, side, side).unwrap();
}

fn folder_of(n: usize, write: impl Fn(&Path, usize)) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("good")).unwrap();
    for i in 0..n {
        write(&folder.path().join("good").join(format!("{i}.tiff")), i);
    }
    folder
}

#[test]
fn images_that_use_little_of_their_range_are_said_and_a_range_makes_them_whole() {
    let make = |full| folder_of(4, move |path, i| write_u16(path, i as u32, full));
    // 60 of 65520 values a step: a twelve-bit camera whose samples were shifted up, and one whose samples were not.
    let (whole, low) = (make(65_520), make(4095));
    let fit = |folder: &TempDir, extra: &[&str]| {
        let output = expect(0, pcore(folder.path()).args(["fit", "--normal", "good", "--quality", "fast"]).args(extra));
        text(&output.stderr)
    };
    assert!(!fit(&whole, &[]).contains("range"));
    let said = fit(&low, &[]);
    assert!(said.contains("warning") && said.contains("--range 0:4095"), "{said}");
    let ranged =
        expect(0, pcore(low.path()).args(["fit", "--normal", "good", "--quality", "fast", "--range", "0:4095"]));
    assert!(!text(&ranged.stderr).contains("warning"), "{}", text(&ranged.stderr));
    assert!(text(&ranged.stdout).contains("0:4095"), "{}", text(&ranged.stdout));
    // With its range the twelve-bit picture scores as the full one does, up to the rounding of the samples.
    fit(&whole, &["--range", "0:65520"]);
    let score = |folder: &TempDir| raw_scores(&expect(0, pcore(folder.path()).args(["infer", "good", "--json"])));
    let (a, b) = (score(&whole), score(&low));
    assert_eq!(a.len(), 4);
    for ((_, a), (_, b)) in a.iter().zip(&b) {
        assert!(
            (f32::from_bits(*a) - f32::from_bits(*b)).abs() < 0.05,
            "{} {}",
            f32::from_bits(*a),
            f32::from_bits(*b)
        );
    }
    let wrong = expect(2, pcore(low.path()).args(["fit", "--normal", "good", "--range", "5:5"]));
    assert!(text(&wrong.stderr).contains("MIN:MAX"), "{}", text(&wrong.stderr));
}

#[test]
fn kelvin_and_counts_are_said() {
    let kelvin = folder_of(4, |path, i| write_float(path, i, 600.0, None));
    let said = text(&expect(0, pcore(kelvin.path()).args(["fit", "--normal", "good"])).stderr);
    assert!(said.contains("warning") && said.contains("far from 0 to 1"), "{said}");
}

#[test]
fn a_value_too_large_fails_its_own_image_on_every_instruction_set() {
    let folder = folder_of(6, |path, i| write_float(path, i, 1.0, None));
    expect(0, pcore(folder.path()).args(["fit", "--normal", "good"]));
    let odd = folder.path().join("odd");
    fs::create_dir(&odd).unwrap();
    for (name, value) in
        [("a", None), ("b", Some(3e38)), ("c", Some(1e10)), ("d", Some(-1e15)), ("e", Some(4.3e9)), ("f", None)]
    {
        write_float(&odd.join(format!("{name}.tiff")), 9, 1.0, value);
    }
    let mut n_levels = 0;
    for level in ["portable", "avx2", "avx512"] {
        let output = expect(3, pcore(folder.path()).args(["infer", "odd", "--json"]).env("PCORE_SIMD", level));
        let found = rows(&output);
        assert_eq!(found.len(), 6, "{level}");
        for (name, row) in &found {
            let fails = name.contains("/b") || name.contains("/d");
            assert_eq!(!row["error"].is_null(), fails, "{level} {name}: {row}");
            if fails {
                assert!(row["error"].as_str().unwrap().contains("row 1, column 3"), "{row}");
            } else {
                assert!(row["raw_score"].as_f64().is_some_and(f64::is_finite), "{level} {name}: {row}");
            }
        }
        n_levels += 1;
    }
    assert_eq!(n_levels, 3);
    // Among training images it is left out, and moves no threshold.
    write_float(&folder.path().join("good/odd.tiff"), 3, 1.0, Some(-1e15));
    let output = expect(3, pcore(folder.path()).args(["fit", "--normal", "good", "--json"]));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let threshold = summary["manifest"]["calibration"]["global"]["threshold"].as_f64().unwrap();
    assert!(threshold < 100.0, "{threshold}");
}

#[test]
fn a_page_is_chosen_at_the_fit_and_at_the_inspection() {
    use tiff::encoder::{TiffEncoder, colortype::Gray8};
    let write = |path: &Path, seed: u32| {
        let mut file = fs::File::create(path).unwrap();
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        for page in 0..2 {
            let values: Vec<u8> = (0..SIDE * SIDE).map(|i| ((i * (3 + page) + 11 * seed) % 200) as u8).collect();
            encoder.write_image::<Gray8>(SIDE, SIDE, &values).unwrap();
        }
    };
    let folder = folder_of(4, |path, i| write(path, i as u32));
    let refused = expect(2, pcore(folder.path()).args(["fit", "--normal", "good"]));
    assert!(text(&refused.stderr).contains("--pages"), "{}", text(&refused.stderr));
    expect(0, pcore(folder.path()).args(["fit", "--normal", "good", "--pages", "2"]));
    let score = |extra: &[&str]| {
        raw_scores(&expect(0, pcore(folder.path()).args(["infer", "good", "--json", "--policy", "mixed"]).args(extra)))
    };
    let stored = score(&[]);
    assert_eq!(stored.len(), 4);
    assert_eq!(score(&["--pages", "2"]), stored);
    let missing = expect(3, pcore(folder.path()).args(["infer", "good", "--json", "--pages", "3"]));
    assert!(text(&missing.stdout).contains("page 3 was asked for"), "{}", text(&missing.stdout));
}

#[test]
fn a_score_that_is_not_finite_is_a_failure_of_its_image_alone() {
    use pcore::detect::DetectError;
    use pcore::flow::Pace;
    use pcore::infer::{Calibration, Inspector, inspect_all};
    let folder = folder_of(4, |path, i| write_float(path, i, 1.0, None));
    expect(0, pcore(folder.path()).args(["fit", "--normal", "good", "--quality", "fast", "--bundle", "b.pcore"]));
    let mut contents = Contents::read(&folder.path().join("b.pcore")).unwrap();
    // So small that a pixel of 1e10 leaves all bounds behind, and usual ones do not.
    contents.manifest.detector.features.as_mut().unwrap().preprocessing.std = [1e-12; 3];
    let device = pcore::model::OpenDevice::cpu();
    let inspector = Inspector::open(contents, &device).unwrap();
    write_float(&folder.path().join("good/2.tiff"), 2, 1.0, Some(1e10));
    let samples = pcore::dataset::inputs(&[folder.path().join("good")], None).unwrap().samples;
    let mut failed = vec![];
    let receive = |item: pcore::infer::Item<'_>| {
        match item.outcome {
            Ok((_, inspection)) => assert!(inspection.raw_score.is_finite()),
            Err(error) => failed.push(error.to_string()),
        }
        Ok::<_, DetectError>(())
    };
    inspect_all(
        &inspector,
        &samples,
        None,
        Calibration::default(),
        &Pace::default(),
        &pcore::progress::Silent,
        receive,
    )
    .unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("2.tiff") && failed[0].contains("can't be scored"), "{failed:?}");
}

#[test]
fn infer_says_when_values_lie_elsewhere_than_the_network_expects_them() {
    let usual = folder_of(4, |path, i| write_u16(path, i as u32, 65_520));
    expect(0, pcore(usual.path()).args(["fit", "--normal", "good", "--quality", "fast", "--bundle", "b.pcore"]));
    let bundle = usual.path().join("b.pcore");
    let said = |folder: &TempDir| {
        text(&expect(0, pcore(folder.path()).args(["infer", "good", "--bundle"]).arg(&bundle)).stderr)
    };
    assert!(!said(&usual).contains("warning"), "{}", said(&usual));
    for (folder, range) in [
        (folder_of(3, |path, i| write_u16(path, i as u32, 4095)), "--range 0:4095"),
        (folder_of(3, |path, i| write_float(path, i, 4000.0, None)), "far from 0 to 1"),
    ] {
        let said = said(&folder);
        assert!(said.contains("warning") && said.contains(range) && said.contains("mean nothing"), "{said}");
    }
}
