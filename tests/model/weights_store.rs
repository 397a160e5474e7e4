//! A network from the weight store, all the way: added, fitted with, inspected with, gone, exchanged.

use std::path::Path;
use std::process::Command;

use crate::resnet18_file::resnet18_file;
use pcore::model::weights::Store;
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

/// A tensor of a safetensors file.
#[derive(Clone)]
struct Entry {
    name: String,
    shape: Value,
    values: Vec<f32>,
}

/// The tensors of a file, in its order.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, Value> = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let mut all: Vec<(u64, Entry)> = header
        .into_iter()
        .map(|(name, info)| {
            let at = |i: usize| info["data_offsets"][i].as_u64().unwrap();
            let data = &bytes[8 + n + at(0) as usize..8 + n + at(1) as usize];
            let values = data.chunks(4).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect();
            (at(0), Entry { name, shape: info["shape"].clone(), values })
        })
        .collect();
    all.sort_by_key(|(start, _)| *start);
    all.into_iter().map(|(_, entry)| entry).collect()
}

/// A file of these tensors, `hole` bytes before the third, and its header changed by `edit`.
fn file(entries: &[Entry], hole: usize, edit: impl FnOnce(String) -> String) -> Vec<u8> {
    let (mut header, mut data) = (vec![], vec![]);
    for (index, Entry { name, shape, values }) in entries.iter().enumerate() {
        data.resize(data.len() + if index == 2 { hole } else { 0 }, 0);
        let start = data.len();
        data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        let end = data.len();
        header.push(format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}"));
    }
    let header = edit(format!("{{{}}}", header.join(",")));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Those whose names do not begin so.
fn without(entries: &[Entry], begin: &str) -> Vec<Entry> {
    entries.iter().filter(|e| !e.name.starts_with(begin)).cloned().collect()
}

/// Files that are wrong, and what is said of each.
fn damaged(sound: &[Entry]) -> Vec<(Vec<u8>, &'static str)> {
    let with = |name: &str, index: usize, value: f32| {
        let mut changed = sound.to_vec();
        changed.iter_mut().find(|e| e.name == name).unwrap().values[index] = value;
        changed
    };
    let same = |header: String| header;
    let mut overflowing = with("layer1.0.bn1.weight", 5, 3e38);
    overflowing.iter_mut().find(|e| e.name == "layer1.0.bn1.running_var").unwrap().values[5] = 0.0;
    let conv2 = format!("[0,{}]", 4 * sound[0].values.len());
    vec![
        (file(&without(sound, "layer4.1.bn2.running_var"), 0, same), "layer4.1.bn2.running_var"),
        (file(&without(sound, "layer4.0.downsample"), 0, same), "layer4.0.downsample.0.weight"),
        (file(&without(sound, "layer3.0.conv2.weight"), 0, same), "layer3.0.conv2.weight"),
        (file(&without(sound, "layer2"), 0, same), "layer2.0.conv1.weight"),
        (file(&without(sound, "bn1.running_mean"), 0, same), "bn1.running_mean"),
        (file(&with("layer2.0.bn1.running_var", 3, -0.5), 0, same), "layer2.0.bn1.running_var holds -0.5 at element 3"),
        (file(&with("layer4.0.bn1.running_var", 0, -1e-30), 0, same), "layer4.0.bn1.running_var"),
        (
            file(&with("layer1.0.conv1.weight", 7, f32::NAN), 0, same),
            "\"layer1.0.conv1.weight\" holds NaN at element 7",
        ),
        (file(&with("layer4.1.bn2.bias", 0, f32::INFINITY), 0, same), "\"layer4.1.bn2.bias\" holds inf"),
        (file(&overflowing, 0, same), "layer1.0.conv1 leaves the range of f32"),
        (file(sound, 4, same), "4 bytes between the end of tensor \"bn1.weight\" and tensor \"bn1.bias\""),
        ([file(sound, 0, same), vec![0; 9]].concat(), "9 bytes after the last tensor"),
        (
            file(sound, 0, |header| {
                header.replacen(
                    '{',
                    &format!(
                        "{{\"conv1.weight\":{{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":{conv2}}},",
                        sound[0].shape
                    ),
                    1,
                )
            }),
            "comes twice",
        ),
    ]
}

#[test]
fn weights_that_are_wrong_by_content_are_refused_when_they_are_added_and_the_tensor_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("r18.safetensors");
    resnet18_file(&path, 1);
    let sound = entries(&std::fs::read(&path).unwrap());
    let store = Store::at(folder.path().join("weights"));
    let add = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        store.add(&path, "resnet18").map(|added| added.layers.len()).map_err(|error| error.to_string())
    };
    // What is sound: whole, or ending after a stage.
    assert_eq!(add(file(&sound, 0, |header| header)), Ok(4));
    assert_eq!(add(file(&without(&sound, "layer4."), 0, |header| header)), Ok(3));
    for (bytes, expected) in damaged(&sound) {
        let message = add(bytes).unwrap_err();
        assert!(message.contains(expected), "{message} does not say {expected}");
    }
    // Two tensors on the same bytes, each right by itself.
    // The place of bn1.bias becomes that of bn1.weight.
    let shared = file(&sound, 0, |header| header.replacen("[37888,38144]", "[37632,37888]", 1));
    let message = add(shared).unwrap_err();
    assert!(
        message.contains(
            "tensor \"bn1.weight\" starts at byte 37632 of the values, before the end of tensor \"bn1.bias\""
        ),
        "{message}"
    );
    // What was refused changed nothing.
    assert_eq!(store.list().unwrap()[0].layers.len(), 3);
}

#[test]
fn weights_that_verify_calls_damaged_are_refused_by_fit_infer_and_inspect() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    resnet18_file(&folder.join("r18.safetensors"), 1);
    done(folder, "synth hdmap --out . --train 6 --good 1 --fault 1 --seed 3");
    done(folder, "weights add r18.safetensors --as resnet18");
    let fit = "fit --domain C --normal . --backbone resnet18 --image-size 64x64 --coreset 0.2";
    done(folder, fit);
    assert!(done(folder, "inspect C.pcore").contains("usable"));

    // A value that is as plausible as the one before.
    let stored = folder.join("weights/resnet18.safetensors");
    let mut bytes = std::fs::read(&stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&stored, &bytes).unwrap();
    assert_eq!(pcore(folder, "weights verify").0, Some(3));
    for verb in [fit, "infer domain_C/test", "inspect C.pcore", "inspect C.pcore --json"] {
        let (code, out, messages) = pcore(folder, verb);
        assert_eq!(code, Some(2), "{verb}: {out}{messages}");
        assert!(
            messages.contains("damaged") && messages.contains("weights add FILE --as resnet18"),
            "{verb}: {messages}"
        );
    }
    std::fs::remove_file(&stored).unwrap();
    let (code, out, messages) = pcore(folder, "inspect C.pcore");
    assert_eq!(code, Some(2), "{messages}");
    assert!(out.contains("C.pcore: verified") && !out.contains("usable"), "{out}");
    assert!(
        messages.contains("can't be used here") && messages.contains("no weights named \"resnet18\""),
        "{messages}"
    );
}
