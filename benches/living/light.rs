//! Photographs under a changed light.

use pcore::bundle::Contents;
use pcore::dataset::{self, Label, Sample};
use pcore::image::{self, Image, write_png_rgb8};
use pcore::infer::{Calibration, Inspector, inspect_all};
use pcore::live::{UpdatePlan, update};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::score::Verdict;
use pcore::train::{GroupRule, fit};
use pcore::{DetectError, FitPlan, Limits, Pace};
use std::error::Error;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const ALPHA: f64 = 0.05;
/// Training images that are kept for updates.
const KEPT: usize = 30;

type Change = (&'static str, fn(&Image, usize, usize, usize) -> f32);

/// What is done to a pixel: row, column, channel.
const CHANGES: [Change; 5] = [
    ("darker by 30 %", |image, y, x, c| 0.7 * at(image, y, x, c)),
    ("gradient of 40 %", |image, y, x, c| at(image, y, x, c) * (1.0 - 0.4 * x as f32 / image.width_px() as f32)),
    ("warmer", |image, y, x, c| at(image, y, x, c) * [1.15, 1.0, 0.8][c.min(2)]),
    ("blurred", |image, y, x, c| {
        let sum: f32 = (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)))
            .map(|(dy, dx)| moved(image, y, x, c, (dy, dx)))
            .sum();
        sum / 9.0
    }),
    ("one pixel aside", |image, y, x, c| moved(image, y, x, c, (0, 1))),
];

fn at(image: &Image, y: usize, x: usize, c: usize) -> f32 {
    let channels = image.n_channels();
    image.pixels()[(y * image.width_px() + x) * channels + c.min(channels - 1)]
}

fn moved(image: &Image, y: usize, x: usize, c: usize, (dy, dx): (isize, isize)) -> f32 {
    let clamp = |value: isize, size: usize| value.clamp(0, size as isize - 1) as usize;
    at(image, clamp(y as isize + dy, image.height_px()), clamp(x as isize + dx, image.width_px()), c)
}

pub(crate) fn run(data: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    println!("at alpha 5 %; the last {KEPT} training images are not fitted to but, changed, updated with");
    println!(
        "| product | light | false alarms: as it was | changed | after 8 | after 30 | recall: as it was | changed | after 8 | after 30 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for root in data {
        let normals = dataset::normals(root, None)?.samples;
        let test = dataset::labelled(root, None)?.samples;
        let (first, kept) = normals.split_at(normals.len().saturating_sub(KEPT));
        let plan = FitPlan { alpha: ALPHA, group: GroupRule::Single, ..FitPlan::default() };
        let base = fit(first, &plan, &OpenDevice::cpu(), &Silent)?.contents;
        let usual = rates(&base, &test)?;
        for (name, change) in CHANGES {
            let folder = TempDir::new()?;
            let under = |samples: &[Sample]| -> Result<Vec<Sample>, Box<dyn Error>> {
                samples.iter().map(|sample| changed(sample, folder.path(), change)).collect()
            };
            let (test, kept) = (under(&test)?, under(kept)?);
            let mut found = vec![rates(&base, &test)?];
            for n in [8, KEPT] {
                let plan = UpdatePlan { group: GroupRule::Single, at: None, ..UpdatePlan::default() };
                let grown = update(base.clone(), &kept[..n.min(kept.len())], &plan, &OpenDevice::cpu(), &Silent)?;
                found.push(rates(&grown.contents, &test)?);
            }
            let cells = |pick: fn(&(f64, f64)) -> f64| {
                let all = std::iter::once(&usual).chain(&found).map(|rate| format!("{:.1} %", pick(rate) * 100.0));
                all.collect::<Vec<_>>().join(" | ")
            };
            let product = root.file_name().unwrap_or_default().to_string_lossy();
            println!("| {product} | {name} | {} | {} |", cells(|rate| rate.0), cells(|rate| rate.1));
        }
    }
    Ok(())
}

/// The image of a sample under another light, in a folder.
fn changed(
    sample: &Sample,
    folder: &Path,
    change: fn(&Image, usize, usize, usize) -> f32,
) -> Result<Sample, Box<dyn Error>> {
    let image = image::read(&sample.path, &Limits::default())?;
    let (height, width) = (image.height_px(), image.width_px());
    let byte = |at: usize| {
        let (pixel, c) = (at / 3, at % 3);
        (change(&image, pixel / width, pixel % width, c) * 255.0).round().clamp(0.0, 255.0) as u8
    };
    let bytes: Vec<u8> = (0..height * width * 3).map(byte).collect();
    let path = folder.join(format!("{}.png", sample.name.replace('/', "-")));
    write_png_rgb8(&path, &bytes, height, width)?;
    Ok(Sample { path, ..sample.clone() })
}

/// False alarms and recall.
fn rates(contents: &Contents, test: &[Sample]) -> Result<(f64, f64), Box<dyn Error>> {
    let inspector = Inspector::open(contents.clone(), &OpenDevice::cpu())?;
    let (mut alarms, mut normals, mut found, mut defects) = (0, 0, 0, 0);
    inspect_all(&inspector, test, None, Calibration::Condition, &Pace::default(), &Silent, |item| {
        if let Ok((_, inspection)) = &item.outcome {
            let is_alarm = usize::from(inspection.verdict == Verdict::Anomalous);
            match item.sample.label {
                Some(Label::Anomalous) => (found, defects) = (found + is_alarm, defects + 1),
                _ => (alarms, normals) = (alarms + is_alarm, normals + 1),
            }
        }
        Ok::<_, DetectError>(())
    })?;
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Ok((share(alarms, normals), share(found, defects)))
}
