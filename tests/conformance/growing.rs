//! Conditions that are added to a bundle later.

use crate::data::{HEIGHT, Normals, WIDTH, image, pixels};
use pcore::bundle::Contents;
use pcore::condition::{ConditionRule, GateKind};
use pcore::dataset::{self, Sample};
use pcore::detect::{Options, Shape};
use pcore::image::{Image, Preprocessing, Resize, write_png_grey8};
use pcore::infer::{Calibration, Inspection, Inspector};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{FitPlan, GroupRule, PartPlan, TrainError, add_to, fit};
use tempfile::TempDir;

/// A third condition: the negative.
fn negative(seed: usize, has_defect: bool) -> Vec<u8> {
    pixels(seed, false, has_defect).into_iter().map(|value| 255 - value).collect()
}

fn negative_image(seed: usize, has_defect: bool) -> Image {
    let pixels = negative(seed, has_defect).into_iter().map(|value| f32::from(value) / 255.0).collect();
    Image::new(pixels, HEIGHT, WIDTH, 1).unwrap()
}

/// Normal images of the third condition, in a folder `hot`.
fn hot(folder: &TempDir) -> Vec<Sample> {
    std::fs::create_dir(folder.path().join("hot")).unwrap();
    for seed in 0..16 {
        let path = folder.path().join(format!("hot/{seed:02}.png"));
        write_png_grey8(&path, &negative(seed, false), HEIGHT, WIDTH).unwrap();
    }
    dataset::normals(folder.path(), None).unwrap().samples
}

fn plan(kind: &str, shape: Shape) -> FitPlan {
    let mut options = Options::default();
    options.shape = shape;
    let mut part = PartPlan::new(kind, &options).unwrap();
    part.pipeline.preprocessing = Preprocessing::imagenet(64, 64, Resize::StretchBilinear);
    FitPlan {
        parts: vec![part],
        conditions: ConditionRule::Folder,
        gate: GateKind::Knn,
        group: GroupRule::Single,
        alpha: 0.1,
        ..FitPlan::default()
    }
}

fn inspect(contents: &Contents, image: &Image, condition: Option<&str>) -> Inspection {
    let inspector = Inspector::open(contents.clone(), &OpenDevice::cpu()).unwrap();
    inspector.inspect(&[image], &[condition], Calibration::Condition).unwrap().remove(0)
}

#[test]
fn a_condition_is_added_from_its_own_images_and_the_others_stay_what_they_are_to_the_bit() {
    let (normals, folder) = (Normals::new(16), TempDir::new().unwrap());
    let hot = hot(&folder);
    for shape in [Shape::Whole, Shape::Places(10), Shape::Residual(0.9)] {
        let plan = plan("gaussian", shape);
        let base = fit(&normals.samples, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents;
        let grown = add_to(&base, &hot, &plan, &OpenDevice::cpu(), &Silent).unwrap();
        assert_eq!(grown.calibrating.len(), 16);
        let grown = grown.contents;
        assert_eq!(Contents::from_bytes(&grown.to_bytes().unwrap()).unwrap().tensors, grown.tensors);
        let names: Vec<&str> = grown.manifest.conditions.iter().map(|condition| condition.name.as_str()).collect();
        assert_eq!(names, ["cold", "warm", "hot"], "{shape}");
        for (seed, is_warm, name) in [(800, false, "cold"), (801, true, "warm"), (802, true, "warm")] {
            for has_defect in [false, true] {
                let image = image(seed, is_warm, has_defect);
                let (before, after) = (inspect(&base, &image, Some(name)), inspect(&grown, &image, Some(name)));
                let bits = |found: &Inspection| {
                    let numbers = [found.raw_score, found.calibrated_score, found.threshold];
                    let map: Vec<u32> = found.map.values.iter().map(|v| v.to_bits()).collect();
                    (numbers.map(f32::to_bits), found.verdict, map)
                };
                assert_eq!(bits(&before), bits(&after), "{shape} {name}");
                // The gate tells the same as before.
                assert_eq!(inspect(&grown, &image, None).condition, inspect(&base, &image, None).condition);
            }
        }
        for (has_defect, verdict) in [(false, Verdict::Normal), (true, Verdict::Anomalous)] {
            let found = inspect(&grown, &negative_image(900, has_defect), None);
            assert_eq!(found.condition.as_ref().map(|name| name.as_str()), Some("hot"), "{shape} {has_defect}");
            assert_eq!(found.verdict, verdict, "{shape}");
        }
        // Once more, from another process's point of view: the same bundle.
        let again = add_to(&base, &hot, &plan, &OpenDevice::cpu(), &Silent).unwrap().contents;
        assert_eq!(again.to_bytes().unwrap(), grown.to_bytes().unwrap(), "{shape}");
    }
}

#[test]
fn what_cannot_grow_says_so() {
    let (normals, folder) = (Normals::new(12), TempDir::new().unwrap());
    let hot = hot(&folder);
    let device = OpenDevice::cpu();
    let gaussian = plan("gaussian", Shape::Whole);
    let bank = fit(&normals.samples, &plan("patchcore", Shape::Whole), &device, &Silent).unwrap().contents;
    let refused = add_to(&bank, &hot, &gaussian, &device, &Silent).unwrap_err();
    assert!(matches!(refused, TrainError::CannotGrow { .. }), "{refused}");
    assert!(refused.to_string().contains("patchcore") && refused.to_string().contains("fit again"), "{refused}");
    let base = fit(&normals.samples, &gaussian, &device, &Silent).unwrap().contents;
    let refused = add_to(&base, &normals.samples, &gaussian, &device, &Silent).unwrap_err();
    assert!(matches!(refused, TrainError::KnownCondition { .. }), "{refused}");
    let unnamed = FitPlan { conditions: ConditionRule::None, ..gaussian.clone() };
    assert!(matches!(add_to(&base, &hot, &unnamed, &device, &Silent), Err(TrainError::Unnamed)));
    let named = FitPlan { domain: Some("oven".to_owned()), ..unnamed };
    let grown = add_to(&base, &hot, &named, &device, &Silent).unwrap().contents;
    assert_eq!(grown.manifest.conditions[2].name, "oven");
    assert!(grown.manifest.calibration.per_condition.contains_key("oven"));
}
