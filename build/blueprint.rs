//! From a parsed ONNX graph to the description that pcore's own CPU kernels are planned from.
//!
//! The description names the tensors of the `.bpk` file that the burn module reads too, so that the weights are in the
//! binary once. burn-onnx names a module's fields after the nodes of this same graph.

use onnx_ir::node::batch_norm::{BatchNormConfig, BatchNormalizationNode};
use onnx_ir::node::clip::ClipInput;
use onnx_ir::node::conv2d::Conv2dNode;
use onnx_ir::node::padding::{AutoPad, PaddingConfig2d};
use onnx_ir::{ArgType, Argument, Node, OnnxGraph};
use std::collections::HashMap;

/// A value of the graph.
#[derive(Clone, Copy)]
struct Value {
    node: usize,
    channels: usize,
    /// Whether rows and columns are gone: a sum of such a value and an image would have to be repeated.
    pooled: bool,
}

/// The description under construction, as source text.
struct Blueprint {
    nodes: Vec<String>,
    parameters: Vec<String>,
    /// Values that all parameters so far have.
    len: usize,
    values: HashMap<String, Value>,
}

/// The description as the source of a `Blueprint`, or why the graph has none.
pub(crate) fn describe(graph: &OnnxGraph) -> Result<String, String> {
    let [input] = graph.inputs.as_slice() else { return Err("it has several inputs".to_owned()) };
    let mut blueprint =
        Blueprint { nodes: vec!["Node::Input".to_owned()], parameters: vec![], len: 0, values: HashMap::new() };
    blueprint.values.insert(input.name.clone(), Value { node: 0, channels: 3, pooled: false });
    for node in &graph.nodes {
        blueprint.add(node).map_err(|reason| format!("{}: {reason}", node.name()))?;
    }
    let outputs: Result<Vec<String>, String> =
        graph.outputs.iter().map(|o| Ok(blueprint.value(o)?.node.to_string())).collect();
    Ok(format!(
        "Blueprint {{ nodes: &[{}], parameters: &[{}], outputs: &[{}] }}",
        blueprint.nodes.join(", "),
        blueprint.parameters.join(", "),
        outputs?.join(", ")
    ))
}

impl Blueprint {
    fn add(&mut self, node: &Node) -> Result<(), String> {
        let [output] = node.outputs() else { return Err("it has several outputs".to_owned()) };
        let from = self.value(node.inputs().first().ok_or("it has no input")?)?;
        let input = from.node;
        let (text, channels, pooled) = match node {
            Node::Conv2d(conv) => {
                let (text, out_channels) = self.convolution(conv, input)?;
                (text, out_channels, false)
            }
            Node::BatchNormalization(norm) => (self.affine(norm, from)?, from.channels, from.pooled),
            Node::Relu(_) => {
                (format!("Node::Clip {{ input: {input}, low: 0.0, high: f32::INFINITY }}"), from.channels, from.pooled)
            }
            Node::Clip(clip) => {
                let low = bound(clip.config.min.as_ref(), "f32::NEG_INFINITY")?;
                let high = bound(clip.config.max.as_ref(), "f32::INFINITY")?;
                (format!("Node::Clip {{ input: {input}, low: {low}, high: {high} }}"), from.channels, from.pooled)
            }
            Node::Add(add) => {
                let other = self.value(add.inputs.get(1).ok_or("it has one operand")?)?;
                if (other.channels, other.pooled) != (from.channels, from.pooled) {
                    return Err("its operands differ in shape".to_owned());
                }
                (format!("Node::Add {{ a: {input}, b: {} }}", other.node), from.channels, from.pooled)
            }
            Node::MaxPool2d(pool) => {
                let c = &pool.config;
                plain(&c.auto_pad, c.dilation, c.ceil_mode)?;
                let window = window(c.kernel_size, c.strides, &c.padding);
                (format!("Node::MaxPool {{ input: {input}, window: {window} }}"), from.channels, false)
            }
            Node::AveragePool2d(pool) => {
                let c = &pool.config;
                plain(&c.auto_pad, c.dilation, c.ceil_mode)?;
                let window = window(c.kernel_size, c.strides, &c.padding);
                let count_padding = c.count_include_pad;
                let text =
                    format!("Node::AveragePool {{ input: {input}, window: {window}, count_padding: {count_padding} }}");
                (text, from.channels, false)
            }
            Node::GlobalAveragePool(_) => {
                (format!("Node::GlobalAveragePool {{ input: {input} }}"), from.channels, true)
            }
            _ => return Err("the kernels have no such operation".to_owned()),
        };
        self.nodes.push(text);
        self.values.insert(output.name.clone(), Value { node: self.nodes.len() - 1, channels, pooled });
        Ok(())
    }

