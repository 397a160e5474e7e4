//! ONNX files: their tensors by name and the graph that uses them.
//!
//! Only a graph that is recognised as one of the known networks can be loaded at run time, see
//! [`crate::model::resnet`]; any other is built in through `weights/`.

mod graph;
mod protobuf;

use std::collections::BTreeMap;

use super::WeightsError;
use super::source::Source;
use super::stored::{Dtype, MAX_NAME_BYTES, MAX_RANK, MAX_TENSORS, StoredTensor};
pub(crate) use graph::{Attribute, Graph, Node};
use protobuf::{FORMAT, Field, MAX_ITEMS, Message};

/// Largest ONNX file accepted, in bytes: what protobuf allows.
const MAX_BYTES: u64 = 2 << 30;
/// Most nodes of a graph.
const MAX_NODES: usize = 65_536;
/// Whether a file may be an ONNX model: field 1, the version of the format, comes first.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    matches!(head, [0x08, 1..=64, ..])
}

/// Reads graph and tensors. The file is kept in memory as the source of the tensors' values.
pub(crate) fn read(source: Source) -> Result<(Source, BTreeMap<String, StoredTensor>, Graph), WeightsError> {
    let bytes = match source {
        Source::Memory(bytes) => bytes,
        file => file.read_vec(0, file.len(), MAX_BYTES, "ONNX file in bytes")?,
    };
    let mut tensors = BTreeMap::new();
    let mut graph = None;
    for field in Message::new(&bytes, 0) {
        if let Field::Bytes { number: 7, bytes, start } = field? {
            graph = Some(read_graph(bytes, start, &mut tensors)?);
        }
    }
    let graph = graph.ok_or_else(|| WeightsError::malformed(FORMAT, "the model has no graph"))?;
    Ok((Source::Memory(bytes), tensors, graph))
}

fn read_graph(bytes: &[u8], start: u64, tensors: &mut BTreeMap<String, StoredTensor>) -> Result<Graph, WeightsError> {
    let mut graph = Graph::default();
    for field in Message::new(bytes, start) {
        let Field::Bytes { number, bytes, start } = field? else { continue };
        match number {
            1 => {
                if graph.nodes.len() >= MAX_NODES {
                    return Err(too_many("number of nodes", MAX_NODES));
                }
                let node = read_node(bytes, start, tensors)?;
                graph.nodes.push(node);
            }
            5 => {
                let (name, tensor) = read_tensor(bytes, start)?;
                insert(tensors, name, tensor)?;
            }
            11 => graph.inputs.push(value_name(bytes, start)?),
            12 => graph.outputs.push(value_name(bytes, start)?),
            _ => {}
        }
        if graph.inputs.len().max(graph.outputs.len()) > MAX_TENSORS {
            return Err(too_many("number of graph inputs or outputs", MAX_TENSORS));
        }
    }
    // Before version 4 of the format, weights were listed among the inputs too.
    graph.inputs.retain(|name| !tensors.contains_key(name));
    Ok(graph)
}

fn read_node(bytes: &[u8], start: u64, tensors: &mut BTreeMap<String, StoredTensor>) -> Result<Node, WeightsError> {
    let mut node = Node::default();
    for field in Message::new(bytes, start) {
        let Field::Bytes { number, bytes, start } = field? else { continue };
        match number {
            1 => node.inputs.push(name(bytes)?),
            2 => node.outputs.push(name(bytes)?),
            4 => node.op = name(bytes)?,
            5 => {
                let (key, attribute, tensor) = read_attribute(bytes, start)?;
                if let (Some(tensor), "Constant", Some(output)) = (tensor, node.op.as_str(), node.outputs.first()) {
                    insert(tensors, output.clone(), tensor)?;
                }
                node.attributes.insert(key, attribute);
            }
            _ => {}
        }
        if node.inputs.len().max(node.outputs.len()).max(node.attributes.len()) > MAX_ITEMS {
            return Err(too_many("number of inputs, outputs or attributes of a node", MAX_ITEMS));
        }
    }
    Ok(node)
}

fn read_attribute(bytes: &[u8], start: u64) -> Result<(String, Attribute, Option<StoredTensor>), WeightsError> {
    let (mut key, mut attribute, mut tensor) = (String::new(), Attribute::default(), None);
    for field in Message::new(bytes, start) {
        match field? {
            Field::Bytes { number: 1, bytes, .. } => key = name(bytes)?,
            Field::Fixed32 { number: 2, bits } => attribute.float = Some(f32::from_bits(bits)),
            Field::Varint { number: 3, value } => attribute.ints = vec![value as i64],
            Field::Bytes { number: 4, bytes, .. } => attribute.text = String::from_utf8(bytes.to_vec()).ok(),
            Field::Bytes { number: 5, bytes, start } => tensor = Some(read_tensor(bytes, start)?.1),
            Field::Varint { number: 8, value } => attribute.ints.push(value as i64),
            Field::Bytes { number: 8, bytes, .. } => {
                attribute.ints.extend(protobuf::packed(bytes)?.into_iter().map(|v| v as i64))
            }
            _ => {}
        }
        if attribute.ints.len() > MAX_ITEMS {
            return Err(too_many("number of integers of an attribute", MAX_ITEMS));
        }
    }
    Ok((key, attribute, tensor))
}

