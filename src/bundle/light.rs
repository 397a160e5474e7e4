//! How the training images were lit, as a bundle keeps it.

use super::exact;
use serde::{Deserialize, Serialize};

/// Most training images whose numbers are kept.
pub const MAX_LIGHT_IMAGES: usize = 500;

/// Numbers of training images ([`LIGHT_STATISTICS`](crate::condition::LIGHT_STATISTICS)), for the search for drift.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightEntry {
    /// What the numbers of an image are, in order.
    pub names: Vec<String>,
    /// Images, evenly spread over all where there are more than [`MAX_LIGHT_IMAGES`].
    pub images: Vec<LightImage>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightImage {
    /// Index into the conditions of the bundle.
    pub condition: usize,
    /// Its numbers.
    #[serde(with = "exact")]
    pub values: Vec<f32>,
}

impl LightEntry {
    /// Those of images, as many as are kept.
    #[must_use]
    pub fn of(names: &[&str], images: &[LightImage]) -> Self {
        let n = images.len().min(MAX_LIGHT_IMAGES);
        let images = (0..n).map(|at| images[at * images.len() / n].clone()).collect();
        Self { names: names.iter().map(|name| (*name).to_owned()).collect(), images }
    }

    /// Those of two bundles; `number` says which of the conditions of both one of the second is. Where the two know other
    /// numbers, those of the first.
    pub(crate) fn joined(one: Option<Self>, other: Option<Self>, number: impl Fn(usize) -> usize) -> Option<Self> {
        let renamed = |light: Self| -> Self {
            let images =
                light.images.into_iter().map(|image| LightImage { condition: number(image.condition), ..image });
            Self { images: images.collect(), ..light }
        };
        match (one, other.map(renamed)) {
            (Some(one), Some(other)) if one.names == other.names => {
                let names: Vec<&str> = one.names.iter().map(String::as_str).collect();
                Some(Self::of(&names, &[one.images, other.images].concat()))
            }
            (one, other) => one.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_images_are_thinned_evenly_and_few_are_all_kept() {
        let images: Vec<LightImage> =
            (0..1250).map(|at| LightImage { condition: 0, values: vec![at as f32] }).collect();
        let kept = LightEntry::of(&["x"], &images);
        assert_eq!((kept.images.len(), kept.images[1].values[0], kept.images[499].values[0]), (500, 2.0, 1247.0));
        assert_eq!(LightEntry::of(&["x"], &images[..3]).images, images[..3]);
        assert!(LightEntry::of(&["x"], &[]).images.is_empty());
        let one = || Some(LightEntry::of(&["x"], &images[..2]));
        let joined = LightEntry::joined(one(), one(), |condition| condition + 3).unwrap();
        assert_eq!(joined.images.iter().map(|image| image.condition).collect::<Vec<_>>(), [0, 0, 3, 3]);
        assert_eq!(LightEntry::joined(None, one(), |_| 1).unwrap().images[0].condition, 1);
        let other = Some(LightEntry::of(&["y"], &images[..2]));
        assert_eq!(LightEntry::joined(one(), other, |_| 1), one());
    }
}
