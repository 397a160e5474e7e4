//! Where the line between normal and anomalous is drawn.

use super::Inspector;
use super::convert::{CONSTANT, promises};
use super::levels::Levels;
use crate::detect::DetectError;
use crate::score::{Conformal, HeldOutScores, ScoreError};

/// The line between normal and anomalous, drawn elsewhere than the bundle draws it. Scores, maps and p-values stay what they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    /// False-alarm rates, 0..1: of images of the named condition, or of all (`None`). The threshold is the quantile of the
    /// bundle's held-out scores ([`HeldOutScores::conformal`]).
    pub alpha: Vec<(Option<String>, f64)>,
    /// Raw scores above which an image of the named condition, or any (`None`), is anomalous. They overrule the rates.
    pub thresholds: Vec<(Option<String>, f32)>,
}

impl Cut {
    /// Whether the line stays where the bundle draws it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.alpha.is_empty() && self.thresholds.is_empty()
    }
}

impl Inspector {
    /// Draws the line there. What is said of all images is overruled by what is said of one condition.
    ///
    /// # Errors
    /// [`DetectError::UnknownCondition`]; [`DetectError::OutOfReach`] for a rate that too few held-out normals can vouch for;
    /// [`ScoreError::Alpha`] for one that is none. Nothing is changed then.
    pub fn set_cut(&mut self, cut: &Cut) -> Result<(), DetectError> {
        let alpha = self.by_condition(&cut.alpha)?;
        let thresholds = self.by_condition(&cut.thresholds)?;
        let mut moved = self.levels.clone();
        for levels in moved.values_mut() {
            for (condition, alpha) in &alpha {
                self.set_alpha(levels, *condition, *alpha)?;
            }
            for (condition, threshold) in &thresholds {
                for conformal in chosen(levels, *condition) {
                    conformal.threshold = Some(*threshold);
                }
            }
        }
        self.levels = moved;
        let calibration = &mut self.manifest.calibration;
        if thresholds.iter().any(|(condition, _)| condition.is_none()) {
            CONSTANT.clone_into(&mut calibration.method);
        } else if !alpha.is_empty() && !promises(&calibration.method) {
            "split-conformal".clone_into(&mut calibration.method);
        }
        Ok(())
    }

    /// Values with the indices of their conditions, those of all images first.
    fn by_condition<T: Copy>(&self, named: &[(Option<String>, T)]) -> Result<Vec<(Option<usize>, T)>, DetectError> {
        let index = |(name, value): &(Option<String>, T)| {
            let Some(name) = name else { return Ok((None, *value)) };
            let known = || self.conditions.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
            let at = self.conditions.iter().position(|condition| condition.as_str() == name);
            let unknown = || DetectError::UnknownCondition { name: name.clone(), known: known() };
            Ok((Some(at.ok_or_else(unknown)?), *value))
        };
        let mut found = named.iter().map(index).collect::<Result<Vec<_>, DetectError>>()?;
        found.sort_by_key(|(condition, _)| *condition);
        Ok(found)
    }

    fn set_alpha(&self, levels: &mut Levels, condition: Option<usize>, alpha: f64) -> Result<(), DetectError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(ScoreError::Alpha { alpha }.into());
        }
        let all = "all images".to_owned();
        let Levels { global, per_condition, held_out } = levels;
        if condition.is_none() {
            move_to(global, &held_out.global, (alpha, &all))?;
        }
        for (index, conformal) in per_condition.iter_mut().enumerate() {
            if condition.is_none_or(|only| only == index) {
                let own = &held_out.per_condition[index];
                let of = if own == &held_out.global { all.clone() } else { self.conditions[index].to_string() };
                move_to(conformal, own, (alpha, &of))?;
            }
        }
        Ok(())
    }
}

/// Those of one condition, or of all and of each.
fn chosen(levels: &mut Levels, condition: Option<usize>) -> Vec<&mut Conformal> {
    match condition {
        Some(condition) => levels.per_condition.get_mut(condition).into_iter().collect(),
        None => std::iter::once(&mut levels.global).chain(&mut levels.per_condition).collect(),
    }
}

fn move_to(conformal: &mut Conformal, scores: &HeldOutScores, (alpha, of): (f64, &str)) -> Result<(), DetectError> {
    let n = scores.n();
    let smallest = 1.0 / (n + 1) as f64;
    if alpha < smallest - 1e-12 {
        return Err(DetectError::OutOfReach { alpha, n, smallest, of: of.to_owned() });
    }
    let found = scores.conformal(alpha)?;
    (conformal.alpha, conformal.threshold) = (alpha, found.threshold);
    Ok(())
}
