//! Convolutional networks on the CPU: a static plan for one network and one image size.
//!
//! Values are kept in NHWC order, so that a pixel's channels are one contiguous row of a matrix product. When a plan is
//! built, per-channel affine operations are folded into the convolution before them; bias, residual sum and bounds are
//! applied while results are still in registers; weights are packed for the register tile; 3 x 3 convolutions of stride 1
//! use Winograd's F(4x4, 3x3); and every value gets a buffer that is used again once the value is dead.
//!
//! An image's result has the same bits in any batch and for any number of threads.

mod build;
mod conv;
mod graph;
mod run;
#[cfg(test)]
mod tests;

pub use graph::{Conv, Graph, Node, NodeId, Window};

use super::simd::Level;
use conv::PackedConv;
use run::{Map, Pool, Shape};
use std::sync::Mutex;

/// Largest number of values that one image may have at any place in the network.
pub const MAX_VALUES: usize = 1 << 30;

/// Images run together: weights are read from memory once for all of them.
const TOGETHER: usize = 8;
/// Values that all buffers hold at most, as far as more than one image is concerned.
const HELD: usize = 64 << 20;

/// Why a graph cannot be planned or a plan not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A node is inconsistent with the values or parameters it names.
    #[error("node {node}: {problem}; repair the graph")]
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

/// A network prepared for images of one size.
pub struct Plan {
    level: Level,
    input: Shape,
    steps: Vec<Step>,
    /// Values held by each buffer.
    buffers: Vec<usize>,
    /// Buffer and shape of each output.
    outputs: Vec<(usize, Shape)>,
    /// Buffers of earlier runs, kept because fresh memory is slow.
    idle: Mutex<Vec<Workspace>>,
}

/// One operation with the buffers it works on. Buffer 0 holds the image.
struct Step {
    work: Work,
    input: usize,
    residual: Option<usize>,
    output: usize,
    /// Values per image of the input and the output.
    input_len: usize,
    len: usize,
}

enum Work {
    Conv(PackedConv),
    Map(Map),
    Pool(Pool),
}

struct Workspace {
    buffers: Vec<Vec<f32>>,
    scratch: Vec<f32>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values: usize = self.buffers.iter().sum();
        write!(
            f,
            "Plan({:?}, {} steps, {values} values in {} buffers)",
            self.input,
            self.steps.len(),
            self.buffers.len()
        )
    }
}

impl Plan {
    /// Plans `graph` for images of `height` x `width`.
    ///
    /// # Errors
    /// [`PlanError::Node`] for the first node that does not fit its operands or parameters, [`PlanError::Outputs`].
    pub fn new(graph: &Graph, height: usize, width: usize) -> Result<Self, PlanError> {
        build::build(graph, height, width, Level::best(), true)
    }

    /// Runs the network on a batch of images in NCHW order; one result per output of the graph.
    ///
    /// # Errors
    /// [`PlanError::Images`] unless the values form whole images.
    pub fn run(&self, images: &[f32]) -> Result<Vec<Features>, PlanError> {
        let size = self.input.len();
        if !images.len().is_multiple_of(size) {
            return Err(PlanError::Images { len: images.len(), image: size });
        }
        let batch = images.len() / size;
        let mut features: Vec<Features> = self
            .outputs
            .iter()
            .map(|(_, shape)| Features {
                values: Vec::with_capacity(batch * shape.len()),
                height: shape.height,
                width: shape.width,
                channels: shape.channels,
            })
            .collect();
        let held: usize = self.buffers.iter().sum();
        let together = (HELD / held.max(1)).clamp(1, TOGETHER);
        for images in images.chunks(together * size) {
            self.run_together(images, &mut features);
        }
        Ok(features)
    }

    /// Runs a few images step by step and appends their outputs.
    fn run_together(&self, images: &[f32], features: &mut [Features]) {
        let threads = rayon::current_num_threads();
        let idle = || self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let held = idle().pop();
        let mut workspace =
            held.unwrap_or_else(|| Workspace { buffers: vec![vec![]; self.buffers.len()], scratch: vec![] });
        let Workspace { buffers, scratch } = &mut workspace;
        let n = images.len() / self.input.len();
        for (buffer, &size) in buffers.iter_mut().zip(&self.buffers) {
            buffer.resize((n * size).max(buffer.len()), 0.0);
        }
        let (pixels, channels) = (self.input.height * self.input.width, self.input.channels);
        for (image, out) in images.chunks(self.input.len()).zip(buffers[0].chunks_mut(self.input.len())) {
            for (at, pixel) in out.chunks_mut(channels).enumerate() {
                pixel.iter_mut().enumerate().for_each(|(c, x)| *x = image[c * pixels + at]);
            }
        }
        for step in &self.steps {
            let mut output = std::mem::take(&mut buffers[step.output]);
            let (input, out) = (&buffers[step.input][..n * step.input_len], &mut output[..n * step.len]);
            let residual = step.residual.map(|r| &buffers[r][..out.len()]);
            match &step.work {
                Work::Conv(conv) => conv.run(input, residual, out, scratch, threads),
                Work::Map(map) => map.run(self.level, input, residual, out, threads),
                Work::Pool(pool) => pool.run(self.level, input, out, threads),
            }
            buffers[step.output] = output;
        }
        for ((buffer, shape), features) in self.outputs.iter().zip(features) {
            features.values.extend_from_slice(&buffers[*buffer][..n * shape.len()]);
        }
        idle().push(workspace);
    }
}
