//! PyTorch checkpoints (`.pth`, `.pt`), read as data.
//!
//! A checkpoint is a pickle, a small program for a stack machine, that describes tensors, plus the raw storages they
//! view. Only the instructions needed to describe plain tensors in dictionaries are understood ([`pickle`]); every
//! call outside a list of five is refused by name. Nothing is ever imported or run. Archives with compressed entries
//! are refused, so no file can unfold to more than its own size.

mod containers;
mod error;
mod operand;
mod pickle;
mod rebuild;
mod value;
mod zip;

use std::collections::BTreeMap;

use super::WeightsError;
use super::source::Source;
use super::stored::{MAX_NAME_BYTES, MAX_TENSORS, StoredTensor};
use error::FORMAT;
use pickle::Machine;
use value::{TensorRef, Value};

/// Largest pickle accepted, in bytes (that of ViT-L/14 has 60 kB).
const MAX_PICKLE_BYTES: u64 = 8 << 20;
/// Deepest nesting of dictionaries that is searched for tensors.
const MAX_DEPTH: usize = 8;
/// First pickle of the format before PyTorch 1.6: protocol 2, this 80-bit number, stop.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Protocol number in the second pickle.
const LEGACY_PROTOCOL: i64 = 1001;

/// Lists the tensors of a checkpoint that starts with `head`.
pub(crate) fn read(source: &Source, head: &[u8]) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    if head.starts_with(b"PK") { read_zip(source) } else { read_legacy(source) }
}

/// The zip layout: `<root>/data.pkl` and one entry `<root>/data/<key>` per storage.
fn read_zip(source: &Source) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let entries = zip::entries(source)?;
    let pickles: Vec<&String> = entries.keys().filter(|name| name.ends_with("/data.pkl")).collect();
    let root = match pickles.as_slice() {
        [one] => one.trim_end_matches("data.pkl").to_owned(),
        [] => {
            return Err(WeightsError::unsupported(
                FORMAT,
                "the archive has no data.pkl; save with torch.save(model.state_dict(), ...)",
            ));
        }
        many => return Err(WeightsError::malformed(FORMAT, format!("the archive has {} data.pkl", many.len()))),
    };
    if entries.contains_key(&format!("{root}constants.pkl")) {
        let reason = "this is a TorchScript archive; save its weights with torch.save(model.state_dict(), ...)";
        return Err(WeightsError::unsupported(FORMAT, reason));
    }
    if let Some(order) = entries.get(&format!("{root}byteorder")) {
        let (start, length) = zip::locate(source, order)?;
        if source.read_vec(start, length, 16, "byte order entry in bytes")? != b"little" {
            return Err(WeightsError::unsupported(FORMAT, "the values are not little-endian"));
        }
    }
    let (start, length) = zip::locate(source, &entries[&format!("{root}data.pkl")])?;
    let pickle = source.read_vec(start, length, MAX_PICKLE_BYTES, "pickle in bytes")?;
    let mut machine = Machine::default();
    let (value, _) = machine.run(&pickle)?;
    let mut starts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    tensors(&machine, &value, |storage| {
        if let Some(found) = starts.get(&*storage.key) {
            return Ok(*found);
        }
        let name = format!("{root}data/{}", storage.key);
        let entry = entries
            .get(&name)
            .ok_or_else(|| WeightsError::malformed(FORMAT, format!("the archive has no entry {name}")))?;
        let found = zip::locate(source, entry)?;
        starts.insert(storage.key.to_string(), found);
        Ok(found)
    })
}

