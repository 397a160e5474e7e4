//! Named qualities and scales: what they make of a fit.

use crate::support::{expect, pcore, text};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn maps() -> TempDir {
    let folder = TempDir::new().unwrap();
    let counts = ["--train", "24", "--good", "0", "--fault", "2"];
    expect(0, pcore(folder.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
    folder
}

/// The profile of a fit, and the sides of the inputs of its parts.
fn fitted(folder: &Path, args: &[&str]) -> (String, Vec<u64>) {
    let fit = ["fit", "--domain", "C", "--normal", ".", "--json"];
    let output = expect(0, pcore(folder).args(fit).args(args));
    let manifest = &serde_json::from_slice::<Value>(&output.stdout).unwrap()["manifest"];
    let detector = &manifest["detector"];
    let side = |section: &Value| section["features"]["preprocessing"]["height_px"].as_u64().unwrap();
    let parts = detector["parts"].as_array().map_or_else(Vec::new, |parts| parts.iter().map(side).collect());
    let sides = if parts.is_empty() { vec![side(detector)] } else { parts };
    (manifest["profile"].as_str().unwrap().to_owned(), sides)
}

#[test]
fn a_quality_sets_scales_and_whatever_is_set_one_by_one_is_no_quality() {
    let folder = maps();
    let cases: [(&[&str], &str, &[u64]); 8] = [
        (&[], "balanced", &[128, 384]),
        (&["--quality", "fast"], "fast", &[256]),
        (&["--scales", "32,64x64"], "pcore", &[32, 64]),
        (&["--image-size", "48"], "pcore", &[48]),
        (&["--quality", "fast", "--coreset", "40"], "pcore", &[256]),
        (&["--detector", "gaussian"], "balanced", &[256]),
        (&["--detector", "gaussian", "--scales", "32,64"], "pcore", &[32, 64]),
        (&["--detector", "patchcore@32+gaussian", "--image-size", "64"], "pcore", &[32, 64]),
    ];
    for (args, profile, sides) in cases {
        assert_eq!(fitted(folder.path(), args), (profile.to_owned(), sides.to_vec()), "{args:?}");
    }
    expect(0, pcore(folder.path()).args(["fit", "--domain", "C", "--normal", ".", "--quality", "fast"]));
    let said = text(&expect(0, pcore(folder.path()).args(["inspect", ".pcore/C.pcore"])).stdout);
    assert!(said.contains("quality      fast"), "{said}");
    let both = ["fit", "--normal", ".", "--domain", "C", "--scales", "32", "--image-size", "32"];
    let refused = text(&expect(2, pcore(folder.path()).args(both)).stderr);
    assert!(refused.contains("--scales") && refused.contains("--image-size"), "{refused}");
    let wrong = ["fit", "--normal", ".", "--domain", "C", "--quality", "perfect"];
    let refused = text(&expect(2, pcore(folder.path()).args(wrong)).stderr);
    assert!(refused.contains("fast, balanced, best"), "{refused}");
}

#[test]
fn an_image_is_anomalous_where_its_map_exceeds_the_level_of_its_scales() {
    let folder = maps();
    expect(0, pcore(folder.path()).args(["fit", "--domain", "C", "--normal", ".", "--scales", "64,128"]));
    let infer = ["infer", "domain_C/test/fault", "--json", "--explain"];
    let output = expect(0, pcore(folder.path()).args(infer));
    let rows: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let is_anomalous = row["verdict"] == "anomalous";
        // One condition: the pixel threshold and the image's are the same normals' largest values.
        assert_eq!(is_anomalous, !row["regions"].as_array().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn a_recipe_sets_what_it_says_and_what_is_said_besides_wins() {
    let folder = maps();
    let recipe = ["fit", "--domain", "C", "--normal", ".", "--profile", "anomalydino", "--json"];
    let refused = text(&expect(2, pcore(folder.path()).args(recipe)).stderr);
    assert!(refused.contains("dinov2_vits14") && refused.contains("pcore weights"), "{refused}");
    let own =
        ["--backbone", "pcore_tiny", "--layers", "layer3", "--image-size", "64", "--foreground", "0", "--shots", "6"];
    let output = expect(0, pcore(folder.path()).args(recipe).args(own));
    let manifest = &serde_json::from_slice::<Value>(&output.stdout).unwrap()["manifest"];
    assert_eq!((&manifest["profile"], &manifest["rotate"]), (&"anomalydino".into(), &8.into()));
    let detector = &manifest["detector"];
    let (features, settings) = (&detector["features"], &detector["settings"]);
    assert_eq!(features["preprocessing"]["height_px"], 64);
    let descriptor = &features["descriptor"];
    assert_eq!((&descriptor["neighbourhood"], &descriptor["foreground"]), (&1.into(), &0.0.into()));
    assert_eq!((&settings["metric"], &settings["score"]["image_score"]), (&"cosine".into(), &"top:0.01".into()));
    // All patches of eight copies of six images.
    assert_eq!(settings["coreset"]["n_candidates"], 8 * 6 * 4 * 4);
    let shown = text(&expect(0, pcore(folder.path()).args(["inspect", ".pcore/C.pcore"])).stdout);
    assert!(
        shown.contains("copies       8 of each training image") && shown.contains("object       patches"),
        "{shown}"
    );
    let both = [&recipe[..], &["--quality", "fast"]].concat();
    let refused = text(&expect(2, pcore(folder.path()).args(both)).stderr);
    assert!(refused.contains("--profile") && refused.contains("--quality"), "{refused}");
    let region = ["fit", "--domain", "C", "--normal", ".", "--rotate", "4", "--roi", "0,0,9,9"];
    assert!(text(&expect(2, pcore(folder.path()).args(region)).stderr).contains("--rotate"));
}
