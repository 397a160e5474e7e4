//! A residual network as a graph for pcore's CPU kernels.

use super::load::Folded;
use super::plan::{ConvPlan, Plan};
use crate::kernel::plan::{Conv, Graph, Node, NodeId, Window};

/// A graph under construction.
struct Builder<I> {
    nodes: Vec<Node>,
    weights: Vec<f32>,
    convs: I,
}

/// The graph of `plan` with its convolutions in the order of [`Plan::convs`]; output `i` is the stage `taps[i]`.
pub(super) fn graph(plan: &Plan, convs: Vec<Folded>, taps: &[usize]) -> Graph {
    let n_weights = convs.iter().map(|conv| conv.weight.len() + conv.bias.len()).sum();
    let mut builder =
        Builder { nodes: vec![Node::Input], weights: Vec::with_capacity(n_weights), convs: convs.into_iter() };
    let stem = builder.conv(&plan.stem, 0);
    let stem = builder.relu(stem);
    let mut value = builder.push(Node::MaxPool { input: stem, window: Window::square(3, 2, 1) });
    let mut stages = Vec::new();
    for stage in &plan.stages {
        for block in stage {
            let input = value;
            for (i, conv) in block.convs.iter().enumerate() {
                value = builder.conv(conv, value);
                if i + 1 < block.convs.len() {
                    value = builder.relu(value);
                }
            }
            let shortcut = block.downsample.as_ref().map_or(input, |conv| builder.conv(conv, input));
            value = builder.push(Node::Add { a: value, b: shortcut });
            value = builder.relu(value);
        }
        stages.push(value);
    }
    let outputs = taps.iter().map(|tap| stages[*tap]).collect();
    Graph { in_channels: 3, nodes: builder.nodes, outputs, weights: builder.weights.into() }
}

impl<I: Iterator<Item = Folded>> Builder<I> {
    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn relu(&mut self, input: NodeId) -> NodeId {
        self.push(Node::Clip { input, low: 0.0, high: f32::INFINITY })
    }

    fn conv(&mut self, conv: &ConvPlan, input: NodeId) -> NodeId {
        let Folded { weight, bias } = self.convs.next().expect("one convolution per step of the plan");
        let start = self.weights.len();
        self.weights.extend(weight);
        let bias_start = self.weights.len();
        self.weights.extend(bias);
        let window = Window::square(conv.kernel, conv.stride, conv.kernel / 2);
        let [_, out_channels] = conv.channels;
        self.push(Node::Conv(Conv { input, weight: start, bias: Some(bias_start), out_channels, groups: 1, window }))
    }
}
