//! Images in memory and the same in files make the same bundle.

use crate::cases::{cases, normals, registry};
use pcore::bundle::{self, Contents};
use pcore::image::{self, Image, Limits};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, GroupRule, TrainError, fit, fit_images};

/// What is fitted otherwise makes no difference here.
const CASES: [&str; 3] = ["patchcore", "toy", "patchcore + gaussian"];

fn bytes(contents: &Contents) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pcore");
    bundle::write(&path, contents, registry()).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn images_in_memory_and_in_files_make_the_same_bundle_bit_for_bit() {
    let samples = &normals().samples;
    let read = |path| image::read(path, &Limits::default()).unwrap();
    let images: Vec<(&str, Image)> = samples.iter().map(|s| (s.name.as_str(), read(s.path.as_path()))).collect();
    let borrowed: Vec<(String, &Image)> = images.iter().map(|(name, image)| ((*name).to_owned(), image)).collect();
    let device = OpenDevice::cpu();
    for case in cases().into_iter().filter(|case| CASES.contains(&case.name)) {
        // Left out in turn, and held out; groups found by near-copies, and told by the last digit of names.
        let more = [("leave-one-out", "auto"), ("0.3", "name:##{}")];
        for (holdout, group) in more {
            let (holdout, group) = (holdout.parse().unwrap(), group.parse().unwrap());
            let plan = FitPlan { holdout, group: GroupRule::clone(&group), ..case.plan() };
            let of_files = fit(samples, &plan, &device, &Silent).unwrap();
            let of_images = match group {
                GroupRule::Auto => fit_images(&images, &plan, &device, &Silent).unwrap(),
                _ => fit_images(&borrowed, &FitPlan { batch: 3, ..plan }, &device, &Silent).unwrap(),
            };
            assert_eq!(of_files.contents, of_images.contents, "{}", case.name);
            assert_eq!(of_files.calibrating, of_images.calibrating);
            assert_eq!(bytes(&of_files.contents), bytes(&of_images.contents), "{}", case.name);
        }
    }
}

#[test]
fn what_images_in_memory_cannot_be_is_refused_by_name() {
    let device = OpenDevice::cpu();
    let image = |value| Image::new(vec![value; 64], 8, 8, 1).unwrap();
    let refused = |images: &[(&str, Image)], plan: &FitPlan| fit_images(images, plan, &device, &Silent).unwrap_err();
    let plan = FitPlan::default();
    let twice = refused(&[("a", image(0.1)), ("b", image(0.2)), ("a", image(0.3))], &plan);
    assert!(matches!(&twice, TrainError::SameName { name } if name == "a"), "{twice}");
    assert!(matches!(refused(&[], &plan), TrainError::TooFew { n_images: 0 }));
    // A table tells files.
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("t.csv");
    std::fs::write(&table, "path,condition\na,cold\n").unwrap();
    let by_table = FitPlan { conditions: table.display().to_string().parse().unwrap(), ..FitPlan::default() };
    assert!(refused(&[("a", image(0.1))], &by_table).to_string().contains("names none of the 1 images"));
}
