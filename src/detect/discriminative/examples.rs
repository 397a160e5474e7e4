//! Patches to learn from.

use super::faults::{Spoiled, spoil};
use super::input::Input;
use crate::bank::RowSource;
use crate::detect::{DetectError, Faults, FeaturePipeline, Training, go_on};
use crate::image::{Image, Roi};
use crate::model::Grid;
use crate::model::head::HeadBatch;
use crate::progress::Progress;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Patches with a fault that are kept, at most, and as many beside them.
pub(super) const MOST_KEPT: usize = 100_000;
/// Patches of real defects that are kept, at most, and as many beside them.
pub(super) const MOST_DEFECTIVE: usize = 20_000;
/// The share of a defective image that counts as its defect where no mask tells.
const UNMASKED_SHARE: f64 = 0.01;
/// In place of the index of an image: no head may not see it.
const OF_ALL: usize = usize::MAX;
/// Images that faults are pasted into, at most, evenly spread.
const MOST_SPOILED: usize = 2000;
/// How much of a patch must be fault for it to be anomalous. It is normal where neither it nor a neighbour has any.
const LEAST_SHARE: f32 = 0.2;
/// Spoiled versions that are at hand at a time, at most: fewer of large images, whose pixels would be too many.
pub(super) const AT_A_TIME: usize = 4;
/// Pixels of these, at most, where there is more than one.
const PIXELS_AT_A_TIME: usize = 1 << 22;

/// Descriptors of patches of spoiled images, each with the index of its image.
#[derive(Default)]
struct Kept {
    rows: Vec<f32>,
    images: Vec<usize>,
}

/// What heads learn from.
pub(super) struct Examples<'a> {
    input: &'a Input,
    training: &'a Training<'a>,
    anomalous: Kept,
    /// Patches of real defects, of which all heads learn.
    defective: Kept,
    /// Patches of spoiled and of defective images away from what is wrong with them.
    beside: Kept,
}

