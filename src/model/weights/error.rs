//! Errors of the weight readers and the weight store.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::published::ManifestEntry;

/// Names listed per group in a message before the rest is only counted.
const NAMES_SHOWN: usize = 8;

/// What can go wrong while weights are read, checked, stored or fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Reading inside an open file failed.
    #[error("cannot read {length} bytes at byte {start} of the weight file: {source}")]
    Read {
        /// First byte.
        start: u64,
        /// Number of bytes.
        length: usize,
        /// Cause.
        source: io::Error,
    },
    /// An error with the file it belongs to.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<WeightsError>,
    },
    /// Neither of the formats pcore reads.
    #[error("expected a .safetensors, .pth, .pt or .onnx file; the content is none of them ({found})")]
    UnknownFormat {
        /// What the first bytes look like.
        found: String,
    },
    /// The bytes contradict their format.
    #[error("damaged {format} file: {reason}")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// What contradicts what.
        reason: String,
    },
    /// Well-formed, but outside what pcore reads.
    #[error("{format} file not supported: {reason}")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// What is not supported, and the way out.
        reason: String,
    },
    /// A size above its limit.
    #[error("{what} is {found}, above the limit of {limit}")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// Largest accepted value.
        limit: u64,
        /// Value found.
        found: u64,
    },
    /// The pickle asks for a call that is no part of a plain tensor.
    #[error(
        "the file asks to call {callable}; pcore reads tensors as data and never runs code from a file; \
         save a plain state dict: torch.save(model.state_dict(), \"weights.pth\")"
    )]
    RefusedCall {
        /// Module and name of the callable.
        callable: String,
    },
    /// A tensor that is not in the file.
    #[error("the file has no tensor \"{name}\"")]
    NoSuchTensor {
        /// Name asked for.
        name: String,
    },
    /// A tensor of integers where floating point values are needed.
    #[error("tensor \"{name}\" holds {found} values, expected one of F32, F16, BF16, F64")]
    NotFloat {
        /// Tensor.
        name: String,
        /// Type found.
        found: &'static str,
    },
    /// A weight that is not a number or infinite.
    #[error("tensor \"{name}\" holds {value} at element {index}; weights must be finite")]
    NotFinite {
        /// Tensor.
        name: String,
        /// Index in row-major order.
        index: usize,
        /// Value found.
        value: f32,
    },
    /// Tensors missing, left over or of the wrong shape.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// Several parts of the file look like the network.
    #[error(
        "{network} is in the file more than once, below {}; save the one you mean as a plain state dict",
        prefixes.iter().map(|p| format!("\"{p}\"")).collect::<Vec<_>>().join(" and ")
    )]
    Ambiguous {
        /// Network looked for.
        network: String,
        /// Name prefixes found.
        prefixes: Vec<String>,
    },
    /// The ONNX graph is not the network's.
    #[error(
        "the ONNX graph is not {network}: {reason}. Networks pcore does not know by name can be built in: \
         put the file into weights/ and build pcore again"
    )]
    OtherGraph {
        /// Network looked for.
        network: String,
        /// First difference.
        reason: String,
    },
    /// Not in the store.
    #[error("no weights named \"{name}\" in {}: {}", store.display(), way_to_get(name, published.as_deref()))]
    NotStored {
        /// Name asked for.
        name: String,
        /// Folder of the store.
        store: PathBuf,
        /// Where the manifest says they are published.
        published: Option<Box<ManifestEntry>>,
    },
    /// What Git LFS leaves in place of a file that it has not fetched.
    #[error("the file is a Git LFS pointer, not the weights themselves: run git lfs pull")]
    LfsPointer,
    /// Neither `PCORE_HOME` nor a home folder is known.
    #[error("no folder for weights: set PCORE_HOME (or HOME) to a folder you can write to")]
    NoHome,
    /// A name that cannot be a file name in the store.
    #[error(
        "\"{name}\" is no valid name for weights: use letters, digits, '_', '-' and '.', starting with a network name"
    )]
    BadName {
        /// Name found.
        name: String,
    },
    /// The manifest contradicts its form.
    #[error("weights manifest: {reason}")]
    Manifest {
        /// What is wrong, and where.
        reason: String,
    },
    /// Not in the manifest.
    #[error("the weights manifest has no entry \"{name}\"; it has: {}", known.join(", "))]
    NotInManifest {
        /// Name asked for.
        name: String,
        /// Names it has.
        known: Vec<String>,
    },
    /// A file whose hash is not the expected one.
    #[error("{} has SHA-256 {found}, expected {expected}", path.display())]
    WrongHash {
        /// File.
        path: PathBuf,
        /// Expected hash, or its first digits followed by `...`.
        expected: String,
        /// Hash of the file.
        found: String,
    },
    /// Weights in the store are not what was added.
    #[error(
        "{} is damaged: its values have SHA-256 {found}, and had {expected} when they were added; add them again with: \
         `Store::add` {name}", path.display()
    )]
    Damaged {
        /// File.
        path: PathBuf,
        /// Name of the weights.
        name: String,
        /// Hash noted in the file, or that there is none.
        expected: String,
        /// Hash of its values.
        found: String,
    },
    /// The download failed.
    #[error("cannot fetch {url}: {reason}")]
    Fetch {
        /// Address.
        url: String,
        /// Cause, and the way out.
        reason: String,
    },
}

