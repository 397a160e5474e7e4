//! From a graph to a plan: shapes, fusion, buffers.

use super::conv::{ConvSpec, PackedConv};
use super::graph::{Conv, Graph, Node, NodeId, Window};
use super::run::{Map, Pool, Pooling, Shape};
use super::{Level, MAX_VALUES, Plan, PlanError, Step, Work};
use std::sync::Mutex;

/// A node with those after it that are computed in the same step.
struct Fused {
    head: NodeId,
    /// The value the step computes.
    end: NodeId,
    affine: Option<(Vec<f32>, Vec<f32>)>,
    residual: Option<NodeId>,
    low: f32,
    high: f32,
}

/// Plans `graph`; `winograd` allows transformed convolutions.
pub(super) fn build(
    graph: &Graph,
    height: usize,
    width: usize,
    level: Level,
    winograd: bool,
) -> Result<Plan, PlanError> {
    if graph.outputs.is_empty() || graph.outputs.iter().any(|&o| o >= graph.nodes.len()) {
        return Err(PlanError::Outputs { outputs: graph.outputs.clone(), n_nodes: graph.nodes.len() });
    }
    let shapes = shapes(graph, height, width)?;
    let fused = fuse(graph, &shapes);
    let (buffers, place) = assign_buffers(graph, &shapes, &fused);
    let steps = fused.iter().map(|f| {
        let head = graph.nodes[f.head];
        let input = head.operands()[0];
        let (from, to) = (shapes[input], shapes[f.end]);
        let residual = f.residual.map(|r| place[r]);
        let work = match head {
            Node::Input => unreachable!("the input is no step"),
            Node::Conv(conv) => Work::Conv(fold(graph, &conv, f, from, to, level, winograd)),
            Node::Affine { .. } | Node::Clip { .. } | Node::Add { .. } => {
                Work::Map(Map { channels: to.channels, affine: f.affine.clone(), low: f.low, high: f.high })
            }
            Node::MaxPool { window, .. } => Work::Pool(Pool { window, pooling: Pooling::Max, from, to }),
            Node::AveragePool { window, count_padding, .. } => {
                Work::Pool(Pool { window, pooling: Pooling::Mean { count_padding }, from, to })
            }
            Node::GlobalAveragePool { .. } => {
                let window = Window { size: [from.height, from.width], stride: [1, 1], pad: [0; 4] };
                Work::Pool(Pool { window, pooling: Pooling::Mean { count_padding: false }, from, to })
            }
        };
        Step { work, input: place[input], residual, output: place[f.end], input_len: from.len(), len: to.len() }
    });
    Ok(Plan {
        level,
        input: Shape { height, width, channels: graph.in_channels },
        steps: steps.collect(),
        buffers,
        outputs: graph.outputs.iter().map(|&o| (place[o], shapes[o])).collect(),
        idle: Mutex::new(Vec::new()),
    })
}

/// Shape of every value; refuses what does not fit together.
fn shapes(graph: &Graph, height: usize, width: usize) -> Result<Vec<Shape>, PlanError> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(graph.nodes.len());
    for (node, op) in graph.nodes.iter().enumerate() {
        let fail = |problem| PlanError::Node { node, problem };
        if op.operands().iter().any(|&o| o >= node) {
            return Err(fail("an operand is not computed before it"));
        }
        let has = |at: usize, len: usize| at.checked_add(len).is_some_and(|end| end <= graph.weights.len());
        let slide = |from: Shape, window: Window, channels: usize| {
            let [height, width] =
                window.output(from.height, from.width).ok_or_else(|| fail("the window does not fit the image"))?;
            Ok::<_, PlanError>(Shape { height, width, channels })
        };
        let shape = match *op {
            Node::Input => Shape { height, width, channels: graph.in_channels },
            Node::Conv(Conv { input, weight, bias, out_channels, groups, window }) => {
                let from = shapes[input];
                if groups == 0 || !from.channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
                    return Err(fail("channels are not a multiple of the groups"));
                }
                let size = [out_channels, from.channels / groups, window.size[0], window.size[1]];
                let len = size.into_iter().try_fold(1usize, usize::checked_mul);
                if !len.is_some_and(|len| has(weight, len)) || bias.is_some_and(|b| !has(b, out_channels)) {
                    return Err(fail("weights or bias lie outside the parameters"));
                }
                slide(from, window, out_channels)?
            }
            Node::Affine { input, scale, shift } => {
                if !has(scale, shapes[input].channels) || !has(shift, shapes[input].channels) {
                    return Err(fail("scale or shift lies outside the parameters"));
                }
                shapes[input]
            }
            Node::Clip { input, low, high } => {
                if !matches!(low.partial_cmp(&high), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
                    return Err(fail("the lower bound is not below the upper one"));
                }
                shapes[input]
            }
            Node::Add { a, b } => {
                if shapes[a] != shapes[b] {
                    return Err(fail("the operands of a sum differ in shape"));
                }
                shapes[a]
            }
            Node::MaxPool { input, window } | Node::AveragePool { input, window, .. } => {
                if window.pad[0].max(window.pad[2]) >= window.size[0]
                    || window.pad[1].max(window.pad[3]) >= window.size[1]
                {
                    return Err(fail("a pooling window can lie in the padding altogether"));
                }
                slide(shapes[input], window, shapes[input].channels)?
            }
            Node::GlobalAveragePool { input } => Shape { height: 1, width: 1, channels: shapes[input].channels },
        };
        let len = [shape.height, shape.width, shape.channels].into_iter().try_fold(1usize, usize::checked_mul);
        if !len.is_some_and(|len| len > 0 && len <= MAX_VALUES) {
            return Err(fail("its value is empty or too large"));
        }
        shapes.push(shape);
    }
    Ok(shapes)
}