impl<'a> Examples<'a> {
    /// Pastes faults into the images, and describes what comes of it.
    pub(super) fn make(
        (features, training, input): (&FeaturePipeline, &'a Training<'a>, &'a Input),
        (faults, versions): (Faults, usize),
        progress: &dyn Progress,
    ) -> Result<Self, DetectError> {
        let (anomalous, defective, beside) = Default::default();
        let mut examples = Self { input, training, anomalous, defective, beside };
        if faults != Faults::None {
            examples.paste(features, (faults, versions), progress)?;
        }
        examples.add_defects(features, progress)?;
        Ok(examples)
    }

    /// Of faults pasted into the images.
    fn paste(
        &mut self,
        features: &FeaturePipeline,
        (faults, versions): (Faults, usize),
        progress: &dyn Progress,
    ) -> Result<(), DetectError> {
        let training = self.training;
        let n_images = training.images.len();
        let Some(pixels) = training.pixels else { return Ok(()) };
        let every = n_images.div_ceil(MOST_SPOILED).max(1);
        let n_kept = (MOST_KEPT / (n_images.div_ceil(every) * versions).max(1)).clamp(1, 64);
        progress.begin("pasting faults", n_images);
        pixels.each(&mut |index, image| {
            go_on(progress)?;
            if index % every == 0 {
                let seed = training.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let rois: Vec<&Roi> = features.roi.as_deref().into_iter().chain(image.roi()).collect();
                let spoiled = |version: usize| {
                    let mut random = ChaCha8Rng::seed_from_u64(seed);
                    random.set_stream(version as u64);
                    spoil((image, &rois), faults, &mut random).map(|spoiled| (spoiled, random))
                };
                let n_pixels = image.height_px().saturating_mul(image.width_px()).max(1);
                let at_a_time = (PIXELS_AT_A_TIME / n_pixels).clamp(1, AT_A_TIME);
                for first in (0..versions).step_by(at_a_time) {
                    go_on(progress)?;
                    let some = first..versions.min(first + at_a_time);
                    let some: Vec<_> = some.into_par_iter().map(spoiled).collect::<Result<_, _>>()?;
                    self.add(features, index, &some, n_kept)?;
                }
            }
            progress.advance(1);
            Ok(())
        })?;
        progress.end();
        Ok(())
    }

    /// Anomalous patches that are learned from: of pasted faults, and of real defects.
    pub(super) fn n_anomalous(&self) -> [usize; 2] {
        [&self.anomalous, &self.defective].map(|kept| kept.images.len())
    }

    /// Of defective images. Without a mask the patches that are least like the normal ones count as the defect.
    fn add_defects(&mut self, features: &FeaturePipeline, progress: &dyn Progress) -> Result<(), DetectError> {
        let Some(defects) = self.training.defects else { return Ok(()) };
        let n_kept = (MOST_DEFECTIVE / defects.n().max(1)).max(1);
        progress.begin("describing defects", defects.n());
        let (mut number, mut n_without) = (0, 0);
        defects.each(&mut |image, mask| {
            go_on(progress)?;
            let mut random = ChaCha8Rng::seed_from_u64(self.training.seed);
            random.set_stream((1 << 48) + number);
            number += 1;
            let n_before = self.defective.images.len();
            self.add_defect(features, (image, mask), (n_kept, random))?;
            n_without += usize::from(self.defective.images.len() == n_before);
            progress.advance(1);
            Ok(())
        })?;
        progress.end();
        if n_without > 0 {
            progress.warn(&format!(
                "of {n_without} of {} defective images nothing is learned as defective: no patch of them is marked on a fifth of it; look at their masks, or at the size of the network's input",
                defects.n()
            ));
        }
        Ok(())
    }

    fn add_defect(
        &mut self,
        features: &FeaturePipeline,
        (image, mask): (&Image, Option<&[bool]>),
        (n_kept, mut random): (usize, ChaCha8Rng),
    ) -> Result<(), DetectError> {
        let size = (image.height_px(), image.width_px());
        // Of an image in tiles, the patches of all of them in the order of the grid.
        let (grid, rows, places) = match features.tiling(size, image.roi())? {
            Some(tiling) => {
                let (mut rows, mut places) = (vec![], vec![]);
                features.describe_tiles(image, &tiling, |tiles, _| {
                    for own in tiles {
                        places.extend(tiling.places(rows.len()).iter().map(|place| *place as usize));
                        rows.push(own);
                    }
                    Ok::<_, DetectError>(())
                })?;
                (tiling.grid, rows.concat(), places)
            }
            None => {
                let found = features.describe(&[image])?;
                let inside = features.inside(size, image.roi(), found.grid)?;
                let own = inside.as_ref().map(|inside| inside.rows(&found.rows, found.dim));
                let places = inside.map(|inside| inside.patches().iter().map(|place| *place as usize).collect());
                let places = places.unwrap_or_else(|| (0..found.grid.n_patches()).collect());
                (found.grid, own.unwrap_or(found.rows), places)
            }
        };
        let dim = self.training.described.dim();
        let labels: Vec<Label> = match mask {
            Some(mask) => {
                let share: Vec<f32> = mask.iter().map(|is_defect| f32::from(u8::from(*is_defect))).collect();
                let of_grid = labels(&share, (features, size), grid);
                places.iter().map(|place| of_grid[*place]).collect()
            }
            None => {
                let whitened = self.input.apply(&rows)?;
                let far = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>();
                let far: Vec<f32> = whitened.chunks_exact(dim).map(far).collect();
                let mut sorted = far.clone();
                sorted.sort_by(|a, b| b.total_cmp(a));
                let n = ((far.len() as f64 * UNMASKED_SHARE).ceil() as usize).clamp(1, far.len());
                far.iter().map(|own| if *own >= sorted[n - 1] { Label::Anomalous } else { Label::Unclear }).collect()
            }
        };
        for (is, kept) in [(Label::Anomalous, &mut self.defective), (Label::Normal, &mut self.beside)] {
            let of = (0..labels.len()).filter(|at| labels[*at] == is);
            let mut chosen = of.choose_multiple(&mut random, n_kept);
            chosen.sort_unstable();
            for at in chosen {
                kept.rows.extend_from_slice(&rows[at * dim..][..dim]);
                kept.images.push(OF_ALL);
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        features: &FeaturePipeline,
        index: usize,
        spoiled: &[(Spoiled, ChaCha8Rng)],
        n_kept: usize,
    ) -> Result<(), DetectError> {
        let (described, size) = (self.training.described, self.training.size_px[self.training.images[index]]);
        let grid = described.grid_of(index);
        let is_inside = |place: usize| described.row_at(index, place).is_some();
        let mut wanted = vec![];
        for (Spoiled { share, .. }, random) in spoiled {
            let found = labels(share, (features, size), grid);
            let mut random = random.clone();
            let mut some = |is: Label| {
                let places = (0..found.len()).filter(|place| found[*place] == is && is_inside(*place));
                places.choose_multiple(&mut random, n_kept)
            };
            let (anomalous, beside) = (some(Label::Anomalous), some(Label::Normal));
            let both = anomalous.into_iter().map(|place| (place, true));
            wanted.push(both.chain(beside.into_iter().map(|place| (place, false))).collect::<BTreeMap<_, _>>());
        }
        let images: Vec<&Image> = spoiled.iter().map(|(spoiled, _)| &spoiled.image).collect();
        let mut keep =
            |rows: &[f32], dim: usize, wanted: &BTreeMap<usize, bool>, places: &mut dyn Iterator<Item = usize>| {
                for (row, place) in rows.chunks_exact(dim).zip(places) {
                    let kept = match wanted.get(&place) {
                        Some(true) => &mut self.anomalous,
                        Some(false) => &mut self.beside,
                        None => continue,
                    };
                    kept.rows.extend_from_slice(row);
                    kept.images.push(index);
                }
            };
        if described.is_in_tiles() {
            for (image, wanted) in images.iter().zip(&wanted) {
                let Some(tiling) = features.tiling(size, image.roi())? else { continue };
                let mut start = 0;
                features.describe_tiles(image, &tiling, |tiles, dim| {
                    for rows in &tiles {
                        keep(rows, dim, wanted, &mut tiling.places(start).iter().map(|place| *place as usize));
                        start += 1;
                    }
                    Ok::<_, DetectError>(())
                })?;
            }
            return Ok(());
        }
        let found = features.describe(&images)?;
        for (at, wanted) in wanted.iter().enumerate() {
            keep(found.image(at), found.dim, wanted, &mut (0..grid.n_patches()));
        }
        Ok(())
    }

    /// What a head learns from that does not see the images of a group that `sees` denies; `None` where nothing is left.
    pub(super) fn seen_by(&self, sees: impl Fn(usize) -> bool) -> Option<Seen<'_>> {
        let training = self.training;
        let images: Vec<usize> = (0..training.images.len()).filter(|index| sees(training.group(*index))).collect();
        let mut ends = vec![];
        for index in &images {
            let before = ends.last().copied().unwrap_or(0);
            ends.push(before + training.described.rows_of(*index).len());
        }
        let own = |kept: &Kept| -> Vec<usize> {
            let is_seen = |at: &usize| kept.images[*at] == OF_ALL || sees(training.group(kept.images[*at]));
            (0..kept.images.len()).filter(is_seen).collect()
        };
        let [anomalous, defective, beside] = [&self.anomalous, &self.defective, &self.beside].map(own);
        let is_some = ends.last().copied().unwrap_or(0) > 0;
        is_some.then_some(Seen { of: self, images, ends, anomalous, defective, beside })
    }
}

/// The examples of one head.
pub(super) struct Seen<'a> {
    of: &'a Examples<'a>,
    images: Vec<usize>,
    /// Rows of these images, and of all before them.
    ends: Vec<usize>,
    anomalous: Vec<usize>,
    defective: Vec<usize>,
    beside: Vec<usize>,
}

/// The patches of a step, by their numbers.
pub(super) struct Picked {
    /// Rows of normal images, those that get noise last.
    rows: Vec<usize>,
    n_noisy: usize,
    beside: Vec<usize>,
    anomalous: Vec<usize>,
    defective: Vec<usize>,
}

impl Seen<'_> {
    /// Without real defects, which all heads learn from.
    pub(super) fn of_pasted(mut self) -> Self {
        self.defective.clear();
        self
    }

