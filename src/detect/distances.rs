//! What a detector measures.

use super::{DetectError, Inside, Order, Scoring, View};
use crate::image::Placement;
use crate::kernel::KernelError;
use crate::model::Grid;
use crate::score::{AnomalyMap, ImageScore};

/// What the distances of one image's patches come to, under each view.
#[derive(Clone, Debug)]
pub struct Distances {
    /// The image score.
    pub raw_scores: Vec<f32>,
    /// The distance of each patch.
    pub patches: Vec<Vec<f32>>,
    /// The value of each patch in the map: a detector made of several joins their maps.
    pub in_maps: Vec<Vec<f32>>,
}

/// An image's scores with its maps.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// The image score under each view.
    pub(crate) raw_scores: Vec<f32>,
    /// The distance of each patch of the grid under the first, 0 for those that are not looked at.
    pub(crate) patches: Vec<f32>,
    /// The map under the first.
    pub(crate) map: AnomalyMap,
    /// The maps under the others, in their order.
    pub(crate) other_maps: Vec<AnomalyMap>,
}

/// Distances that a detector computed, all of them numbers.
///
/// # Errors
/// [`KernelError::NotFinite`] with the first that is none.
pub(crate) fn finite(distances: Vec<f32>) -> Result<Vec<f32>, DetectError> {
    match distances.iter().position(|distance| !distance.is_finite()) {
        Some(row) => Err(KernelError::NotFinite { what: "distances", row }.into()),
        None => Ok(distances),
    }
}

/// What maps are drawn on.
#[derive(Clone, Copy)]
pub(crate) struct Canvas<'a> {
    /// The grid of the patches.
    pub(crate) grid: Grid,
    /// What is looked at, where that is not all.
    pub(crate) inside: Option<&'a Inside>,
    /// The order of the patches that are looked at, where it is not that of the grid.
    pub(crate) order: Option<&'a Order>,
    /// Where the image lies in the map.
    pub(crate) placement: &'a Placement,
}

impl Drawn {
    /// `raw_scores` and `maps` are those under each view; `None` without any.
    pub(crate) fn of(raw_scores: Vec<f32>, patches: Vec<f32>, maps: Vec<AnomalyMap>) -> Option<Self> {
        let mut maps = maps.into_iter();
        let map = maps.next()?;
        Some(Self { raw_scores, patches, map, other_maps: maps.collect() })
    }
}

impl Distances {
    /// Of a detector that says the same of these patches under every view, and has none by density.
    ///
    /// # Errors
    /// [`DetectError::NoView`] for a view by density, and for an image score that looks at rows of a bank;
    /// [`KernelError::NotFinite`] for values that are no numbers.
    pub(crate) fn under_every_view(
        values: Vec<f32>,
        image_score: ImageScore,
        views: &[View],
    ) -> Result<Self, DetectError> {
        let values = finite(values)?;
        let raw_score = |view: &View| {
            let score = image_score.of_patches(&values).filter(|_| !view.by_density);
            score.ok_or_else(|| DetectError::NoView { view: view.to_string() })
        };
        let raw_scores = views.iter().map(raw_score).collect::<Result<_, _>>()?;
        let of_each = vec![values; views.len()];
        Ok(Self { raw_scores, patches: of_each.clone(), in_maps: of_each })
    }

