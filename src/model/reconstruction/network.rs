//! An autoencoder on pcore's own kernels: what it draws, and how a loss of that changes with every weight.

use super::LEAK;
use super::shape::{AutoencoderShape, LayerWeights, Sides};
use crate::kernel::{KernelError, strided};
use crate::model::ModelError;

/// A trained autoencoder.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    shape: AutoencoderShape,
    layers: Vec<LayerWeights>,
}

/// What the layers said of canvases, the input first.
pub(super) struct Said(Vec<Vec<f32>>);

impl Said {
    /// What was drawn of them, `[n, side, side, n_channels]`.
    pub(super) fn drawn(&self) -> Vec<f32> {
        self.0.last().map_or_else(Vec::new, |last| last.iter().map(|value| value * 0.5 + 0.5).collect())
    }
}

impl Autoencoder {
    /// Of these layers, those that halve first.
    ///
    /// # Errors
    /// [`ModelError::Kernels`] for weights that are not those of the shape.
    pub fn new(shape: AutoencoderShape, layers: Vec<LayerWeights>) -> Result<Self, ModelError> {
        let own = layers.iter().map(|layer| (layer.weight.len(), layer.bias.len()));
        if !own.eq(shape.lengths()) {
            return Err(refused("its weights are not those of its shape"));
        }
        Ok(Self { shape, layers })
    }

    /// What is drawn of a canvas; the same bits whatever else is drawn.
    ///
    /// # Shapes
    /// `[side, side, n_channels]`, values from 0 to 1 or so.
    ///
    /// # Errors
    /// [`ModelError::Kernels`] for values that are no canvas.
    pub fn draw(&self, canvas: &[f32]) -> Result<Vec<f32>, ModelError> {
        Ok(self.said(canvas, false)?.drawn())
    }

    /// What the layers say of canvases `[n, side, side, n_channels]`; without `keeps` only the last is there.
    pub(super) fn said(&self, canvases: &[f32], keeps: bool) -> Result<Said, ModelError> {
        let n = canvases.len() / self.shape.canvas_len();
        // Around 0.
        let mut said: Vec<Vec<f32>> = vec![canvases.iter().map(|value| value * 2.0 - 1.0).collect()];
        let last = self.layers.len() - 1;
        for (at, (sides, own)) in self.shape.layers().zip(&self.layers).enumerate() {
            let input = &said[said.len() - 1];
            let mut values = self.layer(sides, (n, input), own)?;
            if at < last {
                strided::leaky(&mut values, LEAK);
            }
            if !keeps {
                said.clear();
            }
            said.push(values);
        }
        Ok(Said(said))
    }

    fn layer(&self, sides: Sides, (n, input): (usize, &[f32]), own: &LayerWeights) -> Result<Vec<f32>, ModelError> {
        let shape = sides.shape(n);
        let values = if sides.doubles {
            strided::double(shape, input, &own.weight, &own.bias)
        } else {
            strided::halve(shape, input, &own.weight, &own.bias)
        };
        values.map_err(|error| refused(&error.to_string()))
    }

    /// The gradients of all layers, for that of what was drawn.
    pub(super) fn gradients(&self, said: &Said, of_drawn: &[f32]) -> Result<Vec<LayerWeights>, ModelError> {
        let n = of_drawn.len() / self.shape.canvas_len();
        let mut gradient: Vec<f32> = of_drawn.iter().map(|value| 0.5 * value).collect();
        let mut found = vec![];
        let layers: Vec<(Sides, &LayerWeights)> = self.shape.layers().zip(&self.layers).collect();
        for (at, (sides, own)) in layers.into_iter().enumerate().rev() {
            if at < self.layers.len() - 1 {
                strided::leaky_gradient(&mut gradient, &said.0[at + 1], LEAK);
            }
            let (shape, input) = (sides.shape(n), &said.0[at]);
            let failed = |error: KernelError| refused(&error.to_string());
            let (weight, bias) = if sides.doubles {
                strided::double_weight_gradient(shape, input, &gradient).map_err(failed)?
            } else {
                strided::halve_weight_gradient(shape, input, &gradient).map_err(failed)?
            };
            found.push(LayerWeights { weight, bias });
            if at > 0 {
                gradient = if sides.doubles {
                    strided::double_input_gradient(shape, &gradient, &own.weight).map_err(failed)?
                } else {
                    strided::halve_input_gradient(shape, &gradient, &own.weight).map_err(failed)?
                };
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn refused(reason: &str) -> ModelError {
    ModelError::Kernels { network: "autoencoder".to_owned(), reason: reason.to_owned() }
}