    /// Draws the patches of a step with replacement, `n` of each kind: as many numbers in each step.
    pub(super) fn pick(&self, n: usize, random: &mut ChaCha8Rng) -> Picked {
        let training = self.of.training;
        // Of faults and real defects as many, where there are both.
        let [n_pasted, n_real] = match (self.anomalous.is_empty(), self.defective.is_empty()) {
            (false, false) => [n - n / 2, n / 2],
            (false, true) => [n, 0],
            (true, false) => [0, n],
            (true, true) => [0, 0],
        };
        let has_faults = n_pasted + n_real > 0;
        let n_beside = if self.beside.is_empty() { 0 } else { n / 4 };
        let n_noisy = if has_faults { (n / 4).max(1) } else { n };
        let n_rows = self.ends.last().copied().unwrap_or(0);
        let rows = (0..n - n_beside + n_noisy)
            .map(|_| {
                let at = random.random_range(0..n_rows);
                let image = self.ends.partition_point(|end| *end <= at);
                let before = if image == 0 { 0 } else { self.ends[image - 1] };
                training.described.rows_of(self.images[image]).start + at - before
            })
            .collect();
        let mut pick = |which: &[usize], n: usize| -> Vec<usize> {
            (0..n).map(|_| which[random.random_range(0..which.len())]).collect()
        };
        let beside = pick(&self.beside, n_beside);
        let (anomalous, defective) = (pick(&self.anomalous, n_pasted), pick(&self.defective, n_real));
        Picked { rows, n_noisy, beside, anomalous, defective }
    }

