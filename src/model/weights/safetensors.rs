//! The safetensors format: an 8-byte length, a JSON header, the values.
//!
//! <https://github.com/huggingface/safetensors>. Read and written here rather than through the crate so that each
//! tensor can be streamed from and to the file without a copy of all of them.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};

use super::WeightsError;
use super::source::Source;
use super::stored::{Dtype, MAX_NAME_BYTES, MAX_TENSORS, StoredTensor};

/// Largest JSON header accepted, in bytes (ViT-L/14 needs 40 kB).
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// Name in messages.
const FORMAT: &str = "safetensors";

/// One tensor to write.
pub(crate) struct Entry<'a> {
    /// Name.
    pub(crate) name: &'a str,
    /// Extents; their product is the number of values.
    pub(crate) shape: &'a [usize],
}

/// Lists the tensors of a file.
pub(crate) fn read(source: &Source) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let (header, data_start) = header(source)?;
    if header.len() > MAX_TENSORS {
        return Err(WeightsError::TooLarge {
            what: "number of tensors",
            limit: MAX_TENSORS as u64,
            found: header.len() as u64,
        });
    }
    let data_bytes = source.len() - data_start;
    let tensors = header
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, info)| Ok((name.clone(), tensor(name, info, data_start, data_bytes)?)))
        .collect::<Result<BTreeMap<_, _>, WeightsError>>()?;
    check_order(&tensors, data_start, data_bytes)?;
    Ok(tensors)
}

/// Refuses bytes that two tensors share and bytes that belong to none, as the format demands: values lie one after the
/// other and fill the file.
fn check_order(tensors: &BTreeMap<String, StoredTensor>, data_start: u64, data_bytes: u64) -> Result<(), WeightsError> {
    let bad = |reason: String| Err(WeightsError::malformed(FORMAT, reason));
    let mut spans = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let start = tensor.start - data_start;
        spans.push((start, start + StoredTensor::count(&tensor.shape)? * tensor.dtype.size() as u64, name));
    }
    spans.sort_unstable();
    let (mut end_so_far, mut last) = (0, None::<&String>);
    for (start, end, name) in spans {
        let before = last.map_or("the start".to_owned(), |last| format!("the end of tensor \"{last}\""));
        if start < end_so_far {
            return bad(format!(
                "tensor \"{name}\" starts at byte {start} of the values, before {before}, {end_so_far}"
            ));
        }
        if start > end_so_far {
            let hole = start - end_so_far;
            return bad(format!("{hole} bytes between {before} and tensor \"{name}\" belong to no tensor"));
        }
        (end_so_far, last) = (end, Some(name));
    }
    if end_so_far == data_bytes {
        return Ok(());
    }
    bad(format!("{} bytes after the last tensor belong to none", data_bytes - end_so_far))
}

/// Entries of all objects in a JSON value.
fn n_entries(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.len() + map.values().map(n_entries).sum::<usize>(),
        Value::Array(list) => list.iter().map(n_entries).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Colons outside of strings in a JSON text: one for each entry of each object, those whose keys come twice included.
fn n_colons(text: &[u8]) -> usize {
    let (mut n, mut in_string, mut is_escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b':' if !in_string => n += 1,
            _ => {}
        }
    }
    n
}

