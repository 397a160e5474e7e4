//! Recognising a residual network in an ONNX graph.
//!
//! The walk starts at the graph's input and follows the plan of the network: every convolution must have the planned
//! kernel, step and padding and every addition must join the planned two values. Names play no part.

use std::collections::{BTreeMap, HashMap};

use super::plan::{BlockPlan, ConvPlan, Plan};
use crate::model::weights::onnx::{Graph, Node};
use crate::model::weights::{NamedTensors, WeightsError};

/// Largest accepted deviation from the epsilon of batch normalisation that [`super::load`] folds with.
const EPSILON_RANGE: std::ops::RangeInclusive<f32> = 0.99e-5..=1.01e-5;

/// State of the walk.
struct Walk<'a> {
    network: &'a str,
    tensors: &'a NamedTensors,
    consumers: HashMap<&'a str, Vec<&'a Node>>,
    /// Weights that an `Identity` node passes on, by the name it gives them.
    aliases: HashMap<&'a str, &'a str>,
    names: BTreeMap<String, String>,
    n_folded: usize,
    n_normalised: usize,
}

/// The plan's tensors by their names in the file, and whether batch normalisation is folded.
pub(super) fn recognise(
    network: &str,
    plan: &Plan,
    graph: &Graph,
    tensors: &NamedTensors,
) -> Result<(BTreeMap<String, String>, bool), WeightsError> {
    let aliases = graph
        .nodes
        .iter()
        .filter(|node| node.op == "Identity")
        .filter_map(|node| Some((node.output(), node.inputs.first()?.as_str())))
        .collect();
    let mut walk = Walk {
        network,
        tensors,
        consumers: graph.consumers(),
        aliases,
        names: BTreeMap::new(),
        n_folded: 0,
        n_normalised: 0,
    };
    let [input] = graph.inputs.as_slice() else {
        return Err(walk.other(format!("it has {} inputs, expected one", graph.inputs.len())));
    };
    let stem = walk.conv(input, &plan.stem)?;
    let stem = walk.only(&stem, "Relu", "conv1")?;
    let mut value = walk.pool(&stem)?;
    for block in plan.stages.iter().flatten() {
        value = walk.block(&value, block)?;
    }
    if walk.n_folded > 0 && walk.n_normalised > 0 {
        return Err(walk.other(format!(
            "{} convolutions have a bias and {} a BatchNormalization",
            walk.n_folded, walk.n_normalised
        )));
    }
    Ok((walk.names, walk.n_folded > 0))
}

impl<'a> Walk<'a> {
    fn block(&mut self, input: &str, plan: &BlockPlan) -> Result<String, WeightsError> {
        let mut value = input.to_owned();
        for (i, conv) in plan.convs.iter().enumerate() {
            value = self.conv(&value, conv)?;
            if i + 1 < plan.convs.len() {
                value = self.only(&value, "Relu", &conv.name)?;
            }
        }
        let shortcut = match &plan.downsample {
            Some(conv) => self.conv(input, conv)?,
            None => input.to_owned(),
        };
        let last = plan.convs.last().map_or("", |conv| &conv.name);
        let adds = self.after(&value, "Add").find(|node| node.inputs.contains(&shortcut));
        let sum = adds
            .ok_or_else(|| self.other(format!("{last} is not added to the shortcut of its block")))?
            .output()
            .to_owned();
        self.only(&sum, "Relu", last)
    }

