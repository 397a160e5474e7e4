//! What goes into any network: the pixels of a batch, and the layers that are asked for.

use super::{ImageBatch, ModelError, OpenDevice};
use burn::tensor::{Tensor, TensorData};

/// Index of each requested layer among the available ones.
pub(super) fn taps(network: &str, layers: &[String], available: &[String]) -> Result<Vec<usize>, ModelError> {
    if layers.is_empty() {
        return Err(ModelError::NoLayers { network: network.to_owned(), available: available.join(", ") });
    }
    let index = |layer: &String| {
        available.iter().position(|name| name == layer).ok_or_else(|| ModelError::UnknownLayer {
            layer: layer.clone(),
            network: network.to_owned(),
            available: available.join(", "),
        })
    };
    layers.iter().map(index).collect()
}

/// The pixels of a batch on a device, `[n_images, 3, height_px, width_px]`.
pub(super) fn pixels(images: &ImageBatch, device: &OpenDevice) -> Tensor<4> {
    let shape = [images.n_images(), 3, images.height_px(), images.width_px()];
    device.tensor(TensorData::new(images.pixels().to_vec(), shape))
}
