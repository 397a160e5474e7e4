//! `AdamW` on a whole module.

use super::{Named, Stepped};
use crate::model::ModelError;
use crate::model::feature_map::host_values;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

/// Ends of the names of what is remembered of a weight.
const MEAN: &str = "mean";
const SQUARE: &str = "square";
const TIME: &str = "time";

/// burn's `AdamW` (Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019; decays .9 and .999, epsilon 1e-5), with
/// the gradient of all weights together cut down to a norm, and with a state that fits in another process: weights are known by
/// their path in the module, where burn's own optimiser of modules knows them by numbers drawn for each process.
///
/// Each weight is updated as a vector. Every operation is one of single values, so that the bits are those of burn's optimiser.
#[derive(Clone)]
pub(in crate::model) struct Optimiser {
    adam: AdamW,
    clip_norm: Option<f64>,
    states: BTreeMap<String, AdamWState<1>>,
}

impl Optimiser {
    /// One that has done no step.
    pub(in crate::model) fn new(weight_decay: f64, clip_norm: Option<f64>) -> Self {
        let adam = AdamWConfig::new().with_weight_decay(weight_decay as f32).build();
        Self { adam, clip_norm, states: BTreeMap::new() }
    }

    /// The same with another epsilon.
    pub(in crate::model) fn with_epsilon(weight_decay: f64, clip_norm: Option<f64>, epsilon: f32) -> Self {
        let adam = AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(epsilon).build();
        Self { adam, ..Self::new(weight_decay, clip_norm) }
    }

    /// A step down the gradient of `loss`, `[1]`, with this learning rate; `number` is that of the step, for errors.
    ///
    /// # Errors
    /// [`ModelError::Diverged`] for a loss or a gradient that is no number, [`ModelError::Device`] where the device fails; then nothing
    /// is changed.
    pub(in crate::model) fn step<M: Module>(
        &mut self,
        (number, rate): (usize, f64),
        module: M,
        loss: &Tensor<1>,
    ) -> Result<(M, Stepped), ModelError> {
        let value = host_values(loss.clone().inner())?.first().copied().unwrap_or(f32::NAN);
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        self.step_by((number, rate), module, value, gradients)
    }

    /// The same, down these gradients of a loss of this value.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub(in crate::model) fn step_by<M: Module>(
        &mut self,
        (number, rate): (usize, f64),
        module: M,
        value: f32,
        mut gradients: GradientsParams,
    ) -> Result<(M, Stepped), ModelError> {
        if !value.is_finite() {
            return Err(ModelError::Diverged { step: number, loss: value });
        }
        let mut squares = Squares { gradients: &mut gradients, sums: vec![] };
        module.visit(&mut squares);
        let sums = squares.sums;
        let square: f64 =
            if sums.is_empty() { 0.0 } else { host_values(Tensor::cat(sums, 0))?.into_iter().map(f64::from).sum() };
        let gradient_norm = square.sqrt();
        if !gradient_norm.is_finite() {
            return Err(ModelError::Diverged { step: number, loss: value });
        }
        let factor = self.clip_norm.filter(|most| gradient_norm > *most).map(|most| most / gradient_norm);
        let (path, states) = (vec![], &mut self.states);
        let module = module.map(&mut Update { adam: &self.adam, states, gradients, path, rate, factor });
        Ok((module, Stepped { loss: value, gradient_norm }))
    }

    /// The weights of the module by their path, `PATH`, and of each that was updated the means of its gradient and of its square,
    /// `PATH.mean` and `PATH.square`, and how often that was, `PATH.time` `[1]`.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device fails.
    pub(in crate::model) fn state<M: Module>(&self, module: &M) -> Result<Vec<Named>, ModelError> {
        let mut weights = Weights { states: &self.states, path: vec![], found: Ok(vec![]) };
        module.visit(&mut weights);
        weights.found
    }

    /// The module with the weights of a state, as this optimiser then remembers it.
    ///
    /// # Errors
    /// [`ModelError::State`] for the state of another module, which changes nothing.
    pub(in crate::model) fn restore<M: Module>(
        &mut self,
        module: M,
        state: Vec<Named>,
        device: &Device,
    ) -> Result<M, ModelError> {
        let wanted = self.state(&module)?;
        let mut given: BTreeMap<String, Named> = state.into_iter().map(|own| (own.name.clone(), own)).collect();
        let is_memory = |name: &str| [MEAN, SQUARE, TIME].iter().any(|end| name.ends_with(&format!(".{end}")));
        let weights: Vec<&Named> = wanted.iter().filter(|own| !is_memory(&own.name)).collect();
        let mut states = BTreeMap::new();
        let mut values = BTreeMap::new();
        for weight in &weights {
            let mut take = |name: String, shape: &[usize]| match given.remove(&name) {
                Some(own) if own.shape == shape && own.values.len() == shape.iter().product::<usize>() => {
                    Ok(Some(own.values))
                }
                Some(own) => Err(bad(&name, &format!("has the shape {:?}, expected {shape:?}", own.shape))),
                None => Ok(None),
            };
            let name = &weight.name;
            let own = take(name.clone(), &weight.shape)?.ok_or_else(|| bad(name, "is missing"))?;
            let memory = [MEAN, SQUARE, TIME].map(|end| format!("{name}.{end}"));
            let [mean, square, time] = memory;
            let found = (take(mean, &weight.shape)?, take(square, &weight.shape)?, take(time, &[1])?);
            match found {
                (Some(mean), Some(square), Some(time)) => {
                    let time = time[0];
                    let vector = |values: Vec<f32>| {
                        let n = values.len();
                        Tensor::<1>::from_data(TensorData::new(values, [n]), &device.clone().inner())
                    };
                    let momentum = AdaptiveMomentumState::new(time as usize, vector(mean), vector(square));
                    states.insert(name.clone(), AdamWState::new(momentum));
                }
                (None, None, None) => {}
                _ => return Err(bad(name, "is remembered in part")),
            }
            values.insert(name.clone(), own);
        }
        if let Some(name) = given.keys().next() {
            return Err(bad(name, "belongs to nothing"));
        }
        self.states = states;
        Ok(module.map(&mut Replace { values, path: vec![] }))
    }
}

