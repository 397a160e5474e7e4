//! Between a bundle's section and the detector.

use super::fitted::PatchCore;
use super::settings::{IndexEntry, Settings};
use crate::bank::{BankRow, IndexKind, LocalDensity, MemoryBank, Whitening};
use crate::bundle::settings::{MAX_COUNT, require};
use crate::bundle::{
    Defect, FeaturesEntry, MAX_MAGNITUDE, Manifest, Section, SectionEntry, TensorSpec, Tensors, TensorsOf,
};
use crate::detect::{DetectError, Detector, Metric, Opening};
use std::sync::Arc;

/// Names of its tensors.
pub(super) const ROWS: &str = "rows";
pub(super) const ROW_CONDITION: &str = "row_condition";
pub(super) const ROW_SOURCE: &str = "row_source";
pub(super) const ROW_POSITION: &str = "row_position";
pub(super) const ROW_SCALE: &str = "row_scale";
pub(super) const ROW_LIST: &str = "row_list";
pub(super) const WHITENING: &str = "whitening";
pub(super) const WHITENING_MEAN: &str = "whitening_mean";

/// `rows` f32 `[n_rows, dim]`: the bank; `row_condition`, `row_source`, `row_position` u32 `[n_rows]`: where each row comes
/// from (its condition, training image, and patch in the grid); `row_scale` f32 `[n_rows]`: mean distance of each to its
/// nearest other rows; `row_list` u32 `[n_rows]`: its list in the index; `whitening_mean` f32 `[dim]` and
/// `whitening` f32 `[n_values, dim]`: what is taken from rows and patches before they are compared, and what they are then
/// multiplied by.
pub(super) fn tensors(entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    let settings: Settings = entry.settings()?;
    settings.check(shared.conditions.len())?;
    let FeaturesEntry { descriptor, preprocessing, .. } = entry.described()?;
    let n = settings.coreset.n_picked;
    // The grid of an image in tiles is as large as the image.
    let n_patches = match preprocessing.tiles {
        Some(_) => MAX_COUNT,
        None => descriptor.grid_rows.saturating_mul(descriptor.grid_cols),
    };
    let n_lists = settings.index.as_ref().map_or(0, |index| index.n_lists);
    let where_used = |is_used: bool| [if is_used { n } else { 0 }];
    Ok(vec![
        TensorSpec::numbers(ROWS, &[n, descriptor.dim]),
        TensorSpec::indices(ROW_CONDITION, &[n], "conditions", shared.conditions.len()),
        TensorSpec::indices(ROW_SOURCE, &[n], "sources", shared.sources.len()).or_unknown(),
        TensorSpec::indices(ROW_POSITION, &[n], "the patch grid", n_patches).or_unknown(),
        TensorSpec::within(ROW_SCALE, &where_used(settings.density_neighbours.is_some()), 0.0, MAX_MAGNITUDE),
        TensorSpec::indices(ROW_LIST, &where_used(settings.index.is_some()), "lists", n_lists),
        match &settings.whitening {
            Some(whitening) => TensorSpec::numbers(WHITENING, &[whitening.n_values, descriptor.dim]),
            None => TensorSpec::numbers(WHITENING, &[0]),
        },
        TensorSpec::numbers(WHITENING_MEAN, &[if settings.whitening.is_some() { descriptor.dim } else { 0 }]),
    ])
}

/// The rows of each condition are as many as the settings say.
pub(super) fn check(entry: &SectionEntry, tensors: TensorsOf<'_>, _shared: &Manifest) -> Result<(), Defect> {
    let settings: Settings = entry.settings()?;
    let rows = tensors.indices(ROW_CONDITION);
    for (condition, said) in settings.rows_of_condition.iter().enumerate() {
        let found = rows.iter().filter(|row| **row as usize == condition).count();
        require(*said == found, said, || {
            (format!("rows_of_condition[{condition}]"), format!("{found} as in {ROW_CONDITION}"))
        })?;
    }
    Ok(())
}