/// The older layout: five pickles (magic, protocol, system, object, storage keys), then the storages in order.
fn read_legacy(source: &Source) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let length = source.len().min(MAX_PICKLE_BYTES);
    let bytes = source.read_vec(0, length, MAX_PICKLE_BYTES, "pickle in bytes")?;
    let mut at = 0;
    let mut next = || -> Result<(Machine, Value), WeightsError> {
        let mut machine = Machine::default();
        let (value, used) = machine.run(&bytes[at..])?;
        at += used;
        Ok((machine, value))
    };
    match next()?.1 {
        Value::Long(digits) if *digits == LEGACY_MAGIC => {}
        _ => {
            let reason = "a bare pickle without PyTorch's magic number; save with torch.save(model.state_dict(), ...)";
            return Err(WeightsError::unsupported(FORMAT, reason));
        }
    }
    match next()?.1 {
        Value::Int(LEGACY_PROTOCOL) => {}
        _ => return Err(WeightsError::unsupported(FORMAT, "unknown protocol of the format before PyTorch 1.6")),
    }
    let (system, value) = next()?;
    if matches!(system.containers.entry(&value, "little_endian"), Some(Value::Bool(false))) {
        return Err(WeightsError::unsupported(FORMAT, "the values are not little-endian"));
    }
    let (machine, value) = next()?;
    let (key_machine, keys) = next()?;
    let keys = key_machine
        .containers
        .texts(&keys)
        .ok_or_else(|| WeightsError::malformed(FORMAT, "the storage keys are no list of strings"))?;
    let mut starts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut start = at as u64;
    for key in keys {
        let storage = machine
            .storage(&key)
            .ok_or_else(|| WeightsError::malformed(FORMAT, format!("storage {key} belongs to no tensor")))?;
        let mut count = [0; 8];
        source.read_at(start, &mut count)?;
        if i64::from_le_bytes(count) != storage.count as i64 {
            let reason =
                format!("storage {key} holds {} elements, expected {}", i64::from_le_bytes(count), storage.count);
            return Err(WeightsError::malformed(FORMAT, reason));
        }
        let bytes = storage.count.checked_mul(storage.dtype.size() as u64);
        let end = bytes.and_then(|bytes| (start + 8).checked_add(bytes)).filter(|end| *end <= source.len());
        let Some(end) = end else {
            let reason = format!("storage {key} reaches past the end of the file: it may be truncated");
            return Err(WeightsError::malformed(FORMAT, reason));
        };
        starts.insert(key.to_string(), (start + 8, end - start - 8));
        start = end;
    }
    tensors(&machine, &value, |storage| {
        starts
            .get(&*storage.key)
            .copied()
            .ok_or_else(|| WeightsError::malformed(FORMAT, format!("the file has no storage {}", storage.key)))
    })
}

/// All tensors reachable from the root dictionary, under their keys joined by dots.
fn tensors(
    machine: &Machine,
    root: &Value,
    mut locate: impl FnMut(&value::StorageRef) -> Result<(u64, u64), WeightsError>,
) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let Some(items) = machine.containers.items(root) else {
        let reason = "the root is no dictionary of tensors; save with torch.save(model.state_dict(), ...)";
        return Err(WeightsError::unsupported(FORMAT, reason));
    };
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), items, 1)];
    let mut visited = 0_usize;
    while let Some((prefix, items, depth)) = open.pop() {
        for (key, value) in items {
            visited += 1;
            if visited > 4 * MAX_TENSORS {
                return Err(WeightsError::TooLarge {
                    what: "number of dictionary entries",
                    limit: 4 * MAX_TENSORS as u64,
                    found: visited as u64,
                });
            }
            let key = match key {
                Value::Text(text) => text.to_string(),
                Value::Int(number) => number.to_string(),
                _ => continue,
            };
            if prefix.len() + key.len() > MAX_NAME_BYTES {
                let length = (prefix.len() + key.len()) as u64;
                return Err(WeightsError::TooLarge {
                    what: "tensor name in bytes",
                    limit: MAX_NAME_BYTES as u64,
                    found: length,
                });
            }
            let name = format!("{prefix}{key}");
            if let Value::Tensor(tensor) = value {
                found.insert(name.clone(), place(&name, tensor, &mut locate)?);
            } else if let Some(items) = machine.containers.items(value) {
                if depth == MAX_DEPTH {
                    return Err(WeightsError::TooLarge {
                        what: "nesting of dictionaries",
                        limit: MAX_DEPTH as u64,
                        found: depth as u64 + 1,
                    });
                }
                open.push((format!("{name}."), items, depth + 1));
            }
        }
    }
    Ok(found)
}

/// Where a tensor lies in the file, checked against the storage it views.
fn place(
    name: &str,
    tensor: &TensorRef,
    locate: &mut impl FnMut(&value::StorageRef) -> Result<(u64, u64), WeightsError>,
) -> Result<StoredTensor, WeightsError> {
    let count = StoredTensor::count(&tensor.shape)?;
    let (start, bytes) = locate(&tensor.storage)?;
    let size = tensor.storage.dtype.size() as u64;
    let span = StoredTensor::span(&tensor.shape, &tensor.strides).and_then(|span| span.checked_add(tensor.offset));
    let needed = span.and_then(|span| span.checked_mul(size));
    // Strides of zero would let a tensor unfold to more than the file holds.
    let unfolds = count.saturating_mul(size) > bytes;
    match needed {
        Some(needed) if needed <= bytes && !unfolds => Ok(StoredTensor {
            dtype: tensor.storage.dtype,
            shape: tensor.shape.clone(),
            strides: Some(tensor.strides.clone()),
            start: start + tensor.offset * size,
        }),
        _ => Err(WeightsError::malformed(
            FORMAT,
            format!("tensor \"{name}\" of shape {:?} reaches past its storage of {bytes} bytes", tensor.shape),
        )),
    }
}