fn bad(name: &str, what: &str) -> ModelError {
    ModelError::State { reason: format!("'{name}' {what}") }
}

/// Sums of the squares of gradients, one for each weight.
struct Squares<'a> {
    gradients: &'a mut GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}

/// Replaces weights that have a gradient.
struct Update<'a> {
    adam: &'a AdamW,
    states: &'a mut BTreeMap<String, AdamWState<1>>,
    gradients: GradientsParams,
    path: Vec<String>,
    rate: f64,
    /// What gradients are multiplied by.
    factor: Option<f64>,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let (shape, name) = (tensor.dims(), self.path.join("."));
        let n: usize = shape.iter().product();
        let mut gradient = gradient.reshape([n]);
        if let Some(factor) = self.factor {
            gradient = gradient.mul_scalar(factor);
        }
        let needs_gradient = tensor.is_require_grad();
        let vector = tensor.inner().reshape([n]);
        let (vector, state) = self.adam.step(self.rate, vector, gradient, self.states.remove(&name));
        self.states.extend(state.map(|state| (name, state)));
        let updated = Tensor::from_inner(vector.reshape(shape));
        let updated = if needs_gradient { updated.require_grad() } else { updated };
        Param::from_mapped_value(id, updated, mapper)
    }
}

/// Reads weights, and what is remembered of them.
struct Weights<'a> {
    states: &'a BTreeMap<String, AdamWState<1>>,
    path: Vec<String>,
    found: Result<Vec<Named>, ModelError>,
}

impl Weights<'_> {
    fn of<const D: usize>(&self, weight: Tensor<D>) -> Result<Vec<Named>, ModelError> {
        let (name, shape) = (self.path.join("."), weight.dims().to_vec());
        let mut all = vec![];
        if let Some(AdamWState { momentum, .. }) = self.states.get(&name) {
            for (end, values) in [(MEAN, &momentum.moment_1), (SQUARE, &momentum.moment_2)] {
                all.push(Named {
                    name: format!("{name}.{end}"),
                    shape: shape.clone(),
                    values: host_values(values.clone())?,
                });
            }
            // Steps are few enough to be exact.
            let values = vec![momentum.time as f32];
            all.push(Named { name: format!("{name}.{TIME}"), shape: vec![1], values });
        }
        all.push(Named { name, shape, values: host_values(weight)? });
        Ok(all)
    }
}

impl ModuleVisitor for Weights<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let own = self.of(param.val().inner());
        match (&mut self.found, own) {
            (Ok(found), Ok(own)) => found.extend(own),
            (Ok(_), Err(error)) => self.found = Err(error),
            (Err(_), _) => {}
        }
    }
}

/// Puts values in the place of weights; those that it does not know stay.
struct Replace {
    values: BTreeMap<String, Vec<f32>>,
    path: Vec<String>,
}

impl ModuleMapper for Replace {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(values) = self.values.remove(&self.path.join(".")) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let needs_gradient = tensor.is_require_grad();
        let data = TensorData::new(values, tensor.dims());
        let replaced = Tensor::<D>::from_data(data, &tensor.device());
        let replaced = if needs_gradient { replaced.require_grad() } else { replaced };
        Param::from_mapped_value(id, replaced, mapper)
    }
}
