//! Defective images that a method learns from besides.

use super::look::{Glance, digest, fingerprint_of};
use crate::dataset::Sample;
use crate::detect::{Defects, DetectError, SeeDefect};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::{Image, Limits, read_mask_of};
use crate::train::TrainError;

/// Files of defective images, each perhaps with a mask of its defect.
pub(super) struct Defective<'a> {
    samples: &'a [Sample],
    flow: &'a Flow,
    fingerprint: String,
}

impl<'a> Defective<'a> {
    /// Reads them all once; `None` without any.
    ///
    /// # Errors
    /// [`TrainError::Leak`] for one that is among the normal images as well, and what can't be read.
    pub(super) fn open(
        samples: &'a [Sample],
        flow: &'a Flow,
        (normals, glances): (&[&Sample], &[Glance<'_>]),
    ) -> Result<Option<Self>, TrainError> {
        if samples.is_empty() {
            return Ok(None);
        }
        let mut digests = Vec::with_capacity(samples.len());
        let own = Self { samples, flow, fingerprint: String::new() };
        own.read(&mut |at, image| {
            let found = digest(image);
            if let Some(same) = glances.iter().position(|glance| glance.digest == found) {
                let (defect, normal) = (samples[at].path.clone(), normals[same].path.clone());
                return Err(TrainError::Leak { defect, normal });
            }
            digests.push(found);
            Ok(())
        })?;
        let names = samples.iter().map(|sample| &*sample.name).zip(&digests);
        Ok(Some(Self { fingerprint: fingerprint_of(names), ..own }))
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
            let mask = self.samples[at].mask.as_ref().map(|path| read_mask_of(path, image, &Limits::default()));
            let mask = mask.transpose()?;
            see(image, mask.as_ref().map(|mask| &*mask.values))
        })
    }
}