fn read_tensor(bytes: &[u8], start: u64) -> Result<(String, StoredTensor), WeightsError> {
    let (mut label, mut shape, mut kind, mut data) = (String::new(), Vec::new(), 0, None);
    for field in Message::new(bytes, start) {
        match field? {
            Field::Varint { number: 1, value } => shape.push(value),
            Field::Bytes { number: 1, bytes, .. } => shape.extend(protobuf::packed(bytes)?),
            Field::Varint { number: 2, value } => kind = value,
            Field::Bytes { number: 8, bytes, .. } => label = name(bytes)?,
            // Little-endian values; field 4 packs float32, field 10 float64 the same way.
            Field::Bytes { number: 9, bytes, start } => data = Some((start, bytes.len())),
            Field::Bytes { number: 4, bytes, start } if kind == 1 => data = Some((start, bytes.len())),
            Field::Bytes { number: 10, bytes, start } if kind == 11 => data = Some((start, bytes.len())),
            Field::Varint { number: 14, value: 1 } => {
                return Err(WeightsError::unsupported(
                    FORMAT,
                    "the values are in a second file; export into one file (torch.onnx.export(..., external_data=False))",
                ));
            }
            _ => {}
        }
        if shape.len() > MAX_RANK {
            return Err(WeightsError::TooLarge {
                what: "number of dimensions",
                limit: MAX_RANK as u64,
                found: shape.len() as u64,
            });
        }
    }
    let shape: Vec<usize> = shape
        .into_iter()
        .map(|extent| usize::try_from(extent).ok().filter(|_| extent <= i64::MAX as u64))
        .collect::<Option<_>>()
        .ok_or_else(|| WeightsError::malformed(FORMAT, format!("tensor \"{label}\" has a negative extent")))?;
    let dtype = dtype(kind);
    let count = StoredTensor::count(&shape)?;
    // Integer tensors may hold their values in varint fields; only their shape is of interest.
    let Some((start, length)) = data.filter(|_| !matches!(dtype, Dtype::Other { .. })) else {
        let dtype = if let Dtype::Other { .. } = dtype {
            dtype
        } else {
            Dtype::Other { name: "values stored one by one", bytes: 1 }
        };
        return Ok((label, StoredTensor { dtype, shape, strides: None, start: 0 }));
    };
    if count * dtype.size() as u64 != length as u64 {
        let reason = format!("tensor \"{label}\" of shape {shape:?} in {} has {length} bytes of values", dtype.name());
        return Err(WeightsError::malformed(FORMAT, reason));
    }
    Ok((label, StoredTensor { dtype, shape, strides: None, start }))
}

fn dtype(kind: u64) -> Dtype {
    match kind {
        1 => Dtype::F32,
        10 => Dtype::F16,
        11 => Dtype::F64,
        16 => Dtype::BF16,
        7 => Dtype::Other { name: "I64", bytes: 8 },
        6 => Dtype::Other { name: "I32", bytes: 4 },
        9 => Dtype::Other { name: "BOOL", bytes: 1 },
        2 => Dtype::Other { name: "U8", bytes: 1 },
        3 => Dtype::Other { name: "I8", bytes: 1 },
        _ => Dtype::Other { name: "other", bytes: 1 },
    }
}

fn insert(
    tensors: &mut BTreeMap<String, StoredTensor>,
    name: String,
    tensor: StoredTensor,
) -> Result<(), WeightsError> {
    if tensors.len() >= MAX_TENSORS {
        return Err(too_many("number of tensors", MAX_TENSORS));
    }
    tensors.insert(name, tensor);
    Ok(())
}

fn value_name(bytes: &[u8], start: u64) -> Result<String, WeightsError> {
    for field in Message::new(bytes, start) {
        if let Field::Bytes { number: 1, bytes, .. } = field? {
            return name(bytes);
        }
    }
    Ok(String::new())
}

fn name(bytes: &[u8]) -> Result<String, WeightsError> {
    if bytes.len() > MAX_NAME_BYTES {
        return Err(WeightsError::TooLarge {
            what: "name in bytes",
            limit: MAX_NAME_BYTES as u64,
            found: bytes.len() as u64,
        });
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| WeightsError::malformed(FORMAT, "a name that is no text"))
}

fn too_many(what: &'static str, limit: usize) -> WeightsError {
    WeightsError::TooLarge { what, limit: limit as u64, found: limit as u64 + 1 }
}
