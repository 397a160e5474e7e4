//! Real photographs, where they are at hand: at least the figures of an independent implementation, less 0.01.

use crate::support::{expect, pcore, shared};
use serde_json::Value;
use tempfile::TempDir;

/// Fits on `data/NAME` with the settings of the reference figures and evaluates.
fn evaluate(name: &str, extra: &[&str]) -> Option<Value> {
    let Some(shared) = shared() else {
        println!("skipped: no shared data");
        return None;
    };
    let data = shared.join("data").join(name).canonicalize().unwrap();
    let folder = TempDir::new().unwrap();
    let data = data.to_str().unwrap();
    let conditions = format!("{data}/conditions.csv");
    let extra: Vec<&str> = extra.iter().map(|a| if *a == "CONDITIONS" { conditions.as_str() } else { a }).collect();
    expect(0, pcore(folder.path()).args(["fit", "--domain", name, "--normal", data]).args(extra));
    let output = expect(0, pcore(folder.path()).args(["eval", data, "--domain", name, "--json"]));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn at_least(found: &Value, key: &str, reference: f64) {
    let value = found[key].as_f64().unwrap();
    assert!(value >= reference - 0.01, "{key} is {value}, the reference {reference}");
}

// The reference's pixel figures and its solar-cell figures are not asserted: they move by up to 0.04 with the seed of the
// projection, the reference's own included. docs/benchmarks.md has the measurements.

#[test]
fn magnetic_tiles_reach_the_reference() {
    let Some(found) = evaluate("magnetic_tile", &[]) else { return };
    at_least(&found, "image_AUROC", 0.9286);
}

#[test]
fn solar_cells_reach_the_reference_in_the_monocrystalline_condition() {
    let Some(found) = evaluate("elpv", &["--conditions", "CONDITIONS"]) else { return };
    at_least(&found["per_condition"]["mono"], "image_AUROC", 0.9520);
}
