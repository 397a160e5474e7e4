//! Convolutional networks on pcore's own CPU kernels.

use super::{FeatureMap, Footprint, Grid, ImageBatch, ModelError};
use crate::kernel::plan::{Graph, Network, PlanError};

/// A network whose outputs are the layers asked for.
#[derive(Debug)]
pub(super) struct Cnn {
    name: String,
    network: Network,
}

impl Cnn {
    /// Prepares `graph`, whose outputs are the layers of the backbone `name`.
    pub(super) fn new(name: &str, graph: &Graph) -> Result<Self, ModelError> {
        let network = Network::new(graph).map_err(|error| failed(name, &error))?;
        Ok(Self { name: name.to_owned(), network })
    }

    /// One map per output.
    pub(super) fn features(&self, images: &ImageBatch) -> Result<Vec<FeatureMap>, ModelError> {
        let maps = self.network.run(images.pixels(), images.height_px(), images.width_px());
        let maps = maps.map_err(|error| failed(&self.name, &error))?.into_iter();
        maps.map(|map| {
            let grid = Grid { n_rows: map.height, n_cols: map.width };
            FeatureMap::new(map.values, images.n_images(), grid, map.channels)
        })
        .collect()
    }

    /// What [`Self::features`] takes for `n` images.
    pub(super) fn footprint(&self, n: usize, height_px: usize, width_px: usize) -> Result<Footprint, ModelError> {
        let found = self.network.footprint(n, height_px, width_px).map_err(|error| failed(&self.name, &error))?;
        let map = |[n_rows, n_cols, dim]: [usize; 3]| (Grid { n_rows, n_cols }, dim);
        Ok(Footprint { bytes: found.bytes, maps: found.outputs.into_iter().map(map).collect() })
    }
}

fn failed(name: &str, error: &PlanError) -> ModelError {
    ModelError::Kernels { network: name.to_owned(), reason: error.to_string() }
}
