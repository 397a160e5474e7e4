//! Images that are copies of each other, or nearly so.
//!
//! Two images are near-copies when their thumbnails differ by less than a sixth of what images usually differ. A thumbnail is
//! the grey image averaged over 16 x 16 fields, less its mean and divided by its deviation: noise of a sensor and brightness
//! leave little in it, another part leaves much. What is usual is told by each of the two images: a quarter of all images are
//! nearer than that. Groups are what such pairs connect. A group of more than a quarter of the images would be its own
//! measure, or be a chain through images that differ gradually: such a group is none.

use crate::image::Image;
use rayon::prelude::*;

/// Fields along a side of a thumbnail.
const SIDE: usize = 16;
/// Share of the usual distance below which two images are near-copies.
const NEAR: f32 = 1.0 / 6.0;
/// Share of the other images that are nearer than the usual distance.
const USUAL: f64 = 0.25;
/// Thumbnails in a block.
const LANES: usize = 16;
/// Thumbnails that look at a block while it is in the fastest cache.
const ROWS: usize = 8;
/// Fewer images have no usual distance.
const FEWEST: usize = 8;

/// A small grey picture of mean 0 and deviation 1.
#[derive(Clone)]
pub(crate) struct Thumbnail([f32; SIDE * SIDE]);

impl Thumbnail {
    /// `None` for an image of one grey value.
    pub(crate) fn of(image: &Image) -> Option<Self> {
        let luma = image.luma();
        let (height, width) = (image.height_px(), image.width_px());
        let field = |index: usize, side: usize| {
            let from = (index * side / SIDE).min(side - 1);
            from..((index + 1) * side / SIDE).clamp(from + 1, side)
        };
        let mut values = [0.0f64; SIDE * SIDE];
        for (index, value) in values.iter_mut().enumerate() {
            let (rows, columns) = (field(index / SIDE, height), field(index % SIDE, width));
            let n = (rows.len() * columns.len()) as f64;
            let sum_of_row = |y: usize| luma[y * width..][columns.clone()].iter().map(|v| f64::from(*v)).sum::<f64>();
            *value = rows.map(sum_of_row).sum::<f64>() / n;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Rounding alone makes that much.
        let is_even = deviation.is_nan() || deviation <= 1e-5 * mean.abs();
        (!is_even).then(|| Self(values.map(|v| ((v - mean) / deviation) as f32)))
    }
}

/// Thumbnails side by side, so that distances to as many are computed at once.
struct Block([[f32; LANES]; SIDE * SIDE]);

impl Block {
    /// The last block is filled up with zeros.
    fn of(thumbnails: &[(usize, &Thumbnail)]) -> Self {
        let mut fields = [[0.0; LANES]; SIDE * SIDE];
        for (lane, (_, thumbnail)) in thumbnails.iter().enumerate() {
            for (field, value) in fields.iter_mut().zip(&thumbnail.0) {
                field[lane] = *value;
            }
        }
        Self(fields)
    }

