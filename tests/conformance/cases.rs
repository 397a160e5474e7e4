//! The detectors that the claims are made of, and the images they are fitted to.

use crate::data::{Normals, image};
use crate::toy;
use pcore::bundle::Contents;
use pcore::condition::{ConditionRule, GateKind};
use pcore::detect::{DetectError, Options, Quality, Registry, Shape};
use pcore::image::Image;
use pcore::infer::{Calibration, Inspection, Inspector};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, Fitted, GroupRule, PartPlan, fit};
use std::sync::OnceLock;

/// Normal images of each condition.
pub(crate) const N_NORMAL: usize = 18;

pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::built_in().with(toy::KIND))
}

/// A way to fit a detector: a name for messages, and its parts with the side of each one's input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<(&'static str, usize, Options)>,
}

pub(crate) fn cases() -> Vec<Case> {
    let options = |change: fn(&mut Options)| {
        let mut options = Options::default();
        options.coreset = "0.05".parse().unwrap();
        change(&mut options);
        options
    };
    let plain = || options(|_| ());
    let whitened = || options(|o| o.whitening = Some(1.0));
    let one = |name: &'static str, kind, options| Case { name, parts: vec![(kind, 96, options)] };
    vec![
        one("patchcore", "patchcore", plain()),
        one("gaussian", "gaussian", plain()),
        one("gaussian of places", "gaussian", options(|o| o.shape = Shape::Places(12))),
        one("gaussian residual", "gaussian", options(|o| o.shape = Shape::Residual(0.95))),
        one("discriminative", "discriminative", options(|o| (o.training.steps, o.versions) = (Some(100), 3))),
        Case { name: "autoencoder", parts: vec![("autoencoder", 32, options(|o| o.training.steps = Some(300)))] },
        one("toy", "toy", plain()),
        Case { name: "patchcore + gaussian", parts: vec![("patchcore", 96, plain()), ("gaussian", 96, plain())] },
        Case { name: "two sizes", parts: vec![("patchcore", 64, whitened()), ("patchcore", 128, whitened())] },
    ]
}

impl Case {
    pub(crate) fn plan(&self) -> FitPlan {
        let part = |(kind, side, options): &(&str, usize, Options)| {
            let method = registry().method(kind, options).unwrap();
            let pipeline = registry().preset(kind, Quality::default()).sees.pipeline(*side);
            PartPlan { pipeline, method }
        };
        FitPlan {
            registry: registry().clone(),
            parts: self.parts.iter().map(part).collect(),
            conditions: ConditionRule::Folder,
            gate: GateKind::Knn,
            // Parts that differ so little would be taken for copies of one.
            group: GroupRule::Single,
            alpha: 0.1,
            ..FitPlan::default()
        }
    }

    pub(crate) fn fitted(&self) -> Fitted {
        fit(&normals().samples, &self.plan(), &OpenDevice::cpu(), &Silent)
            .unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

pub(crate) fn normals() -> &'static Normals {
    static NORMALS: OnceLock<Normals> = OnceLock::new();
    NORMALS.get_or_init(|| Normals::new(N_NORMAL))
}

/// Every case with its bundle, fitted once for all claims.
pub(crate) fn all() -> &'static Vec<(Case, Contents)> {
    static ALL: OnceLock<Vec<(Case, Contents)>> = OnceLock::new();
    ALL.get_or_init(|| {
        cases()
            .into_iter()
            .map(|case| {
                let fitted = case.fitted();
                (case, fitted.contents)
            })
            .collect()
    })
}

pub(crate) fn open(contents: &Contents) -> Result<Inspector, DetectError> {
    Inspector::open_with(contents.clone(), &OpenDevice::cpu(), registry())
}

/// Fresh images: normal ones of both conditions, and the same with a defect.
pub(crate) fn fresh(n: usize) -> Vec<Image> {
    (0..n).map(|i| image(5000 + i, i % 2 == 1, i % 4 >= 2)).collect()
}

pub(crate) fn inspect(inspector: &Inspector, images: &[&Image]) -> Vec<Inspection> {
    inspector.inspect(images, &[], Calibration::Condition).unwrap()
}

/// Everything that has to be the same, as bits.
pub(crate) fn bits(found: &Inspection) -> (u32, u32, Option<String>, Vec<u32>) {
    let map = found.map.values.iter().map(|v| v.to_bits()).collect();
    let condition = found.condition.as_ref().map(ToString::to_string);
    (found.raw_score.to_bits(), found.calibrated_score.to_bits(), condition, map)
}
