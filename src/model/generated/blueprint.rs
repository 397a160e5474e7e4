//! What `build.rs` says of a graph that pcore's own CPU kernels can compute.

use super::super::ModelError;
use crate::kernel::plan::{Graph, Node};
use burn_store::{BurnpackStore, ModuleStore, bridge};

/// A graph whose parameters are still in the burn module's weight file.
pub(super) struct Blueprint {
    /// The operations; parameters count through [`Blueprint::parameters`] laid end to end.
    pub(super) nodes: &'static [Node],
    /// The parameters in the order in which they are laid out.
    pub(super) parameters: &'static [Parameter],
    /// The nodes that the graph's outputs are.
    pub(super) outputs: &'static [usize],
}

/// A tensor, or a batch normalisation, of the burn module.
pub(super) struct Parameter {
    /// Path of the tensor, or of the normalisation.
    pub(super) name: &'static str,
    /// Values of the tensor, or channels of the normalisation.
    pub(super) len: usize,
    /// Added to the variance. A normalisation stands for one scale and then one shift per channel.
    pub(super) epsilon: Option<f64>,
}

impl Blueprint {
    /// The graph of backbone `name` with parameters from `weights`, a `.bpk` file; its outputs are `taps` of the
    /// blueprint's.
    pub(super) fn graph(&self, name: &str, weights: &'static [u8], taps: &[usize]) -> Result<Graph, ModelError> {
        let failed = |reason: String| ModelError::Kernels { network: name.to_owned(), reason };
        let mut store = BurnpackStore::from_static(weights);
        let tensors = store.get_all_tensors().map_err(|error| failed(error.to_string()))?;
        let read = |name: &str, len: usize| -> Result<Vec<f32>, ModelError> {
            let tensor = tensors.get(name).ok_or_else(|| failed(format!("its weights hold no {name}")))?;
            let data = bridge::to_data(tensor).map_err(|error| failed(error.to_string()))?;
            let values = data.convert::<f32>().try_to_vec::<f32>().map_err(|error| failed(format!("{error:?}")))?;
            if values.len() == len {
                Ok(values)
            } else {
                Err(failed(format!("{name} holds {} values, expected {len}", values.len())))
            }
        };
        let mut all = Vec::with_capacity(self.parameters.iter().map(|p| p.len).sum());
        for &Parameter { name, len, epsilon } in self.parameters {
            match epsilon {
                None => all.extend(read(name, len)?),
                Some(epsilon) => {
                    let part = |part: &str| read(&format!("{name}.{part}"), len);
                    let (gamma, beta) = (part("gamma")?, part("beta")?);
                    let (mean, variance) = (part("running_mean")?, part("running_var")?);
                    let scales: Vec<f64> = gamma
                        .iter()
                        .zip(&variance)
                        .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt())
                        .collect();
                    all.extend(scales.iter().map(|scale| *scale as f32));
                    let shifts = beta.iter().zip(&mean).zip(&scales);
                    all.extend(
                        shifts.map(|((beta, mean), scale)| (f64::from(*beta) - f64::from(*mean) * scale) as f32),
                    );
                }
            }
        }
        let outputs = taps.iter().map(|&tap| self.outputs[tap]).collect();
        Ok(Graph { in_channels: 3, nodes: self.nodes.to_vec(), outputs, weights: all.into() })
    }
}
