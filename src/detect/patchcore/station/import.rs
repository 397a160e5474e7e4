//! A bank from the .NET line station, on the network at hand.

use super::{CROP_PX, StationArtefact, StationError, StationMeta, StationWarning, preprocessing, read, read_meta};
use crate::bank::{DescriptorSpec, PatchDescriptors, describe};
use crate::bundle::{BackboneEntry, Contents};
use crate::detect::{self, DetectError, FeaturePipeline, PipelineSpec, backbone_entry};
use crate::image::Image;
use crate::model::{FeatureMap, OpenDevice, Precision};
use std::path::Path;

/// What the files do not say, or say wrongly for this binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StationOptions {
    /// Name of the network in this binary, where it is not that of `meta.json`.
    pub backbone: Option<String>,
    /// Its layer; that of `meta.json` where empty.
    pub layers: Vec<String>,
    /// Name stored with the bundle; the `data_name` of `meta.json` where `None`.
    pub domain: Option<String>,
}

/// A bank taken over.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportedStation {
    /// The bundle: scores and decides as the station does.
    pub contents: Contents,
    /// What is known to be wrong with it.
    pub warnings: Vec<StationWarning>,
}

/// Reads the folder of a line station (see [the module](super)) and makes a bundle of it that runs on a network of this binary.
///
/// # Errors
/// [`StationError`] where the files are damaged, contradict each other or do not fit the network;
/// [`StationError::Detect`] where this binary has no such network or layer.
pub fn import(folder: &Path, options: &StationOptions, device: &OpenDevice) -> Result<ImportedStation, StationError> {
    let meta = read_meta(folder)?;
    let pipeline = open(&meta, options, device)?;
    let spec = pipeline.backbone().clone();
    if spec.layers.len() != 1 {
        return Err(StationError::Layers { layers: spec.layers });
    }
    let probe = pipeline.describe(&[&probe_image()?])?;
    let artefact = match read(folder, None) {
        // Without a row count only the network can tell how long a row is.
        Err(StationError::NoDim) => read(folder, Some(probe.dim)),
        read => read,
    }?;
    if artefact.dim != probe.dim {
        return Err(StationError::OtherNetwork {
            expected: artefact.dim,
            found: probe.dim,
            network: spec.name,
            layers: spec.layers.join(", "),
        });
    }
    let warnings = warnings(&artefact, &probe)?;
    let grid = (probe.grid.n_rows, probe.grid.n_cols);
    // The station's rows and threshold were computed in single precision, whatever the device does here, on a machine that
    // nothing tells of.
    let precision = Precision::F32.to_string();
    let backbone = BackboneEntry { precision, instruction_set: None, ..backbone_entry(&spec) };
    let contents = artefact.into_contents(backbone, grid, options.domain.clone())?;
    Ok(ImportedStation { contents, warnings })
}

fn open(meta: &StationMeta, options: &StationOptions, device: &OpenDevice) -> Result<FeaturePipeline, DetectError> {
    let layers =
        if options.layers.is_empty() { meta.layers.clone().unwrap_or_default() } else { options.layers.clone() };
    let spec = PipelineSpec {
        backbone: options.backbone.clone().unwrap_or_else(|| meta.backbone.clone()),
        layers,
        preprocessing: detect::preprocessing(&preprocessing(meta))?,
        descriptor: DescriptorSpec { neighbourhood: 1, context: vec![], foreground: None },
    };
    FeaturePipeline::open(&spec, device)
}

/// Something to look at for a network whose features are asked for their kind, not their content: coarse and fine
/// structure in all colours.
fn probe_image() -> Result<Image, DetectError> {
    const SIDE_PX: usize = 256;
    let mut pixels = Vec::with_capacity(3 * SIDE_PX * SIDE_PX);
    for y in 0..SIDE_PX {
        for x in 0..SIDE_PX {
            let (fy, fx) = (y as f32 / SIDE_PX as f32, x as f32 / SIDE_PX as f32);
            for channel in 0..3 {
                let turn = channel as f32 * 2.1;
                let coarse = (9.0 * fx + 5.0 * fy + turn).sin() * (7.0 * fy - 3.0 * fx).cos();
                let fine = ((x * x + 31 * y + 7 * channel) * 2_654_435_761 % 1009) as f32 / 1009.0 - 0.5;
                let edge = if (x / 32 + y / 64) % 2 == 0 { 0.15 } else { -0.15 };
                pixels.push((0.5 + 0.25 * coarse + 0.15 * fine + edge).clamp(0.0, 1.0));
            }
        }
    }
    Ok(Image::new(pixels, SIDE_PX, SIDE_PX, 3)?)
}

