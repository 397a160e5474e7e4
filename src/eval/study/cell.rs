//! One full configuration, as typed values and as text.

use std::fmt;

use super::{Axis, StudyError};
use crate::bank::{Context, CoresetSize, DescriptorSpec};
use crate::condition::{ConditionError, GateKind, GateUse, Policy};
use crate::detect::{
    DEFAULT_CORESET, DEFAULT_SIDE_PX, DetectError, Metric, Options, PipelineSpec, Quality, Registry, Scoring, Sees,
};
use crate::image::{Preprocessing, Resize};
use crate::infer::Calibration;
use crate::model::{DEFAULT_BACKBONE, PIXELS};
use crate::score::ImageScore;
use crate::train::{FitPlan, PartPlan};

/// One full configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Name of the method.
    pub detector: String,
    /// Name of the network.
    pub backbone: String,
    /// Its layers; all that it offers where none is named.
    pub layers: Vec<String>,
    /// Height and width of the network's input.
    pub image_size: (usize, usize),
    /// How images get that size.
    pub resize: Resize,
    /// Neighbourhood and context of the descriptors.
    pub descriptor: DescriptorSpec,
    /// How descriptors are compared.
    pub metric: Metric,
    /// Rows to keep.
    pub coreset: CoresetSize,
    /// Patch distances to image score.
    pub image_score: ImageScore,
    /// Bank images per condition, `None` for all.
    pub shots: Option<usize>,
    /// What the gate learns from.
    pub gate_kind: GateKind,
    /// Which rows count.
    pub policy: Policy,
    /// Which held-out normals a score is compared with.
    pub calibration: Calibration,
    /// Who tells an image's condition.
    pub gate: GateUse,
}

impl Default for Cell {
    /// The program's defaults, but all conditions alike and one threshold for all images.
    fn default() -> Self {
        Self {
            detector: Registry::built_in().kinds()[0].name.to_owned(),
            backbone: DEFAULT_BACKBONE.to_owned(),
            layers: vec![],
            image_size: (DEFAULT_SIDE_PX, DEFAULT_SIDE_PX),
            resize: Resize::StretchBilinear,
            descriptor: DescriptorSpec::default(),
            metric: Metric::L2,
            coreset: DEFAULT_CORESET,
            image_score: ImageScore::Max,
            shots: None,
            gate_kind: GateKind::Auto,
            policy: Policy::Mixed,
            calibration: Calibration::Global,
            gate: GateUse::Own,
        }
    }
}

impl Cell {
    /// Sets one axis.
    ///
    /// # Errors
    /// [`StudyError::Value`] for a value that the axis does not have.
    pub fn set(&mut self, axis: Axis, text: &str) -> Result<(), StudyError> {
        let bad = |reason: String| StudyError::Value { axis: axis.name(), value: text.to_owned(), reason };
        let expected = |what: &str| bad(format!("expected {what}"));
        match axis {
            Axis::Detector => {
                let known: Vec<&str> = Registry::built_in().methods().collect();
                if !known.contains(&text) {
                    return Err(expected(&known.join(" or ")));
                }
                text.clone_into(&mut self.detector);
                self.see_as_usual();
            }
            Axis::Backbone if text.is_empty() => return Err(expected("the name of a network")),
            Axis::Backbone => text.clone_into(&mut self.backbone),
            Axis::Layers => {
                self.layers = layers(text).ok_or_else(|| expected("all, or names of layers separated by commas"))?;
            }
            Axis::ImageSize => {
                self.image_size = sides(text).ok_or_else(|| expected("HEIGHTxWIDTH, 1 to 8192 pixels each"))?;
            }
            Axis::Resize => self.resize = text.parse().map_err(|e: crate::image::ImageError| bad(e.to_string()))?,
            Axis::Neighbourhood => {
                let side = text.parse().ok().filter(|n: &usize| n % 2 == 1 && *n <= 31);
                self.descriptor.neighbourhood = side.ok_or_else(|| expected("an odd number from 1 to 31"))?;
            }
            Axis::Context => {
                let parts = text.split_whitespace().filter(|part| *part != "none");
                let parsed: Result<Vec<Context>, _> = parts.map(str::parse).collect();
                self.descriptor.context = parsed.map_err(|e: crate::bank::BankError| bad(e.to_string()))?;
            }
            Axis::Metric => {
                self.metric = metric(text).ok_or_else(|| expected("l2 or cosine"))?;
            }
            Axis::Coreset => self.coreset = text.parse().map_err(|e: crate::bank::BankError| bad(e.to_string()))?,
            Axis::ImageScore => {
                self.image_score = text.parse().map_err(|e: crate::score::ScoreError| bad(e.to_string()))?;
            }
            Axis::Shots => {
                self.shots = shots(text).ok_or_else(|| expected("all, or a number of at least 1"))?;
            }
            Axis::GateKind => self.gate_kind = text.parse().map_err(|e: ConditionError| bad(e.to_string()))?,
            Axis::Policy => self.policy = text.parse().map_err(|e: ConditionError| bad(e.to_string()))?,
            Axis::Calibration => {
                self.calibration = calibration(text).ok_or_else(|| expected("condition or global"))?;
            }
            Axis::Gate => {
                self.gate = text.parse().map_err(|e: ConditionError| bad(e.to_string()))?;
                // With known conditions it would be the oracle, without them the own gate: name which is meant.
                if self.gate == GateUse::Auto {
                    return Err(expected("own, oracle, random or inverse"));
                }
            }
        }
        Ok(())
    }