    /// The descriptors of these patches.
    pub(super) fn batch(&self, picked: &Picked) -> Result<HeadBatch, DetectError> {
        let (training, dim) = (self.of.training, self.of.training.described.dim());
        let mut normal = training.described.gather(&picked.rows)?;
        let noisy = normal.split_off((picked.rows.len() - picked.n_noisy) * dim);
        let rows = |from: &Kept, which: &[usize]| -> Vec<f32> {
            which.iter().flat_map(|at| &from.rows[at * dim..][..dim]).copied().collect()
        };
        normal.extend(rows(&self.of.beside, &picked.beside));
        let mut anomalous = rows(&self.of.anomalous, &picked.anomalous);
        anomalous.extend(rows(&self.of.defective, &picked.defective));
        let apply = |rows: Vec<f32>| self.of.input.apply(&rows);
        Ok(HeadBatch { normal: apply(normal)?, anomalous: apply(anomalous)?, noisy: apply(noisy)? })
    }
}

/// What is known of a patch of a spoiled image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Anomalous,
    Normal,
    /// Hardly faulty, or beside a fault, which the network may see.
    Unclear,
}

/// The labels of the patches of `grid` over an image of `size`, of whose pixels so much is fault.
fn labels(share: &[f32], (features, size): (&FeaturePipeline, (usize, usize)), grid: Grid) -> Vec<Label> {
    let placement = features.preprocessing().placement(size.0, size.1);
    let (height, width) = placement.input_px();
    let edges = |at: usize, n: usize, side: usize| at * side / n..((at + 1) * side / n).max(at * side / n + 1);
    let mean = |row: usize, column: usize| {
        let cell = placement.source_box(edges(row, grid.n_rows, height), edges(column, grid.n_cols, width));
        let rows = cell.top_px..cell.top_px + cell.height_px;
        let sum: f32 = rows.map(|y| share[y * size.1 + cell.left_px..][..cell.width_px].iter().sum::<f32>()).sum();
        sum / (cell.height_px * cell.width_px) as f32
    };
    let means: Vec<f32> = (0..grid.n_patches()).map(|place| mean(place / grid.n_cols, place % grid.n_cols)).collect();
    let label = |place: usize| {
        let (row, column) = (place / grid.n_cols, place % grid.n_cols);
        let near = |at: usize, n: usize| at.saturating_sub(1)..(at + 2).min(n);
        let touched =
            near(row, grid.n_rows).any(|y| near(column, grid.n_cols).any(|x| means[y * grid.n_cols + x] > 0.0));
        match means[place] {
            share if share >= LEAST_SHARE => Label::Anomalous,
            _ if touched => Label::Unclear,
            _ => Label::Normal,
        }
    };
    (0..means.len()).map(label).collect()
}
