//! The safetensors header of a bundle: taking it apart and putting it together.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::unique::UniqueMap;
use super::{Defect, MANIFEST_KEY, MAX_HEADER_BYTES, Manifest};

/// Key under which safetensors keeps free text.
const METADATA_KEY: &str = "__metadata__";

/// What stands before the digits of the header checksum: the end of a JSON object inside a JSON string.
/// Text of the user cannot look like this, its quotation marks are escaped twice.
const CHECKSUM_PREFIX: &str = r#"\"header_sha256\":\""#;

/// Stands for the digits of the header checksum while it is computed.
pub(super) const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest foreign text shown in a message.
const MAX_SHOWN_CHARS: usize = 40;

/// The tensors of a bundle, in file order.
pub(super) const TENSORS: [Tensor; 12] = [
    Tensor::BankRows,
    Tensor::RowCondition,
    Tensor::RowSource,
    Tensor::RowPosition,
    Tensor::CalibrationScores,
    Tensor::CalibrationCondition,
    Tensor::OtherScores,
    Tensor::GatePoints,
    Tensor::GateConditions,
    Tensor::RowScale,
    Tensor::DensityScores,
    Tensor::RowList,
];

/// One tensor of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tensor {
    BankRows,
    RowCondition,
    RowSource,
    RowPosition,
    CalibrationScores,
    CalibrationCondition,
    OtherScores,
    GatePoints,
    GateConditions,
    RowScale,
    DensityScores,
    RowList,
}

impl Tensor {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BankRows => "bank_rows",
            Self::RowCondition => "row_condition",
            Self::RowSource => "row_source",
            Self::RowPosition => "row_position",
            Self::CalibrationScores => "calibration_scores",
            Self::CalibrationCondition => "calibration_condition",
            Self::OtherScores => "other_scores",
            Self::GatePoints => "gate_points",
            Self::GateConditions => "gate_conditions",
            Self::RowScale => "row_scale",
            Self::DensityScores => "density_scores",
            Self::RowList => "row_list",
        }
    }

    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::BankRows
            | Self::CalibrationScores
            | Self::OtherScores
            | Self::GatePoints
            | Self::RowScale
            | Self::DensityScores => Dtype::F32,
            Self::RowCondition
            | Self::RowSource
            | Self::RowPosition
            | Self::CalibrationCondition
            | Self::GateConditions
            | Self::RowList => Dtype::U32,
        }
    }

    /// The shape the manifest calls for.
    pub(super) fn shape(self, manifest: &Manifest) -> Vec<usize> {
        let density = manifest.calibration.density.as_ref();
        match self {
            Self::BankRows => vec![manifest.coreset.n_picked, manifest.descriptor.dim],
            Self::RowCondition | Self::RowSource | Self::RowPosition => vec![manifest.coreset.n_picked],
            Self::CalibrationScores | Self::CalibrationCondition => vec![manifest.calibration.global.n],
            Self::OtherScores => vec![manifest.calibration.other_policies.len(), manifest.calibration.global.n],
            Self::GatePoints => vec![manifest.gate.n_points, super::contents::GATE_DIM],
            Self::GateConditions => vec![manifest.gate.n_points],
            Self::RowList => vec![manifest.index.as_ref().map_or(0, |_| manifest.coreset.n_picked)],
            Self::RowScale => vec![density.map_or(0, |_| manifest.coreset.n_picked)],
            Self::DensityScores => {
                vec![density.map_or(0, |density| density.policies.len()), manifest.calibration.global.n]
            }
        }
    }

    /// Whether a bundle with this manifest holds the tensor. Bundles of one condition do without those that only several
    /// conditions need, imported ones without those of a calibration.
    pub(super) fn is_held(self, manifest: &Manifest) -> bool {
        match self {
            Self::BankRows
            | Self::RowCondition
            | Self::RowSource
            | Self::RowPosition
            | Self::CalibrationScores
            | Self::CalibrationCondition => true,
            Self::OtherScores
            | Self::GatePoints
            | Self::GateConditions
            | Self::RowScale
            | Self::DensityScores
            | Self::RowList => !self.shape(manifest).contains(&0),
        }
    }
}

/// A header taken apart. Its tensors lie one after the other and fill the data exactly; nothing else is
/// known of them yet.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) manifest_json: String,
    tensors: Metadata,
}

/// The value of one key of the header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor(TensorInfo),
    Metadata(UniqueMap<String>),
}

impl Layout {
    /// Takes the header text apart; `n_data_bytes` follow it in the file.
    pub(super) fn parse(text: &str, n_data_bytes: u64) -> Result<Self, Defect> {
        let bad = |reason: String| Defect::Header { reason };
        if !text.starts_with('{') {
            return Err(bad("its header is no JSON object".into()));
        }
        let entries: UniqueMap<Entry> =
            serde_json::from_str(text).map_err(|error| bad(format!("its header does not read: {error}")))?;
        let mut tensors = Vec::new();
        let mut metadata = BTreeMap::new();
        for (name, entry) in entries.0 {
            match entry {
                Entry::Metadata(found) if name == METADATA_KEY => metadata = found.0,
                Entry::Tensor(info) if name != METADATA_KEY => tensors.push((name, info)),
                Entry::Metadata(_) | Entry::Tensor(_) => {
                    return Err(bad(format!("its header has an odd entry `{}`", shorten(&name))));
                }
            }
        }
        let manifest_json = metadata
            .remove(MANIFEST_KEY)
            .ok_or_else(|| bad(format!("its metadata have no `{MANIFEST_KEY}`; it may be another safetensors file")))?;
        if let Some(extra) = metadata.keys().next() {
            return Err(bad(format!("its metadata have an unknown key `{}`", shorten(extra))));
        }
        if let Some((name, _)) = tensors.iter().find(|(name, _)| TENSORS.iter().all(|tensor| tensor.name() != name)) {
            return Err(Defect::UnexpectedTensor { name: shorten(name) });
        }
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        let tensors =
            Metadata::new(None, tensors).map_err(|error| bad(format!("its tensors do not fit together: {error}")))?;
        if tensors.data_len() as u64 != n_data_bytes {
            let header_bytes = 8 + text.len() as u64;
            return Err(Defect::Length {
                expected: header_bytes.saturating_add(tensors.data_len() as u64),
                found: header_bytes.saturating_add(n_data_bytes),
            });
        }
        Ok(Self { manifest_json, tensors })
    }

