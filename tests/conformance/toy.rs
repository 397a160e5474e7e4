//! A detector from outside the library: the distance of a patch to the mean of all normal patches of its condition. It shows what
//! a detector takes, and that nothing of pcore has to know its name.

use pcore::bank::{RowSource, Search};
use pcore::bundle::{Defect, Manifest, Section, SectionEntry, TensorSpec, Tensors};
use pcore::condition::{Admission, Policy};
use pcore::detect::{
    Described, DetectError, Detector, Distances, FeaturePipeline, Fit, FitSize, Kind, Method, Opening, Options,
    Patches, Preset, Scoring, Training, View,
};
use pcore::progress::Progress;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const NAME: &str = "toy";

/// All that a registry needs.
pub(crate) const KIND: Kind = Kind {
    name: NAME,
    summary: "distance to the mean patch",
    method: Some(|_: &Options| Ok(Arc::new(Plan::default()))),
    tensors,
    check: |_, _, _| Ok(()),
    facts: |_, _| vec![("toy".to_owned(), "a mean for each condition".to_owned())],
    preset: |_| Preset::SINGLE,
    growth: None,
    living: None,
    open,
};

fn tensors(entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    if let Some(name) = entry.settings.keys().next() {
        let (expected, found) = ("no settings".to_owned(), name.clone());
        return Err(Defect::Field { field: "toy".to_owned(), expected, found });
    }
    let dim = entry.features.as_ref().map_or(0, |features| features.descriptor.dim);
    Ok(vec![TensorSpec::numbers("mean", &[shared.conditions.len(), dim])])
}

fn open(section: Section, _: &Manifest, opening: &mut Opening<'_>) -> Result<Box<dyn Detector>, DetectError> {
    let features = opening.features(&section.entry)?;
    Ok(Box::new(Toy { features, section, n_asked: Arc::default() }))
}

/// How it is fitted, and how often what was fitted was asked what it says of an image that is left out.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) n_asked: Arc<AtomicUsize>,
}

struct Toy {
    features: FeaturePipeline,
    section: Section,
    n_asked: Arc<AtomicUsize>,
}

/// The mean of the patches of some images, less those of one group.
fn mean(training: &Training<'_>, condition: usize, left_out: Option<usize>) -> Result<Option<Vec<f32>>, DetectError> {
    let dim = training.described.dim();
    let (mut sum, mut n) = (vec![0.0f64; dim], 0.0f64);
    for index in 0..training.images.len() {
        if training.condition(index) == condition && Some(training.group(index)) != left_out {
            for row in training.described.image(index)?.chunks_exact(dim) {
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
                n += 1.0;
            }
        }
    }
    Ok((n > 0.0).then(|| sum.into_iter().map(|s| (s / n) as f32).collect()))
}

fn distances(
    (rows, dim): (&[f32], usize),
    means: &[Option<Vec<f32>>],
    admission: Admission,
    views: &[View],
) -> Result<Option<Distances>, DetectError> {
    let (mut raw_scores, mut in_maps) = (vec![], vec![]);
    for view in views {
        if view.by_density {
            return Err(DetectError::NoView { view: view.to_string() });
        }
        let search = Search::under(view.policy, admission, means.len());
        let factor = |condition: usize| match search {
            Search::All => Some(1.0),
            Search::Only { condition: own } => (own == condition).then_some(1.0),
            Search::Penalised { condition: own, factor } => Some(if own == condition { 1.0 } else { factor }),
        };
        let counted: Vec<(&[f32], f32)> = means
            .iter()
            .enumerate()
            .filter_map(|(condition, mean)| Some((mean.as_deref()?, factor(condition)?)))
            .collect();
        if counted.is_empty() {
            return Ok(None);
        }
        let nearest = |row: &[f32]| {
            let to = |(mean, factor): &(&[f32], f32)| {
                row.iter().zip(*mean).map(|(v, m)| (v - m).powi(2)).sum::<f32>().sqrt() * factor
            };
            counted.iter().map(to).fold(f32::INFINITY, f32::min)
        };
        let patches: Vec<f32> = rows.chunks_exact(dim).map(nearest).collect();
        raw_scores.push(patches.iter().copied().fold(0.0, f32::max));
        in_maps.push(patches);
    }
    Ok((!in_maps.is_empty()).then(|| Distances { raw_scores, patches: in_maps.clone(), in_maps }))
}

impl Toy {
    fn dim(&self) -> usize {
        self.section.entry.features.as_ref().map_or(1, |features| features.descriptor.dim)
    }

    fn means(&self) -> Vec<Option<Vec<f32>>> {
        self.section.tensors.numbers("mean").chunks_exact(self.dim()).map(|mean| Some(mean.to_vec())).collect()
    }
}

impl Detector for Toy {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        &self.features
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        vec![&mut self.features]
    }

    fn views(&self, policies: &[Policy]) -> Vec<View> {
        policies.iter().copied().map(View::plain).collect()
    }

    fn score_described(
        &self,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        let found = distances((patches.rows, self.dim()), &self.means(), admission, views)?;
        found.ok_or(DetectError::NoThreshold)
    }

    fn scoring(&self) -> Scoring {
        Scoring { map_sigma_px: 2.0, ..Scoring::default() }
    }

    fn section(&self) -> Result<Section, DetectError> {
        Ok(self.section.clone())
    }
}

impl Method for Plan {
    fn kind(&self) -> &str {
        NAME
    }

    fn peak_bytes(&self, size: FitSize) -> u64 {
        16 * size.dim as u64
    }

    fn fit(
        &self,
        features: FeaturePipeline,
        training: &Training<'_>,
        _progress: &dyn Progress,
    ) -> Result<Box<dyn Fit>, DetectError> {
        let described: &Described = training.described;
        let mut all = vec![];
        for condition in 0..training.n_conditions {
            all.extend(mean(training, condition, None)?.unwrap_or_else(|| vec![0.0; described.dim()]));
        }
        let entry = features.entry(described.grid(), described.dim());
        let entry = SectionEntry::new(NAME, Some(entry), &json!({})).unwrap();
        let section = Section { entry, tensors: Tensors::default().with_numbers("mean", all) };
        Ok(Box::new(Toy { features, section, n_asked: Arc::clone(&self.n_asked) }))
    }
}

impl Fit for Toy {
    fn detector(&self) -> &dyn Detector {
        self
    }

    fn leave_out(
        &self,
        training: &Training<'_>,
        index: usize,
        patches: Patches<'_>,
        admission: Admission,
        views: &[View],
    ) -> Result<Option<Distances>, DetectError> {
        self.n_asked.fetch_add(1, Ordering::Relaxed);
        let without = |condition| mean(training, condition, Some(training.group(index)));
        let means = (0..training.n_conditions).map(without).collect::<Result<Vec<_>, _>>()?;
        distances((patches.rows, self.dim()), &means, admission, views)
    }

    fn into_detector(self: Box<Self>) -> Box<dyn Detector> {
        self
    }
}
