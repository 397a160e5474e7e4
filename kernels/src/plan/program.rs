//! What a network computes at any image size: steps with everything fused and packed that does not depend on the size.

use super::conv::{ConvSpec, PackedConv};
use super::error::PlanError;
use super::graph::{Conv, Graph, Node, NodeId, Window};
use super::map::{Map, Pooling};
use crate::simd::Level;

/// The steps of a network in an order in which they can be run.
pub(super) struct Program {
    pub(super) level: Level,
    pub(super) in_channels: usize,
    /// Channels of every value.
    pub(super) channels: Vec<usize>,
    pub(super) steps: Vec<Step>,
    /// The values asked for.
    pub(super) outputs: Vec<NodeId>,
}

/// One operation with those after it that are computed along with it.
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) input: NodeId,
    pub(super) residual: Option<NodeId>,
    /// The first node of the step.
    pub(super) head: NodeId,
    /// The value the step computes.
    pub(super) end: NodeId,
}

pub(super) enum Work {
    Conv(PackedConv),
    Map(Map),
    Pool(Window, Pooling),
    GlobalMean,
}

/// A node with those after it that are computed in the same step.
struct Fused {
    head: NodeId,
    end: NodeId,
    affine: Option<(Vec<f32>, Vec<f32>)>,
    residual: Option<NodeId>,
    low: f32,
    high: f32,
}

impl Program {
    /// Fuses and packs what the outputs of `graph` need; `winograd` allows transformed convolutions.
    pub(super) fn new(graph: &Graph, level: Level, winograd: bool) -> Result<Self, PlanError> {
        if graph.outputs.is_empty() || graph.outputs.iter().any(|&o| o >= graph.nodes.len()) {
            return Err(PlanError::Outputs { outputs: graph.outputs.clone(), n_nodes: graph.nodes.len() });
        }
        let channels = channels(graph)?;
        let steps = fuse(graph, &channels).into_iter().map(|f| {
            let head = graph.nodes[f.head];
            let input = head.operands()[0];
            let work = match head {
                Node::Input => unreachable!("the input is no step"),
                Node::Conv(conv) => Work::Conv(fold(graph, &conv, &f, channels[input], level, winograd)),
                Node::Affine { .. } | Node::Clip { .. } | Node::Add { .. } => {
                    Work::Map(Map { channels: channels[f.end], affine: f.affine.clone(), low: f.low, high: f.high })
                }
                Node::MaxPool { window, .. } => Work::Pool(window, Pooling::Max),
                Node::AveragePool { window, count_padding, .. } => Work::Pool(window, Pooling::Mean { count_padding }),
                Node::GlobalAveragePool { .. } => Work::GlobalMean,
            };
            Step { work, input, residual: f.residual, head: f.head, end: f.end }
        });
        let steps = steps.collect();
        Ok(Self { level, in_channels: graph.in_channels, channels, steps, outputs: graph.outputs.clone() })
    }
}

/// Channels of every value; refuses what does not fit together at any image size.
fn channels(graph: &Graph) -> Result<Vec<usize>, PlanError> {
    let mut channels: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (node, op) in graph.nodes.iter().enumerate() {
        let fail = |problem| PlanError::Node { node, problem };
        if op.operands().iter().any(|&o| o >= node) {
            return Err(fail("an operand is not computed before it"));
        }
        let has = |at: usize, len: usize| at.checked_add(len).is_some_and(|end| end <= graph.weights.len());
        channels.push(match *op {
            Node::Input => graph.in_channels,
            Node::Conv(Conv { input, weight, bias, out_channels, groups, window }) => {
                let from = channels[input];
                if groups == 0 || !from.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
                    return Err(fail("channels are not a multiple of the groups"));
                }
                let size = [out_channels, from / groups, window.size[0], window.size[1]];
                let len = size.into_iter().try_fold(1usize, usize::checked_mul);
                if !len.is_some_and(|len| has(weight, len)) || bias.is_some_and(|b| !has(b, out_channels)) {
                    return Err(fail("weights or bias lie outside the parameters"));
                }
                if len == Some(0) {
                    return Err(fail("the convolution has no weights"));
                }
                out_channels
            }
            Node::Affine { input, scale, shift } => {
                if !has(scale, channels[input]) || !has(shift, channels[input]) {
                    return Err(fail("scale or shift lies outside the parameters"));
                }
                channels[input]
            }
            Node::Clip { input, low, high } => {
                if !matches!(low.partial_cmp(&high), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
                    return Err(fail("the lower bound is not below the upper one"));
                }
                channels[input]
            }
            Node::Add { a, b } => {
                if channels[a] != channels[b] {
                    return Err(fail("the operands of a sum differ in shape"));
                }
                channels[a]
            }
            Node::MaxPool { input, window } | Node::AveragePool { input, window, .. } => {
                if window.pad[0].max(window.pad[2]) >= window.size[0]
                    || window.pad[1].max(window.pad[3]) >= window.size[1]
                {
                    return Err(fail("a pooling window can lie in the padding altogether"));
                }
                channels[input]
            }
            Node::GlobalAveragePool { input } => channels[input],
        });
    }
    Ok(channels)
}

