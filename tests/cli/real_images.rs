//! Real photographs, where they are at hand: at least the figures of an independent implementation, less 0.01.

use crate::shared::shared;
use crate::support::{expect, pcore};
use serde_json::Value;
use tempfile::TempDir;

/// Fits on `data/NAME` with the settings of the reference figures and evaluates.
fn evaluate(name: &str, extra: &[&str]) -> Option<Value> {
    let data = shared(&format!("data/{name}"))?.canonicalize().unwrap();
    let folder = TempDir::new().unwrap();
    let data = data.to_str().unwrap();
    let conditions = format!("{data}/conditions.csv");
    let extra: Vec<&str> = extra.iter().map(|a| if *a == "CONDITIONS" { conditions.as_str() } else { a }).collect();
    expect(0, pcore(folder.path()).args(["fit", "--domain", name, "--normal", data]).args(extra));
    let output = expect(0, pcore(folder.path()).args(["eval", data, "--domain", name, "--policy", "mixed", "--json"]));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn at_least(found: &Value, key: &str, reference: f64) {
    let value = found[key].as_f64().unwrap();
    assert!(value >= reference - 0.01, "{key} is {value}, the reference {reference}");
}

#[test]
fn magnetic_tiles_reach_the_reference() {
    let Some(found) = evaluate("magnetic_tile", &[]) else { return };
    at_least(&found, "image_AUROC", 0.9286);
    at_least(&found, "pixel_AUROC", 0.9481);
    at_least(&found, "AUPRO", 0.8265);
}

#[test]
fn solar_cells_reach_the_reference_with_a_mixed_bank_in_every_condition() {
    let Some(found) = evaluate("elpv", &["--conditions", "CONDITIONS"]) else { return };
    at_least(&found, "image_AUROC", 0.9016);
    at_least(&found["per_condition"]["mono"], "image_AUROC", 0.9520);
    at_least(&found["per_condition"]["poly"], "image_AUROC", 0.8276);
}
