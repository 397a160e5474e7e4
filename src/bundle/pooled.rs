//! What the training images look like to the network, as a bundle keeps it.

use super::exact;
use serde::{Deserialize, Serialize};

/// Most training images that are kept.
pub const MAX_POOLED_IMAGES: usize = 500;

/// Training images for the search for drift; the mean of each descriptor value over their patches is the tensor `pooled`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledEntry {
    /// Values of a descriptor of the first part.
    pub dim: usize,
    /// Images, evenly spread over all where there are more than [`MAX_POOLED_IMAGES`].
    pub images: Vec<PooledImage>,
}

/// One of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledImage {
    /// Index into the conditions of the bundle.
    pub condition: usize,
    /// Images of the same group show one part; below the number of images.
    pub group: usize,
    /// Mean grey value.
    #[serde(with = "exact")]
    pub brightness: f32,
}

/// Entry and tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PooledImages {
    pub(crate) entry: PooledEntry,
    /// `[images.len(), dim]`.
    pub(crate) values: Vec<f32>,
}

impl PooledImages {
    /// Of images with their values, of which each has `dim`, as many as are kept.
    pub(crate) fn of(dim: usize, images: &[PooledImage], values: &[f32]) -> Self {
        let n = images.len().min(MAX_POOLED_IMAGES);
        let at: Vec<usize> = (0..n).map(|at| at * images.len() / n).collect();
        let mut groups: Vec<usize> = vec![];
        let mut renamed = |image: PooledImage| {
            let group = groups.iter().position(|own| *own == image.group).unwrap_or_else(|| {
                groups.push(image.group);
                groups.len() - 1
            });
            PooledImage { group, ..image }
        };
        let kept = at.iter().map(|at| renamed(images[*at])).collect();
        let values = at.iter().flat_map(|at| &values[at * dim..(at + 1) * dim]).copied().collect();
        Self { entry: PooledEntry { dim, images: kept }, values }
    }

    /// Those of two bundles; `number` says which of the conditions of both one of the second is. None where one of the two knows
    /// none, or other values: the images of the other would be taken for all there are.
    pub(crate) fn joined(one: Option<Self>, other: Option<Self>, number: impl Fn(usize) -> usize) -> Option<Self> {
        let (one, other) = (one?, other?);
        let dim = one.entry.dim;
        if other.entry.dim != dim {
            return None;
        }
        let n_groups = one.entry.images.iter().map(|image| image.group + 1).max().unwrap_or(0);
        let later = |image: PooledImage| PooledImage {
            condition: number(image.condition),
            group: image.group + n_groups,
            ..image
        };
        let later: Vec<PooledImage> = other.entry.images.into_iter().map(later).collect();
        let images = [one.entry.images, later].concat();
        Some(Self::of(dim, &images, &[one.values, other.values].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: usize, dim: usize) -> PooledImages {
        let image = |at: usize| PooledImage { condition: 0, group: 7 + at / 2, brightness: at as f32 };
        let values: Vec<f32> = (0..n).flat_map(|at| vec![at as f32; dim]).collect();
        PooledImages::of(dim, &(0..n).map(image).collect::<Vec<_>>(), &values)
    }

    #[test]
    fn many_images_are_thinned_evenly_and_groups_are_numbered_anew() {
        let kept = images(1250, 2);
        assert_eq!((kept.entry.images.len(), kept.values.len()), (500, 1000));
        assert_eq!((kept.entry.images[1].brightness, kept.values[2..4].to_vec()), (2.0, vec![2.0, 2.0]));
        assert!(kept.entry.images.iter().all(|image| image.group < 500));
        let few = images(3, 1);
        assert_eq!(few.entry.images.iter().map(|image| image.group).collect::<Vec<_>>(), [0, 0, 1]);
    }

    #[test]
    fn two_bundles_are_joined_where_both_know_the_same_values() {
        let joined = PooledImages::joined(Some(images(3, 1)), Some(images(2, 1)), |condition| condition + 4).unwrap();
        let told: Vec<_> = joined.entry.images.iter().map(|image| (image.condition, image.group)).collect();
        assert_eq!(told, [(0, 0), (0, 0), (0, 1), (4, 2), (4, 2)]);
        assert_eq!(joined.values, [0.0, 1.0, 2.0, 0.0, 1.0]);
        assert_eq!(PooledImages::joined(Some(images(3, 1)), None, |condition| condition), None);
        assert_eq!(PooledImages::joined(Some(images(3, 1)), Some(images(3, 2)), |condition| condition), None);
    }
}
