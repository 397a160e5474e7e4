//! The plain description of a convolutional network that a plan is built from.

use std::sync::Arc;

/// Position of a node in [`Graph::nodes`], which names the value it computes.
pub type NodeId = usize;

/// A network of one image input. Nodes may only use values of earlier nodes.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Channels of the input.
    pub in_channels: usize,
    /// What is computed, in order.
    pub nodes: Vec<Node>,
    /// The values asked for.
    pub outputs: Vec<NodeId>,
    /// All parameters; nodes name theirs by the position of the first.
    pub weights: Arc<[f32]>,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// The image.
    Input,
    /// Convolution with zero padding.
    Conv(Conv),
    /// Per channel `x * scale + shift`, such as a batch norm with fixed statistics.
    Affine {
        /// The operand.
        input: NodeId,
        /// Where the scales start, one per channel.
        scale: usize,
        /// Where the shifts start.
        shift: usize,
    },
    /// `min(max(x, low), high)`; a rectifier has bounds 0 and infinity.
    Clip {
        /// The operand.
        input: NodeId,
        /// Lower bound.
        low: f32,
        /// Upper bound.
        high: f32,
    },
    /// Sum of two values of one shape.
    Add {
        /// One operand.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// Largest value in a window; padding does not count.
    MaxPool {
        /// The operand.
        input: NodeId,
        /// Geometry.
        window: Window,
    },
    /// Mean of a window.
    AveragePool {
        /// The operand.
        input: NodeId,
        /// Geometry.
        window: Window,
        /// Whether padding counts as zeros (else it does not count).
        count_padding: bool,
    },
    /// Mean of each channel.
    GlobalAveragePool {
        /// The operand.
        input: NodeId,
    },
}

/// Parameters of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv {
    /// The operand.
    pub input: NodeId,
    /// Where the weights start: `[out_channels, in_channels / groups, height, width]`.
    pub weight: usize,
    /// Where the bias starts, one value per output channel.
    pub bias: Option<usize>,
    /// Channels computed.
    pub out_channels: usize,
    /// Number of groups that channels are divided into.
    pub groups: usize,
    /// Geometry.
    pub window: Window,
}

/// A window that slides over rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub size: [usize; 2],
    /// Step down and to the right.
    pub stride: [usize; 2],
    /// Border rows and columns: top, left, bottom, right.
    pub pad: [usize; 4],
}

impl Window {
    /// A square window with the same stride and border everywhere.
    #[must_use]
    pub fn square(size: usize, stride: usize, pad: usize) -> Self {
        Self { size: [size; 2], stride: [stride; 2], pad: [pad; 4] }
    }

    /// Rows and columns of the result for an image of `height` x `width`; `None` where the window does not fit once.
    #[must_use]
    pub fn output(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let along = |n: usize, axis: usize| {
            let padded = n.checked_add(self.pad[axis])?.checked_add(self.pad[axis + 2])?;
            let room = padded.checked_sub(self.size[axis])?;
            (self.size[axis] > 0).then_some(())?;
            Some(room.checked_div(self.stride[axis])? + 1)
        };
        Some([along(height, 0)?, along(width, 1)?])
    }
}

impl Node {
    /// The values this node uses.
    #[must_use]
    pub fn operands(&self) -> Vec<NodeId> {
        match *self {
            Self::Input => vec![],
            Self::Conv(Conv { input, .. })
            | Self::Affine { input, .. }
            | Self::Clip { input, .. }
            | Self::MaxPool { input, .. }
            | Self::AveragePool { input, .. }
            | Self::GlobalAveragePool { input } => vec![input],
            Self::Add { a, b } => vec![a, b],
        }
    }
}
