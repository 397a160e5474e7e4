//! Defective images that a method learns from besides.

use super::look::{Glance, digest, fingerprint_of};
use crate::dataset::{BoxTable, Sample};
use crate::detect::{Defects, DetectError, SeeDefect};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::{Image, Limits, Mask, PixelBox, read_mask_of};
use crate::train::TrainError;

/// Files of defective images, each perhaps with a mask or rectangles of its defect.
pub(super) struct Defective<'a> {
    samples: &'a [Sample],
    boxes: Option<&'a BoxTable>,
    flow: &'a Flow,
    fingerprint: String,
}

impl<'a> Defective<'a> {
    /// Reads them all once; `None` without any.
    ///
    /// # Errors
    /// [`TrainError::Leak`] for one that is among the normal images as well, and what can't be read.
    pub(super) fn open(
        (samples, boxes): (&'a [Sample], Option<&'a BoxTable>),
        flow: &'a Flow,
        (normals, glances): (&[&Sample], &[Glance<'_>]),
    ) -> Result<Option<Self>, TrainError> {
        if samples.is_empty() {
            return Ok(None);
        }
        let mut digests = Vec::with_capacity(samples.len());
        if let Some(boxes) = boxes {
            boxes.check_names(samples)?;
        }
        let own = Self { samples, boxes, flow, fingerprint: String::new() };
        own.read(&mut |at, image| {
            let found = digest(image);
            if let Some(same) = glances.iter().position(|glance| glance.digest == found) {
                let (defect, normal) = (samples[at].path.clone(), normals[same].path.clone());
                return Err(TrainError::Leak { defect, normal });
            }
            digests.push(found);
            Ok(())
        })?;
        // Another rectangle is another training.
        let named = |sample: &Sample| match own.boxes_of(sample) {
            [] => sample.name.clone(),
            boxes => format!("{} {boxes:?}", sample.name),
        };
        let names: Vec<String> = samples.iter().map(named).collect();
        let fingerprint = fingerprint_of(names.iter().map(String::as_str).zip(&digests));
        Ok(Some(Self { fingerprint, ..own }))
    }

    /// The rectangles of an image without a mask.
    fn boxes_of(&self, sample: &Sample) -> &[PixelBox] {
        let boxes = self.boxes.filter(|_| sample.mask.is_none());
        boxes.map_or(&[], |boxes| boxes.get(sample))
    }

    fn read<E: From<DetectError>>(&self, see: &mut dyn FnMut(usize, &Image) -> Result<(), E>) -> Result<(), E> {
        let origins: Vec<Origin<'_>> = self.samples.iter().map(Origin::of).collect();
        in_batches(&origins, self.flow, |range, decoded| {
            let (pixels, _shares) = Decoded::whole(decoded).map_err(|error| E::from(error.into()))?;
            range.zip(&pixels).try_for_each(|(at, image)| see(at, image))
        })
    }
}

impl Defects for Defective<'_> {
    fn n(&self) -> usize {
        self.samples.len()
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn each(&self, see: SeeDefect<'_>) -> Result<(), DetectError> {
        self.read(&mut |at, image| {
            let sample = &self.samples[at];
            let mask = match (&sample.mask, self.boxes_of(sample)) {
                (Some(path), _) => Some(read_mask_of(path, image, &Limits::default())?),
                (None, []) => None,
                (None, boxes) => {
                    let size = (image.height_px(), image.width_px());
                    Some(Mask::of_boxes(boxes, size).map_err(|error| error.in_file(&sample.path))?)
                }
            };
            see(image, mask.as_ref().map(|mask| &*mask.values))
        })
    }
}
