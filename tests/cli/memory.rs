//! `--memory`: the bound holds, seen from outside, and changes nothing else.

use crate::support::{expect, pcore, text};
use pcore::image::write_tiff_f32;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The largest resident memory of a process so far, MiB; `None` once it has ended, or where the system does not tell.
fn peak_mib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Runs it to its end: exit code, peak memory in MiB, stderr.
fn watched(command: &mut Command) -> (Option<i32>, u64, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        stderr.read_to_string(&mut told).map(|_| told)
    });
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_mib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    (status.code(), peak, told.join().unwrap().unwrap())
}

/// A folder with so many simulated maps; at the default size each has 1,024 patches of 384 values, 1.5 MiB.
fn maps(n: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", &n.to_string(), "--good", "0", "--fault", "0"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    fs::create_dir(folder.path().join("scratch")).unwrap();
    folder
}

fn fit(folder: &Path, bundle: &str, args: &[&str]) -> Command {
    let mut command = pcore(folder);
    // What the process takes for itself grows with the threads.
    command
        .env("RAYON_NUM_THREADS", "2")
        .args(["fit", "--normal", "domain_C", "--quality", "fast", "--bundle", bundle])
        .args(args);
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_bounded_fit_stays_within_its_memory_and_makes_the_same_bundle() {
    if peak_mib(std::process::id()).is_none() {
        skipped!("the system does not tell the memory of a process");
        return;
    }
    let folder = maps(200);
    let (code, free_peak, told) = watched(&mut fit(folder.path(), "free.pcore", &["--memory", "8GiB"]));
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("scratch"), "{told}");
    let bound = 300;
    let args = ["--memory", "300MiB", "--scratch", "scratch"];
    let (code, peak, told) = watched(&mut fit(folder.path(), "bounded.pcore", &args));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("they go to a scratch file in scratch"), "{told}");
    println!("peak memory {free_peak} MiB without a bound, {peak} MiB of {bound}");
    assert!(free_peak > bound + 50, "the bound is none: {free_peak} MiB");
    assert!(peak < bound, "{peak} MiB");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("free.pcore") == read("bounded.pcore"), "the bundles differ");
    assert!(is_empty(&folder.path().join("scratch")));
}

#[test]
fn every_way_to_fit_makes_the_same_bundle_from_a_scratch_file() {
    let folder = maps(120);
    for args in [
        &["--conditions", "index:60", "--gate", "embedding", "--metric", "cosine", "--projection", "16"][..],
        &["--holdout", "0.2", "--coreset", "500"],
    ] {
        expect(0, fit(folder.path(), "free.pcore", args).args(["--memory", "8GiB"]));
        let bounded = expect(0, fit(folder.path(), "bounded.pcore", args).args(["--memory", "300MiB"]));
        assert!(text(&bounded.stderr).contains("scratch file"), "{}", text(&bounded.stderr));
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert!(read("free.pcore") == read("bounded.pcore"), "{args:?}: the bundles differ");
    }
}

#[test]
fn too_little_memory_is_refused_with_the_numbers_and_the_way_out() {
    let folder = maps(20);
    let output = expect(2, fit(folder.path(), "none.pcore", &[]).args(["--memory", "20MiB"]));
    let told = text(&output.stderr);
    assert!(told.contains("one input of 256 x 256 pixels") && told.contains("20 MiB are allowed"), "{told}");
    assert!(told.contains("--memory") && told.contains("--image-size"), "{told}");
    // Enough for the images, too little for the patches that a bank is chosen from.
    let folder = maps(200);
    let output = expect(2, fit(folder.path(), "none.pcore", &["--projection", "none"]).args(["--memory", "200MiB"]));
    let told = text(&output.stderr);
    assert!(told.contains("200 images of 1024 patches with 384 values"), "{told}");
    assert!(told.contains("--memory") && told.contains("--shots"), "{told}");
    assert!(!folder.path().join("none.pcore").exists());
}

/// A picture with structure of its own in the format of its name; `side` pixels are its height, a third more its width.
fn picture(folder: &Path, name: &str, side: u32, grey: bool) {
    let (height, width) = (side, side * 4 / 3);
    let value = |x: u32, y: u32, c: u32| ((x / 7 * (c + 3) + y / 5 * 11) ^ (x * y / 64)) as u8;
    if name.ends_with(".tiff") {
        let pixels: Vec<f32> = (0..height * width).map(|i| f32::from(value(i % width, i / width, 0)) / 255.0).collect();
        return write_tiff_f32(&folder.join(name), &pixels, height as usize, width as usize).unwrap();
    }
    let colours = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([0, 1, 2].map(|c| value(x, y, c))));
    let picture = image::DynamicImage::ImageRgb8(colours);
    let picture = if grey { image::DynamicImage::ImageLuma8(picture.to_luma8()) } else { picture };
    picture.save(folder.join(name)).unwrap();
}

/// A JPEG of a few bytes that claims 11,000 x 11,000 pixels.
fn bomb(folder: &Path, name: &str) {
    picture(folder, name, 16, false);
    let mut bytes = fs::read(folder.join(name)).unwrap();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for side in [frame + 5, frame + 7] {
        bytes[side..side + 2].copy_from_slice(&11_000u16.to_be_bytes());
    }
    fs::write(folder.join(name), bytes).unwrap();
}

