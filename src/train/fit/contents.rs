//! What was fitted, as a bundle.

use super::TrainError;
use super::held_out::HeldOut;
use super::learn::Learning;
use super::look::{Glance, fingerprint};
use crate::bundle::{
    CalibrationEntry, ConditionEntry, ConformalEntry, Contents, FORMAT_VERSION, LightEntry, LightImage, Manifest,
    PooledImages, RoiEntry, Section, SuspectsEntry,
};
use crate::condition::{Chosen, ConditionRule, LIGHT_STATISTICS};
use crate::detect::{Detector, View};
use crate::infer::convert;
use crate::score::{Conformal, OWN_CALIBRATION_FROM};
use crate::train::Holdout;
use std::collections::BTreeMap;

/// Everything that a bundle is made of, beside the detector.
pub(super) struct Outcome<'a> {
    pub(super) learning: &'a Learning<'a>,
    pub(super) gate: &'a Chosen,
    pub(super) views: &'a [View],
    pub(super) held: &'a [HeldOut],
    /// Training images unlike the others.
    pub(super) suspects: Option<SuspectsEntry>,
}

impl Outcome<'_> {
    /// The bundle, with what the images look like to the network; checked.
    pub(super) fn contents(&self, detector: &dyn Detector, pooled: PooledImages) -> Result<Contents, TrainError> {
        let Self { learning, gate, held, .. } = *self;
        let plan = learning.plan;
        let Section { entry, tensors } = detector.section()?;
        let maxima: Vec<f32> = held.iter().map(|h| h.map_maximum).collect();
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            pcore_version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: plan.profile.clone(),
            domain: plan.domain.clone(),
            detector: entry,
            conditions: self.conditions(),
            condition_rule: rule_name(&plan.conditions),
            gate: convert::gate_entry(&gate.gate, &gate.confusion),
            calibration: self.calibration()?,
            roi: learning.roi.as_deref().map(RoiEntry::of),
            own_roi: learning.glances.iter().any(|glance| glance.has_roi),
            rotate: (plan.rotate > 1).then_some(plan.rotate),
            pixel_threshold: Conformal::of(&maxima, plan.alpha)?.threshold,
            seed: plan.seed,
            data_fingerprint: fingerprint(learning.samples, learning.glances),
            sources: learning.samples.iter().map(|s| s.name.clone()).collect(),
            suspects: self.suspects.clone(),
            light: Some(self.light()),
            pooled: None,
            lineage: None,
            imported: None,
            // Filled in by the writer.
            header_sha256: String::new(),
            tensors_sha256: String::new(),
        };
        let (gate_points, gate_conditions) = convert::gate_tensors(&gate.gate);
        let under = |view: usize| held.iter().map(move |h| h.raw_scores[view]);
        let scores = (0..self.views.len()).flat_map(under).collect();
        let score_condition = held.iter().map(|h| h.condition as u32).collect();
        let mut contents =
            Contents { manifest, scores, score_condition, gate_points, gate_conditions, pooled: vec![], tensors };
        contents.set_pooled(Some(pooled));
        contents.check_with(&plan.registry)?;
        Ok(contents)
    }

    fn light(&self) -> LightEntry {
        let Learning { glances, label, .. } = self.learning;
        let image =
            |(glance, label): (&Glance<'_>, &usize)| LightImage { condition: *label, values: glance.light.to_vec() };
        LightEntry::of(&LIGHT_STATISTICS, &glances.iter().zip(label.iter()).map(image).collect::<Vec<_>>())
    }

    fn conditions(&self) -> Vec<ConditionEntry> {
        let Learning { conditions, split, label, .. } = self.learning;
        let n_images = |index: usize| split.bank.iter().filter(|i| label[**i] == index).count();
        let entry = |(index, name): (usize, &String)| ConditionEntry { name: name.clone(), n_images: n_images(index) };
        conditions.iter().enumerate().map(entry).collect()
    }

    fn calibration(&self) -> Result<CalibrationEntry, TrainError> {
        let Self { learning, held, views, .. } = *self;
        let plan = learning.plan;
        let scores: Vec<f32> = held.iter().map(|h| h.raw_scores[0]).collect();
        let mut per_condition = BTreeMap::new();
        for (index, name) in learning.conditions.iter().enumerate() {
            let of_condition = held.iter().zip(&scores).filter(|(h, _)| h.condition == index);
            let own: Vec<f32> = of_condition.map(|(_, score)| *score).collect();
            if own.len() >= OWN_CALIBRATION_FROM {
                per_condition.insert(name.clone(), self.entry_of(&own)?);
            }
        }
        let method = match plan.threshold {
            Some(_) => convert::CONSTANT,
            None if matches!(plan.holdout, Holdout::Folds(_)) => "cross-fit",
            None if learning.leaves_out() => "leave-one-out",
            None => "split-conformal",
        };
        Ok(CalibrationEntry {
            method: method.to_owned(),
            alpha: plan.alpha,
            views: views.iter().map(ToString::to_string).collect(),
            groups: learning.groups.entry(),
            n_added: None,
            sources: self.score_sources(),
            chosen: None,
            global: self.entry_of(&scores)?,
            per_condition,
        })
    }

    /// Which image each score is of, unless there is one of each in their order.
    fn score_sources(&self) -> Option<Vec<u32>> {
        let of_score: Vec<u32> = self.held.iter().map(|h| h.image as u32).collect();
        let is_each = of_score.iter().copied().eq(0..self.learning.samples.len() as u32);
        (!is_each).then_some(of_score)
    }

    fn entry_of(&self, scores: &[f32]) -> Result<ConformalEntry, TrainError> {
        let mut found = Conformal::of(scores, self.learning.plan.alpha)?;
        found.threshold = self.learning.plan.threshold.or(found.threshold);
        Ok(convert::conformal_entry(&found))
    }
}

/// A table is named by its file alone: the same data fitted from another folder must give the same bundle.
fn rule_name(rule: &ConditionRule) -> String {
    match rule {
        ConditionRule::Table(path) => path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        ConditionRule::None | ConditionRule::P90 { .. } | ConditionRule::Index { .. } | ConditionRule::Folder => {
            rule.to_string()
        }
    }
}
