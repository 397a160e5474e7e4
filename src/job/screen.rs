//! An unlabelled lot to an order, with pictures and a list of its most normal images.

use super::context::tell_left_out;
use super::pictures::{PictureNames, write_bytes};
use super::place::{check_folder, write_text};
use super::{Context, JobError};
use crate::dataset::{Listing, Sample, mark_output, path_text};
use crate::detect::{DetectError, PipelineSpec};
use crate::image::{self, Limits};
use crate::model::OpenDevice;
use crate::report::{DrawStyle, csv_quoted, draw_map};
use crate::train::{self, Screened, ScreenedImage};
use std::path::Path;
use std::time::Instant;

/// The oddest images, of which pictures are drawn.
const MOST_DRAWN: usize = 20;
/// The table of a screening.
pub const SCREENING_CSV: &str = "screening.csv";
/// The list of the most normal images.
pub const NORMAL_LIST: &str = "normal.txt";

/// How many of a lot's images are to be kept.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Keep {
    /// So many, or all.
    Count(usize),
    /// This share, rounded, at least one.
    Share(f64),
}

impl Keep {
    /// Images out of `n`.
    #[must_use]
    pub fn of(self, n: usize) -> usize {
        match self {
            Self::Count(count) => count.min(n),
            Self::Share(share) => ((n as f64 * share).round() as usize).max(1).min(n),
        }
    }
}

/// What to screen, and where to.
#[derive(Clone, Copy)]
pub struct ScreenJob<'a> {
    /// The lot.
    pub listing: &'a Listing,
    /// How its images are described.
    pub pipeline: &'a PipelineSpec,
    /// Folder for [`SCREENING_CSV`] and `overlays/` of the oddest images, if anything is written.
    pub out: Option<&'a Path>,
    /// How many of the most normal names [`NORMAL_LIST`] has there, in the form that
    /// [`references`](crate::dataset::references) reads.
    pub keep: Option<Keep>,
}

/// A lot that was screened.
#[non_exhaustive]
pub struct ScreenDone {
    /// Its images in order, and those that could not be read.
    pub screened: Screened,
    /// Names in [`NORMAL_LIST`].
    pub n_kept: usize,
    /// Time of all of it.
    pub seconds: f64,
}

/// Orders the images and writes what is asked for.
///
/// # Errors
/// [`JobError::Screen`], and what can't be written; the place is looked at before the work.
pub fn screen(job: &ScreenJob<'_>, device: &OpenDevice, context: &Context<'_>) -> Result<ScreenDone, JobError> {
    let ScreenJob { listing, pipeline, out, keep } = *job;
    let start = Instant::now();
    if let Some(folder) = out {
        check_folder(folder)?;
        mark_output(folder, &["overlays"]).map_err(JobError::file("writing into", folder))?;
    }
    let screened = train::screen(&listing.samples, pipeline, &context.pace, device, context.progress);
    let screened =
        screened.map_err(|source| JobError::Screen { root: listing.root.clone(), source: Box::new(source) })?;
    tell_left_out(&screened.failures, context.progress);
    let n_kept = keep.map_or(0, |keep| keep.of(screened.images.len()));
    if let Some(folder) = out {
        write_text(&folder.join(SCREENING_CSV), &table(&screened, &listing.samples))?;
        if keep.is_some() {
            write_text(&folder.join(NORMAL_LIST), &list(&screened, &listing.samples, n_kept))?;
        }
        draw(folder, &screened.images, job)?;
    }
    Ok(ScreenDone { screened, n_kept, seconds: start.elapsed().as_secs_f64() })
}

/// `rank,score,path`, the oddest first.
fn table(screened: &Screened, samples: &[Sample]) -> String {
    let mut text = "rank,score,path\n".to_owned();
    for (at, image) in screened.images.iter().enumerate() {
        let path = csv_quoted(&path_text(&samples[image.sample].path));
        text.push_str(&format!("{},{},{path}\n", at + 1, image.score));
    }
    text
}

/// The names of the most normal images, in the order of the listing.
fn list(screened: &Screened, samples: &[Sample], n_kept: usize) -> String {
    let mut kept: Vec<usize> = screened.images.iter().rev().take(n_kept).map(|image| image.sample).collect();
    kept.sort_unstable();
    let mut text = format!("# The {n_kept} most normal of {} images\n", screened.images.len());
    kept.iter().for_each(|sample| text.extend([samples[*sample].name.as_str(), "\n"]));
    text
}

/// The maps of the oddest images over them.
fn draw(folder: &Path, images: &[ScreenedImage], job: &ScreenJob<'_>) -> Result<(), JobError> {
    let names = PictureNames::of(&job.listing.samples);
    let reading = job.pipeline.preprocessing.reading(Limits::default());
    // All in the colours of the lot: from half of what is usual upwards.
    let usual = images.get(images.len() / 2).map(|image| image.score);
    for found in images.iter().take(MOST_DRAWN) {
        let sample = &job.listing.samples[found.sample];
        let place = names.place("overlays", sample, "png");
        let image = image::read_as(&sample.path, &reading).map_err(DetectError::Image)?;
        let style = DrawStyle { pixel_threshold: usual, legend: true, ..DrawStyle::default() };
        let png = draw_map(&image, (&found.map(), &found.placement), &style, None).and_then(|picture| picture.png());
        let png = png.map_err(JobError::report(&folder.join(&place)))?;
        write_bytes(folder, &place, &png)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_and_a_count_is_at_most_all() {
        assert_eq!([Keep::Share(0.5).of(9), Keep::Share(0.01).of(9), Keep::Count(20).of(9)], [5, 1, 9]);
        assert_eq!(Keep::Share(1.0).of(0), 0);
    }
}