    /// Each lane adds up its fields in their order, so a distance does not hang on the place of a thumbnail.
    fn distances(&self, own: &Thumbnail) -> [f32; LANES] {
        let mut sums = [0.0f32; LANES];
        for (field, value) in self.0.iter().zip(&own.0) {
            for (sum, other) in sums.iter_mut().zip(field) {
                let difference = value - other;
                *sum += difference * difference;
            }
        }
        sums.map(f32::sqrt)
    }
}

/// The group of every image, numbered by first appearance: images of equal digest, and near-copies. `None` where each is
/// on its own.
pub(crate) fn find(digests: &[[u8; 32]], thumbnails: &[Option<Thumbnail>]) -> Option<Vec<usize>> {
    let mut copies = Union::of(digests.len());
    let mut order: Vec<usize> = (0..digests.len()).collect();
    order.sort_by_key(|image| digests[*image]);
    for pair in order.windows(2).filter(|pair| digests[pair[0]] == digests[pair[1]]) {
        copies.join(pair[0], pair[1]);
    }
    // One of each copy: what is usual must not be told by copies.
    let known: Vec<(usize, &Thumbnail)> = (0..digests.len())
        .filter(|image| copies.root(*image) == *image)
        .filter_map(|image| Some((image, thumbnails.get(image)?.as_ref()?)))
        .collect();
    let mut near = Union::of(digests.len());
    for (a, b) in near_pairs(&known) {
        near.join(a, b);
    }
    let mut sizes = vec![0usize; digests.len()];
    for (image, _) in &known {
        sizes[near.root(*image)] += 1;
    }
    for (image, _) in &known {
        let root = near.root(*image);
        if sizes[root] as f64 <= USUAL * known.len() as f64 {
            copies.join(root, *image);
        }
    }
    copies.numbered()
}

/// Pairs of near-copies.
fn near_pairs(known: &[(usize, &Thumbnail)]) -> Vec<(usize, usize)> {
    if known.len() < FEWEST {
        return vec![];
    }
    let blocks: Vec<Block> = known.chunks(LANES).map(Block::of).collect();
    let found: Vec<Candidates> = known
        .par_chunks(ROWS)
        .enumerate()
        .flat_map_iter(|(chunk, owns)| {
            let mut rows = vec![Vec::with_capacity(blocks.len() * LANES); owns.len()];
            for block in &blocks {
                for (row, (_, own)) in rows.iter_mut().zip(owns) {
                    row.extend(block.distances(own));
                }
            }
            let n = known.len();
            rows.into_iter().enumerate().map(move |(i, row)| candidates(chunk * ROWS + i, &row[..n]))
        })
        .collect();
    let both = |at: usize| {
        let near = found[at].1.iter().filter(|(other, distance)| *distance < found[*other].0);
        near.map(|(other, _)| (known[at].0, known[*other].0)).collect::<Vec<_>>()
    };
    (0..found.len()).flat_map(both).collect()
}

/// The distance below which others are near to an image, and which of those after it are, with their distances.
type Candidates = (f32, Vec<(usize, f32)>);

/// What is near to the image `at` by its own measure; `distances`: those to all images.
fn candidates(at: usize, distances: &[f32]) -> Candidates {
    let mut others: Vec<f32> = distances.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, d)| *d).collect();
    let rank = ((others.len() - 1) as f64 * USUAL) as usize;
    let (_, usual, _) = others.select_nth_unstable_by(rank, f32::total_cmp);
    let limit = NEAR * *usual;
    (limit, distances.iter().copied().enumerate().filter(|(i, d)| *i > at && *d < limit).collect())
}

/// Sets that are joined; the smallest member stands for each.
struct Union(Vec<usize>);

impl Union {
    fn of(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }

    /// Sets numbered by their smallest member; `None` where each has one member.
    fn numbered(&mut self) -> Option<Vec<usize>> {
        let mut number = vec![0; self.0.len()];
        let mut n_sets = 0;
        for member in 0..self.0.len() {
            let root = self.root(member);
            number[member] = if root == member { n_sets } else { number[root] };
            n_sets += usize::from(root == member);
        }
        (n_sets < self.0.len()).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Parts of a texture of their own, each photographed so often with noise and a brightness of its own.
    fn shots(n_parts: usize, n_shots: usize, noise: f32, seed: u64) -> Vec<Image> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut images = vec![];
        for _ in 0..n_parts {
            let coarse: Vec<f32> = (0..64).map(|_| rng.random()).collect();
            for _ in 0..n_shots {
                let gain = rng.random_range(0.9..1.1f32);
                let pixel = |at: usize| coarse[at / 64 / 8 * 8 + at % 64 / 8];
                let pixels = (0..64 * 64).map(|at| gain * (pixel(at) + rng.random_range(-noise..=noise))).collect();
                images.push(Image::new(pixels, 64, 64, 1).unwrap());
            }
        }
        images
    }

    fn groups(images: &[Image]) -> Option<Vec<usize>> {
        let digests: Vec<[u8; 32]> = images.iter().map(crate::train::digest).collect();
        find(&digests, &images.iter().map(Thumbnail::of).collect::<Vec<_>>())
    }

