//! What an image looks like to the network beside the training images that look most like it.

use std::collections::BTreeMap;

/// The numbers that [`Alike`] finds, by name.
pub const ALIKE_STATISTICS: [&str; 2] = ["features", "brightness_alike"];

/// Training images whose brightness an image's is compared with.
const N_ALIKE: usize = 3;

/// A training image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlikeImage {
    /// The number of its condition.
    pub condition: usize,
    /// Images of a group show one part: they are not compared with each other.
    pub group: usize,
    /// Its mean grey value.
    pub brightness: f32,
}

/// Of the groups of a condition every third one is not compared with.
const CALIBRATES: usize = 3;

/// Training images by the mean of each descriptor value over their patches: those that an image is compared with, and others that
/// are compared with these as new images are, so that the numbers of both are exchangeable. Numbers of each by all others are not
/// quite: two that are nearest to each other have the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Alike {
    dim: usize,
    pooled: Vec<f32>,
    images: Vec<AlikeImage>,
    /// Which of them calibrate, and are not compared with.
    calibrates: Vec<bool>,
}

impl Alike {
    /// Of these images.
    ///
    /// # Shapes
    /// `pooled`: `[images.len(), dim]`.
    #[must_use]
    pub fn new(dim: usize, pooled: Vec<f32>, images: Vec<AlikeImage>) -> Self {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut role = |image: &AlikeImage| {
            let own = groups.entry(image.condition).or_default();
            let at = own.iter().position(|group| *group == image.group).unwrap_or_else(|| {
                own.push(image.group);
                own.len() - 1
            });
            at % CALIBRATES == CALIBRATES - 1
        };
        let calibrates = images.iter().map(&mut role).collect();
        Self { dim, pooled, images, calibrates }
    }

    /// How far an image is from the nearest training image, and how much brighter than the mean of the three nearest; among those
    /// of its condition, or all where it is not known. `None` where there are none.
    ///
    /// # Shapes
    /// `pooled`: at least `[dim]`.
    #[must_use]
    pub fn numbers(&self, pooled: &[f32], brightness: f32, condition: Option<usize>) -> Option<[f32; 2]> {
        self.among(pooled, brightness, |other| condition.is_none_or(|own| other.condition == own))
    }

    /// The same of the training images of a condition, or of all, that are not compared with: those of new images compare with
    /// them.
    #[must_use]
    pub fn each(&self, condition: Option<usize>) -> Vec<[f32; 2]> {
        let counts = |image: &AlikeImage| condition.is_none_or(|own| image.condition == own);
        let rows = self.pooled.chunks_exact(self.dim.max(1)).zip(&self.images).zip(&self.calibrates);
        let own = rows.filter(|((_, image), calibrates)| **calibrates && counts(image));
        // A group may show in several conditions.
        let one = |((pooled, image), _): ((&[f32], &AlikeImage), &bool)| {
            self.among(pooled, image.brightness, |other| counts(other) && other.group != image.group)
        };
        own.filter_map(one).collect()
    }

    fn among(&self, pooled: &[f32], brightness: f32, counts: impl Fn(&AlikeImage) -> bool) -> Option<[f32; 2]> {
        let pooled = pooled.get(..self.dim)?;
        // The nearest, the nearest first; of equals the first.
        let mut nearest: Vec<(f32, f32)> = Vec::with_capacity(N_ALIKE + 1);
        let rows = self.pooled.chunks_exact(self.dim.max(1)).zip(&self.images).zip(&self.calibrates);
        for ((row, image), calibrates) in rows {
            if *calibrates || !counts(image) {
                continue;
            }
            let squared: f32 = row.iter().zip(pooled).map(|(a, b)| (a - b) * (a - b)).sum();
            let place = nearest.partition_point(|(other, _)| *other <= squared);
            if place < N_ALIKE {
                nearest.insert(place, (squared, image.brightness));
                nearest.truncate(N_ALIKE);
            }
        }
        let (squared, _) = *nearest.first()?;
        let mean = nearest.iter().map(|(_, brightness)| brightness).sum::<f32>() / nearest.len() as f32;
        Some([squared.sqrt(), brightness - mean])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images on a line at these places: condition, group, brightness.
    fn line(images: &[(f32, usize, usize, f32)]) -> Alike {
        let pooled = images.iter().flat_map(|(at, ..)| [*at, 1.0]).collect();
        let image =
            |&(_, condition, group, brightness): &(f32, usize, usize, f32)| AlikeImage { condition, group, brightness };
        Alike::new(2, pooled, images.iter().map(image).collect())
    }

    #[test]
    fn an_image_is_compared_with_the_nearest_of_its_condition() {
        let known = line(&[(0.0, 0, 0, 0.1), (1.0, 0, 1, 0.2), (9.0, 0, 1, 9.0), (3.0, 1, 2, 0.6), (4.0, 1, 3, 5.0)]);
        let near = |found: Option<[f32; 2]>, expected: [f32; 2]| {
            let found = found.unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
        };
        near(known.numbers(&[1.5, 1.0], 0.5, Some(0)), [0.5, 0.5 - 9.3 / 3.0]);
        near(known.numbers(&[1.5, 1.0, 7.0], 0.5, Some(1)), [1.5, -2.3]);
        near(known.numbers(&[3.8, 1.0], 0.0, None), [0.2, -(0.6 + 5.0 + 0.2) / 3.0]);
        assert_eq!(known.numbers(&[0.0, 1.0], 0.0, Some(2)), None);
        // Of another network.
        assert_eq!(known.numbers(&[0.0], 0.0, None), None);
    }

    #[test]
    fn every_third_group_of_a_condition_calibrates_and_is_not_compared_with() {
        // Conditions in turn; the third group of the first has two images.
        let known = line(&[
            (0.0, 0, 0, 0.5),
            (10.0, 1, 1, 0.0),
            (1.0, 0, 2, 1.0),
            (11.0, 1, 3, 0.0),
            (5.0, 0, 4, 2.0),
            (5.5, 0, 4, 3.0),
            (7.0, 0, 5, 2.5),
        ]);
        assert_eq!(known.each(Some(0)), [[2.0, 2.0 - 4.0 / 3.0], [1.5, 3.0 - 4.0 / 3.0]]);
        assert_eq!(known.each(None).len(), 2);
        assert_eq!(known.numbers(&[5.0, 1.0], 0.0, Some(0)).unwrap()[0], 2.0);
        assert!(known.each(Some(1)).is_empty());
    }
}
