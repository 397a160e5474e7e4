//! Fit on a folder of normal images, inspect one image, write its overlay.
//!
//! ```sh
//! cargo run --release --example ten_lines -- normal/ part.png overlay.png
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use pcore::{DrawStyle, FitPlan, Inspector, Limits, OpenDevice, Silent};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [normal, part, overlay] = arguments.as_slice() else {
        return Err("usage: ten_lines NORMAL_FOLDER IMAGE OVERLAY.png".into());
    };
    let device = OpenDevice::cpu();
    let normals = pcore::dataset::normals(Path::new(normal), None)?;
    let fitted = pcore::fit(&normals.samples, &FitPlan::default(), &device, &Silent)?;
    let style = DrawStyle { pixel_threshold: fitted.contents.manifest.pixel_threshold, ..DrawStyle::default() };
    let inspector = Inspector::open(fitted.contents, &device)?;
    let image = pcore::image::read(Path::new(part), &Limits::default())?;
    let found = inspector.inspect_one(&image)?;
    println!(
        "{}: score {:.3}, threshold {:.3}",
        found.verdict.as_str(),
        found.calibrated_score,
        found.calibrated_threshold
    );
    std::fs::write(overlay, pcore::draw_inspection(&image, &found, &style)?.png()?)?;
    Ok(())
}
