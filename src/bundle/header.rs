//! The safetensors header of a bundle: taking it apart and putting it together.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::shown::{shorten, shorten_to};
use super::unique::UniqueMap;
use super::{Defect, Holds, MANIFEST_KEY, MAX_HEADER_BYTES, Manifest, TensorSpec};

/// Key under which safetensors keeps free text.
const METADATA_KEY: &str = "__metadata__";

/// What stands before the digits of the header checksum: the end of a JSON object inside a JSON string.
/// Text of the user cannot look like this, its quotation marks are escaped twice.
const CHECKSUM_PREFIX: &str = r#"\"header_sha256\":\""#;

/// Stands for the digits of the header checksum while it is computed.
pub(super) const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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

    /// The tensors in the order of their data, once type and shape of each are what is called for: those of `specs` that hold
    /// something, and no others. The first `n_always` are there in any case.
    pub(super) fn tensors<'a>(&self, specs: &'a [TensorSpec], n_always: usize) -> Result<Vec<&'a TensorSpec>, Defect> {
        let in_file_order = self.tensors.offset_keys();
        let find = |name: &String| specs.iter().find(|spec| spec.name == *name);
        if let Some(extra) = in_file_order.iter().find(|name| find(name).is_none()) {
            return Err(Defect::UnexpectedTensor { name: shorten(extra) });
        }
        for (index, spec) in specs.iter().enumerate() {
            let name = || shorten(&spec.name);
            let info = match (self.tensors.info(&spec.name), spec.is_held() || index < n_always) {
                (None, false) => continue,
                (Some(_), false) => return Err(Defect::UnexpectedTensor { name: name() }),
                (None, true) => return Err(Defect::MissingTensor { name: name() }),
                (Some(info), true) => info,
            };
            if info.dtype != spec.dtype() || info.shape != spec.shape {
                return Err(Defect::Tensor {
                    name: name(),
                    expected: format!("{} {:?}", spec.dtype(), spec.shape),
                    found: shorten(&format!("{} {:?}", info.dtype, info.shape)),
                });
            }
        }
        Ok(in_file_order.iter().filter_map(find).collect())
    }
}

impl TensorSpec {
    /// Whether there is anything in it; if not, the file leaves it out.
    pub(super) fn is_held(&self) -> bool {
        !self.shape.contains(&0)
    }

    fn dtype(&self) -> Dtype {
        match self.holds {
            Holds::Numbers { .. } => Dtype::F32,
            Holds::Halves => Dtype::F16,
            Holds::Indices { .. } => Dtype::U32,
        }
    }
}

/// The header for a manifest with these tensors, padded with blanks so that the data start at a multiple of 8, with its
/// checksum filled in.
pub(super) fn compose(manifest: &Manifest, specs: &[TensorSpec]) -> Result<Vec<u8>, Defect> {
    let bad = |reason: String| Defect::Header { reason };
    let manifest_json = manifest_json(manifest)?;
    let mut tensors = Vec::with_capacity(specs.len());
    let mut start = 0_usize;
    for spec in specs.iter().filter(|spec| spec.is_held()) {
        let n_bytes = spec.n_values().and_then(|n| n.checked_mul(spec.width()));
        let end = n_bytes
            .and_then(|n_bytes| start.checked_add(n_bytes))
            .ok_or(Defect::FileTooLarge { found: u64::MAX, limit: super::MAX_FILE_BYTES })?;
        let info = TensorInfo { dtype: spec.dtype(), shape: spec.shape.clone(), data_offsets: (start, end) };
        tensors.push((spec.name.clone(), info));
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
    Ok((digits, HEXLOWER.encode(&sum.finalize())))
}

fn manifest_json(manifest: &Manifest) -> Result<String, Defect> {
    let json = serde_json::to_string(manifest)
        .map_err(|source| Defect::Manifest { version: manifest.format_version, source })?;
    if json.len() > super::MAX_MANIFEST_BYTES {
        return Err(Defect::ManifestTooLarge { found: json.len(), limit: super::MAX_MANIFEST_BYTES });
    }
    Ok(json)
}