    #[test]
    fn shots_of_a_part_are_found_and_parts_are_told_apart() {
        for (n_parts, n_shots) in [(5, 4), (10, 10), (40, 2)] {
            let found = groups(&shots(n_parts, n_shots, 0.1, 3)).unwrap();
            assert_eq!(found, (0..n_parts * n_shots).map(|i| i / n_shots).collect::<Vec<_>>());
        }
        assert_eq!(groups(&shots(60, 1, 0.1, 4)), None);
    }

    /// The pairs by the definition: every distance on its own, field by field.
    fn naive_pairs(known: &[(usize, &Thumbnail)]) -> Vec<(usize, usize)> {
        let distance = |a: usize, b: usize| {
            known[a].1.0.iter().zip(&known[b].1.0).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
        };
        let limit = |of: usize| {
            let mut others: Vec<f32> = (0..known.len()).filter(|i| *i != of).map(|i| distance(of, i)).collect();
            others.sort_by(f32::total_cmp);
            NEAR * others[((others.len() - 1) as f64 * USUAL) as usize]
        };
        let limits: Vec<f32> = (0..known.len()).map(limit).collect();
        let pairs = (0..known.len()).flat_map(|a| (a + 1..known.len()).map(move |b| (a, b)));
        let near = pairs.filter(|(a, b)| distance(*a, *b) < limits[*a].min(limits[*b]));
        near.map(|(a, b)| (known[a].0, known[b].0)).collect()
    }

    #[test]
    fn blocks_find_the_pairs_of_the_definition_for_every_number_of_images() {
        let (mut n_pairs, mut n_images) = (0, 0);
        for n in [8_usize, 9, 15, 16, 17, 31, 32, 33, 64, 125, 200] {
            // Noise around the limit: some shots of a part are near, others not.
            for noise in [0.1, 0.5, 0.9, 1.3] {
                let images = shots(n.div_ceil(3), 3, noise, n as u64);
                let thumbnails: Vec<Option<Thumbnail>> = images[..n].iter().map(Thumbnail::of).collect();
                // Numbers that are no positions, as where exact copies were left out.
                let known: Vec<_> = thumbnails.iter().flatten().enumerate().map(|(i, t)| (2 * i + 1, t)).collect();
                let pairs = near_pairs(&known);
                assert_eq!(pairs, naive_pairs(&known), "{n} images, noise {noise}");
                n_pairs += pairs.len();
                n_images += n;
            }
        }
        // Three shots make three pairs: about as many pairs as images if all were near. Some are, some are not.
        assert!(n_pairs > 100 && n_pairs + 100 < n_images, "{n_pairs} pairs of {n_images} images");
    }

    #[test]
    fn exact_copies_are_found_among_the_fewest_images() {
        let mut images = shots(2, 1, 0.1, 5);
        images.push(images[0].clone());
        assert_eq!(groups(&images).unwrap(), [0, 1, 0]);
        let even = |value: f32| Image::new(vec![value; 64], 8, 8, 1).unwrap();
        assert_eq!(groups(&(0..20).map(|i| even(i as f32 / 20.0)).collect::<Vec<_>>()), None);
    }

    #[test]
    fn states_that_many_images_share_and_gradual_change_are_no_groups() {
        // Two states, far apart, with a variety of their own.
        let parts = shots(80, 1, 0.1, 6);
        let states: Vec<Image> = parts
            .iter()
            .enumerate()
            .map(|(i, image)| {
                let state = |at: usize| if (at % 64 < 32) == (i % 2 == 0) { 6.0 } else { 0.0 };
                Image::new(image.pixels().iter().enumerate().map(|(at, v)| v + state(at)).collect(), 64, 64, 1).unwrap()
            })
            .collect();
        assert_eq!(groups(&states), None);
        // A stripe that moves by little from image to image.
        let stripe = |i: usize| {
            let pixel = |at: usize| (-((at % 64) as f32 - i as f32 / 10.0).powi(2) / 200.0).exp();
            Image::new((0..64 * 64).map(pixel).collect(), 64, 64, 1).unwrap()
        };
        assert_eq!(groups(&(0..600).map(stripe).collect::<Vec<_>>()), None);
    }
}
