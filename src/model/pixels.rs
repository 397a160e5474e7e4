//! Pixels as they are, for detectors that bring a network of their own.

use super::{Backbone, BackboneSpec, FeatureMap, Footprint, Grid, ImageBatch, ModelError, OpenDevice, Precision};

/// The name of the backbone that describes each pixel by its own three channels.
pub const PIXELS: &str = "pixels";

/// The hash of no weights: of an empty file.
const NO_WEIGHTS: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const LAYER: &str = "pixels";

struct Pixels(BackboneSpec);

pub(super) fn open(layers: &[String], device: &OpenDevice) -> Result<Box<dyn Backbone>, ModelError> {
    if let Some(other) = layers.iter().find(|layer| *layer != LAYER) {
        let (layer, network, available) = (other.clone(), PIXELS.to_owned(), LAYER.to_owned());
        return Err(ModelError::UnknownLayer { layer, network, available });
    }
    if device.precision() != Precision::F32 {
        return Err(ModelError::Precision { reason: format!("backbone '{PIXELS}', which computes nothing") });
    }
    Ok(Box::new(Pixels(BackboneSpec {
        name: PIXELS.to_owned(),
        layers: vec![LAYER.to_owned()],
        weights_sha256: NO_WEIGHTS.to_owned(),
        mean: [0.0; 3],
        std: [1.0; 3],
        input_size: None,
        precision: Precision::F32,
    })))
}

impl Backbone for Pixels {
    fn spec(&self) -> &BackboneSpec {
        &self.0
    }

    fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        let (n_rows, n_cols) = (images.height_px(), images.width_px());
        let n_pixels = n_rows * n_cols;
        let mut values = vec![0.0; images.pixels().len()];
        for (image, out) in values.chunks_exact_mut(3 * n_pixels).enumerate() {
            for (channel, plane) in images.image(image).chunks_exact(n_pixels).enumerate() {
                out.iter_mut().skip(channel).step_by(3).zip(plane).for_each(|(to, from)| *to = *from);
            }
        }
        Ok(vec![FeatureMap::new(values, images.n_images(), Grid { n_rows, n_cols }, 3)?])
    }

    fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Option<Footprint>, ModelError> {
        let grid = Grid { n_rows: height_px, n_cols: width_px };
        let bytes = (n * grid.n_patches() * 3 * size_of::<f32>()) as u64;
        Ok(Some(Footprint { bytes, maps: vec![(grid, 3)] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_described_by_its_own_channels() {
        let pixels: Vec<f32> = (0..2 * 3 * 2 * 5).map(|at| at as f32).collect();
        let network = open(&[], &OpenDevice::cpu()).unwrap();
        let maps = network.features(&ImageBatch::new(pixels, 2, 2, 5).unwrap()).unwrap();
        assert_eq!((maps.len(), maps[0].grid(), maps[0].dim()), (1, Grid { n_rows: 2, n_cols: 5 }, 3));
        assert_eq!(maps[0].image(1)[3..6], [31.0, 41.0, 51.0]);
        let text = open(&["layer2".to_owned()], &OpenDevice::cpu()).err().unwrap().to_string();
        assert!(text.contains("layer2") && text.contains(PIXELS), "{text}");
    }
}
