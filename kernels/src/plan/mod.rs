//! Convolutional networks on the CPU: packed once, planned for each image size.
//!
//! Values are kept in NHWC order, so that a pixel's channels are one contiguous row of a matrix product. When a network is
//! prepared, per-channel affine operations are folded into the convolution before them; bias, residual sum and bounds are
//! applied while results are still in registers; weights are packed for the register tile; 3 x 3 convolutions of stride 1
//! use Winograd's F(4x4, 3x3). For each image size every value gets a buffer that is used again once the value is dead; the
//! plans of the last few sizes are kept.
//!
//! An image's result has the same bits in any batch and for any number of threads.

mod build;
mod conv;
mod graph;
mod program;
mod run;
mod split;
#[cfg(test)]
mod tests;
mod winograd;

pub use graph::{Conv, Graph, Node, NodeId, Window};

use super::simd::Level;
use build::Plan;
use program::Program;
use run::Workspace;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest number of values that one image may have at any place in the network.
pub const MAX_VALUES: usize = 1 << 30;

/// Image sizes whose plans are kept.
const SIZES_KEPT: usize = 4;

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

/// One output of a network for a batch of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[batch, height, width, channels]`.
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values per pixel.
    pub channels: usize,
}

/// What a run takes and gives, known before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes that are held at the peak: buffers, scratch memory and results, not the images.
    pub bytes: u64,
    /// Rows, columns and values per pixel of each output.
    pub outputs: Vec<[usize; 3]>,
}

/// A network ready for images of any size. Several threads may run it at once.
pub struct Network {
    program: Program,
    /// The last sizes, the latest at the end.
    plans: Mutex<Vec<Arc<Plan>>>,
    /// Buffers of earlier runs, kept because fresh memory is slow.
    idle: Mutex<Vec<Workspace>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network({} steps, {} outputs)", self.program.steps.len(), self.program.outputs.len())
    }
}

impl Network {
    /// Prepares what the outputs of `graph` need; the rest is left out.
    ///
    /// # Errors
    /// [`PlanError::Node`] for the first node that does not fit its operands or parameters, [`PlanError::Outputs`].
    pub fn new(graph: &Graph) -> Result<Self, PlanError> {
        Self::with_level(graph, Level::best(), true)
    }

    fn with_level(graph: &Graph, level: Level, winograd: bool) -> Result<Self, PlanError> {
        let program = Program::new(graph, level, winograd)?;
        Ok(Self { program, plans: Mutex::default(), idle: Mutex::default() })
    }

    /// Runs the network on a batch of images of `height` x `width` in NCHW order; one result per output of the graph.
    ///
    /// # Errors
    /// [`PlanError::Node`] where the image is too small or too large for a node, [`PlanError::Images`] unless the values
    /// form whole images.
    pub fn run(&self, images: &[f32], height: usize, width: usize) -> Result<Vec<Features>, PlanError> {
        let plan = self.plan(height, width)?;
        let image = plan.input.len();
        if !images.len().is_multiple_of(image) {
            return Err(PlanError::Images { len: images.len(), image });
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held = idle().pop();
        let mut workspace = held.unwrap_or_default();
        // From inside the pool: a thread outside of it would sleep and be woken again in every step.
        let features = rayon::scope(|_| run::run(&self.program, &plan, images, &mut workspace));
        idle().push(workspace);
        Ok(features)
    }

    /// What a run on `n` images of `height` x `width` takes and gives.
    ///
    /// # Errors
    /// [`PlanError::Node`] where the image is too small or too large for a node.
    pub fn footprint(&self, n: usize, height: usize, width: usize) -> Result<Footprint, PlanError> {
        let plan = self.plan(height, width)?;
        let outputs = plan.outputs.iter().map(|(_, shape)| [shape.height, shape.width, shape.channels]);
        Ok(Footprint { bytes: run::bytes(&self.program, &plan, n), outputs: outputs.collect() })
    }

    /// The plan of a size, from those kept or made anew.
    fn plan(&self, height: usize, width: usize) -> Result<Arc<Plan>, PlanError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.iter().position(|plan| (plan.input.height, plan.input.width) == (height, width));
        let plan = match known {
            Some(at) => plans.remove(at),
            None => Arc::new(Plan::new(&self.program, height, width)?),
        };
        if plans.len() == SIZES_KEPT {
            plans.remove(0);
        }
        plans.push(Arc::clone(&plan));
        Ok(plan)
    }
}
