//! Odd images among the training images: named by every detector, left out where that is asked for; and a lot that nobody sorted.

use crate::cases::{Case, cases, registry};
use crate::data::image;
use crate::listener::Listener;
use pcore::bundle::{self, SuspectsEntry};
use pcore::detect::Options;
use pcore::image::{Image, write_png_grey8};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, Fitted, Holdout, PartPlan, fit_images, screen};
use pcore::{Pace, dataset};

/// Normal images of each condition.
const N: usize = 30;

/// Images in memory, `n` of each condition and some with a defect, by name.
fn lot(n: usize, defects: &[usize]) -> Vec<(String, Image)> {
    let of = |name: &'static str, is_warm: bool| {
        let seed = |i: usize| i + 1000 * usize::from(is_warm);
        let normal = (0..n).map(move |i| (format!("{name}/{i:03}.png"), image(seed(i), is_warm, false)));
        let odd = defects.iter().map(move |i| (format!("{name}/odd{i}.png"), image(seed(500 + i), is_warm, true)));
        normal.chain(odd).collect::<Vec<_>>()
    };
    [of("cold", false), of("warm", true)].concat()
}

fn fitted(case: &Case, images: &[(String, Image)], change: impl Fn(&mut FitPlan)) -> Fitted {
    let mut plan = case.plan();
    change(&mut plan);
    fit_images(images, &plan, &OpenDevice::cpu(), &Silent).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

fn names(entries: &[bundle::SuspectEntry]) -> Vec<&str> {
    let mut names: Vec<&str> = entries.iter().map(|suspect| suspect.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The suspects of a bundle, once it was written and read again.
fn suspects(fitted: &Fitted) -> SuspectsEntry {
    let bytes = bundle::to_bytes(&fitted.contents, registry()).unwrap();
    bundle::from_bytes(&bytes, registry()).unwrap().manifest.suspects.unwrap_or_default()
}

/// The two most striking ones.
fn first_two(entries: &[bundle::SuspectEntry]) -> Vec<&str> {
    names(&entries[..entries.len().min(2)])
}

const ODD: [&str; 2] = ["cold/odd0.png", "warm/odd0.png"];

/// Of sixty normal images two may lie as far as five deviations, which thirty of a condition tell roughly.
const MOST_OTHERS: usize = 2;

/// An autoencoder that is trained on so few, so small images has learned to draw the odd ones as well.
fn cases_that_tell() -> Vec<Case> {
    cases().into_iter().filter(|case| case.name != "autoencoder").collect()
}

#[test]
fn every_detector_names_images_with_a_defect_and_without_them_its_fit_is_that_of_the_others() {
    let dirty = lot(N, &[0]);
    for case in cases_that_tell() {
        let left = fitted(&case, &dirty, |plan| plan.drop_suspects = true);
        let SuspectsEntry { kept, dropped } = suspects(&left);
        assert_eq!(first_two(&dropped), ODD, "{}", case.name);
        assert!(dropped.len() <= 2 + MOST_OTHERS && kept.is_empty(), "{}: {dropped:?}", case.name);
        assert!(dropped.iter().all(|suspect| suspect.deviations > 5.0), "{}", case.name);
        let is_dropped = |name: &str| dropped.iter().any(|suspect| suspect.name == name);
        let others: Vec<_> = dirty.iter().filter(|(name, _)| !is_dropped(name)).cloned().collect();
        let of_others = fitted(&case, &others, |_| {}).contents;
        // A bundle without suspects says nothing of them.
        assert_eq!(of_others.manifest.suspects, None, "{}", case.name);
        assert!(!serde_json::to_string(&of_others.manifest).unwrap().contains("suspects"));
        let mut contents = left.contents;
        contents.manifest.suspects = None;
        let bytes = |contents| bundle::to_bytes(contents, registry()).unwrap();
        assert!(bytes(&contents) == bytes(&of_others), "{}", case.name);
    }
}

#[test]
fn images_of_which_none_calibrate_are_named_as_well() {
    let dirty = lot(N, &[0]);
    for case in cases_that_tell() {
        let holdout = Holdout::Share(0.3);
        let fitted = fitted(&case, &dirty, |plan| plan.holdout = holdout);
        let found = suspects(&fitted);
        assert_eq!(first_two(&found.kept), ODD, "{}", case.name);
        assert!(found.kept.len() <= 2 + MOST_OTHERS && found.dropped.is_empty(), "{}: {found:?}", case.name);
        // At least one of the two is in the bank.
        assert!(!ODD.iter().all(|odd| fitted.calibrating.iter().any(|name| name == odd)), "{}", case.name);
    }
}

#[test]
fn a_warning_names_suspects_what_they_do_to_the_threshold_and_the_way_out() {
    let images: Vec<_> = lot(N, &[0]).into_iter().filter(|(name, _)| name.starts_with("cold")).collect();
    let case = &cases()[0];
    let listener = Listener::patient();
    let plan = FitPlan { conditions: "none".parse().unwrap(), ..case.plan() };
    let fitted = fit_images(&images, &plan, &OpenDevice::cpu(), &listener).unwrap();
    let said = listener.told();
    let threshold = fitted.contents.manifest.calibration.global.threshold.unwrap();
    assert!(said.contains("cold/odd0.png") && said.contains("`FitPlan::drop_suspects`"), "{said}");
    assert!(said.contains(&format!("the threshold is {threshold:.4} in place of ")) || threshold < 0.0, "{said}");
    // A bank tells which image comes nearest.
    let nearest = fitted.contents.manifest.suspects.unwrap().kept[0].nearest.clone().unwrap();
    assert!(images.iter().any(|(name, _)| *name == nearest) && nearest != "cold/odd0.png");
}

#[test]
fn a_filter_keeps_what_few_images_show_out_of_the_bank() {
    let images: Vec<_> = lot(N, &[0, 1, 2]).into_iter().filter(|(name, _)| name.starts_with("cold")).collect();
    let rows_of_odd = |share: f64| {
        let mut options = Options::default();
        options.coreset = "0.05".parse().unwrap();
        options.filter_patches = share;
        let case = Case { name: "filtered", parts: vec![("patchcore", 96, options)] };
        let fitted = fitted(&case, &images, |plan| plan.conditions = "none".parse().unwrap());
        let contents = fitted.contents;
        let settings = serde_json::to_value(&contents.manifest.detector.settings).unwrap();
        assert_eq!(settings.get("filter_patches").is_some(), share > 0.0);
        let is_odd = |source: u32| contents.manifest.sources[source as usize].contains("odd");
        contents.tensors.indices("row_source").iter().filter(|source| is_odd(**source)).count()
    };
    let (plain, filtered) = (rows_of_odd(0.0), rows_of_odd(0.15));
    assert!(plain > 10 && filtered * 4 < plain, "{plain} rows of odd images, {filtered} with the filter");
}

#[test]
fn a_lot_that_nobody_sorted_has_its_defects_at_the_top() {
    let folder = tempfile::TempDir::new().unwrap();
    for seed in 0..24 {
        let path = folder.path().join(format!("{seed:03}.png"));
        let pixels = crate::data::pixels(seed, false, seed % 8 == 3);
        write_png_grey8(&path, &pixels, crate::data::HEIGHT, crate::data::WIDTH).unwrap();
    }
    std::fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let samples = dataset::inputs(&[folder.path().to_owned()], None).unwrap().samples;
    let pipeline = PartPlan::new("patchcore", &Options::default()).unwrap().pipeline;
    let screened = screen(&samples, &pipeline, &Pace::default(), &OpenDevice::cpu(), &Silent).unwrap();
    assert_eq!((screened.images.len(), screened.failures.len()), (24, 1));
    let mut top: Vec<&str> = screened.images[..3].iter().map(|image| samples[image.sample].name.as_str()).collect();
    top.sort_unstable();
    assert_eq!(top, ["003.png", "011.png", "019.png"]);
    let map = screened.images[0].map();
    assert_eq!((map.height_px, map.width_px), screened.images[0].input_px);
    // Its order is that of any number of threads.
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again = single.install(|| screen(&samples, &pipeline, &Pace::default(), &OpenDevice::cpu(), &Silent).unwrap());
    let bits = |s: &pcore::train::Screened| s.images.iter().map(|i| (i.sample, i.score.to_bits())).collect::<Vec<_>>();
    assert_eq!(bits(&screened), bits(&again));
    let little = Pace { memory_bytes: Some(64 << 20), ..Pace::default() };
    assert!(screen(&samples, &pipeline, &little, &OpenDevice::cpu(), &Silent).is_err());
    assert!(matches!(
        screen(&samples[..1], &pipeline, &Pace::default(), &OpenDevice::cpu(), &Silent),
        Err(pcore::train::TrainError::Alone { n_images: 1 })
    ));
}