/// The string-to-string notes of a file.
pub(crate) fn metadata(source: &Source) -> Result<BTreeMap<String, String>, WeightsError> {
    let (header, _) = header(source)?;
    let notes = header.get("__metadata__").and_then(Value::as_object);
    Ok(notes.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
}

/// Writes float32 tensors; `values` is called once per entry, in order.
pub(crate) fn write(
    out: &mut impl Write,
    notes: &BTreeMap<String, String>,
    entries: &[Entry<'_>],
    mut values: impl FnMut(&str) -> Result<Vec<f32>, WeightsError>,
    io_error: impl Fn(std::io::Error) -> WeightsError,
) -> Result<(), WeightsError> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(notes));
    let mut offset = 0_u64;
    for entry in entries {
        let end = offset + 4 * StoredTensor::count(entry.shape)?;
        header.insert(
            entry.name.to_owned(),
            json!({ "dtype": "F32", "shape": entry.shape, "data_offsets": [offset, end] }),
        );
        offset = end;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    out.write_all(&(text.len() as u64).to_le_bytes()).map_err(&io_error)?;
    out.write_all(&text).map_err(&io_error)?;
    for entry in entries {
        for run in values(entry.name)?.chunks(1 << 14) {
            let bytes: Vec<u8> = run.iter().flat_map(|v| v.to_le_bytes()).collect();
            out.write_all(&bytes).map_err(&io_error)?;
        }
    }
    Ok(())
}

/// The JSON header and the byte at which the values start.
fn header(source: &Source) -> Result<(Map<String, Value>, u64), WeightsError> {
    let mut length = [0; 8];
    source.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    let text = source.read_vec(8, length, MAX_HEADER_BYTES, "safetensors header in bytes")?;
    match serde_json::from_slice(&text) {
        // Of two equal keys one reader takes the first and another the last.
        Ok(value) if n_colons(&text) != n_entries(&value) => {
            Err(WeightsError::malformed(FORMAT, "a key comes twice in the header"))
        }
        Ok(Value::Object(header)) => Ok((header, 8 + length)),
        Ok(_) => Err(WeightsError::malformed(FORMAT, "the header is no JSON object")),
        Err(error) => Err(WeightsError::malformed(FORMAT, format!("the header is no JSON: {error}"))),
    }
}

fn tensor(name: &str, info: &Value, data_start: u64, data_bytes: u64) -> Result<StoredTensor, WeightsError> {
    if name.len() > MAX_NAME_BYTES {
        let found = name.len() as u64;
        return Err(WeightsError::TooLarge { what: "tensor name in bytes", limit: MAX_NAME_BYTES as u64, found });
    }
    let bad = |what: &str| WeightsError::malformed(FORMAT, format!("tensor \"{name}\": {what}"));
    let dtype = info.get("dtype").and_then(Value::as_str).and_then(dtype).ok_or_else(|| bad("unknown or no dtype"))?;
    let integers = |key: &str| -> Option<Vec<u64>> { info.get(key)?.as_array()?.iter().map(Value::as_u64).collect() };
    let shape = integers("shape").ok_or_else(|| bad("no shape"))?;
    let shape: Vec<usize> =
        shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().map_err(|_| bad("shape overflow"))?;
    let offsets = integers("data_offsets").ok_or_else(|| bad("no data_offsets"))?;
    let &[start, end] = offsets.as_slice() else { return Err(bad("data_offsets are not two numbers")) };
    let needed = StoredTensor::count(&shape)? * dtype.size() as u64;
    if end < start || end - start != needed {
        return Err(bad(&format!(
            "shape {shape:?} of {} needs {needed} bytes, data_offsets are [{start}, {end}]",
            dtype.name()
        )));
    }
    if end > data_bytes {
        return Err(bad(&format!(
            "ends at byte {end} of the values, the file holds {data_bytes}: it may be truncated"
        )));
    }
    Ok(StoredTensor { dtype, shape, strides: None, start: data_start + start })
}

fn dtype(name: &str) -> Option<Dtype> {
    let other = |name, bytes| Some(Dtype::Other { name, bytes });
    match name {
        "F64" => Some(Dtype::F64),
        "F32" => Some(Dtype::F32),
        "F16" => Some(Dtype::F16),
        "BF16" => Some(Dtype::BF16),
        "I64" => other("I64", 8),
        "U64" => other("U64", 8),
        "I32" => other("I32", 4),
        "U32" => other("U32", 4),
        "I16" => other("I16", 2),
        "U16" => other("U16", 2),
        "I8" => other("I8", 1),
        "U8" => other("U8", 1),
        "BOOL" => other("BOOL", 1),
        "F8_E5M2" => other("F8_E5M2", 1),
        "F8_E4M3" => other("F8_E4M3", 1),
        _ => None,
    }
}
