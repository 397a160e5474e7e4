//! Why a graph cannot be run.

use super::graph::NodeId;

/// Why a graph cannot be prepared or not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A node is inconsistent with the values or parameters it names.
    #[error("node {node}: {problem}; repair the graph, or give images of another size")]
    Node {
        /// Its position.
        node: NodeId,
        /// What is wrong.
        problem: &'static str,
    },
    /// An output names no node, or there is none.
    #[error("outputs {outputs:?} of a graph of {n_nodes} nodes; name at least one, each an existing node")]
    Outputs {
        /// The outputs asked for.
        outputs: Vec<NodeId>,
        /// Nodes there are.
        n_nodes: usize,
    },
    /// The pixels given are not a whole number of images.
    #[error("{len} values do not form images of {image}; give whole images in NCHW order")]
    Images {
        /// Values given.
        len: usize,
        /// Values per image.
        image: usize,
    },
}
