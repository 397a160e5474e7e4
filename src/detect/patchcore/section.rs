//! What a bundle holds of it.

use super::{PatchCore, Scoring};
use crate::bank::{
    BankRow, DENSITY_NEIGHBOURS, DescriptorSpec, IndexKind, LocalDensity, MAX_CONTEXT_PARTS, MemoryBank,
};
use crate::bundle::{self, Contents, DensityEntry, DescriptorEntry, Manifest, ScoreEntry};
use crate::condition::Policy;
use crate::detect::{DetectError, FeaturePipeline};
use crate::kernel;
use crate::model::Grid;

/// The detector of a bundle, on features that are open already.
pub(crate) fn open(contents: Contents, features: FeaturePipeline) -> Result<(PatchCore, Manifest), DetectError> {
    let Contents { manifest, bank_rows, row_condition, row_source, row_position, row_scale, row_list, .. } = contents;
    let origins = row_condition
        .iter()
        .zip(&row_source)
        .zip(&row_position)
        .map(|((condition, source), position)| BankRow { condition: *condition, source: *source, position: *position })
        .collect();
    let mut bank = MemoryBank::new(bank_rows, manifest.descriptor.dim, origins, metric(manifest.metric))?;
    if let Some(index) = &manifest.index {
        match DetectError::parse("index", &index.kind)? {
            IndexKind::InvertedFile => bank.index(&row_list, index.n_probes)?,
            IndexKind::Exact => {}
        }
    }
    let scoring = Scoring {
        image_score: DetectError::parse("image score", &manifest.score.image_score)?,
        map_neighbours: manifest.score.map_neighbours,
        map_sigma_px: manifest.score.map_sigma_px,
    };
    let density = match &manifest.calibration.density {
        Some(_) => Some(LocalDensity::new(row_scale, bank.n_rows())?),
        None => None,
    };
    Ok((PatchCore::new(features, bank, scoring, manifest.conditions.len(), density), manifest))
}

/// The entry for the scores under `policies`.
pub(crate) fn density_entry(policies: &[Policy]) -> DensityEntry {
    DensityEntry { neighbours: DENSITY_NEIGHBOURS, policies: policies.iter().map(ToString::to_string).collect() }
}

pub(crate) fn metric(entry: bundle::Metric) -> kernel::Metric {
    match entry {
        bundle::Metric::L2 => kernel::Metric::Euclidean,
        bundle::Metric::Cosine => kernel::Metric::Cosine,
    }
}

pub(crate) fn descriptor_entry(spec: &DescriptorSpec, dim: usize, grid: Grid) -> DescriptorEntry {
    let DescriptorSpec { neighbourhood, context } = spec;
    DescriptorEntry {
        neighbourhood: *neighbourhood,
        context: context.iter().map(ToString::to_string).collect(),
        dim,
        grid_rows: grid.n_rows,
        grid_cols: grid.n_cols,
    }
}

pub(crate) fn descriptor(entry: &DescriptorEntry) -> Result<DescriptorSpec, DetectError> {
    if entry.context.len() > MAX_CONTEXT_PARTS {
        let found = format!("{} entries", entry.context.len());
        return Err(DetectError::UnknownEntry { entry: "descriptor.context", found });
    }
    let context =
        entry.context.iter().map(|text| DetectError::parse("descriptor.context", text)).collect::<Result<_, _>>()?;
    Ok(DescriptorSpec { neighbourhood: entry.neighbourhood, context })
}

pub(crate) fn score_entry(scoring: &Scoring) -> ScoreEntry {
    ScoreEntry {
        image_score: scoring.image_score.to_string(),
        map_neighbours: scoring.map_neighbours,
        map_sigma_px: scoring.map_sigma_px,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_round_trip_with_their_context() {
        let spec =
            DescriptorSpec { neighbourhood: 5, context: vec!["h:2,3".parse().unwrap(), "hv:4".parse().unwrap()] };
        let mut entry = descriptor_entry(&spec, 12, Grid { n_rows: 2, n_cols: 3 });
        assert_eq!(entry.context, ["h:2,3", "hv:4"]);
        assert_eq!(descriptor(&entry).unwrap(), spec);
        entry.context.push("spiral:2".to_owned());
        assert!(descriptor(&entry).unwrap_err().to_string().contains("spiral:2"));
    }
}
