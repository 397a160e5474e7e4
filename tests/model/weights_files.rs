//! What the weight readers refuse, and the weight store.

use crate::basic_resnet::basic;
use crate::resnet18_file::resnet18_file;
use crate::shared::shared;
use std::path::PathBuf;

use pcore::model::resnet::{ResNet, ResNetConfig};
use pcore::model::weights::{NamedTensors, Store, Verdict, WeightsError};
use pcore::model::{ModelError, OpenDevice, zoo};
use proptest::prelude::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbones").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

fn refusal(bytes: Vec<u8>) -> String {
    match NamedTensors::from_bytes(bytes) {
        Ok(tensors) => panic!("accepted, with {} tensors", tensors.len()),
        Err(error) => error.to_string(),
    }
}

fn load(tensors: &NamedTensors, config: &ResNetConfig) -> Result<ResNet, ModelError> {
    ResNet::load(config, tensors, &["layer4".to_owned()], &OpenDevice::cpu())
}

/// A safetensors file of the given header and number of data bytes.
fn safetensors(header: &str, n_data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + n_data, 0);
    file
}

/// A zip archive as `torch.save` lays it out, with one pickle; `method` 0 is stored.
fn archive(pickle: &[u8], method: u16, claimed: u32) -> Vec<u8> {
    let name = b"x/data.pkl";
    let mut file = b"PK\x03\x04".to_vec();
    file.extend([0; 22]);
    file.extend((name.len() as u16).to_le_bytes());
    file.extend([0; 2]);
    file.extend(name);
    file.extend(pickle);
    let start = file.len() as u32;
    file.extend(b"PK\x01\x02");
    file.extend([0; 6]);
    file.extend(method.to_le_bytes());
    file.extend([0; 8]);
    file.extend((pickle.len() as u32).to_le_bytes());
    file.extend(claimed.to_le_bytes());
    file.extend((name.len() as u16).to_le_bytes());
    file.extend([0; 16]);
    file.extend(name);
    let length = file.len() as u32 - start;
    file.extend(b"PK\x05\x06");
    file.extend([0; 4]);
    file.extend([1, 0, 1, 0]);
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn stored(pickle: &[u8]) -> Vec<u8> {
    archive(pickle, 0, pickle.len() as u32)
}

#[test]
fn a_pickle_that_calls_a_function_is_refused_by_its_name() {
    // What `class A: def __reduce__(self): return os.system, ("true",)` pickles to.
    let message = refusal(stored(b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03."));
    assert!(message.contains("posix.system") && message.contains("never runs code"), "{message}");
    let message = refusal(stored(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R."));
    assert!(message.contains("builtins.eval"), "{message}");
    // As one entry of a dictionary, where it would not be missed.
    let message = refusal(stored(b"\x80\x02}X\x01\x00\x00\x00acposix\nsystem\nX\x04\x00\x00\x00true\x85Rs."));
    assert!(message.contains("posix.system"), "{message}");
}

#[test]
fn known_classes_cannot_be_called_as_something_else() {
    let message = refusal(stored(b"\x80\x02ctorch\nFloatStorage\n)R."));
    assert!(message.contains("torch.FloatStorage"), "{message}");
    assert!(refusal(stored(b"\x80\x02c__builtin__\ngetattr\n.")).contains("__builtin__.getattr"));
}

#[test]
fn instructions_outside_the_subset_are_refused() {
    for code in [b"\x80\x02(i__main__\nA\n.".as_slice(), b"\x80\x02\x82\x01.", b"\x80\x02)\x81.", b"\x80\x06N."] {
        let message = refusal(stored(code));
        assert!(message.contains("not supported"), "{message}");
    }
}

#[test]
fn pickles_that_nest_or_grow_without_end_are_refused() {
    let mut nested = b"\x80\x02)".to_vec();
    nested.extend([0x85; 100_000]);
    nested.push(b'.');
    assert!(refusal(stored(&nested)).contains("nesting of tuples"));
    // A dictionary that contains itself.
    assert!(refusal(stored(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.")).contains("nesting of dictionaries"));
    let mut flood = b"\x80\x02".to_vec();
    flood.extend([b'N'; 2_000_000]);
    assert!(refusal(stored(&flood)).contains("above the limit"));
}

#[test]
fn compressed_archives_are_refused_whatever_they_claim() {
    for claimed in [9, u32::MAX - 1] {
        let message = refusal(archive(b"\x80\x02}.", 8, claimed));
        assert!(message.contains("compressed"), "{message}");
    }
    assert!(refusal(archive(b"\x80\x02}.", 0, 1 << 30)).contains("compressed"));
}

#[test]
fn a_tensor_larger_than_its_storage_is_refused() {
    // conv1.weight of shape (6, 3, 7, 7): its first extent, pickled as K\x06, made 200.
    let mut file = bytes("basic.pth");
    let at = file.windows(8).position(|w| w == b"K\x06K\x03K\x07K\x07").unwrap();
    file[at + 1] = 200;
    let message = refusal(file.clone());
    assert!(message.contains("conv1.weight") && message.contains("storage"), "{message}");
    // With strides of zero, where one value would do for all of them.
    let at = file.windows(8).position(|w| w == b"K\x93K1K\x07K\x01").unwrap();
    for stride in [1, 3, 5, 7] {
        file[at + stride] = 0;
    }
    let message = refusal(file);
    assert!(message.contains("conv1.weight") && message.contains("storage"), "{message}");
}

#[test]
fn safetensors_whose_sizes_contradict_are_refused() {
    let tensor = |shape: &str, offsets: &str| {
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    for (header, n_data, expected) in [
        (tensor("[4]", "[0,16]"), 8, "truncated"),
        (tensor("[4]", "[0,12]"), 16, "needs 16 bytes"),
        (tensor("[4]", "[16,0]"), 16, "needs 16 bytes"),
        (tensor("[4294967296,4294967296]", "[0,16]"), 16, "above the limit"),
        (tensor("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "dimensions"),
        (tensor("[-1]", "[0,4]"), 4, "no shape"),
        ("{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}".to_owned(), 4, "dtype"),
        ("{\"a\":".to_owned(), 0, "no JSON"),
    ] {
        let message = refusal(safetensors(&header, n_data));
        assert!(message.contains(expected), "{header}: {message}");
    }
    let mut long = u64::MAX.to_le_bytes().to_vec();
    long.extend(b"{\"a\":1}");
    assert!(refusal(long).contains("above the limit"));
}

#[test]
fn files_of_no_known_format_are_refused() {
    for bytes in [Vec::new(), b"GIF89a".to_vec(), vec![0; 100], b"\x80".to_vec()] {
        assert!(NamedTensors::from_bytes(bytes).is_err());
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_or_lacks_values() {
    for name in ["basic.safetensors", "basic.pth", "basic_legacy.pth", "basic_folded.onnx"] {
        let whole = bytes(name);
        for i in 1..40 {
            let cut = whole[..whole.len() * i / 40].to_vec();
            let outcome = NamedTensors::from_bytes(cut)
                .map_err(ModelError::from)
                .and_then(|tensors| load(&tensors, &basic()).map(drop));
            assert!(outcome.is_err(), "{name} cut to {i}/40");
        }
    }
}

#[test]
fn missing_extra_and_misshapen_tensors_are_all_named() {
    let tensors = NamedTensors::read(&golden("basic.safetensors")).unwrap();
    let fewer = ResNetConfig { blocks: [1, 1, 1, 1], ..basic() };
    let message = load(&tensors, &fewer).unwrap_err().to_string();
    assert!(message.contains("not part of it: layer1.1.bn1.bias"), "{message}");
    let more = ResNetConfig { blocks: [2, 2, 1, 1], ..basic() };
    let message = load(&tensors, &more).unwrap_err().to_string();
    assert!(message.contains("missing: layer2.1.conv1.weight") && message.contains("10 missing"), "{message}");
    let wider = ResNetConfig { planes: [6, 8, 12, 20], ..basic() };
    let message = load(&tensors, &wider).unwrap_err().to_string();
    assert!(message.contains("layer4.0.conv1.weight (expected [20, 12, 3, 3], found [16, 12, 3, 3])"), "{message}");
}

#[test]
fn a_graph_of_another_network_is_refused_with_the_first_difference() {
    let tensors = NamedTensors::read(&golden("basic_folded.onnx")).unwrap();
    for (config, at) in [
        (ResNetConfig { blocks: [2, 2, 1, 1], ..basic() }, "layer2.1.conv1"),
        (ResNetConfig { stem: 8, ..basic() }, "conv1"),
        (ResNetConfig { bottleneck: true, ..basic() }, "layer1.0.conv1"),
    ] {
        let message = load(&tensors, &config).unwrap_err().to_string();
        assert!(message.contains(&format!("expected {at} as a Conv")) && message.contains("weights/"), "{message}");
    }
}

#[test]
fn a_safetensors_header_may_have_any_length() {
    // 128, 384 and 640 start as a pickle does, 264 and 520 as ONNX does.
    for length in (128..=640).step_by(8) {
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
        let file = safetensors(&format!("{header:length$}"), 8);
        let tensors = NamedTensors::from_bytes(file).unwrap_or_else(|error| panic!("{length}: {error}"));
        assert_eq!(tensors.values("a").unwrap(), [0.0, 0.0]);
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    let mut file = safetensors(header, 4);
    file.extend(f32::NAN.to_le_bytes());
    let error = NamedTensors::from_bytes(file).unwrap().values("a").unwrap_err();
    assert!(matches!(error, WeightsError::NotFinite { index: 1, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any change of a file is read or refused, never a panic.
    #[test]
    fn changed_files_never_panic(file in 0_usize..5, changes in prop::collection::vec((0.0_f64..1.0, any::<u8>()), 1..6)) {
        let names = ["basic.safetensors", "basic.pth", "basic_legacy.pth", "basic_folded.onnx", "basic_bn.onnx"];
        let mut bytes = bytes(names[file]);
        // Half of the changes hit the descriptions at the ends rather than the values.
        for (i, (at, value)) in changes.iter().enumerate() {
            let reach = if i % 2 == 0 { bytes.len() } else { bytes.len().min(3000) };
            let place = (at * reach as f64) as usize;
            let place = if i % 4 == 3 { bytes.len() - 1 - place.min(bytes.len() - 1) } else { place.min(bytes.len() - 1) };
            bytes[place] = *value;
        }
        if let Ok(tensors) = NamedTensors::from_bytes(bytes) {
            let names: Vec<String> = tensors.names().map(str::to_owned).collect();
            for name in names {
                let _ = tensors.values(&name);
            }
            let _ = load(&tensors, &basic());
        }
    }
}

#[test]
fn added_weights_are_listed_verified_and_load_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("r18.safetensors"), Store::at(folder.path().join("weights")));
    resnet18_file(&file, 1);
    assert!(store.list().unwrap().is_empty());
    let added = store.add(&file, "resnet18.test").unwrap();
    assert_eq!(added.layers, ["layer1", "layer2", "layer3", "layer4"]);
    let list = store.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].name.as_str(), list[0].source.as_str()), ("resnet18.test", "r18.safetensors"));
    assert_eq!(list[0].source_sha256, added.source_sha256);
    assert_eq!(store.verify().unwrap()[0].1, Verdict::Sound);

    let layers = ["layer2".to_owned(), "layer3".to_owned()];
    let from_store =
        zoo::load("resnet18.test", &store.open("resnet18.test").unwrap(), &layers, &OpenDevice::cpu()).unwrap();
    let from_file = zoo::load("resnet18", &NamedTensors::read(&file).unwrap(), &layers, &OpenDevice::cpu()).unwrap();
    assert_eq!(from_store.spec().weights_sha256, from_file.spec().weights_sha256);
    assert_eq!(from_store.spec().name, "resnet18.test");

    // One changed value is found, a refused replacement leaves the store as it was.
    let mut damaged = std::fs::read(&added.path).unwrap();
    let last = damaged.len() - 2;
    damaged[last] ^= 1;
    std::fs::write(&added.path, damaged).unwrap();
    assert!(matches!(&store.verify().unwrap()[0].1, Verdict::Damaged(reason) if reason.contains("SHA-256")));
    assert!(store.add(&golden("basic.safetensors"), "resnet18.test").is_err());
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn names_that_lead_out_of_the_store_are_refused() {
    let store = Store::at("unused");
    for name in ["../resnet18", "/etc/resnet18", "", ".resnet18", "resnet18/x", "resnet18\u{e9}"] {
        assert!(matches!(store.open(name), Err(WeightsError::BadName { .. })), "{name}");
    }
}

#[test]
fn missing_weights_are_reported_with_the_ways_this_build_has() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str| Store::at(folder.path()).open(name).unwrap_err().to_string();
    let published = message("resnet18");
    let by_hand = ["https://download.pytorch.org/models/resnet18-f37072fd.pth", "f37072fd)", "`Store::add` resnet18"];
    assert!(by_hand.iter().all(|words| published.contains(words)), "{published}");
    assert_eq!(published.contains("weights fetch"), cfg!(feature = "fetch"), "{published}");
    let own = message("resnet18.line3");
    assert!(own.contains("`Store::add` resnet18.line3") && !own.contains("https"), "{own}");
}

#[test]
fn a_git_lfs_pointer_is_called_one() {
    let pointer = |head: &str| format!("{head}\noid sha256:4d7a\nsize 46800000\n").into_bytes();
    let message = |bytes| NamedTensors::from_bytes(bytes).unwrap_err().to_string();
    let found = message(pointer("version https://git-lfs.github.com/spec/v1"));
    assert!(found.contains("git lfs pull") && !found.contains("76 65"), "{found}");
    // Cut to less than its first line it is only some file.
    let other = message(b"version https://git-lfs".to_vec());
    assert!(other.contains("expected a .safetensors"), "{other}");
}

/// The real ResNet-18 in an ONNX file that ends after layer3, where it is at hand.
#[test]
fn the_real_resnet18_is_recognised_in_its_onnx_file() {
    let Some(file) = shared("weights/resnet18_layer3.onnx") else { return };
    let tensors = NamedTensors::read(&file).unwrap();
    let layers = ["layer2".to_owned(), "layer3".to_owned()];
    zoo::load("resnet18", &tensors, &layers, &OpenDevice::cpu()).unwrap();
    let error =
        zoo::load("resnet18", &tensors, &["layer4".to_owned()], &OpenDevice::cpu()).map(drop).unwrap_err().to_string();
    assert!(error.contains("layer4.0.conv1"), "{error}");
    let error = zoo::load("resnet34", &tensors, &layers, &OpenDevice::cpu()).map(drop).unwrap_err().to_string();
    assert!(error.contains("layer1.2.conv1"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let added = Store::at(folder.path()).add(&file, "resnet18").unwrap();
    assert_eq!(added.layers, ["layer1", "layer2", "layer3"]);
}
