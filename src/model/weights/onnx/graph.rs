//! The computation of an ONNX file, as far as recognising a network needs it.

use std::collections::{BTreeMap, HashMap};

/// One operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Operator, e.g. `Conv`.
    pub(crate) op: String,
    /// Names of the values it reads.
    pub(crate) inputs: Vec<String>,
    /// Names of the values it makes.
    pub(crate) outputs: Vec<String>,
    /// Settings.
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

/// A setting of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attribute {
    /// One or several integers.
    pub(crate) ints: Vec<i64>,
    /// A number.
    pub(crate) float: Option<f32>,
    /// A string.
    pub(crate) text: Option<String>,
}

/// Nodes in an order in which they can be computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// Operations.
    pub(crate) nodes: Vec<Node>,
    /// Inputs that are no weights.
    pub(crate) inputs: Vec<String>,
    /// Results.
    pub(crate) outputs: Vec<String>,
}

impl Node {
    /// The integers of an attribute, or `default`.
    pub(crate) fn ints<'a>(&'a self, key: &str, default: &'a [i64]) -> &'a [i64] {
        self.attributes.get(key).map_or(default, |attribute| &attribute.ints)
    }

    /// First result.
    pub(crate) fn output(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }
}

impl Graph {
    /// The nodes that read each value.
    pub(crate) fn consumers(&self) -> HashMap<&str, Vec<&Node>> {
        let mut consumers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &self.nodes {
            for input in &node.inputs {
                consumers.entry(input).or_default().push(node);
            }
        }
        consumers
    }
}