/// One tensor of the wrong shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Name in the network's own naming.
    pub name: String,
    /// Shape the network needs.
    pub expected: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

/// How the tensors of a file differ from those of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mismatch {
    /// Network the tensors were checked against.
    pub network: String,
    /// Needed and not in the file.
    pub missing: Vec<String>,
    /// In the file and in no place of the network.
    pub extra: Vec<String>,
    /// In the file with another shape.
    pub misshapen: Vec<Misshapen>,
}

/// How to come by weights that are not there. Downloading is named only where this program can.
fn way_to_get(name: &str, published: Option<&ManifestEntry>) -> String {
    let Some(entry) = published else { return format!("add a file with: `Store::add` {name}") };
    let hash = entry.hash_note();
    let by_hand = format!("download {}{hash} and add it with: `Store::add` {name}", entry.url);
    match cfg!(feature = "fetch") {
        true => format!("run: `weights::fetch` {name}, or {by_hand}"),
        false => by_hand,
    }
}

impl WeightsError {
    /// A damaged file.
    pub(crate) fn malformed(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed { format, reason: reason.into() }
    }

    /// A sound file that pcore does not read.
    pub(crate) fn unsupported(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Unsupported { format, reason: reason.into() }
    }
}

impl Mismatch {
    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty()
    }
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tensors are not those of {}", self.network)?;
        let misshapen: Vec<String> = self
            .misshapen
            .iter()
            .map(|m| format!("{} (expected {:?}, found {:?})", m.name, m.expected, m.found))
            .collect();
        for (label, names) in
            [("missing", &self.missing), ("not part of it", &self.extra), ("of another shape", &misshapen)]
        {
            if names.is_empty() {
                continue;
            }
            write!(f, "; {} {label}: {}", names.len(), names[..names.len().min(NAMES_SHOWN)].join(", "))?;
            if names.len() > NAMES_SHOWN {
                write!(f, " and {} more", names.len() - NAMES_SHOWN)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        let missing = (0..20).map(|i| format!("layer1.{i}")).collect();
        let text = Mismatch { network: "resnet18".into(), missing, ..Mismatch::default() }.to_string();
        assert!(text.contains("20 missing: layer1.0"), "{text}");
        assert!(text.contains("layer1.7 and 12 more"), "{text}");
        assert!(!text.contains("layer1.8"), "{text}");
    }

    #[test]
    fn a_misshapen_tensor_is_named_with_both_shapes() {
        let misshapen =
            vec![Misshapen { name: "conv1.weight".into(), expected: vec![64, 3, 7, 7], found: vec![64, 3, 3, 3] }];
        let text = Mismatch { network: "resnet18".into(), misshapen, ..Mismatch::default() }.to_string();
        assert!(text.contains("conv1.weight (expected [64, 3, 7, 7], found [64, 3, 3, 3])"), "{text}");
    }
}