/// Groups nodes into steps, in an order in which they can be run.
fn fuse(graph: &Graph, shapes: &[Shape]) -> Vec<Fused> {
    let mut users: Vec<Vec<NodeId>> = vec![vec![]; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        node.operands().into_iter().for_each(|o| users[o].push(id));
    }
    let mut taken = vec![false; graph.nodes.len()];
    let mut fused = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        if taken[id] || *node == Node::Input {
            continue;
        }
        let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
        let mut step = Fused { head: id, end: id, affine: None, residual: None, low, high };
        let fusible = match *node {
            Node::Conv(_) => true,
            Node::Affine { .. } | Node::Clip { .. } | Node::Add { .. } => {
                absorb(graph, shapes, &mut step, id);
                true
            }
            Node::Input | Node::MaxPool { .. } | Node::AveragePool { .. } | Node::GlobalAveragePool { .. } => false,
        };
        while fusible && !graph.outputs.contains(&step.end) {
            let &[user] = users[step.end].as_slice() else { break };
            if taken[user] || !absorb(graph, shapes, &mut step, user) {
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
fn absorb(graph: &Graph, shapes: &[Shape], step: &mut Fused, id: NodeId) -> bool {
    let unbounded = step.low == f32::NEG_INFINITY && step.high == f32::INFINITY;
    match graph.nodes[id] {
        Node::Affine { scale, shift, .. } if unbounded && step.residual.is_none() => {
            let n = shapes[id].channels;
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
fn fold(graph: &Graph, conv: &Conv, f: &Fused, from: Shape, to: Shape, level: Level, winograd: bool) -> PackedConv {
    let (size, co) = (conv.window.size, to.channels);
    let per_filter = from.channels / conv.groups * size[0] * size[1];
    let mut weight = graph.weights[conv.weight..][..co * per_filter].to_vec();
    let mut bias = conv.bias.map_or_else(|| vec![0.0; co], |b| graph.weights[b..][..co].to_vec());
    if let Some((scale, shift)) = &f.affine {
        for (o, filter) in weight.chunks_mut(per_filter).enumerate() {
            filter.iter_mut().for_each(|w| *w *= scale[o]);
            bias[o] = bias[o] * scale[o] + shift[o];
        }
    }
    let (window, groups) = (conv.window, conv.groups);
    PackedConv::new(
        level,
        ConvSpec { window, groups, from, to, weight: &weight, bias, low: f.low, high: f.high },
        winograd,
    )
}

/// Gives every value a buffer, used again after the value's last use; returns the buffers' sizes and each value's buffer.
fn assign_buffers(graph: &Graph, shapes: &[Shape], fused: &[Fused]) -> (Vec<usize>, Vec<usize>) {
    const NONE: usize = usize::MAX;
    // The last step that uses each value; outputs are never free.
    let mut last = vec![0; shapes.len()];
    for (s, f) in fused.iter().enumerate() {
        graph.nodes[f.head].operands().into_iter().chain(f.residual).for_each(|o| last[o] = s);
    }
    graph.outputs.iter().for_each(|&o| last[o] = NONE);
    let image = Shape { height: 0, width: 0, channels: 0 };
    let inputs: Vec<NodeId> = (0..shapes.len()).filter(|&i| graph.nodes[i] == Node::Input).collect();
    let mut buffers = vec![inputs.iter().map(|&i| shapes[i]).next().unwrap_or(image).len()];
    let mut place = vec![NONE; shapes.len()];
    // The image stays where it is.
    inputs.iter().for_each(|&i| (place[i], last[i]) = (0, NONE));
    let mut free: Vec<usize> = vec![];
    for (s, f) in fused.iter().enumerate() {
        let need = shapes[f.end].len();
        // The smallest free buffer that is large enough, else the largest one, which grows.
        let best = (0..free.len()).min_by_key(|&i| {
            let size = buffers[free[i]];
            if size >= need { (0, size) } else { (1, usize::MAX - size) }
        });
        let buffer = best.map_or_else(
            || {
                buffers.push(0);
                buffers.len() - 1
            },
            |i| free.swap_remove(i),
        );
        buffers[buffer] = buffers[buffer].max(need);
        place[f.end] = buffer;
        for o in graph.nodes[f.head].operands().into_iter().chain(f.residual) {
            if last[o] == s {
                free.push(place[o]);
                last[o] = NONE;
            }
        }
        // A value that nothing uses.
        if last[f.end] <= s {
            free.push(buffer);
        }
    }
    (buffers, place)
}
