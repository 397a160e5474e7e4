//! Between a bundle's section and the detector.

use super::fitted::Discriminative;
use super::head::Head;
use super::settings::Settings;
use crate::bundle::{Defect, Manifest, Section, SectionEntry, TensorSpec, Tensors, TensorsOf};
use crate::detect::{DetectError, Detector, Opening};
use crate::model::head::HeadWeights;
use std::sync::Arc;

const MEAN: &str = "mean";
const HIDDEN: &str = "hidden";
const BIAS: &str = "bias";
const OUT: &str = "out";
const OUT_BIAS: &str = "out_bias";

/// `mean` f32 `[dim]`: taken from every descriptor; of each head `hidden` f32 `[n_heads, n_hidden, dim]`, `bias` and `out` f32
/// `[n_heads, n_hidden]` and `out_bias` f32 `[n_heads]`, see [`HeadWeights`].
pub(super) fn tensors(entry: &SectionEntry, _shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    let settings: Settings = entry.settings()?;
    settings.check()?;
    let dim = entry.described()?.descriptor.dim;
    let Settings { n_heads, n_hidden, .. } = settings;
    Ok(vec![
        TensorSpec::numbers(MEAN, &[dim]),
        TensorSpec::numbers(HIDDEN, &[n_heads, n_hidden, dim]),
        TensorSpec::numbers(BIAS, &[n_heads, n_hidden]),
        TensorSpec::numbers(OUT, &[n_heads, n_hidden]),
        TensorSpec::numbers(OUT_BIAS, &[n_heads]),
    ])
}

pub(super) fn check(_entry: &SectionEntry, _tensors: TensorsOf<'_>, _shared: &Manifest) -> Result<(), Defect> {
    Ok(())
}

pub(super) fn facts(entry: &SectionEntry, _shared: &Manifest) -> Vec<(String, String)> {
    let Ok(settings) = entry.settings::<Settings>() else { return vec![] };
    let Settings { faults, versions, n_anomalous, n_defects, n_defective, steps, .. } = settings;
    let Settings { training, n_heads, n_hidden, .. } = settings;
    let from = match &*faults {
        "none" => "noise on normal patches alone".to_owned(),
        _ => format!("{n_anomalous} patches of {faults} faults in {versions} versions of each image"),
    };
    let at_most = training.as_ref().and_then(|own| own.stop.as_ref()).map_or("", |_| "at most ");
    let mut facts = vec![
        ("heads".to_owned(), format!("{n_heads} with {n_hidden} hidden values, {at_most}{steps} steps each")),
        ("faults".to_owned(), from),
    ];
    if n_defects > 0 {
        facts.push(("defects".to_owned(), format!("{n_defective} patches of {n_defects} defective images")));
    }
    facts.extend(training.map(|own| ("training".to_owned(), own.text())));
    facts
}

pub(super) fn open(
    section: Section,
    _shared: &Manifest,
    opening: &mut Opening<'_>,
) -> Result<Box<dyn Detector>, DetectError> {
    let features = opening.features(&section.entry)?;
    let settings: Settings = section.entry.settings().map_err(DetectError::defect)?;
    let scoring = settings.scoring()?;
    let heads = heads(&section.tensors, &settings)?;
    Ok(Box::new(Discriminative { features, scoring, heads, section }))
}

/// The heads that the tensors hold.
pub(super) fn heads(tensors: &Tensors, settings: &Settings) -> Result<Vec<Head>, DetectError> {
    let (mean, n): (Arc<[f32]>, usize) = (tensors.numbers(MEAN).into(), settings.n_hidden);
    let own = |name, index: usize, len: usize| tensors.numbers(name)[index * len..][..len].to_vec();
    let head = |index: usize| {
        let weights = HeadWeights {
            hidden: own(HIDDEN, index, n * mean.len()),
            bias: own(BIAS, index, n),
            out: own(OUT, index, n),
            out_bias: tensors.numbers(OUT_BIAS)[index],
        };
        Head::new(Arc::clone(&mean), weights)
    };
    (0..settings.n_heads).map(head).collect()
}

/// The tensors of these heads.
pub(super) fn gathered(mean: &[f32], heads: &[HeadWeights]) -> Tensors {
    let all =
        |of: fn(&HeadWeights) -> &[f32]| heads.iter().flat_map(|head| of(head).iter().copied()).collect::<Vec<_>>();
    Tensors::default()
        .with_numbers(MEAN, mean.to_vec())
        .with_numbers(HIDDEN, all(|head| &head.hidden))
        .with_numbers(BIAS, all(|head| &head.bias))
        .with_numbers(OUT, all(|head| &head.out))
        .with_numbers(OUT_BIAS, heads.iter().map(|head| head.out_bias).collect())
}

impl Discriminative {
    /// Values of a descriptor.
    pub(super) fn dim(&self) -> usize {
        self.section.tensors.numbers(MEAN).len()
    }
}