    /// The tensors in the order of their data, once type and shape of each are what the manifest calls for.
    pub(super) fn tensors(&self, manifest: &Manifest) -> Result<Vec<Tensor>, Defect> {
        for tensor in TENSORS {
            let name = tensor.name();
            if !tensor.is_held(manifest) {
                match self.tensors.info(name) {
                    Some(_) => return Err(Defect::UnexpectedTensor { name: name.into() }),
                    None => continue,
                }
            }
            let info = self.tensors.info(name).ok_or(Defect::MissingTensor { name })?;
            let (dtype, shape) = (tensor.dtype(), tensor.shape(manifest));
            if info.dtype != dtype || info.shape != shape {
                return Err(Defect::Tensor {
                    name,
                    expected: format!("{dtype} {shape:?}"),
                    found: shorten(&format!("{} {:?}", info.dtype, info.shape)),
                });
            }
        }
        let in_file_order = self.tensors.offset_keys();
        Ok(in_file_order.iter().filter_map(|name| TENSORS.into_iter().find(|tensor| tensor.name() == name)).collect())
    }
}

/// The header for a manifest, padded with blanks so that the data start at a multiple of 8, with its
/// checksum filled in.
pub(super) fn compose(manifest: &Manifest) -> Result<Vec<u8>, Defect> {
    let bad = |reason: String| Defect::Header { reason };
    let manifest_json = manifest_json(manifest)?;
    let mut tensors = Vec::with_capacity(TENSORS.len());
    let mut start = 0_usize;
    for tensor in TENSORS.into_iter().filter(|tensor| tensor.is_held(manifest)) {
        let shape = tensor.shape(manifest);
        let end = shape
            .iter()
            .try_fold(4_usize, |n_bytes, &size| n_bytes.checked_mul(size))
            .and_then(|n_bytes| start.checked_add(n_bytes))
            .ok_or(Defect::FileTooLarge { found: u64::MAX, limit: super::MAX_FILE_BYTES })?;
        tensors.push((tensor.name().into(), TensorInfo { dtype: tensor.dtype(), shape, data_offsets: (start, end) }));
        start = end;
    }
    let metadata = [(MANIFEST_KEY.to_owned(), manifest_json)].into();
    let mut header = Metadata::new(Some(metadata), tensors)
        .map_err(|error| bad(error.to_string()))
        .and_then(|metadata| serde_json::to_string(&metadata).map_err(|error| bad(error.to_string())))?;
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let n_bytes = header.len() as u64;
    if n_bytes > MAX_HEADER_BYTES {
        return Err(Defect::HeaderTooLarge { found: n_bytes, limit: MAX_HEADER_BYTES });
    }
    let (digits, sum) = checksum(&header)?;
    header.replace_range(digits, &sum);
    Ok(header.into_bytes())
}

/// Refuses a header whose checksum is not the one written in it.
pub(super) fn verify(text: &str) -> Result<(), Defect> {
    let (digits, found) = checksum(text)?;
    let expected = &text[digits];
    if *expected == found { Ok(()) } else { Err(Defect::HeaderChecksum { expected: shorten_to(expected, 64), found }) }
}

/// Foreign text cut to a length fit for a message.
pub(super) fn shorten(text: &str) -> String {
    shorten_to(text, MAX_SHOWN_CHARS)
}

fn shorten_to(text: &str, max_chars: usize) -> String {
    let mut shown: String = text.chars().take(max_chars).map(|c| if c.is_control() { '?' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push_str("..");
    }
    shown
}

/// Where the digits of the header checksum stand, and what they should be: the SHA-256 of the header
/// length and the header, the digits read as zeros.
fn checksum(text: &str) -> Result<(std::ops::Range<usize>, String), Defect> {
    let bad = |reason: &str| Defect::Header { reason: reason.into() };
    let mut places = text.match_indices(CHECKSUM_PREFIX);
    let (Some((place, _)), None) = (places.next(), places.next()) else {
        return Err(bad("its manifest does not have exactly one header_sha256"));
    };
    let digits = place + CHECKSUM_PREFIX.len()..place + CHECKSUM_PREFIX.len() + NO_CHECKSUM.len();
    if text.get(digits.clone()).is_none() || !text[digits.end..].starts_with(r#"\""#) {
        return Err(bad("its header_sha256 does not have 64 digits"));
    }
    let mut sum = Sha256::new();
    sum.update((text.len() as u64).to_le_bytes());
    sum.update(&text[..digits.start]);
    sum.update(NO_CHECKSUM);
    sum.update(&text[digits.end..]);
    Ok((digits, format!("{:x}", sum.finalize())))
}

fn manifest_json(manifest: &Manifest) -> Result<String, Defect> {
    let json = serde_json::to_string(manifest)
        .map_err(|source| Defect::Manifest { version: manifest.format_version, source })?;
    if json.len() > super::MAX_MANIFEST_BYTES {
        return Err(Defect::ManifestTooLarge { found: json.len(), limit: super::MAX_MANIFEST_BYTES });
    }
    Ok(json)
}
