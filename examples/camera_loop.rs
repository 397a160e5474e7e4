//! A station: a bundle is opened once, then frames come from memory, one after the other, as a camera hands them over.
//!
//! ```sh
//! cargo run --release --example camera_loop -- part.pcore
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use pcore::{Contents, Image, Inspector, OpenDevice, Verdict};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const HEIGHT_PX: usize = 480;
const WIDTH_PX: usize = 640;
const N_FRAMES: usize = 20;

/// Stands for the camera: a grey frame of 8 bits, a little different each time.
fn grab(frame: usize) -> Vec<u8> {
    let pixel = |at: usize| ((at % WIDTH_PX / 8 + at / WIDTH_PX / 8) * 9 + frame) as u8;
    (0..HEIGHT_PX * WIDTH_PX).map(pixel).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let bundle = std::env::args().nth(1).ok_or("usage: camera_loop BUNDLE.pcore")?;
    let inspector = Inspector::open(Contents::read(Path::new(&bundle))?, &OpenDevice::cpu())?;
    let mut n_anomalous = 0;
    for frame in 0..N_FRAMES {
        let pixels = grab(frame).into_iter().map(|value| f32::from(value) / 255.0).collect();
        let start = Instant::now();
        let found = inspector.inspect_one(&Image::new(pixels, HEIGHT_PX, WIDTH_PX, 1)?)?;
        n_anomalous += usize::from(found.verdict == Verdict::Anomalous);
        let ms = start.elapsed().as_secs_f64() * 1e3;
        println!("frame {frame}: {} ({:.3}), {ms:.1} ms", found.verdict.as_str(), found.calibrated_score);
    }
    println!("{n_anomalous} of {N_FRAMES} frames are anomalous");
    Ok(())
}
