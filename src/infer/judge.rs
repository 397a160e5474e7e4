//! Scores to verdicts.

use super::Inspector;
use super::inspection::{Calibration, Inspection, Judgement};
use crate::condition::{Admission, Policy};
use crate::detect::{DetectError, Scored};
use crate::score::{Region, Verdict};

impl Inspector {
    /// What a raw score under `policy` means for an image of this condition.
    pub(crate) fn judge(
        &self,
        policy: Policy,
        calibration: Calibration,
        condition: Option<usize>,
        raw_score: f32,
    ) -> Result<Judgement, DetectError> {
        let policy = match condition {
            Some(_) => policy,
            // An image of no known condition was compared with all rows, whatever the policy.
            None => Policy::Mixed,
        };
        let of = |policy| self.levels.get(&calibration.view(policy));
        let levels = of(policy).or_else(|| of(self.policy)).ok_or(DetectError::NoThreshold)?;
        let (conformal, held_out) = match calibration {
            Calibration::Condition => levels.of(condition),
            Calibration::Global | Calibration::Density => levels.of(None),
        };
        let threshold = conformal.threshold.or(levels.global.threshold).ok_or(DetectError::NoThreshold)?;
        Ok(Judgement {
            calibrated_score: conformal.standardise(raw_score),
            threshold,
            calibrated_threshold: conformal.standardise(threshold),
            verdict: Verdict::of(raw_score, threshold),
            p_value: held_out.p_value(raw_score),
        })
    }

    pub(super) fn decide(&self, scored: Scored, calibration: Calibration) -> Result<Inspection, DetectError> {
        let Admission { condition, confidence, is_unknown } = scored.admission;
        let raw_score = scored.raw_score();
        let Judgement { calibrated_score, threshold, calibrated_threshold, verdict, p_value } =
            self.judge(self.policy, calibration, condition, raw_score)?;
        let pixel_threshold = match calibration {
            Calibration::Condition | Calibration::Global => self.manifest.pixel_threshold,
            Calibration::Density => None,
        };
        // What is not looked at is 0 in the map, and never anomalous.
        let least = if scored.inside.is_some() { 0.0 } else { f32::MIN };
        let find = |limit: f32| Region::find(&scored.map, &scored.placement, limit.max(least), self.min_region_area_px);
        let pooled = scored.pooled.map(|mut pooled| {
            // Means first.
            pooled.truncate(self.dim);
            pooled
        });
        Ok(Inspection {
            inside: scored.inside,
            pixel_threshold,
            regions: pixel_threshold.map_or_else(Vec::new, find),
            raw_score,
            calibrated_score,
            threshold,
            calibrated_threshold,
            verdict,
            p_value,
            condition: condition.and_then(|c| self.conditions.get(c)).cloned(),
            is_unknown_condition: is_unknown,
            gate_confidence: confidence,
            map: scored.map,
            placement: scored.placement,
            pooled,
        })
    }
}
