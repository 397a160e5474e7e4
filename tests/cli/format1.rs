//! Bundles of format 1, written by the last program that wrote it: read with the same scores, thresholds, verdicts and maps,
//! bit for bit.

use crate::support::{expect, pcore, rows};
use pcore::image::{self, Limits};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The numbers of a row that the golden files hold.
const KEPT: [&str; 7] =
    ["raw_score", "score", "threshold", "verdict", "condition", "gate_confidence", "unknown_condition"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// What the golden files were computed with.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The SHA-256 of a map's values.
fn sum_of(map: &Path) -> String {
    let map = image::read(map, &Limits::default()).unwrap();
    let bytes: Vec<u8> = map.pixels().iter().flat_map(|value| value.to_le_bytes()).collect();
    format!("{:x}", Sha256::digest(bytes))
}

#[test]
fn bundles_of_format_1_give_the_same_scores_and_maps_bit_for_bit() {
    if !has_avx2() {
        skipped!("the golden scores are those of AVX2, which this machine has not");
        return;
    }
    let work = TempDir::new().unwrap();
    let counts = ["--train", "24", "--good", "6", "--fault", "6"];
    expect(0, pcore(work.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    let text = std::fs::read_to_string(golden("format1/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let (mut n_bundles, mut n_images) = (0, 0);
    for (name, runs) in expected.as_object().unwrap() {
        n_bundles += 1;
        let images = if name == "station" { golden("onnxdemo/tiny/images") } else { "domain_C/test".into() };
        for run in runs.as_array().unwrap() {
            let out = work.path().join("out");
            let mut command = pcore(work.path());
            command.arg("infer").arg(&images).arg("--bundle").arg(golden(&format!("format1/{name}.pcore")));
            command.args(["--json", "--maps", "tiff", "--out", "out"]).env("PCORE_SIMD", "avx2");
            command.args(run["arguments"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()));
            let found = rows(&expect(0, &mut command));
            let wanted = run["rows"].as_object().unwrap();
            assert_eq!(found.len(), wanted.len(), "{name} {}", run["arguments"]);
            for (image, wanted) in wanted {
                let row = &found[image];
                n_images += 1;
                for key in KEPT {
                    assert_eq!(row[key], wanted[key], "{name} {} {image}: {key}", run["arguments"]);
                }
                let file = image.strip_prefix("images/").unwrap_or(image);
                let map = sum_of(&out.join("maps").join(format!("{file}.tiff")));
                assert_eq!(map, wanted["map_sha256"], "{name} {} {image}", run["arguments"]);
            }
            std::fs::remove_dir_all(out).unwrap();
        }
    }
    assert_eq!((n_bundles, n_images), (9, 8 * 5 * 12 + 7));
}