    /// The value on one axis, as [`Self::set`] reads it.
    #[must_use]
    pub fn value(&self, axis: Axis) -> String {
        match axis {
            Axis::Detector => self.detector.clone(),
            Axis::Backbone => self.backbone.clone(),
            Axis::Layers if self.layers.is_empty() => "all".to_owned(),
            Axis::Layers => self.layers.join(","),
            Axis::ImageSize => format!("{}x{}", self.image_size.0, self.image_size.1),
            Axis::Resize => self.resize.to_string(),
            Axis::Neighbourhood => self.descriptor.neighbourhood.to_string(),
            Axis::Context if self.descriptor.context.is_empty() => "none".to_owned(),
            Axis::Context => self.descriptor.context.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Axis::Metric => match self.metric {
                Metric::L2 => "l2".to_owned(),
                Metric::Cosine => "cosine".to_owned(),
            },
            Axis::Coreset => match self.coreset {
                // A share of 1 must not read like a count of 1.
                CoresetSize::Ratio(share) => format!("{share:?}"),
                CoresetSize::Count(count) => count.to_string(),
            },
            Axis::ImageScore => self.image_score.to_string(),
            Axis::Shots => self.shots.map_or_else(|| "all".to_owned(), |n| n.to_string()),
            Axis::GateKind => self.gate_kind.to_string(),
            Axis::Policy => self.policy.to_string(),
            Axis::Calibration => match self.calibration {
                Calibration::Condition => "condition".to_owned(),
                Calibration::Global => "global".to_owned(),
                Calibration::Density => "density".to_owned(),
            },
            Axis::Gate => self.gate.to_string(),
        }
    }

    /// What tells it from `baseline`, such as `context=h:2,3 policy=gated`; `baseline` where nothing does.
    #[must_use]
    pub fn difference(&self, baseline: &Self) -> String {
        let axes = Axis::ALL.into_iter().filter(|axis| self.value(*axis) != baseline.value(*axis));
        let parts: Vec<String> = axes.map(|axis| format!("{}={}", axis.name(), self.value(axis))).collect();
        if parts.is_empty() { "baseline".to_owned() } else { parts.join(" ") }
    }

    /// What the fitted bank depends on: runs of one seed with the same text share it.
    #[must_use]
    pub(super) fn bank_key(&self) -> String {
        let axes = Axis::ALL.into_iter().filter(|axis| !axis.is_chosen_at_inference());
        axes.map(|axis| format!("{}={}", axis.name(), self.value(axis))).collect::<Vec<_>>().join("; ")
    }

