//! A memory bank that takes rows in and gives rows up.

use super::base::Base;
use super::fitted::PatchCore;
use super::going_on::GoOn;
use super::section::{ROW_CONDITION, ROW_LIST, ROW_POSITION, ROW_SCALE, ROW_SOURCE, ROWS};
use super::settings::Settings;
use crate::bank::BankRow;
use crate::bundle::{Section, UNKNOWN};
use crate::detect::{DetectError, Detector, GoingOn, Living, Merging, Method};
use std::sync::Arc;

/// A memory bank of this kind.
pub(super) fn of(detector: &dyn Detector) -> Option<&dyn Living> {
    detector.as_any()?.downcast_ref::<PatchCore>().map(|own| own as &dyn Living)
}

impl Living for PatchCore {
    fn going_on(&self, by: GoingOn) -> Result<Arc<dyn Method>, DetectError> {
        Ok(Arc::new(GoOn { base: self.base()?, by }))
    }

    /// Rows of the images that stay are what they were, in their order.
    fn forget(&self, kept: &[Option<u32>]) -> Result<Section, DetectError> {
        let base = self.base()?;
        let n_conditions = self.n_conditions;
        let stays = |origin: &BankRow| {
            origin.source == UNKNOWN || kept.get(origin.source as usize).is_some_and(Option::is_some)
        };
        let at: Vec<usize> = (0..base.origins.len()).filter(|row| stays(&base.origins[*row])).collect();
        if at.is_empty() {
            let expected = "images that leave some rows in the bank".to_owned();
            return Err(DetectError::Setting { setting: "forget", expected, found: "all of them".to_owned() });
        }
        let mut left = base.only(&at);
        for origin in &mut left.origins {
            if let Some(Some(number)) = kept.get(origin.source as usize) {
                origin.source = *number;
            }
        }
        left.section(n_conditions)
    }

    /// The rows of both, compared as those of this one; under a cap those of a coreset of them.
    fn merge(&self, other: &Section, how: &Merging<'_>) -> Result<Section, DetectError> {
        let mut base = self.base()?;
        let added: Settings = other.entry.settings().map_err(DetectError::defect)?;
        let same = |settings: &Settings| {
            let is_whitened = settings.whitening.is_some();
            (settings.metric, settings.score.clone(), settings.index.is_some(), is_whitened)
        };
        if same(&base.settings) != same(&added) || self.entry.features != other.entry.features {
            let (expected, found) = ("network, input and scoring of the first bundle".to_owned(), "others".to_owned());
            return Err(DetectError::Setting { setting: "settings of the second bundle", expected, found });
        }
        let tensors = &other.tensors;
        let n_rows = base.origins.len();
        let condition = |own: &u32| how.condition_of.get(*own as usize).copied().unwrap_or(0);
        let source = |own: &u32| if *own == UNKNOWN { UNKNOWN } else { *own + how.n_sources as u32 };
        let (conditions, sources) = (tensors.indices(ROW_CONDITION), tensors.indices(ROW_SOURCE));
        let origins = conditions.iter().zip(sources).zip(tensors.indices(ROW_POSITION));
        base.origins.extend(origins.map(|((c, s), position)| BankRow {
            condition: condition(c),
            source: source(s),
            position: *position,
        }));
        base.rows.extend_from_slice(tensors.numbers(ROWS));
        base.scales.iter_mut().for_each(|scales| scales.extend_from_slice(tensors.numbers(ROW_SCALE)));
        if base.scales.as_ref().is_some_and(|scales| scales.len() != base.origins.len()) {
            base.scales = None;
            base.settings.density_neighbours = None;
        }
        let lists = base.settings.index.as_ref().map_or(0, |index| index.n_lists) as u32;
        base.row_list.extend(tensors.indices(ROW_LIST).iter().map(|list| list + lists));
        if let (Some(own), Some(index)) = (&mut base.settings.index, &added.index) {
            own.n_lists += index.n_lists;
            own.n_probes = (own.n_probes + index.n_probes).min(own.n_lists);
            own.recall = own.recall.min(index.recall);
            own.n_measured += index.n_measured;
        }
        let coreset = &mut base.settings.coreset;
        coreset.n_candidates = coreset.n_candidates.zip(added.coreset.n_candidates).map(|(a, b)| a + b);
        coreset.covering_radius =
            coreset.covering_radius.zip(added.coreset.covering_radius).map(|(one, other)| one.max(other));
        debug_assert!(base.origins.len() >= n_rows);
        let base = base.capped(how.cap, how.n_conditions)?.0;
        base.section(how.n_conditions)
    }
}

impl PatchCore {
    fn base(&self) -> Result<Base, DetectError> {
        Ok(Base {
            rows: self.bank.rows().to_vec(),
            origins: self.bank.origins().to_vec(),
            dim: self.bank.dim(),
            scoring: self.scoring,
            scales: self.density.as_ref().map(|density| density.scales().to_vec()),
            entry: self.entry.clone(),
            settings: self.entry.settings().map_err(DetectError::defect)?,
            row_list: self.row_list.clone(),
            whitening: self.bank.whitening().cloned(),
        })
    }
}