fn warnings(artefact: &StationArtefact, probe: &PatchDescriptors) -> Result<Vec<StationWarning>, StationError> {
    let StationArtefact { rows, dim, threshold, meta } = artefact;
    let mut found = vec![StationWarning::Threshold { q: threshold.q }];
    let averaged = {
        let map =
            FeatureMap::new(probe.rows.clone(), probe.n_images, probe.grid, probe.dim).map_err(DetectError::Model)?;
        describe(&[map], &DescriptorSpec { neighbourhood: 3, context: vec![], foreground: None })?
    };
    found.extend(StationWarning::neighbourhood(zeros(rows), zeros(&probe.rows), zeros(&averaged.rows)));
    let norm_error = rows.chunks_exact(*dim).map(norm_error).fold(0.0, f64::max);
    if norm_error > 1e-6 {
        found.push(StationWarning::Norm { norm_error });
    }
    if meta.input_size_px as usize != CROP_PX {
        found.push(StationWarning::InputSize { said_px: meta.input_size_px });
    }
    let grid = (probe.grid.n_rows, probe.grid.n_cols);
    let said = (meta.grid_rows as usize, meta.grid_cols as usize);
    if said != grid {
        found.push(StationWarning::Grid { said, found: grid });
    }
    found.push(StationWarning::HeatMap);
    Ok(found)
}

/// Share of exact zeros.
fn zeros(values: &[f32]) -> f64 {
    values.iter().filter(|v| **v == 0.0).count() as f64 / values.len().max(1) as f64
}

/// How far the length of a row is from 1.
fn norm_error(row: &[f32]) -> f64 {
    (row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() - 1.0).abs()
}

#[cfg(test)]
mod tests {
    use super::super::StationThreshold;
    use super::*;
    use crate::bank::normalise_rows;
    use crate::model::Grid;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const GRID: Grid = Grid { n_rows: 10, n_cols: 12 };
    const DIM: usize = 16;

    /// Features behind a rectifier, `positive` of them above zero.
    fn rectified(seed: u64, positive: f32) -> PatchDescriptors {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut value = || (rng.random::<f32>() - 1.0 + positive).max(0.0);
        let rows = (0..GRID.n_patches() * DIM).map(|_| value()).collect();
        PatchDescriptors { rows, n_images: 1, grid: GRID, dim: DIM }
    }

    fn artefact(features: &PatchDescriptors, neighbourhood: usize) -> StationArtefact {
        let map = FeatureMap::new(features.rows.clone(), 1, GRID, DIM).unwrap();
        let mut rows =
            describe(&[map], &DescriptorSpec { neighbourhood, context: vec![], foreground: None }).unwrap().rows;
        normalise_rows(&mut rows, DIM);
        let meta = StationMeta {
            input_size_px: 224,
            mean: [0.5; 3],
            std: [0.5; 3],
            grid_rows: 10,
            grid_cols: 12,
            backbone: "any".to_owned(),
            layers: None,
            data_name: None,
            text: None,
        };
        let threshold = StationThreshold { value: 0.1, q: None, n_rows: None, text: None };
        StationArtefact { rows, dim: DIM, threshold, meta }
    }

    #[test]
    fn averaged_rows_are_told_from_single_patches_by_their_zeros() {
        let is_averaged = |w: &StationWarning| matches!(w, StationWarning::Averaged { .. });
        // Other images of another sparseness than the probe.
        for positive in [0.2, 0.3, 0.4] {
            let (probe, product) = (rectified(1, 0.3), rectified(2, positive));
            for (neighbourhood, averaged) in [(1, false), (3, true)] {
                let found = warnings(&artefact(&product, neighbourhood), &probe).unwrap();
                assert_eq!(found.iter().any(is_averaged), averaged, "{positive} {neighbourhood}: {found:?}");
                assert!(!found.contains(&StationWarning::PerhapsAveraged));
            }
        }
    }

    #[test]
    fn the_probe_image_is_one() {
        let image = probe_image().unwrap();
        assert!(image.pixels().iter().all(|x| (0.0..=1.0).contains(x)));
    }
}