    /// Output of the planned convolution, and of its normalisation, on a value.
    fn conv(&mut self, input: &str, plan: &ConvPlan) -> Result<String, WeightsError> {
        let padding = [(plan.kernel / 2) as i64; 4];
        let stride = [plan.stride as i64; 2];
        let fits = |node: &&'a Node| {
            node.inputs.first().is_some_and(|name| name == input)
                && node
                    .inputs
                    .get(1)
                    .and_then(|name| self.weight(name))
                    .is_some_and(|name| self.tensors.shape(name) == Some(&plan.shape()))
                && node.ints("strides", &[1, 1]) == stride
                && node.ints("pads", &[0; 4]) == padding
                && node.ints("dilations", &[1, 1]) == [1, 1]
                && node.ints("group", &[1]) == [1]
                && node.attributes.get("auto_pad").and_then(|a| a.text.as_deref()).is_none_or(|mode| mode == "NOTSET")
        };
        let Some(node) = self.after(input, "Conv").find(fits) else {
            return Err(self.other(format!(
                "expected {} as a Conv of weight {:?}, stride {}, padding {} on \"{input}\"; found {}",
                plan.name,
                plan.shape(),
                plan.stride,
                plan.kernel / 2,
                self.describe(input)
            )));
        };
        self.keep(format!("{}.weight", plan.name), &node.inputs[1], &plan.shape())?;
        let value = node.output().to_owned();
        let per_channel = [plan.channels[1]];
        if let Some(bias) = node.inputs.get(2).filter(|name| !name.is_empty()) {
            self.n_folded += 1;
            self.keep(format!("{}.bias", plan.name), bias, &per_channel)?;
            return Ok(value);
        }
        let Some(norm) = self.after(&value, "BatchNormalization").next().filter(|node| node.inputs.len() >= 5) else {
            return Err(self.other(format!("{} has neither a bias nor a BatchNormalization", plan.name)));
        };
        if !EPSILON_RANGE.contains(&norm.attributes.get("epsilon").and_then(|a| a.float).unwrap_or(1e-5)) {
            return Err(self.other(format!("{} has an epsilon other than 1e-5", plan.norm)));
        }
        self.n_normalised += 1;
        for (part, name) in ["weight", "bias", "running_mean", "running_var"].into_iter().zip(&norm.inputs[1..]) {
            self.keep(format!("{}.{part}", plan.norm), name, &per_channel)?;
        }
        Ok(norm.output().to_owned())
    }

    fn pool(&self, input: &str) -> Result<String, WeightsError> {
        let fits = |node: &&'a Node| {
            node.ints("kernel_shape", &[]) == [3, 3]
                && node.ints("strides", &[1, 1]) == [2, 2]
                && node.ints("pads", &[0; 4]) == [1; 4]
                && node.ints("ceil_mode", &[0]) == [0]
        };
        let node = self.after(input, "MaxPool").find(fits);
        Ok(node.ok_or_else(|| self.other("no 3 x 3 MaxPool of stride 2 after conv1".to_owned()))?.output().to_owned())
    }

    /// Output of the operation `op` on a value.
    fn only(&self, input: &str, op: &str, at: &str) -> Result<String, WeightsError> {
        let node = self.after(input, op).next();
        Ok(node
            .ok_or_else(|| self.other(format!("expected {op} after {at}; found {}", self.describe(input))))?
            .output()
            .to_owned())
    }

    fn after(&self, input: &str, op: &str) -> impl Iterator<Item = &'a Node> {
        self.consumers.get(input).cloned().unwrap_or_default().into_iter().filter(move |node| node.op == op)
    }

    fn keep(&mut self, own: String, name: &str, shape: &[usize]) -> Result<(), WeightsError> {
        match self.weight(name) {
            Some(stored) if self.tensors.shape(stored) == Some(shape) => {
                let stored = stored.to_owned();
                self.names.insert(own, stored);
                Ok(())
            }
            _ => Err(self.other(format!("{own} is no constant of shape {shape:?}"))),
        }
    }

    /// The tensor a name stands for.
    fn weight<'b>(&'b self, name: &'b str) -> Option<&'b str> {
        let name = self.aliases.get(name).copied().unwrap_or(name);
        self.tensors.shape(name).map(|_| name)
    }

    fn describe(&self, value: &str) -> String {
        let nodes = self.consumers.get(value).map_or(&[][..], Vec::as_slice);
        let one = |node: &&Node| match node
            .inputs
            .get(1)
            .and_then(|name| self.weight(name))
            .and_then(|name| self.tensors.shape(name))
        {
            Some(shape) => format!(
                "{} of weight {shape:?}, stride {:?}, padding {:?}",
                node.op,
                node.ints("strides", &[1, 1]),
                node.ints("pads", &[0; 4])
            ),
            None => node.op.clone(),
        };
        if nodes.is_empty() {
            "the end of the graph".to_owned()
        } else {
            nodes.iter().take(4).map(one).collect::<Vec<_>>().join(", ")
        }
    }

    fn other(&self, reason: String) -> WeightsError {
        WeightsError::OtherGraph { network: self.network.to_owned(), reason }
    }
}
