//! Data sets in other layouts than pcore's own, and masks in every encoding.

use crate::support::{Fixture, expect, pcore, text};
use pcore::image::{Limits, Mask, read_mask, write_tiff_f32};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Copies the simulated test images; their masks are left to `write`, which gets the folder of masks, a stem and a mask.
fn with_masks(write: impl Fn(&Path, &str, &Mask)) -> TempDir {
    let (from, tree) = (Fixture::get().path().join("domain_C"), TempDir::new().unwrap());
    for part in ["good", "fault"] {
        fs::create_dir_all(tree.path().join("test").join(part)).unwrap();
        for entry in fs::read_dir(from.join("test").join(part)).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, tree.path().join("test").join(part).join(file.file_name().unwrap())).unwrap();
        }
    }
    let masks = tree.path().join("ground_truth/fault");
    fs::create_dir_all(&masks).unwrap();
    for entry in fs::read_dir(from.join("ground_truth/fault")).unwrap() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().trim_end_matches("_mask").to_owned();
        write(&masks, &stem, &read_mask(&file, &Limits::default()).unwrap());
    }
    tree
}

/// Figures and messages of an evaluation.
fn evaluate(root: &Path) -> (Value, String) {
    let output = expect(0, pcore(Fixture::get().path()).args(["eval", "--domain", "C", "--json"]).arg(root));
    (serde_json::from_slice(&output.stdout).unwrap(), text(&output.stderr))
}

fn grey(mask: &Mask, value: u8) -> image::GrayImage {
    let pixels = mask.values.iter().map(|is_set| if *is_set { value } else { 0 }).collect();
    image::GrayImage::from_raw(mask.width_px as u32, mask.height_px as u32, pixels).unwrap()
}

type Write = fn(&Path, &str, &Mask);

