//! Turns every `weights/*.onnx` into a native burn module and registers it under its file name. A graph that pcore's own
//! CPU kernels can compute gets a description for them beside the module; any other runs on burn alone.
//!
//! Reads only files of the tree, in sorted order, and writes only to `OUT_DIR`: two builds of one tree are the same.
//! `src/model/generated` includes what is written here.

#![allow(clippy::print_stderr, reason = "a build script speaks to whoever builds")]

#[path = "build/blueprint.rs"]
mod blueprint;

use data_encoding::HEXLOWER;
use onnx_ir::{ArgType, Argument, Message, ModelProto, OnnxGraphBuilder};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, panic, process};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=weights");
    let mut registry = String::new();
    let mut entries = String::new();
    for path in onnx_files(Path::new("weights")) {
        println!("cargo:rerun-if-changed={}", path.display());
        let network = Network::read(&path).unwrap_or_else(|reason| stop(&path, &reason));
        generate(&path).unwrap_or_else(|reason| stop(&path, &reason));
        network.register(&mut registry, &mut entries);
    }
    let _ = write!(
        registry,
        "/// Every network of `weights/` that was there when this binary was built.\n\
         pub(super) static NETWORKS: &[Network] = &[{entries}];\n"
    );
    let out_dir = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    fs::write(out_dir.join("networks.rs"), registry).expect("OUT_DIR is writable");
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| stop(folder, &e.to_string()));
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    files
}

/// What the registry must know of a graph besides its code.
struct Network {
    name: String,
    /// The graph's outputs: name and rank.
    outputs: Vec<(String, usize)>,
    /// Height and width where the export fixed them.
    input_size: Option<(usize, usize)>,
    sha256: String,
    /// Source of the description for pcore's kernels, where they can compute the graph.
    blueprint: Option<String>,
}

impl Network {
    fn read(path: &Path) -> Result<Self, String> {
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        let is_identifier = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_identifier {
            return Err(format!(
                "the file name becomes a Rust module: expected lower-case letters, digits and '_', found '{name}'; rename the file"
            ));
        }
        let bytes = fs::read(path).map_err(|e| e.to_string())?;
        // The parser reports most faults as errors, but panics on some malformed graphs.
        let graph = catch(|| OnnxGraphBuilder::new().parse_file(path))?.map_err(|e| e.to_string())?;
        let [input] = graph.inputs.as_slice() else {
            return Err(format!("expected one input [n, 3, h, w], found {}", graph.inputs.len()));
        };
        // The importer renames values; layers keep the names their exporter gave them.
        let model = ModelProto::parse_from_bytes(&bytes).map_err(|e| e.to_string())?;
        let names = model.graph.output.iter().map(|o| o.name.clone());
        let ranks = graph.outputs.iter().map(rank).collect::<Result<Vec<_>, String>>()?;
        if names.len() != ranks.len() || names.clone().any(|name| name.is_empty()) {
            return Err(format!("expected {} named outputs, found {:?}", ranks.len(), names.collect::<Vec<_>>()));
        }
        let outputs = names.zip(ranks).collect();
        let blueprint = blueprint::describe(&graph)
            .map_err(|reason| println!("cargo:warning={} runs on burn alone: {reason}", path.display()))
            .ok();
        Ok(Self {
            name,
            outputs,
            input_size: input_size(input)?,
            sha256: HEXLOWER.encode(&Sha256::digest(&bytes)),
            blueprint,
        })
    }

    fn register(&self, registry: &mut String, entries: &mut String) {
        let Self { name, outputs, input_size, sha256, blueprint } = self;
        let module = format!("net_{name}");
        let bindings: Vec<String> = (0..outputs.len()).map(|i| format!("o{i}")).collect();
        let pattern = match bindings.as_slice() {
            [one] => one.clone(),
            many => format!("({})", many.join(", ")),
        };
        let taps: Vec<String> = outputs
            .iter()
            .zip(&bindings)
            .map(|((_, rank), binding)| match rank {
                4 => format!("Output::Planes({binding})"),
                _ => format!("Output::Tokens({binding})"),
            })
            .collect();
        let layers: Vec<String> = outputs.iter().map(|(layer, _)| format!("{layer:?}")).collect();
        let _ = write!(
            registry,
            "mod {module} {{\n    #![allow(warnings, clippy::all, missing_docs, reason = \"generated by burn-onnx\")]\n    \
             include!(concat!(env!(\"OUT_DIR\"), \"/model/{name}.rs\"));\n    \
             pub(super) fn weights() -> &'static [u8] {{ EMBEDDED_STATES }}\n}}\n\
             impl Forward for {module}::Model {{\n    fn outputs(&self, pixels: Tensor<4>) -> Vec<Output> {{\n        \
             let {pattern} = self.forward(pixels);\n        vec![{}]\n    }}\n}}\n",
            taps.join(", ")
        );
        let _ = write!(
            entries,
            "\n    Network {{ name: {name:?}, layers: &[{}], input_size: {input_size:?}, weights_sha256: {sha256:?}, \
             blueprint: {}, weights: {module}::weights, \
             load: |device| Box::new(device.in_precision({module}::Model::from_embedded(&device.device))) }},",
            layers.join(", "),
            blueprint.as_ref().map_or_else(|| "None".to_owned(), |source| format!("Some({source})"))
        );
    }
}

fn rank(output: &Argument) -> Result<usize, String> {
    match &output.ty {
        ArgType::Tensor(t) if t.rank == 4 || t.rank == 3 => Ok(t.rank),
        other => Err(format!(
            "output '{}' is {other:?}: expected feature maps [n, c, h, w] or tokens [n, t, c]; export only those",
            output.name
        )),
    }
}

fn input_size(input: &Argument) -> Result<Option<(usize, usize)>, String> {
    match &input.ty {
        ArgType::Tensor(t) if t.rank == 4 => Ok(match t.static_shape.as_deref() {
            Some([_, _, Some(height), Some(width)]) => Some((*height, *width)),
            _ => None,
        }),
        other => Err(format!("input '{}' is {other:?}: expected images [n, 3, h, w]", input.name)),
    }
}

/// Writes `OUT_DIR/model/NAME.rs` and `NAME.bpk`, the weights that `include_bytes!` puts into the binary.
fn generate(path: &Path) -> Result<(), String> {
    let input = path.to_str().ok_or("the path is not UTF-8")?.to_owned();
    catch(move || {
        burn_onnx::ModelGen::new()
            .input(&input)
            .out_dir("model/")
            .load_strategy(burn_onnx::LoadStrategy::Embedded)
            .run_from_script();
    })
}

fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(panic::AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("the importer failed without a message").to_owned()
    })
}

fn stop(path: &Path, reason: &str) -> ! {
    println!("cargo:warning={} can't become a burn module: {reason}", path.display());
    eprintln!(
        "error: {} can't become a burn module\n  reason: {reason}\n  way out: export it again (opset 13 to 20, float32, only the feature outputs), or take it out of weights/",
        path.display()
    );
    process::exit(1);
}