    /// The preprocessing of its images.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        let (height_px, width_px) = self.image_size;
        let usual = self.sees().pipeline(height_px).preprocessing;
        Preprocessing { height_px, width_px, resize: self.resize, ..usual }
    }

    /// The usual way to what its detector is fitted to, unless another backbone was named.
    fn see_as_usual(&mut self) {
        let usual = self.sees().pipeline(DEFAULT_SIDE_PX);
        if [DEFAULT_BACKBONE, PIXELS].contains(&self.backbone.as_str()) {
            self.backbone = usual.backbone;
            self.resize = usual.preprocessing.resize;
            self.descriptor.neighbourhood = usual.descriptor.neighbourhood;
        }
    }

    /// What its detector is fitted to.
    fn sees(&self) -> Sees {
        Registry::built_in().preset(&self.detector, Quality::default()).sees
    }

    /// The settings of its method.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            metric: self.metric,
            scoring: Scoring { image_score: self.image_score, ..Scoring::default() },
            coreset: self.coreset,
            ..Options::default()
        }
    }

    /// Its fit, but for what all cells have in common.
    ///
    /// # Errors
    /// [`DetectError::UnknownDetector`], and what the method says of its settings.
    pub fn fit_plan(&self, common: &FitPlan, seed: u64) -> Result<FitPlan, DetectError> {
        let pipeline = PipelineSpec {
            backbone: self.backbone.clone(),
            layers: self.layers.clone(),
            preprocessing: self.preprocessing(),
            descriptor: self.descriptor.clone(),
        };
        let method = Registry::built_in().method(&self.detector, &self.options())?;
        Ok(FitPlan {
            parts: vec![PartPlan { pipeline, method }],
            gate: self.gate_kind,
            shots: self.shots,
            seed,
            ..common.clone()
        })
    }
}

fn layers(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = if text == "all" { vec![] } else { text.split(',').map(str::to_owned).collect() };
    (!names.iter().any(String::is_empty)).then_some(names)
}

fn sides(text: &str) -> Option<(usize, usize)> {
    let (height, width) = text.split_once('x')?;
    let sides = (height.parse().ok()?, width.parse().ok()?);
    ((1..=8192).contains(&sides.0) && (1..=8192).contains(&sides.1)).then_some(sides)
}

fn metric(text: &str) -> Option<Metric> {
    match text {
        "l2" => Some(Metric::L2),
        "cosine" => Some(Metric::Cosine),
        _ => None,
    }
}

/// `None` for all.
fn shots(text: &str) -> Option<Option<usize>> {
    if text == "all" { Some(None) } else { text.parse().ok().filter(|n| *n > 0).map(Some) }
}

fn calibration(text: &str) -> Option<Calibration> {
    match text {
        "condition" => Some(Calibration::Condition),
        "global" => Some(Calibration::Global),
        _ => None,
    }
}

/// Every axis with its value.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, axis) in Axis::ALL.into_iter().enumerate() {
            write!(f, "{}{}={}", if i > 0 { "; " } else { "" }, axis.name(), self.value(axis))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_reads_what_it_writes_and_refuses_nonsense() {
        let others = [
            "gaussian",
            "wide_resnet50_2",
            "layer2,layer3",
            "518x512",
            "fit-pad",
            "5",
            "h:2,3 v:4",
            "cosine",
            "0.1",
            "reweighted:9",
            "16",
            "knn",
            "soft",
            "condition",
            "inverse",
        ];
        for (axis, other) in Axis::ALL.into_iter().zip(others) {
            assert_eq!(axis.name().parse::<Axis>().unwrap(), axis);
            let mut cell = Cell::default();
            cell.set(axis, &Cell::default().value(axis)).unwrap();
            assert_eq!(cell, Cell::default());
            cell.set(axis, other).unwrap();
            assert_eq!(cell.value(axis), other);
            assert_eq!(cell.difference(&Cell::default()), format!("{}={other}", axis.name()));
            if axis != Axis::Backbone && axis != Axis::Layers {
                let error = cell.set(axis, "nonsense").unwrap_err().to_string();
                assert!(error.contains(axis.name()) && error.contains("nonsense"), "{error}");
            }
        }
        assert!(Cell::default().set(Axis::Layers, "a,,b").is_err());
        assert!(Cell::default().set(Axis::Gate, "auto").is_err());
        assert!("colour".parse::<Axis>().unwrap_err().to_string().contains("backbone, layers"));
    }

    #[test]
    fn a_bank_does_not_depend_on_what_is_chosen_at_inference() {
        let mut other = Cell::default();
        for (axis, text) in [(Axis::Policy, "gated"), (Axis::Calibration, "condition"), (Axis::Gate, "oracle")] {
            other.set(axis, text).unwrap();
            assert_eq!(other.bank_key(), Cell::default().bank_key());
        }
        other.set(Axis::GateKind, "knn").unwrap();
        assert_ne!(other.bank_key(), Cell::default().bank_key());
    }

    #[test]
    fn all_rows_and_one_row_are_told_apart() {
        let mut cell = Cell::default();
        cell.set(Axis::Coreset, "1.0").unwrap();
        assert_eq!((cell.coreset, cell.value(Axis::Coreset)), (CoresetSize::Ratio(1.0), "1.0".to_owned()));
    }
}
