//! Large images in tiles, and the plates that show what they are for.

use crate::support::{expect, pcore, raw_scores, text};
use std::path::Path;
use tempfile::TempDir;

fn plates(folder: &Path, size: &str, counts: [&str; 3]) {
    let [train, good, spots] = counts;
    let mut command = pcore(folder);
    command.args(["synth", "plate", "--out", "plates", "--size", size, "--spot", "8", "--seed", "3"]);
    expect(0, command.args(["--train", train, "--good", good, "--spots", spots]));
}

fn fit(folder: &Path, bundle: &str, more: &[&str]) -> String {
    let mut command = pcore(folder);
    command.args(["fit", "--normal", "plates", "--quality", "fast", "--alpha", "0.1", "--bundle", bundle]);
    text(&expect(0, command.args(more)).stderr)
}

#[test]
fn a_spot_of_eight_pixels_in_a_large_plate_is_found_in_tiles_that_are_chosen_and_said() {
    let folder = TempDir::new().unwrap();
    plates(folder.path(), "700x1500", ["10", "6", "6"]);
    let said = fit(folder.path(), "cut.pcore", &["--coreset", "1000"]);
    assert!(said.contains("cut into tiles of 384 pixels that overlap by 96; --tiles none shrinks them"), "{said}");
    fit(folder.path(), "whole.pcore", &["--tiles", "none"]);
    let ranked = |bundle: &str| {
        let found =
            raw_scores(&expect(0, pcore(folder.path()).args(["infer", "--json", "plates/test", "--bundle", bundle])));
        let of = |what: &str| -> Vec<f32> {
            found.iter().filter(|(path, _)| path.contains(what)).map(|(_, bits)| f32::from_bits(*bits)).collect()
        };
        let (good, spots) = (of("good"), of("spot"));
        assert_eq!((good.len(), spots.len()), (6, 6));
        let highest = good.into_iter().fold(f32::MIN, f32::max);
        spots.into_iter().filter(|score| *score > highest).count()
    };
    let (cut, whole) = (ranked("cut.pcore"), ranked("whole.pcore"));
    assert!(cut >= 5 && whole <= 3, "{cut} of 6 in tiles, {whole} of whole images");
    let shown = text(&expect(0, pcore(folder.path()).args(["inspect", "cut.pcore"])).stdout);
    assert!(shown.contains("tiles        of 384 pixels of the image, 96 of them shared with the next"), "{shown}");
    let shown = text(&expect(0, pcore(folder.path()).args(["inspect", "whole.pcore"])).stdout);
    assert!(!shown.contains("tiles"), "{shown}");
    // Figures, reasons and pictures are those of large images.
    let evaluated = ["eval", "plates", "--bundle", "cut.pcore", "--out", "evaluated", "--json"];
    expect(0, pcore(folder.path()).args(evaluated));
    let explained = ["infer", "plates/test/spot", "--bundle", "cut.pcore", "--explain", "--out", "explained"];
    expect(0, pcore(folder.path()).args(explained));
    let json = std::fs::read_to_string(folder.path().join("explained/explain.json")).unwrap();
    // Rows of the bank are found again in the tiles of their images.
    assert!(json.contains("\"found\"") && !json.contains("\"changed\""), "{json}");
}

#[test]
fn other_tiles_than_those_of_the_fit_are_warned_of_and_impossible_ones_refused() {
    let folder = TempDir::new().unwrap();
    plates(folder.path(), "300x400", ["8", "2", "0"]);
    fit(folder.path(), "a.pcore", &["--tiles", "none"]);
    let infer = |code, more: &[&str]| {
        let mut command = pcore(folder.path());
        expect(code, command.args(["infer", "--json", "plates/test", "--bundle", "a.pcore"]).args(more))
    };
    let plain = infer(0, &[]);
    assert!(!text(&plain.stderr).contains("cut otherwise"));
    let cut = infer(0, &["--tiles", "128:32"]);
    assert!(text(&cut.stderr).contains("fit with --tiles 128:32"), "{}", text(&cut.stderr));
    assert_ne!(raw_scores(&plain), raw_scores(&cut));
    let none = infer(0, &["--tiles", "none"]);
    assert_eq!(raw_scores(&plain), raw_scores(&none));
    for bad in ["auto", "0", "128:128", "x"] {
        let refused = text(&infer(2, &["--tiles", bad]).stderr);
        assert!(refused.contains("SIZE or SIZE:OVERLAP"), "{refused}");
    }
    let mut odd = pcore(folder.path());
    odd.args(["fit", "--normal", "plates", "--image-size", "250x250", "--tiles", "100", "--bundle", "b.pcore"]);
    let refused = text(&expect(2, &mut odd).stderr);
    assert!(refused.contains("no multiple of that"), "{refused}");
    let refused = text(&expect(2, pcore(folder.path()).args(["synth", "plate", "--out", "x", "--spot", "1"])).stderr);
    assert!(refused.contains("plates: spot 1; expected 2 to 64 pixels"), "{refused}");
}