    /// What is said of an image whose parts this is said of, in their order: the distances of all its patches, and the score that
    /// follows from them by the rule `image_score`. Of a rule that looks at the one most anomalous patch, that is the score of the
    /// part that it lies in, the first of equals. `None` without a part.
    #[must_use]
    pub fn joined(parts: Vec<Self>, image_score: ImageScore) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut all = parts.next()?;
        let largest = |patches: &[f32]| patches.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut most: Vec<f32> = all.patches.iter().map(|patches| largest(patches)).collect();
        for part in parts {
            let (patches, in_maps) = (part.patches.into_iter(), part.in_maps.into_iter());
            for (view, (patches, in_map)) in patches.zip(in_maps).enumerate() {
                let own = largest(&patches);
                if own > most[view] {
                    (most[view], all.raw_scores[view]) = (own, part.raw_scores[view]);
                }
                all.patches[view].extend(patches);
                all.in_maps[view].extend(in_map);
            }
        }
        if let ImageScore::Top(_) = image_score {
            let of_all = |patches: &Vec<f32>| image_score.of_patches(patches);
            all.raw_scores = all.patches.iter().filter_map(of_all).collect();
        }
        Some(all)
    }

    /// Patches of what is behind the object count as distance 0, and stay in the count: under every view the score is that of the
    /// distances that are left.
    ///
    /// # Errors
    /// [`DetectError::Setting`] for a score that is not of distances alone.
    pub(crate) fn without_background(&mut self, counts: &[bool], image_score: ImageScore) -> Result<(), DetectError> {
        for values in self.patches.iter_mut().chain(&mut self.in_maps) {
            values.iter_mut().zip(counts).for_each(|(value, counts)| *value = if *counts { *value } else { 0.0 });
        }
        let scores = self.patches.iter().map(|patches| image_score.of_patches(patches));
        let refuse = || DetectError::Setting {
            setting: "image score",
            expected: "max or top, where what is behind an object does not count".to_owned(),
            found: image_score.to_string(),
        };
        self.raw_scores = scores.collect::<Option<_>>().ok_or_else(refuse)?;
        Ok(())
    }

    /// Draws the maps that a detector's patches make; `None` without a view.
    pub(crate) fn drawn(self, on: Canvas<'_>, scoring: Scoring) -> Option<Drawn> {
        let Canvas { grid, inside, order, placement } = on;
        let Self { raw_scores, patches, mut in_maps } = self;
        let mut patches = patches.into_iter().next()?;
        if let Some(order) = order {
            in_maps.iter_mut().for_each(|values| *values = order.sorted(values));
            patches = order.sorted(&patches);
        }
        let ((height_px, width_px), sigma_px) = (placement.input_px(), scoring.map_sigma_px);
        let draw = |values: &Vec<f32>| match inside {
            None => AnomalyMap::draw(values, grid, height_px, width_px, sigma_px),
            Some(inside) => inside.draw(values, (height_px, width_px), sigma_px),
        };
        let maps = in_maps.iter().map(draw).collect();
        let patches = match inside {
            None => patches,
            Some(inside) => inside.spread(&patches),
        };
        Drawn::of(raw_scores, patches, maps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a detector says that looks at distances alone.
    fn said(patches: &[f32], image_score: ImageScore) -> Distances {
        let patches = vec![patches.to_vec(), patches.iter().map(|v| 10.0 - v).collect()];
        let raw_scores = patches.iter().map(|patches| image_score.of_patches(patches).unwrap()).collect();
        Distances { raw_scores, in_maps: patches.clone(), patches }
    }

    proptest! {
        #[test]
        fn parts_say_together_what_is_said_of_the_whole(
            values in prop::collection::vec(0u8..10, 1..60), cut in 1usize..20, share in 0.01..1.0f64,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            for image_score in [ImageScore::Max, ImageScore::Top(share)] {
                let whole = said(&values, image_score);
                let parts = values.chunks(cut).map(|part| said(part, image_score)).collect();
                let joined = Distances::joined(parts, image_score).unwrap();
                prop_assert_eq!(joined.raw_scores, whole.raw_scores);
                prop_assert_eq!((joined.patches, joined.in_maps), (whole.patches, whole.in_maps));
            }
        }
    }

    #[test]
    fn the_part_with_the_most_anomalous_patch_tells_the_score() {
        let part =
            |raw, patch| Distances { raw_scores: vec![raw], patches: vec![vec![patch]], in_maps: vec![vec![patch]] };
        // A weight makes the score of the most anomalous patch less than that of another part.
        let joined = Distances::joined(vec![part(2.0, 2.5), part(1.0, 3.0), part(4.0, 3.0)], ImageScore::Reweighted(9));
        assert_eq!(joined.unwrap().raw_scores, [1.0]);
        assert!(Distances::joined(vec![], ImageScore::Max).is_none());
    }
}
