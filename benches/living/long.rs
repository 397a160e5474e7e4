//! Detectors that live long: fitted to few images and taught the others, and a thousand updates of one image.

use pcore::bundle::Contents;
use pcore::dataset::{self, Label, Sample};
use pcore::eval::image_auroc;
use pcore::image::write_png_grey8;
use pcore::infer::{Calibration, Inspector, inspect_all};
use pcore::live::{UpdatePlan, update};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{GroupRule, fit};
use pcore::{DetectError, FitPlan, Pace};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

fn plan() -> UpdatePlan {
    UpdatePlan { group: GroupRule::Single, at: None, ..UpdatePlan::default() }
}

fn auroc(contents: &Contents, test: &[Sample]) -> Result<f64, Box<dyn Error>> {
    let inspector = Inspector::open(contents.clone(), &OpenDevice::cpu())?;
    let (mut scores, mut anomalous) = (vec![], vec![]);
    inspect_all(&inspector, test, None, Calibration::Condition, &Pace::default(), &Silent, |item| {
        if let Ok((_, inspection)) = &item.outcome {
            scores.push(inspection.raw_score);
            anomalous.push(item.sample.label == Some(Label::Anomalous));
        }
        Ok::<_, DetectError>(())
    })?;
    Ok(image_auroc(&scores, &anomalous).unwrap_or(f64::NAN))
}

/// A fit to all images, against fits to a tenth and to a half of them that were taught the others.
pub(crate) fn whole(data: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    println!("| product | images | fit to all | to every tenth, then the others | to every second, then the others |");
    println!("|---|---|---|---|---|");
    let device = OpenDevice::cpu();
    for root in data {
        let normals = dataset::normals(root, None)?.samples;
        let test = dataset::labelled(root, None)?.samples;
        let fitted = |samples: &[Sample]| -> Result<Contents, Box<dyn Error>> {
            let plan = FitPlan { group: GroupRule::Single, ..FitPlan::default() };
            Ok(fit(samples, &plan, &device, &Silent)?.contents)
        };
        let mut found = vec![auroc(&fitted(&normals)?, &test)?];
        for every in [10, 2] {
            let of = |is_first: bool| -> Vec<Sample> {
                let chosen = normals.iter().enumerate().filter(|(at, _)| (at % every == 0) == is_first);
                chosen.map(|(_, sample)| sample.clone()).collect()
            };
            let grown = update(fitted(&of(true))?, &of(false), &plan(), &device, &Silent)?;
            found.push(auroc(&grown.contents, &test)?);
        }
        let product = root.file_name().unwrap_or_default().to_string_lossy();
        let cells: Vec<String> = found.iter().map(|auroc| format!("{auroc:.4} ({:+.4})", auroc - found[0])).collect();
        println!("| {product} | {} | {} |", normals.len(), cells.join(" | "));
    }
    Ok(())
}

const SIDE: usize = 96;

fn write(folder: &Path, seed: usize) -> Result<PathBuf, Box<dyn Error>> {
    let value = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        let mixed = ((at + seed * 1_000_003) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = f64::from((mixed >> 56) as u8) / 6.0;
        let wave = ((y * (3 + seed % 5)) as f64 / 20.0).sin() * 40.0 + ((x + seed) as f64 / 9.0).cos() * 30.0;
        (110.0 + wave + noise).clamp(0.0, 255.0) as u8
    };
    let path = folder.join(format!("{seed:04}.png"));
    write_png_grey8(&path, &(0..SIDE * SIDE).map(value).collect::<Vec<_>>(), SIDE, SIDE)?;
    Ok(path)
}

/// `n` updates of one image each, under a cap.
pub(crate) fn many(n: usize, cap: usize) -> Result<(), Box<dyn Error>> {
    let (first, one) = (TempDir::new()?, TempDir::new()?);
    (0..20).try_for_each(|seed| write(first.path(), seed).map(drop))?;
    let device = OpenDevice::cpu();
    let plan_of_fit = FitPlan { group: GroupRule::Single, ..FitPlan::default() };
    let mut contents = fit(&dataset::normals(first.path(), None)?.samples, &plan_of_fit, &device, &Silent)?.contents;
    let n_bytes = |contents: &Contents| contents.to_bytes().map(|bytes| bytes.len());
    println!("fitted to 20 images: {} bytes", n_bytes(&contents)?);
    let capped = UpdatePlan { cap: Some(cap), ..plan() };
    let begun = Instant::now();
    for number in 1..=n {
        let path = write(one.path(), 1000 + number)?;
        let sample = dataset::normals(one.path(), None)?.samples;
        let done = update(contents, &sample, &capped, &device, &Silent)?;
        let rows = done.n_rows.map_or(0, |[_, after]| after);
        if rows > cap {
            return Err(format!("update {number}: {rows} rows under a cap of {cap}").into());
        }
        // As a file would be: read back and checked.
        contents = Contents::from_bytes(&done.contents.to_bytes()?)?;
        std::fs::remove_file(path)?;
        if number.is_multiple_of(n.div_ceil(10)) {
            let per_update = begun.elapsed().as_secs_f64() / number as f64;
            let manifest = &contents.manifest;
            println!(
                "{number} updates: {rows} rows, {} images, {} held-out scores, {} bytes, threshold {:?}, {per_update:.2} s each",
                manifest.sources.len(),
                manifest.calibration.global.n,
                n_bytes(&contents)?,
                manifest.calibration.global.threshold
            );
        }
    }
    Ok(())
}
