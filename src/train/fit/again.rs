//! Images that were looked at, read once more.

use super::look::{Glance, check_unchanged};
use crate::dataset::Sample;
use crate::detect::{DetectError, Pixels};
use crate::flow::{Decoded, Flow, Origin, in_batches};
use crate::image::Image;

/// The images that are learned from, read again.
pub(super) struct Again<'a> {
    pub(super) samples: &'a [&'a Sample],
    pub(super) glances: &'a [Glance<'a>],
    pub(super) images: &'a [usize],
    pub(super) flow: &'a Flow,
}

impl Pixels for Again<'_> {
    fn each(&self, see: &mut dyn FnMut(usize, &Image) -> Result<(), DetectError>) -> Result<(), DetectError> {
        let origins: Vec<Origin<'_>> = self.images.iter().map(|image| self.glances[*image].origin).collect();
        in_batches(&origins, self.flow, |range, decoded| {
            let (pixels, _shares) = Decoded::whole(decoded)?;
            let borrowed: Vec<&Image> = pixels.iter().map(|image| &**image).collect();
            let seen = self.images[range.clone()].iter().map(|image| (self.samples[*image], &self.glances[*image]));
            check_unchanged(&seen.collect::<Vec<_>>(), &borrowed)?;
            range.zip(borrowed).try_for_each(|(index, image)| see(index, image))
        })
    }
}