/// The nodes that the outputs depend on.
fn needed(graph: &Graph) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    graph.outputs.iter().for_each(|&o| needed[o] = true);
    for id in (0..graph.nodes.len()).rev() {
        if needed[id] {
            graph.nodes[id].operands().into_iter().for_each(|o| needed[o] = true);
        }
    }
    needed
}

/// Groups the nodes that are needed into steps, in an order in which they can be run.
fn fuse(graph: &Graph, channels: &[usize]) -> Vec<Fused> {
    let needed = needed(graph);
    let mut users: Vec<Vec<NodeId>> = vec![vec![]; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate().filter(|(id, _)| needed[*id]) {
        node.operands().into_iter().for_each(|o| users[o].push(id));
    }
    let mut taken = vec![false; graph.nodes.len()];
    let mut fused = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        if taken[id] || !needed[id] || *node == Node::Input {
            continue;
        }
        let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
        let mut step = Fused { head: id, end: id, affine: None, residual: None, low, high };
        let fusible = match *node {
            Node::Conv(_) => true,
            Node::Affine { .. } | Node::Clip { .. } | Node::Add { .. } => {
                absorb(graph, channels, &mut step, id);
                true
            }
            Node::Input | Node::MaxPool { .. } | Node::AveragePool { .. } | Node::GlobalAveragePool { .. } => false,
        };
        while fusible && !graph.outputs.contains(&step.end) {
            let &[user] = users[step.end].as_slice() else { break };
            if taken[user] || !absorb(graph, channels, &mut step, user) {
                break;
            }
            taken[user] = true;
            step.end = user;
        }
        fused.push(step);
    }
    fused.sort_by_key(|f| f.end);
    fused
}

/// Makes node `id` part of the step if its operation may still follow.
fn absorb(graph: &Graph, channels: &[usize], step: &mut Fused, id: NodeId) -> bool {
    let unbounded = step.low == f32::NEG_INFINITY && step.high == f32::INFINITY;
    match graph.nodes[id] {
        Node::Affine { scale, shift, .. } if unbounded && step.residual.is_none() => {
            let n = channels[id];
            let (scale, shift) = (&graph.weights[scale..][..n], &graph.weights[shift..][..n]);
            let (old_scale, old_shift) = step.affine.take().unwrap_or_else(|| (vec![1.0; n], vec![0.0; n]));
            let new_scale = old_scale.iter().zip(scale).map(|(a, b)| a * b).collect();
            let new_shift = old_shift.iter().zip(scale).zip(shift).map(|((x, a), b)| x * a + b).collect();
            step.affine = Some((new_scale, new_shift));
            true
        }
        Node::Add { a, b } if unbounded && step.residual.is_none() => {
            // The head's own first operand is its input; in a later sum the operand that is not the step's value so far.
            step.residual = Some(if id == step.head || a == step.end { b } else { a });
            true
        }
        Node::Clip { low, high, .. } if unbounded => {
            (step.low, step.high) = (low, high);
            true
        }
        _ => false,
    }
}

/// A convolution with the affine operation that follows it folded into its weights.
fn fold(graph: &Graph, conv: &Conv, f: &Fused, from: usize, level: Level, winograd: bool) -> PackedConv {
    let (window, groups, to) = (conv.window, conv.groups, conv.out_channels);
    let per_filter = from / groups * window.size[0] * window.size[1];
    let mut weight = graph.weights[conv.weight..][..to * per_filter].to_vec();
    let mut bias = conv.bias.map_or_else(|| vec![0.0; to], |b| graph.weights[b..][..to].to_vec());
    if let Some((scale, shift)) = &f.affine {
        for (o, filter) in weight.chunks_mut(per_filter).enumerate() {
            filter.iter_mut().for_each(|w| *w *= scale[o]);
            bias[o] = bias[o] * scale[o] + shift[o];
        }
    }
    let spec = ConvSpec { window, groups, from, to, weight: &weight, bias, low: f.low, high: f.high };
    PackedConv::new(level, spec, winograd)
}
