//! An unlabelled lot of images, ordered by how far each is from the others.

use super::{Failure, TrainError};
use crate::bank::{Mutual, coarser, mutual_bytes};
use crate::dataset::Sample;
use crate::detect::{FeaturePipeline, PipelineSpec, go_on};
use crate::flow::{Decoded, Origin, Pace, in_batches};
use crate::image::{Image, Placement};
use crate::model::{Grid, OpenDevice};
use crate::progress::Progress;
use crate::score::AnomalyMap;
use rayon::prelude::*;

/// Standard deviation of the map's Gaussian, pixels of the network's input.
const SIGMA_PX: f32 = 4.0;

/// A lot in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Screened {
    /// The images, the oddest first; of equals in the order of the samples.
    pub images: Vec<ScreenedImage>,
    /// Images left out because they could not be read.
    pub failures: Vec<Failure>,
}

/// An image and how far it is from the others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScreenedImage {
    /// Which of the samples it is.
    pub sample: usize,
    /// The largest of its cells' distances. Only comparable within the lot.
    pub score: f32,
    /// Distance of each cell, row-major.
    pub cells: Vec<f32>,
    /// Their grid.
    pub grid: Grid,
    /// Where the source pixels lie in the network's input.
    pub placement: Placement,
    /// Rows and columns of the network's input.
    pub input_px: (usize, usize),
}

impl ScreenedImage {
    /// Its map, at the network's input size.
    #[must_use]
    pub fn map(&self) -> AnomalyMap {
        let (height_px, width_px) = self.input_px;
        AnomalyMap::draw(&self.cells, self.grid, height_px, width_px, SIGMA_PX)
    }
}

/// Scores each image by the others ([`Mutual`]), whether they are normal or not. At least half of the images that show a place
/// should be normal there.
///
/// # Errors
/// [`TrainError::Lot`] where memory does not hold the lot, [`TrainError::NothingReadable`], [`TrainError::Alone`] below two images,
/// and what the network refuses.
pub fn screen(
    samples: &[Sample],
    pipeline: &PipelineSpec,
    pace: &Pace,
    device: &OpenDevice,
    progress: &dyn Progress,
) -> Result<Screened, TrainError> {
    let features = FeaturePipeline::open(pipeline, device)?;
    let Lot { images, rows, shape, failures } = describe(samples, &features, pace, progress)?;
    let (Some((grid, dim)), true) = (shape, images.len() > 1) else {
        return Err(match failures.into_iter().next() {
            Some(first) if images.is_empty() => {
                TrainError::NothingReadable { n_images: samples.len(), first: first.reason }
            }
            _ => TrainError::Alone { n_images: images.len() },
        });
    };
    go_on(progress)?;
    let mutual = Mutual::new(&rows, dim, grid.n_patches())?;
    drop(rows);
    let input = features.preprocessing();
    let input_px = (input.height_px, input.width_px);
    progress.begin("comparing", images.len());
    let one = |(at, (sample, (height_px, width_px))): (usize, &(usize, (usize, usize)))| {
        go_on(progress)?;
        let cells = mutual.score(at)?;
        progress.advance(1);
        let score = cells.iter().copied().fold(0.0, f32::max);
        let placement = input.placement(*height_px, *width_px);
        Ok(ScreenedImage { sample: *sample, score, cells, grid, placement, input_px })
    };
    let mut images = images.par_iter().enumerate().map(one).collect::<Result<Vec<_>, TrainError>>()?;
    progress.end();
    images.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.sample.cmp(&b.sample)));
    Ok(Screened { images, failures })
}

/// The images that could be read.
#[derive(Default)]
struct Lot {
    /// Which samples, and their rows and columns.
    images: Vec<(usize, (usize, usize))>,
    /// Their cells, `[n_images, n_cells, dim]`.
    rows: Vec<f32>,
    /// Grid of the cells, and values of each.
    shape: Option<(Grid, usize)>,
    failures: Vec<Failure>,
}

fn describe(
    samples: &[Sample],
    features: &FeaturePipeline,
    pace: &Pace,
    progress: &dyn Progress,
) -> Result<Lot, TrainError> {
    let files: Vec<Origin<'_>> = samples.iter().map(Origin::of).collect();
    let flow = features.flow(pace, 0)?;
    let mut lot = Lot::default();
    progress.begin("describing", samples.len());
    in_batches(&files, &flow, |range, decoded| {
        go_on(progress)?;
        let mut images: Vec<&Image> = vec![];
        for (sample, Decoded { image, .. }) in range.clone().zip(&decoded) {
            match image {
                Ok(image) => {
                    lot.images.push((sample, (image.height_px(), image.width_px())));
                    images.push(image);
                }
                Err(error) => {
                    lot.failures.push(Failure { name: samples[sample].name.clone(), reason: error.to_string() });
                }
            }
        }
        if !images.is_empty() {
            let described = features.describe(&images)?;
            let cells: Vec<(Grid, Vec<f32>)> = (0..images.len())
                .into_par_iter()
                .map(|i| coarser(described.image(i), described.grid, described.dim))
                .collect();
            if lot.shape.is_none() {
                let (grid, dim) = (cells[0].0, described.dim);
                check_room(samples.len(), mutual_bytes(grid.n_patches(), dim), flow.work_bytes, pace)?;
                lot.shape = Some((grid, dim));
            }
            cells.iter().for_each(|(_, cells)| lot.rows.extend_from_slice(cells));
        }
        progress.advance(range.len());
        Ok::<_, TrainError>(())
    })?;
    progress.end();
    Ok(lot)
}

/// Refuses a lot that memory does not hold.
fn check_room(n_images: usize, bytes_per_image: u64, base: u64, pace: &Pace) -> Result<(), TrainError> {
    let allowed = pace.allowed_bytes();
    let needed = (n_images as u64).saturating_mul(bytes_per_image).saturating_add(base);
    if needed <= allowed {
        return Ok(());
    }
    Err(TrainError::Lot { n_images, needed_mib: needed >> 20, allowed_mib: allowed >> 20 })
}
