//! An update of a large bank.

use pcore::dataset;
use pcore::detect::Options;
use pcore::image::{Preprocessing, Resize, write_png_grey8};
use pcore::live::{UpdatePlan, update};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{GroupRule, PartPlan, fit};
use pcore::{FitPlan, Inspector};
use std::error::Error;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

const SIDE: usize = 256;

/// A texture that differs from image to image.
fn write(folder: &Path, seed: usize) -> Result<(), Box<dyn Error>> {
    let noise = |at: usize| {
        let mixed = ((at + seed * 1_000_003) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)) >> 40) as u8
    };
    let value = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        let wave =
            ((y * (3 + seed % 5)) as f64 / 40.0).sin() * 40.0 + ((x * (2 + seed % 7)) as f64 / 50.0).cos() * 40.0;
        (128.0 + wave + f64::from(noise(at)) / 8.0).clamp(0.0, 255.0) as u8
    };
    write_png_grey8(
        &folder.join(format!("{seed:04}.png")),
        &(0..SIDE * SIDE).map(value).collect::<Vec<_>>(),
        SIDE,
        SIDE,
    )?;
    Ok(())
}

pub(crate) fn run(rows: usize, images: usize) -> Result<(), Box<dyn Error>> {
    let (first, more) = (TempDir::new()?, TempDir::new()?);
    let n_first = rows.div_ceil(SIDE / 8 * SIDE / 8);
    (0..n_first).try_for_each(|seed| write(first.path(), seed))?;
    (0..images).try_for_each(|seed| write(more.path(), 5000 + seed))?;
    let mut options = Options::default();
    // All of them: a bank of so many rows without a long selection.
    options.coreset = "1".parse()?;
    let mut part = PartPlan::new("patchcore", &options)?;
    part.pipeline.preprocessing = Preprocessing::imagenet(SIDE, SIDE, Resize::StretchBilinear);
    let plan = FitPlan { threshold: Some(1.0), group: GroupRule::Single, ..FitPlan::with(part) };
    let device = OpenDevice::cpu();
    let begun = Instant::now();
    let mut contents = fit(&dataset::normals(first.path(), None)?.samples, &plan, &device, &Silent)?.contents;
    println!("fit of {n_first} images: {:.1} s", begun.elapsed().as_secs_f64());
    // As if it were a coreset of 1 %, so that as many are picked of the new images.
    let settings = &mut contents.manifest.detector.settings;
    settings["coreset"]["ratio"] = 0.01.into();
    let further = dataset::normals(more.path(), None)?.samples;
    let inspector = Inspector::open(contents.clone(), &device)?;
    let pixels: Vec<_> =
        further.iter().map(|s| pcore::image::read(&s.path, &pcore::Limits::default())).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    for image in &pixels {
        inspector.pipeline().describe(&[image])?;
    }
    let network_s = begun.elapsed().as_secs_f64();
    let mut times = vec![];
    for _ in 0..3 {
        let plan = UpdatePlan { group: GroupRule::Single, ..UpdatePlan::default() };
        let begun = Instant::now();
        let done = update(contents.clone(), &further, &plan, &device, &Silent)?;
        times.push(begun.elapsed().as_secs_f64());
        println!("update of {images} images: rows {:?}, {:.2} s", done.n_rows, times[times.len() - 1]);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.2} s, the network alone {network_s:.2} s", times[1]);
    Ok(())
}
