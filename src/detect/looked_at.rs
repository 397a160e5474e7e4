//! What is looked at of images: of all of them, and of one with a mask of its own.

use super::features::{FeaturePipeline, ImageSize};
use super::{DetectError, Inside, Seen};
use crate::image::{Image, Resize, Roi};
use crate::model::{Grid, PIXELS};
use std::sync::{Arc, PoisonError};

/// All of an image.
static WHOLE: Roi = Roi { inside: vec![], ignored: vec![] };

impl FeaturePipeline {
    /// What is looked at of an image: of all, and of this one; where a pixel's padding must not count, at least what is no padding.
    fn rois<'i>(&'i self, own: Option<&'i Roi>) -> Vec<&'i Roi> {
        let whole = self.leaves_padding_out().then_some(&WHOLE);
        self.roi.as_deref().into_iter().chain(own).chain(whole).collect()
    }

    /// Patches of a network see beyond the image's border anyway; pixels as they are do not.
    fn leaves_padding_out(&self) -> bool {
        self.preprocessing.resize == Resize::FitPad && self.backbone().name == PIXELS
    }

    /// The pixels of the network's input that are looked at of an image of `size`.
    pub(super) fn seen(&self, size: ImageSize, own: Option<&Roi>) -> Option<Seen> {
        let rois = self.rois(own);
        if rois.is_empty() {
            return None;
        }
        let pixels = || -> Seen { Inside::cells(&rois, (&self.preprocessing, size), None).into() };
        if own.is_some() {
            return Some(pixels());
        }
        let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seen)) = last.as_ref().filter(|(known, _)| *known == size) {
            return Some(Arc::clone(seen));
        }
        let seen = pixels();
        *last = Some((size, Arc::clone(&seen)));
        Some(seen)
    }

    /// What is looked at of an image of `size` (rows, columns) whose patches lie on `grid`, of which `own` is looked at; `None` where
    /// that is all of it.
    ///
    /// # Errors
    /// [`DetectError::NothingInside`] where the region of interest holds no patch of such an image.
    pub fn inside(
        &self,
        size: (usize, usize),
        own: Option<&Roi>,
        grid: Grid,
    ) -> Result<Option<Arc<Inside>>, DetectError> {
        self.inside_of(size, own, grid, self.seen(size, own))
    }

    /// The same of an image of which `seen` is looked at, as [`Self::describe_seen`] says.
    pub(crate) fn inside_seen(
        &self,
        image: &Image,
        grid: Grid,
        seen: Option<Seen>,
    ) -> Result<Option<Arc<Inside>>, DetectError> {
        self.inside_of((image.height_px(), image.width_px()), image.roi(), grid, seen)
    }

    fn inside_of(
        &self,
        size: ImageSize,
        own: Option<&Roi>,
        grid: Grid,
        seen: Option<Seen>,
    ) -> Result<Option<Arc<Inside>>, DetectError> {
        let Some(seen) = seen else { return Ok(None) };
        let mut last = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|(known, under, _)| own.is_none() && (*known, *under) == (size, grid));
        if let Some((_, _, inside)) = known {
            return Ok(Some(Arc::clone(inside)));
        }
        let inside = Arc::new(Inside::of(&self.rois(own), (&self.preprocessing, size), grid, seen));
        if inside.patches().is_empty() {
            return Err(DetectError::NothingInside {
                height_px: size.0,
                width_px: size.1,
                n_patches: grid.n_patches(),
            });
        }
        if own.is_none() {
            *last = Some((size, grid, Arc::clone(&inside)));
        }
        Ok(Some(inside))
    }
}
