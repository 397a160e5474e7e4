//! Between a feature pipeline and what a bundle says of it. Both directions stand here, side by side.

use super::{DetectError, FeaturePipeline, PipelineSpec};
use crate::bank::{DescriptorSpec, MAX_CONTEXT_PARTS};
use crate::bundle::{BackboneEntry, DescriptorEntry, FeaturesEntry, PreprocessingEntry, TilesEntry};
use crate::image::{Preprocessing, Tiles};
use crate::kernel::simd::Level;
use crate::model::{BackboneSpec, Grid, OpenDevice};

impl FeaturePipeline {
    /// What a bundle says of it, where it gives descriptors of `dim` values on this grid.
    #[must_use]
    pub fn entry(&self, grid: Grid, dim: usize) -> FeaturesEntry {
        features_entry(self, grid, dim)
    }
}

/// What a bundle says of a pipeline that gives descriptors of `dim` values in this grid.
fn features_entry(features: &FeaturePipeline, grid: Grid, dim: usize) -> FeaturesEntry {
    FeaturesEntry {
        backbone: backbone_entry(features.backbone()),
        preprocessing: preprocessing_entry(features.preprocessing()),
        descriptor: descriptor_entry(features.descriptor(), dim, grid),
    }
}

/// What identifies the pipeline of an entry.
pub(crate) fn pipeline_spec(entry: &FeaturesEntry) -> Result<PipelineSpec, DetectError> {
    Ok(PipelineSpec {
        backbone: entry.backbone.name.clone(),
        layers: entry.backbone.layers.clone(),
        preprocessing: preprocessing(&entry.preprocessing)?,
        descriptor: descriptor(&entry.descriptor)?,
    })
}

/// The pipeline of an entry, on `device`, once its weights are found to be those of the fit.
pub(crate) fn open_features(entry: &FeaturesEntry, device: &OpenDevice) -> Result<FeaturePipeline, DetectError> {
    let features = FeaturePipeline::open(&pipeline_spec(entry)?, device)?;
    check_weights(entry, &features)?;
    Ok(features)
}

/// Refuses a network that is not the one of the fit.
pub(crate) fn check_weights(entry: &FeaturesEntry, features: &FeaturePipeline) -> Result<(), DetectError> {
    let (expected, found) = (&entry.backbone.weights_sha256, &features.backbone().weights_sha256);
    if expected == found {
        return Ok(());
    }
    let name = entry.backbone.name.clone();
    Err(DetectError::OtherWeights { name, expected: expected.clone(), found: found.clone() })
}

pub(crate) fn backbone_entry(spec: &BackboneSpec) -> BackboneEntry {
    let BackboneSpec { name, layers, weights_sha256, precision, mean: _, std: _, input_size: _ } = spec;
    BackboneEntry {
        name: name.clone(),
        layers: layers.clone(),
        weights_sha256: weights_sha256.clone(),
        precision: precision.to_string(),
        instruction_set: Some(Level::best().name().to_owned()),
    }
}

fn preprocessing_entry(spec: &Preprocessing) -> PreprocessingEntry {
    let Preprocessing { range, page, resize, tiles, height_px, width_px, mean, std } = spec;
    PreprocessingEntry {
        range: range.as_ref().map(ToString::to_string),
        page: *page,
        resize: resize.to_string(),
        tiles: tiles.map(|Tiles { size_px, overlap_px, step_px }| TilesEntry { size_px, overlap_px, step_px }),
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    }
}

pub(crate) fn preprocessing(entry: &PreprocessingEntry) -> Result<Preprocessing, DetectError> {
    let PreprocessingEntry { range, page, resize, tiles, height_px, width_px, mean, std } = entry;
    let tiles = tiles.map(|TilesEntry { size_px, overlap_px, step_px }| Tiles { size_px, overlap_px, step_px });
    Ok(Preprocessing {
        range: range.as_deref().map(|text| DetectError::parse("preprocessing.range", text)).transpose()?,
        page: *page,
        resize: DetectError::parse("resize", resize)?,
        tiles,
        height_px: *height_px,
        width_px: *width_px,
        mean: *mean,
        std: *std,
    })
}

fn descriptor_entry(spec: &DescriptorSpec, dim: usize, grid: Grid) -> DescriptorEntry {
    let DescriptorSpec { neighbourhood, context, foreground } = spec;
    DescriptorEntry {
        neighbourhood: *neighbourhood,
        context: context.iter().map(ToString::to_string).collect(),
        foreground: *foreground,
        dim,
        grid_rows: grid.n_rows,
        grid_cols: grid.n_cols,
    }
}

fn descriptor(entry: &DescriptorEntry) -> Result<DescriptorSpec, DetectError> {
    if entry.context.len() > MAX_CONTEXT_PARTS {
        let found = format!("{} entries", entry.context.len());
        return Err(DetectError::UnknownEntry { entry: "descriptor.context", found });
    }
    let context =
        entry.context.iter().map(|text| DetectError::parse("descriptor.context", text)).collect::<Result<_, _>>()?;
    Ok(DescriptorSpec { neighbourhood: entry.neighbourhood, context, foreground: entry.foreground })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_round_trip_with_their_context() {
        let spec = DescriptorSpec {
            neighbourhood: 5,
            context: vec!["h:2,3".parse().unwrap(), "hv:4".parse().unwrap()],
            foreground: None,
        };
        let mut entry = descriptor_entry(&spec, 12, Grid { n_rows: 2, n_cols: 3 });
        assert_eq!(entry.context, ["h:2,3", "hv:4"]);
        assert_eq!(descriptor(&entry).unwrap(), spec);
        entry.context.push("spiral:2".to_owned());
        assert!(descriptor(&entry).unwrap_err().to_string().contains("spiral:2"));
    }
}
