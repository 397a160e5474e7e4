//! What can go wrong between weights and feature maps.

use super::weights::WeightsError;

/// Why a network can't be opened or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No network of that name is known.
    #[error(
        "unknown backbone '{name}': this version knows {available}; put NAME.onnx into weights/ and build again to add another"
    )]
    UnknownBackbone {
        /// What was asked for.
        name: String,
        /// The names there are.
        available: String,
    },
    /// The network has no such layer.
    #[error("backbone '{network}' has no layer '{layer}': it offers {available}")]
    UnknownLayer {
        /// What was asked for.
        layer: String,
        /// The network.
        network: String,
        /// The layers there are.
        available: String,
    },
    /// The network was exported for one input size.
    #[error(
        "backbone '{network}' takes only {expected_height} x {expected_width} images, found {height_px} x {width_px}: set `PipelineSpec::preprocessing` {expected_height}x{expected_width}, or export it with a free height and width"
    )]
    InputSize {
        /// The network.
        network: String,
        /// Rows it takes.
        expected_height: usize,
        /// Columns it takes.
        expected_width: usize,
        /// Rows found.
        height_px: usize,
        /// Columns found.
        width_px: usize,
    },
    /// The image is smaller than the network can take.
    #[error(
        "backbone '{network}' needs images of at least {smallest} x {smallest} pixels, found {height_px} x {width_px}: set `PipelineSpec::preprocessing`"
    )]
    TooSmall {
        /// The network.
        network: String,
        /// Smallest side.
        smallest: usize,
        /// Rows found.
        height_px: usize,
        /// Columns found.
        width_px: usize,
    },
    /// The token count of a transformer export fits no patch grid.
    #[error(
        "layer '{layer}' gives {n_tokens} tokens for a {height_px} x {width_px} image, which fits no patch grid: choose sides divisible by the patch size"
    )]
    TokenGrid {
        /// The layer.
        layer: String,
        /// Tokens per image.
        n_tokens: usize,
        /// Rows of the image.
        height_px: usize,
        /// Columns of the image.
        width_px: usize,
    },
    /// A batch whose length does not match its shape.
    #[error("an image batch of {n_images} x 3 x {height_px} x {width_px} can't hold {n_values} values")]
    BatchShape {
        /// Images claimed.
        n_images: usize,
        /// Rows claimed.
        height_px: usize,
        /// Columns claimed.
        width_px: usize,
        /// Values found.
        n_values: usize,
    },
    /// A feature map whose length does not match its shape.
    #[error("a feature map of shape {shape:?} can't hold {n_values} values")]
    FeatureShape {
        /// Shape claimed.
        shape: Vec<usize>,
        /// Values found.
        n_values: usize,
    },
    /// A device name that is none.
    #[error("unknown device '{name}': expected auto, cpu, flex, wgpu, wgpu:N, cuda, cuda:N or ndarray")]
    UnknownDevice {
        /// What was asked for.
        name: String,
    },
    /// A device this binary was built without.
    #[error("this binary was built without {device}: build it with --features {feature}, or use `DeviceChoice::Cpu`")]
    DeviceNotBuilt {
        /// What was asked for.
        device: String,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// The device failed.
    #[error("the device failed: {reason}; `DeviceChoice::Cpu` always works")]
    Device {
        /// What it said.
        reason: String,
    },
    /// A training whose loss is no number.
    #[error(
        "the training diverged: the loss of step {step} is {loss}, or its gradient is no number; it was fitted to values that are out of all proportion"
    )]
    Diverged {
        /// The step, counted from 0.
        step: usize,
        /// Its loss.
        loss: f32,
    },
    /// A state of something else.
    #[error("the state of a training does not fit: {reason}")]
    State {
        /// What does not.
        reason: String,
    },
    /// Half precision where there is none.
    #[error("half precision is not possible on {reason}; leave out `Precision::F16`")]
    Precision {
        /// Device or network, and why.
        reason: String,
    },
    /// pcore's own CPU kernels refuse the network or the image size.
    #[error("backbone '{network}' can't run on the CPU kernels: {reason}; `DeviceChoice::Flex` runs it on burn")]
    Kernels {
        /// The network.
        network: String,
        /// What they said.
        reason: String,
    },
    /// A network that can't be loaded from a weight file.
    #[error(
        "no network '{name}' can be loaded from a weight file: known are {known}; any other can be built in: put NAME.onnx into weights/ and build again"
    )]
    UnknownNetwork {
        /// What was asked for.
        name: String,
        /// The networks there are.
        known: String,
    },
    /// No layer was asked for.
    #[error("no layer asked of '{network}': it offers {available}")]
    NoLayers {
        /// The network.
        network: String,
        /// The layers there are.
        available: String,
    },
    /// A side is no multiple of a transformer's patch size.
    #[error(
        "backbone '{network}' cuts images into {patch} x {patch} patches, so both sides must be multiples of {patch}, found {height_px} x {width_px}: set `PipelineSpec::preprocessing` to a height of {} and a width of {}",
        nearest(*height_px, *patch), nearest(*width_px, *patch)
    )]
    NotDivisible {
        /// The network.
        network: String,
        /// Side of a patch in pixels.
        patch: usize,
        /// Rows found.
        height_px: usize,
        /// Columns found.
        width_px: usize,
    },
    /// The weight file or the weight store.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// The multiples of `patch` next to `side`, at least one patch.
fn nearest(side: usize, patch: usize) -> String {
    let below = side / patch * patch;
    match (below, below == side) {
        (0, _) => patch.to_string(),
        (_, true) => below.to_string(),
        (_, false) => format!("{below} or {}", below + patch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_valid_sizes() {
        let error =
            ModelError::NotDivisible { network: "dinov2_vits14".into(), patch: 14, height_px: 225, width_px: 13 };
        let text = error.to_string();
        assert!(text.contains("height of 224 or 238"), "{text}");
        assert!(text.contains("width of 14"), "{text}");
    }
}
