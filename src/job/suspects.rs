//! The page of a fit's suspects, and pictures of them.

use super::pictures::{PictureNames, write_bytes};
use super::place::write_text;
use super::{Context, JobError, Opened};
use crate::dataset::{Listing, Sample};
use crate::detect::DetectError;
use crate::flow::{Decoded, Origin, in_batches};
use crate::image::{Image, Placement};
use crate::infer::Calibration;
use crate::report::{DrawStyle, ShownSuspect, SuspectPictures, SuspectsReport, draw_image, draw_map, suspects_page};
use crate::score::AnomalyMap;
use crate::train::{Fitted, FittedSuspect};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The page about a fit's suspects.
pub const SUSPECTS_PAGE: &str = "suspects.html";
/// Suspects that are shown with pictures.
const MOST_SHOWN: usize = 20;
/// Longer side of the page's pictures.
const SIDE_PX: usize = 480;

/// Shows the suspects of a fit.
pub(super) struct Showing<'a> {
    pub(super) folder: &'a Path,
    pub(super) listing: &'a Listing,
    pub(super) opened: Opened,
    pub(super) context: &'a Context<'a>,
}

impl Showing<'_> {
    /// Writes the page and the overlays beside it; where the page lies.
    pub(super) fn write(&self, fitted: &Fitted) -> Result<PathBuf, JobError> {
        let names = PictureNames::of(&self.listing.samples);
        let of_name: HashMap<&str, &Sample> = self.listing.samples.iter().map(|s| (&*s.name, s)).collect();
        let mut shown = vec![];
        for (rank, suspect) in fitted.suspects.iter().enumerate() {
            let FittedSuspect { entry, is_dropped, neighbour, .. } = suspect;
            let mut own = ShownSuspect {
                entry: entry.clone(),
                is_dropped: *is_dropped,
                pictures: None,
                neighbour: neighbour.clone().map(|name| (name, None)),
                missing: Some(format!("Without pictures: the first {MOST_SHOWN} have them.")),
            };
            if rank < MOST_SHOWN {
                self.show(&mut own, suspect, (&of_name, &names))?;
            }
            shown.push(own);
        }
        let page = self.folder.join(SUSPECTS_PAGE);
        let manifest = self.opened.inspector.manifest();
        let threshold = |value: Option<f32>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let report = SuspectsReport {
            title: format!("Suspects of {}", self.opened.path.file_name().unwrap_or_default().to_string_lossy()),
            n_images: fitted.contents.manifest.sources.len(),
            suspects: shown,
            facts: vec![
                fact("pcore", manifest.pcore_version.clone()),
                fact("bundle", self.opened.path.display().to_string()),
                fact("images", self.listing.root.display().to_string()),
                fact("data fingerprint", manifest.data_fingerprint.clone()),
                fact("threshold", threshold(manifest.calibration.global.threshold)),
                fact("pixel threshold", threshold(manifest.pixel_threshold)),
            ],
        };
        write_text(&page, &suspects_page(&report))?;
        Ok(page)
    }

    /// Adds the pictures of one.
    fn show(
        &self,
        own: &mut ShownSuspect,
        suspect: &FittedSuspect,
        (of_name, names): (&HashMap<&str, &Sample>, &PictureNames<'_>),
    ) -> Result<(), JobError> {
        let path = self.folder.join(SUSPECTS_PAGE);
        let Some(sample) = of_name.get(&*suspect.entry.name) else { return Ok(()) };
        let image = match self.read(sample)? {
            Ok(image) => image,
            Err(why) => {
                own.missing = Some(format!("Without pictures: {why}"));
                return Ok(());
            }
        };
        let (map, placement, is_known) = self.map(suspect, &image)?;
        let pixel_threshold = self.opened.inspector.manifest().pixel_threshold;
        let style = |max_side_px: Option<usize>| DrawStyle {
            pixel_threshold,
            truth: None,
            legend: max_side_px.is_none(),
            max_side_px,
        };
        let drawn = |max_side_px| {
            let picture = draw_map(&image, (&map, &placement), &style(max_side_px), None);
            picture.and_then(|picture| picture.png()).map_err(JobError::report(&path))
        };
        let plain = |shown: &Image| {
            let picture = draw_image(shown, &image, Some(SIDE_PX)).and_then(|picture| picture.png());
            picture.map_err(JobError::report(&path))
        };
        let place = names.place("overlays", sample, "png");
        write_bytes(self.folder, &place, &drawn(None)?)?;
        let overlay = drawn(Some(SIDE_PX))?;
        own.pictures = Some(SuspectPictures { image: plain(&image)?, overlay, place, is_known });
        own.missing = None;
        if let Some((name, png)) = &mut own.neighbour
            && let Some(sample) = of_name.get(&**name)
        {
            // A file that vanished since the fit just has no picture.
            *png = self.read(sample)?.ok().map(|other| plain(&other)).transpose()?;
        }
        Ok(())
    }

    /// The map of a suspect, where the image lies in it, and whether what drew it knows the image.
    fn map(&self, suspect: &FittedSuspect, image: &Image) -> Result<(AnomalyMap, Placement, bool), JobError> {
        if let Some((map, placement)) = &suspect.map {
            return Ok((map.clone(), placement.clone(), false));
        }
        // The bundle never saw what was held out or left out of its fit.
        let is_known = !suspect.is_held_out && !suspect.is_dropped;
        let scored = self.opened.inspector.inspect(&[image], &[None], Calibration::Condition)?;
        let found = scored.into_iter().next().ok_or(DetectError::Bank(crate::bank::BankError::Empty))?;
        Ok((found.map, found.placement, is_known))
    }

    /// The image as the fit reads it, or why it can't be read.
    fn read(&self, sample: &Sample) -> Result<Result<Image, String>, JobError> {
        let flow = self.opened.inspector.flow(&self.context.pace)?;
        let mut read = Err(String::new());
        in_batches(&[Origin::of(sample)], &flow, |_, decoded| {
            for Decoded { image, .. } in decoded {
                read = image.map(std::borrow::Cow::into_owned).map_err(|error| error.to_string());
            }
            Ok::<_, JobError>(())
        })?;
        Ok(read)
    }
}
