//! `--detector autoencoder`: from simulated parts to a report with reconstructions.

use crate::support::{expect, pcore, raw_scores, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Parts of 64 pixels, and an autoencoder of them in `ae.pcore`; what the fit said.
fn parts(folder: &Path) -> String {
    let synth = ["synth", "part", "--out", "parts", "--size", "64", "--train", "60", "--good", "12", "--each", "6"];
    expect(0, pcore(folder).args(synth));
    let fit = ["fit", "--normal", "parts", "--detector", "autoencoder", "--image-size", "64", "--steps", "250"];
    let done = expect(0, pcore(folder).args(fit).args(["--alpha", "0.05", "--bundle", "ae.pcore"]));
    text(&done.stdout)
}

#[test]
fn stains_are_found_by_what_is_drawn_otherwise_and_the_report_shows_it() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let said = parts(at);
    assert!(said.contains("networks     2 on 64 x 64 colour pixels, 250 steps each"), "{said}");
    assert!(said.contains("from 60 normals, each left out in turn: at most 5 % false alarms"), "{said}");
    let eval = ["eval", "parts", "--bundle", "ae.pcore", "--out", "results", "--json"];
    let found: Value = serde_json::from_slice(&expect(0, pcore(at).args(eval)).stdout).unwrap();
    let stain = &found["per_defect"]["stain"];
    assert!(stain["image_AUROC"].as_f64().unwrap() > 0.85, "{found}");
    assert!(stain["pixel_AUROC"].as_f64().unwrap() > 0.8, "{found}");
    assert!(fs::read_to_string(at.join("results/report.html")).unwrap().contains("report_files"));
    // Whatever else is in the folder, an image has one score; each has its reconstruction.
    let all = raw_scores(&expect(0, pcore(at).args(["infer", "parts/test", "--bundle", "ae.pcore", "--json"])));
    let one = ["infer", "parts/test/stain/0003.png", "--bundle", "ae.pcore", "--json", "--out", "one", "--batch", "1"];
    let one = raw_scores(&expect(0, pcore(at).args(one)));
    let (path, bits) = one.iter().next().unwrap();
    assert_eq!((one.len(), all.iter().find(|(p, _)| p.ends_with("stain/0003.png")).unwrap().1), (1, bits), "{path}");
    let drawn: Vec<_> = fs::read_dir(at.join("one/reconstructions")).unwrap().collect();
    assert_eq!(drawn.len(), 1);
    // Thresholds by rules of lines, each called what it is.
    let cut = text(&expect(0, pcore(at).args(["calibrate", "ae.pcore", "--cut", "sigma:3"])).stdout);
    assert!(cut.contains("by sigma:3 of 60 held-out normals, nothing is promised"), "{cut}");
}

#[test]
fn what_does_not_suit_pixels_is_refused_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let synth = ["synth", "part", "--out", "parts", "--size", "64", "--train", "8", "--good", "0", "--each", "0"];
    expect(0, pcore(at).args(synth));
    let refused = |more: &[&str]| {
        let fit = ["fit", "--normal", "parts/train/good", "--detector", "autoencoder", "--steps", "2"];
        text(&expect(2, pcore(at).args(fit).args(["--bundle", "x.pcore"]).args(more)).stderr)
    };
    for (more, said) in [
        (vec!["--image-size", "64", "--backbone", "pcore_tiny"], "backbone pcore_tiny: expected `pixels`"),
        (
            vec!["--image-size", "64", "--resize", "stretch-bilinear", "--tiles", "64"],
            "an autoencoder draws whole images",
        ),
        (vec!["--image-size", "64", "--rotate", "4"], "an autoencoder learns how parts lie"),
        (vec!["--image-size", "2100"], "at most 2048 pixels"),
        (vec!["--image-size", "64", "--image-score", "reweighted"], "image score reweighted"),
    ] {
        let found = refused(&more);
        assert!(found.contains(said), "{more:?}: {found}");
        assert!(!at.join("x.pcore").exists());
    }
}
