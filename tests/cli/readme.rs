//! Snippets of the README that need another program.

use crate::support::{expect, pcore, text};
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// The Python that has PyTorch: `$PCORE_PYTHON`, else `python3`.
fn python() -> Command {
    Command::new(std::env::var_os("PCORE_PYTHON").unwrap_or_else(|| "python3".into()))
}

#[test]
fn the_export_from_pytorch_works_and_gives_a_network_that_pcore_knows() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let snippets: Vec<&str> = readme.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(snippets.len(), 1, "the README has another number of Python snippets");
    let indent = snippets[0].len() - snippets[0].trim_start().len();
    let snippet: String = snippets[0].lines().map(|l| l.get(indent..).unwrap_or_default().to_owned() + "\n").collect();
    // The same on a small network without downloaded weights. Its normalisations get some: as they begin, they do nothing,
    // and the exporter would leave out their biases.
    let shaken = "def shaken(net):\n    for part in net.modules():\n        if hasattr(part, 'running_mean'):\n            \
                  torch.nn.init.normal_(part.bias)\n    return net\n";
    let replaced = [
        ("weights=\"IMAGENET1K_V1\"", "weights=None"),
        ("torchvision.models.wide_resnet50_2(weights=None)", "shaken(torchvision.models.resnet18(weights=None))"),
        ("weights/wrn50.onnx", "small.onnx"),
    ];
    let snippet = replaced.iter().fold(snippet, |snippet, (from, to)| {
        assert!(snippet.contains(from), "the snippet has no {from}: {snippet}");
        snippet.replace(from, to)
    });
    let has_torch = python().args(["-c", "import torch, torchvision, onnxscript"]).output();
    if !has_torch.is_ok_and(|output| output.status.success()) {
        skipped!("no Python with torch, torchvision and onnxscript (PCORE_PYTHON names one)");
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut export = python();
    expect(0, export.arg("-c").arg(format!("{shaken}{snippet}")).current_dir(folder.path()));
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["small.onnx"], "weights lie beside the graph, where build.rs does not look");
    let added = expect(0, pcore(folder.path()).args(["weights", "add", "small.onnx", "--as", "resnet18"]));
    assert!(text(&added.stdout).contains("layer2,layer3"), "{}", text(&added.stdout));
}