/// The bank and how it is searched.
pub(super) fn facts(entry: &SectionEntry, shared: &Manifest) -> Vec<(String, String)> {
    let Ok(settings) = entry.settings::<Settings>() else { return vec![] };
    let Settings { metric, coreset, filter_patches, whitening, index, rows_of_condition, .. } = settings;
    let dim = entry.features.as_ref().map_or(0, |features| features.descriptor.dim);
    let n_candidates = coreset.n_candidates.map_or_else(|| "an unknown number".to_owned(), |n| n.to_string());
    let distance = match metric {
        Metric::L2 if whitening.is_some() => "whitened",
        Metric::L2 => "Euclidean",
        Metric::Cosine => "cosine",
    };
    let n = coreset.n_picked;
    let bank = format!("{n} rows of {dim} values, out of {n_candidates}; {distance} distance");
    let mut facts = vec![("bank".to_owned(), bank)];
    if let Some(share) = filter_patches {
        let percent = format!("{:.2}", share * 100.0);
        let percent = percent.trim_end_matches('0').trim_end_matches('.');
        facts.push((
            "filter".to_owned(),
            format!("at most {percent} % of the patches, least like those of other images, left out before"),
        ));
    }
    if let Some(IndexEntry { kind, n_lists, n_probes, recall, n_measured }) = index {
        let found = format!("{:.2}", recall * 100.0);
        let found = found.trim_end_matches('0').trim_end_matches('.');
        facts.push(("index".to_owned(), format!(
            "{kind}: {n_probes} of {n_lists} lists looked into, finds the nearest row of {found} % of {n_measured} left-out normal patches"
        )));
    }
    if shared.conditions.len() > 1 {
        let rows = shared.conditions.iter().zip(&rows_of_condition);
        let rows: Vec<String> = rows.map(|(condition, n)| format!("{n} of {}", condition.name)).collect();
        facts.push(("rows".to_owned(), rows.join(", ")));
    }
    facts
}

pub(super) fn open(
    section: Section,
    shared: &Manifest,
    opening: &mut Opening<'_>,
) -> Result<Box<dyn Detector>, DetectError> {
    let Section { entry, mut tensors } = section;
    let features = opening.features(&entry)?;
    let settings: Settings = entry.settings().map_err(DetectError::defect)?;
    let (source, position) = (tensors.take_indices(ROW_SOURCE), tensors.take_indices(ROW_POSITION));
    let origins = tensors.take_indices(ROW_CONDITION).into_iter().zip(source).zip(position);
    let origins = origins.map(|((condition, source), position)| BankRow { condition, source, position }).collect();
    let dim = entry.features.as_ref().map_or(0, |features| features.descriptor.dim);
    let whitening = match settings.whitening {
        Some(_) => {
            let mean = tensors.take_numbers(WHITENING_MEAN);
            Some(Arc::new(Whitening::new(mean, tensors.take_numbers(WHITENING))?))
        }
        None => None,
    };
    let rows = (tensors.take_numbers(ROWS), dim);
    let mut bank = MemoryBank::whitened(rows, origins, settings.metric.into(), whitening)?;
    let row_list = tensors.take_indices(ROW_LIST);
    if let Some(index) = &settings.index {
        match DetectError::parse("index", &index.kind)? {
            IndexKind::InvertedFile => bank.index(&row_list, index.n_probes)?,
            IndexKind::Exact => {}
        }
    }
    let density = match settings.density_neighbours {
        Some(_) => Some(LocalDensity::new(tensors.take_numbers(ROW_SCALE), bank.n_rows())?),
        None => None,
    };
    let scoring = settings.score.scoring()?;
    let n_conditions = shared.conditions.len();
    Ok(Box::new(PatchCore::new(features, bank, scoring, n_conditions, density, (entry, row_list))))
}

impl PatchCore {
    /// The bank and everything about it.
    pub(super) fn to_section(&self) -> Section {
        let rows = (self.bank.rows().to_vec(), self.bank.origins());
        let scales = self.density.as_ref().map_or(&[][..], LocalDensity::scales).to_vec();
        let tensors = tensors_of(rows, scales, self.row_list.clone(), self.bank.whitening());
        Section { entry: self.entry.clone(), tensors }
    }
}

/// The tensors of a bank with these rows.
pub(super) fn tensors_of(
    (rows, origins): (Vec<f32>, &[BankRow]),
    scales: Vec<f32>,
    row_list: Vec<u32>,
    whitening: Option<&Arc<Whitening>>,
) -> Tensors {
    let of_whitening =
        |of: fn(&Whitening) -> &[f32]| whitening.map_or_else(Vec::new, |whitening| of(whitening).to_vec());
    Tensors::default()
        .with_numbers(WHITENING, of_whitening(Whitening::matrix))
        .with_numbers(WHITENING_MEAN, of_whitening(Whitening::mean))
        .with_numbers(ROWS, rows)
        .with_indices(ROW_CONDITION, origins.iter().map(|o| o.condition).collect())
        .with_indices(ROW_SOURCE, origins.iter().map(|o| o.source).collect())
        .with_indices(ROW_POSITION, origins.iter().map(|o| o.position).collect())
        .with_numbers(ROW_SCALE, scales)
        .with_indices(ROW_LIST, row_list)
}
