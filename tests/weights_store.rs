//! A network from the weight store, all the way: added, fitted with, inspected with, gone, exchanged.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "support/resnet18_file.rs"]
mod resnet18_file;

use std::path::Path;
use std::process::Command;

use resnet18_file::resnet18_file;
use serde_json::Value;
use tempfile::TempDir;

/// Runs the program in `folder`, which is its home too; its exit code, standard output and messages.
fn pcore(folder: &Path, arguments: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcore"));
    command.current_dir(folder).env("PCORE_HOME", folder).args(arguments.split(' '));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The same where it must succeed; its standard output.
fn done(folder: &Path, arguments: &str) -> String {
    let (code, out, messages) = pcore(folder, arguments);
    assert_eq!(code, Some(0), "{arguments}\n{out}\n{messages}");
    out
}

fn raw_scores(json_lines: &str) -> Vec<f64> {
    let rows = json_lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["raw_score"].as_f64().unwrap()).collect()
}

#[test]
fn a_network_of_the_store_fits_and_infers_and_is_missed_when_it_is_gone() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    resnet18_file(&folder.join("r18.safetensors"), 1);
    resnet18_file(&folder.join("other.safetensors"), 2);
    done(folder, "synth hdmap --out . --train 10 --good 2 --fault 2 --seed 3");

    let fit = "fit --domain C --normal . --backbone resnet18 --image-size 64x64 --coreset 0.2";
    let (code, _, messages) = pcore(folder, fit);
    assert_eq!(code, Some(2), "{messages}");
    assert!(messages.contains("pcore weights add FILE --as resnet18"), "{messages}");

    let added = done(folder, "weights add r18.safetensors --as resnet18");
    assert!(added.contains("layers layer1,layer2,layer3,layer4"), "{added}");
    done(folder, fit);
    let manifest: Value = serde_json::from_str(&done(folder, "inspect C.pcore --json")).unwrap();
    let text = manifest.to_string();
    assert!(text.contains("\"name\":\"resnet18\"") && text.contains("[\"layer2\",\"layer3\"]"), "{text}");
    let scores = raw_scores(&done(folder, "infer domain_C/test --json"));
    assert_eq!(scores.len(), 4);
    assert!(scores.iter().all(|score| score.is_finite() && *score > 0.0), "{scores:?}");
    assert_eq!(raw_scores(&done(folder, "infer domain_C/test --json")), scores);

    // The bundle knows the weights it was fitted with.
    done(folder, "weights add other.safetensors --as resnet18");
    let (code, _, messages) = pcore(folder, "infer domain_C/test --json");
    assert_eq!(code, Some(2), "{messages}");
    assert!(messages.contains("weights"), "{messages}");

    std::fs::remove_file(folder.join("weights/resnet18.safetensors")).unwrap();
    let (code, _, messages) = pcore(folder, "infer domain_C/test --json");
    assert_eq!(code, Some(2), "{messages}");
    assert!(messages.contains("pcore weights add FILE --as resnet18"), "{messages}");
}