/// Ways to write the same mask.
fn ways() -> [(&'static str, Write); 12] {
    [
        ("ones", |folder, stem, mask| grey(mask, 1).save(folder.join(format!("{stem}.png"))).unwrap()),
        ("127", |folder, stem, mask| grey(mask, 127).save(folder.join(format!("{stem}_label.png"))).unwrap()),
        ("BMP", |folder, stem, mask| grey(mask, 255).save(folder.join(format!("{stem}_label.bmp"))).unwrap()),
        ("GT.PNG", |folder, stem, mask| grey(mask, 255).save(folder.join(format!("{stem}_GT.PNG"))).unwrap()),
        ("16 bits", |folder, stem, mask| {
            let wide = image::ImageBuffer::from_fn(mask.width_px as u32, mask.height_px as u32, |x, y| {
                image::Luma([if mask.values[y as usize * mask.width_px + x as usize] { 255u16 } else { 0 }])
            });
            wide.save(folder.join(format!("{stem}_mask.png"))).unwrap();
        }),
        ("float", |folder, stem, mask| {
            let values: Vec<f32> = mask.values.iter().map(|v| f32::from(u8::from(*v))).collect();
            let path = folder.join(format!("{stem}.tiff"));
            write_tiff_f32(&path, &values, mask.height_px, mask.width_px).unwrap();
        }),
        ("red", |folder, stem, mask| {
            let colour = image::RgbImage::from_fn(mask.width_px as u32, mask.height_px as u32, |x, y| {
                image::Rgb([if mask.values[y as usize * mask.width_px + x as usize] { 128 } else { 0 }, 0, 0])
            });
            colour.save(folder.join(format!("{stem}_annotation.png"))).unwrap();
        }),
        ("twice", |folder, stem, mask| {
            let double = mask.resize_nearest(2 * mask.height_px, 2 * mask.width_px);
            grey(&double, 255).save(folder.join(format!("{stem}_mask.png"))).unwrap();
        }),
        ("three times, ones", |folder, stem, mask| {
            let triple = mask.resize_nearest(3 * mask.height_px, 3 * mask.width_px);
            grey(&triple, 1).save(folder.join(format!("{stem}_segmentation.png"))).unwrap();
        }),
        ("classes 1 and 2", |folder, stem, mask| {
            let mut classes = grey(mask, 1);
            let half = classes.width() / 2;
            classes.enumerate_pixels_mut().filter(|(x, ..)| *x > half).for_each(|(.., pixel)| pixel.0[0] *= 2);
            classes.save(folder.join(format!("{stem}_mask.png"))).unwrap();
        }),
        ("several files", |folder, stem, mask| {
            let inner = folder.join(stem);
            fs::create_dir(&inner).unwrap();
            for part in 0..2 {
                let mut grey = grey(mask, 255);
                grey.enumerate_pixels_mut().filter(|(x, ..)| x % 2 == part).for_each(|(.., pixel)| pixel.0[0] = 0);
                grey.save(inner.join(format!("00{part}.png"))).unwrap();
            }
        }),
        ("JPEG", |folder, stem, mask| {
            // Blocks of eight equal pixels are exact; the mask is scaled by eight, so that each is one.
            let blocks = mask.resize_nearest(8 * mask.height_px, 8 * mask.width_px);
            grey(&blocks, 255).save(folder.join(format!("{stem}_mask.jpg"))).unwrap();
        }),
    ]
}

#[test]
fn a_mask_counts_alike_in_every_size_value_name_and_encoding() {
    let as_usual = with_masks(|folder, stem, mask| {
        grey(mask, 255).save(folder.join(format!("{stem}_mask.png"))).unwrap();
    });
    let (expected, said) = evaluate(as_usual.path());
    assert!(said.contains("masks: 8 of 8 anomalous images have one"), "{said}");
    assert!(expected["pixel_AUROC"].as_f64().unwrap() > 0.5);
    for (name, write) in ways() {
        let tree = with_masks(write);
        let (found, said) = evaluate(tree.path());
        for figure in ["pixel_AUROC", "AUPRO", "image_AUROC"] {
            assert_eq!(found[figure], expected[figure], "{name}: {figure}\n{said}");
        }
        assert_eq!(found["masks"]["n_with_mask"], 8, "{name}");
    }
}

#[test]
fn an_evaluation_says_which_masks_are_missing_stray_empty_or_of_another_shape() {
    let tree = with_masks(|folder, stem, mask| {
        let index: u32 = stem.parse().unwrap();
        let file = folder.join(format!("{stem}_mask.png"));
        match index {
            0 => grey(mask, 255).save(folder.join("stray.png")).unwrap(),
            1 => grey(mask, 0).save(file).unwrap(),
            2 => image::imageops::rotate90(&grey(mask, 255)).save(file).unwrap(),
            _ => grey(mask, 255).save(file).unwrap(),
        }
    });
    let output =
        pcore(Fixture::get().path()).args(["eval", "--domain", "C", "--json"]).arg(tree.path()).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for expected in [
        "layout: MVTec AD (test), 8 normal and 8 anomalous images",
        "masks: 6 of 8 anomalous images have one",
        "warning: pixel AUROC and AUPRO are those of 6 of 8 anomalous images: 1 have no mask, 1 have one that cannot be used",
        "warning: 1 of 6 masks are empty",
        "warning: 1 mask files belong to no image that is measured",
        "stray.png",
        "the mask has 31 x 95 pixels, its image 95 x 31",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let masks = &found["masks"];
    let counts = ["n_anomalous", "n_with_mask", "n_empty", "n_unusable"].map(|key| masks[key].as_u64().unwrap());
    assert_eq!(counts, [8, 6, 1, 1]);
    assert_eq!(masks["without_image"].as_array().unwrap().len(), 1);
}

#[test]
fn fit_infer_and_eval_say_the_layout_and_take_hints() {
    let (from, tree) = (Fixture::get().path().join("domain_C"), TempDir::new().unwrap());
    let copy = |part: &str, to: &str| {
        fs::create_dir_all(tree.path().join("set").join(to)).unwrap();
        for index in 0..6 {
            let name = format!("{index:06}.tiff");
            fs::copy(from.join(part).join(&name), tree.path().join("set").join(to).join(name)).unwrap();
        }
    };
    copy("train/good", "gut");
    copy("test/fault", "riss");
    let run = |code: i32, args: &[&str]| text(&expect(code, pcore(tree.path()).args(args)).stderr);
    let bundle = ["--bundle", "b.pcore"];
    let fit = ["fit", "--normal", "set", "--coreset", "0.05"];
    let said = run(0, &[&fit[..], &bundle, &["--good", "gut"]].concat());
    assert!(said.contains("layout: folders as named (gut), 6 normal images of set"), "{said}");
    assert!(said.contains("warning: nothing in this layout keeps test images apart"), "{said}");
    let said = run(0, &[&["infer", "set"][..], &bundle, &["--good", "gut"]].concat());
    assert!(said.contains("6 normal and 6 anomalous images of set"), "{said}");
    let said = run(0, &[&["eval", "set"][..], &bundle, &["--good", "gut"]].concat());
    assert!(said.contains("6 normal and 6 anomalous images of set"), "{said}");
    assert!(said.contains("none of 6 anomalous images has one"), "{said}");
    fs::rename(tree.path().join("set/riss"), tree.path().join("set/defekt_NG")).unwrap();
    let said = run(2, &[&fit[..], &bundle].concat());
    assert!(said.contains("defekt_NG") && said.contains("--good NAME") && said.contains("--layout flat"), "{said}");
    let said = run(0, &[&fit[..], &bundle, &["--layout", "flat"]].concat());
    assert!(said.contains("layout: flat, 12 normal images of set"), "{said}");
    let said = run(2, &[&fit[..], &bundle, &["--layout", "visa"]].concat());
    assert!(said.contains("is not laid out as VisA"), "{said}");
}
