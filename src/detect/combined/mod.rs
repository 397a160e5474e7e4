//! Several detectors as one: each score in standard deviations above that of held-out normals, all of them added. A defect has a
//! size, and one input size sees one of them; a bank and statistics fail on different images. The sum is near the best of its
//! parts without knowing which that is.

mod fit;
mod section;

use super::{Admit, Asked, DetectError, Detector, Distances, FeaturePipeline, Kind, PartScored, Scored, Scoring, View};
use crate::bundle::Section;
use crate::condition::{Admission, Policy};
use crate::image::Image;
use crate::model::Grid;
use crate::score::AnomalyMap;
pub(crate) use fit::{FittedPart, joined, leave_out, levels_of};

/// Its name in the registry.
const NAME: &str = "combined";

/// The registry's line. It is fitted by naming its parts: `A+B`.
pub(super) const KIND: Kind = Kind {
    name: NAME,
    summary: "several detectors as one",
    method: None,
    tensors: section::tensors,
    check: section::check,
    facts: section::facts,
    growth: None,
    open: section::open,
};

/// Mean and standard deviation of held-out normals' scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) mean: f32,
    /// Above 0.
    pub(crate) std: f32,
}

/// What the scores of one part mean under one view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartLevels {
    /// Of all images.
    pub(crate) all: Level,
    /// Of those of each condition; of all where there are too few.
    pub(crate) per_condition: Vec<Level>,
}

impl PartLevels {
    fn of(&self, condition: Option<usize>) -> Level {
        condition.and_then(|c| self.per_condition.get(c)).copied().unwrap_or(self.all)
    }
}

/// Detectors and what their scores mean.
struct Combined {
    parts: Vec<Box<dyn Detector>>,
    /// `[part][view]`.
    levels: Vec<Vec<PartLevels>>,
    views: Vec<View>,
}

/// Scores and maps of the parts, to become one.
struct Joining<'a> {
    levels: &'a [Vec<PartLevels>],
    views: &'a [View],
}

impl Joining<'_> {
    /// The level of a part under a view; an image of no known condition was compared with everything, whatever the view.
    fn level(&self, part: usize, view: View, condition: Option<usize>) -> Result<Level, DetectError> {
        let mixed = View { policy: Policy::Mixed, ..view };
        let wanted = if condition.is_none() && self.views.contains(&mixed) { mixed } else { view };
        let missing = || DetectError::NoView { view: view.to_string() };
        let at = self.views.iter().position(|known| *known == wanted).ok_or_else(missing)?;
        self.levels.get(part).and_then(|views| views.get(at)).map(|levels| levels.of(condition)).ok_or_else(missing)
    }

    /// The sum of the parts' standardised scores under each view, and each part's share under the first.
    fn scores(
        &self,
        raw: &[&[f32]],
        views: &[View],
        condition: Option<usize>,
    ) -> Result<(Vec<f32>, Vec<f32>), DetectError> {
        let (mut sums, mut shares) = (vec![0.0f32; views.len()], vec![]);
        for (part, raw) in raw.iter().enumerate() {
            for (at, view) in views.iter().enumerate() {
                let Level { mean, std } = self.level(part, *view, condition)?;
                let share = (raw[at] - mean) / std;
                sums[at] += share;
                if at == 0 {
                    shares.push(share);
                }
            }
        }
        Ok((sums, shares))
    }

    /// What each part's map is divided by, under the first view.
    fn scales(&self, views: &[View], condition: Option<usize>) -> Result<Vec<f32>, DetectError> {
        (0..self.levels.len()).map(|part| Ok(self.level(part, views[0], condition)?.std)).collect()
    }
}

/// The part whose map has most pixels: the others are drawn onto it.
fn finest(maps: &[&AnomalyMap]) -> usize {
    let size = |map: &AnomalyMap| map.height_px * map.width_px;
    (0..maps.len()).rev().max_by_key(|part| size(maps[*part])).unwrap_or(0)
}

/// The part that says most.
fn strongest(shares: &[f32]) -> usize {
    (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0)
}

impl Combined {
    fn joining(&self) -> Joining<'_> {
        Joining { levels: &self.levels, views: &self.views }
    }

    fn join(&self, mut parts: Vec<Scored>, views: &[View]) -> Result<Scored, DetectError> {
        let joining = self.joining();
        let condition = parts[0].admission.condition;
        let raw: Vec<&[f32]> = parts.iter().map(|part| &*part.raw_scores).collect();
        let (raw_scores, shares) = joining.scores(&raw, views, condition)?;
        let scales = joining.scales(views, condition)?;
        let maps: Vec<&AnomalyMap> = parts.iter().map(|part| &part.map).collect();
        let onto = finest(&maps);
        let placement = parts[onto].placement.clone();
        let placed = parts.iter().zip(&scales).map(|(part, scale)| (&part.map, &part.placement, *scale));
        let map = AnomalyMap::summed(placed, &placement, (parts[onto].map.height_px, parts[onto].map.width_px));
        let top = strongest(&shares);
        let (patches, grid) = (parts[top].patches.clone(), parts[top].grid);
        let (admission, descriptors) = (parts[0].admission, parts[0].descriptors.clone());
        let parts = parts.drain(..).zip(shares).map(|(scored, share)| PartScored { scored, share }).collect();
        Ok(Scored { raw_scores, patches, grid, map, placement, admission, descriptors, parts })
    }
}

impl Detector for Combined {
    fn kind(&self) -> &str {
        NAME
    }

    fn features(&self) -> &FeaturePipeline {
        self.parts[0].features()
    }

    fn all_features(&self) -> Vec<&FeaturePipeline> {
        self.parts.iter().flat_map(|part| part.all_features()).collect()
    }

    fn features_mut(&mut self) -> Vec<&mut FeaturePipeline> {
        self.parts.iter_mut().flat_map(|part| part.features_mut()).collect()
    }

    fn views(&self, policies: &[Policy]) -> Vec<View> {
        self.views.iter().copied().filter(|view| policies.contains(&view.policy)).collect()
    }

    /// The first part tells the condition of an image, to all of them.
    fn score(&self, images: &[&Image], admit: Admit<'_>, asked: Asked<'_>) -> Result<Vec<Scored>, DetectError> {
        let first = self.parts[0].score(images, admit, asked)?;
        let told: Vec<Admission> = first.iter().map(|scored| scored.admission).collect();
        let mut of_image: Vec<Vec<Scored>> = first.into_iter().map(|scored| vec![scored]).collect();
        for part in &self.parts[1..] {
            let scored = part.score(images, &|index, _| told[index], asked)?;
            of_image.iter_mut().zip(scored).for_each(|(all, own)| all.push(own));
        }
        of_image.into_iter().map(|parts| self.join(parts, asked.views)).collect()
    }

    /// Descriptors are those of one part: there is no such thing for several.
    fn score_described(
        &self,
        _rows: &[f32],
        _grid: Grid,
        _admission: Admission,
        views: &[View],
    ) -> Result<Distances, DetectError> {
        Err(DetectError::NoView { view: views.first().map_or_else(String::new, ToString::to_string) })
    }

    fn scoring(&self) -> Scoring {
        self.parts[0].scoring()
    }

    fn section(&self) -> Result<Section, DetectError> {
        section::of(self)
    }

    fn parts(&self) -> &[Box<dyn Detector>] {
        &self.parts
    }

    fn is_searched_on_device(&self) -> bool {
        self.parts.iter().any(|part| part.is_searched_on_device())
    }
}