    /// A convolution, and its channels.
    fn convolution(&mut self, conv: &Conv2dNode, input: usize) -> Result<(String, usize), String> {
        let c = &conv.config;
        plain(&c.auto_pad, c.dilation, false)?;
        let shape = shape(conv.inputs.get(1))?;
        let [out_channels, ..] = shape[..] else { return Err("its weight has no shape".to_owned()) };
        let weight = self.parameter(&format!("{}.weight", conv.name), shape.iter().product());
        let has_bias = conv.inputs.get(2).is_some_and(|bias| !bias.is_optional());
        let bias = has_bias.then(|| self.parameter(&format!("{}.bias", conv.name), out_channels));
        let window = window(c.kernel_size, c.stride, &c.padding);
        let text = format!(
            "Node::Conv(Conv {{ input: {input}, weight: {weight}, bias: {bias:?}, out_channels: {out_channels}, \
             groups: {}, window: {window} }})",
            c.groups
        );
        Ok((text, out_channels))
    }

    /// A batch normalisation.
    fn affine(&mut self, norm: &BatchNormalizationNode, from: Value) -> Result<String, String> {
        let BatchNormConfig::Static(config) = &norm.config else {
            return Err("its statistics are not constant".to_owned());
        };
        let n = from.channels;
        let scale = self.len;
        self.len += 2 * n;
        self.parameters
            .push(format!("Parameter {{ name: {:?}, len: {n}, epsilon: Some({:?}) }}", norm.name, config.epsilon));
        Ok(format!("Node::Affine {{ input: {}, scale: {scale}, shift: {} }}", from.node, scale + n))
    }

    /// The value an argument stands for; only images, no constants.
    fn value(&self, argument: &Argument) -> Result<Value, String> {
        let image = matches!(&argument.ty, ArgType::Tensor(t) if t.rank == 4);
        let value = self.values.get(&argument.name).filter(|_| image && argument.is_dynamic());
        value.copied().ok_or_else(|| format!("'{}' is no feature map", argument.name))
    }

    /// Keeps a tensor of the burn module; returns where its values start.
    fn parameter(&mut self, name: &str, len: usize) -> usize {
        self.parameters.push(format!("Parameter {{ name: {name:?}, len: {len}, epsilon: None }}"));
        let start = self.len;
        self.len += len;
        start
    }
}

/// Refuses what the kernels don't do in a window.
fn plain(auto_pad: &AutoPad, dilation: [usize; 2], ceil_mode: bool) -> Result<(), String> {
    match (auto_pad, dilation, ceil_mode) {
        (AutoPad::NotSet, [1, 1], false) => Ok(()),
        other => Err(format!("padding mode, dilation and rounding are {other:?}")),
    }
}

fn window(size: [usize; 2], stride: [usize; 2], padding: &PaddingConfig2d) -> String {
    let pad = match *padding {
        PaddingConfig2d::Valid => [0; 4],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [top, left, bottom, right],
    };
    format!("Window {{ size: {size:?}, stride: {stride:?}, pad: {pad:?} }}")
}

/// The shape of a constant.
fn shape(argument: Option<&Argument>) -> Result<Vec<usize>, String> {
    let constant = argument.filter(|a| a.is_static()).ok_or("its weight is not constant")?;
    constant.ty.static_shape_known().ok_or_else(|| "its weight has no shape".to_owned())
}

fn bound(input: Option<&ClipInput>, none: &str) -> Result<String, String> {
    match input {
        None => Ok(none.to_owned()),
        Some(ClipInput::Static(value)) if value.is_finite() => Ok(format!("{:?}", *value as f32)),
        Some(ClipInput::Static(_)) => Err("a bound is not finite".to_owned()),
        Some(ClipInput::Runtime(_)) => Err("a bound is not constant".to_owned()),
    }
}