/// Folders of images of mixed sizes and formats, and how many images each holds.
fn mixes(root: &Path) -> Vec<(&'static str, usize)> {
    let make = |name: &'static str, parts: &[(usize, &str, u32, bool)]| {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        let mut n = 0;
        for (count, extension, side, grey) in parts {
            for _ in 0..*count {
                match *extension {
                    "bomb" => bomb(&folder, &format!("{n:02}.jpg")),
                    extension => picture(&folder, &format!("{n:02}.{extension}"), *side, *grey),
                }
                n += 1;
            }
        }
        (name, n)
    };
    let growing: Vec<_> = (0..10).map(|i| (1, "png", 100 + 150 * i, true)).collect();
    vec![
        make("small", &[(30, "png", 64, true)]),
        make("jpeg", &[(10, "jpg", 1080, false)]),
        make("large", &[(3, "jpg", 1500, false)]),
        make("one large", &[(12, "png", 200, true), (1, "png", 2600, true)]),
        make("last small", &[(3, "bmp", 1400, false), (12, "png", 100, true)]),
        make(
            "formats",
            &[(2, "webp", 900, false), (2, "bmp", 900, false), (2, "tiff", 900, true), (4, "qoi", 300, false)],
        ),
        make("growing", &growing),
        make("too large", &[(10, "png", 128, true), (2, "bmp", 4000, false)]),
        make("bombs", &[(10, "png", 128, true), (31, "bomb", 16, false)]),
        make("all", &[(2, "jpg", 1400, false), (6, "png", 128, true), (1, "bomb", 16, false), (2, "tiff", 1200, true)]),
    ]
}

#[test]
fn mixes_of_sizes_stay_within_their_memory_in_fit_and_infer() {
    if peak_mib(std::process::id()).is_none() {
        skipped!("the system does not tell the memory of a process");
        return;
    }
    let folder = TempDir::new().unwrap();
    let mixes = mixes(folder.path());
    assert_eq!(mixes.len(), 10);
    let (bound, memory) = (300, ["--memory", "300MiB"]);
    for (name, n_images) in mixes {
        let mut fit = pcore(folder.path());
        fit.env("RAYON_NUM_THREADS", "4")
            .args(["fit", "--normal", name, "--quality", "fast", "--bundle", "b.pcore"])
            .args(memory);
        let (code, fitting, told) = watched(&mut fit);
        let left_out = told.matches("left out:").count();
        assert_eq!(code, Some(if left_out > 0 { 3 } else { 0 }), "{name}: {told}");
        let mut infer = pcore(folder.path());
        infer.env("RAYON_NUM_THREADS", "4").args(["infer", name, "--bundle", "b.pcore", "--out", "out"]).args(memory);
        let (code, inspecting, told) = watched(&mut infer);
        let rows = fs::read_to_string(folder.path().join("out/results.csv")).unwrap();
        let refused = rows.matches("MiB of memory").count();
        assert_eq!(code, Some(if refused > 0 { 3 } else { 0 }), "{name}: {told}");
        assert_eq!(rows.lines().count(), n_images + 1, "{name}");
        println!(
            "{name}: fit {fitting} MiB, {left_out} of {n_images} too large; infer {inspecting} MiB, {refused} too large"
        );
        assert!(fitting < bound && inspecting < bound, "{name}: {fitting} and {inspecting} MiB of {bound}");
        let expected = match name {
            "too large" => 2,
            "bombs" => 31,
            "all" => 1,
            _ => 0,
        };
        assert_eq!(left_out, expected, "{name}");
        assert!(refused >= expected, "{name}: {refused}");
    }
}

#[test]
fn an_input_size_that_does_not_fit_is_refused_before_the_images_are_read() {
    let folder = maps(4);
    let args = ["--image-size", "8192", "--memory", "1GiB"];
    let (code, peak, told) = watched(&mut fit(folder.path(), "none.pcore", &args));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("one input of 8192 x 8192 pixels takes") && told.contains("1024 MiB are allowed"), "{told}");
    assert!(peak < 200, "{peak} MiB");
}

#[test]
#[cfg(unix)]
fn a_killed_fit_leaves_no_scratch_file() {
    let folder = maps(200);
    let args = ["--memory", "400MiB", "--scratch", "scratch"];
    let mut child =
        fit(folder.path(), "none.pcore", &args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("scratch file in scratch")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_empty(&folder.path().join("scratch")));
    assert!(!folder.path().join("none.pcore").exists());
}

/// A file that may not grow beyond 16 MiB stands for a disk that is full half-way.
#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_ends_the_fit_and_leaves_nothing() {
    let folder = maps(200);
    let program = env!("CARGO_BIN_EXE_pcore");
    // The unit of `ulimit -f` is 512 or 1024 bytes.
    let script = format!("trap '' XFSZ; ulimit -f 16384; exec '{program}' \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).env("PCORE_HOME", folder.path().join(".pcore")).env("RAYON_NUM_THREADS", "2");
    command.args(["-c", &script, "sh", "fit", "--normal", "domain_C", "--quality", "fast", "--bundle", "none.pcore"]);
    command.args(["--memory", "400MiB", "--scratch", "scratch"]);
    let told = text(&expect(2, &mut command).stderr);
    assert!(told.contains("the scratch file in scratch can't be written"), "{told}");
    assert!(is_empty(&folder.path().join("scratch")));
    assert!(!folder.path().join("none.pcore").exists());
}
