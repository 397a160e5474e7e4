//! Masks on the network's pixels, where maps are compared with them.

use std::path::PathBuf;

use crate::image::{Mask, Placement};

/// The mask at the network's input size, `[height_px * width_px]` row-major: each pixel takes the source pixel under its
/// centre (nearest neighbour, as Pillow's NEAREST); padding is normal.
#[must_use]
pub fn mask_at_input(mask: &Mask, placement: &Placement, height_px: usize, width_px: usize) -> Vec<bool> {
    let ((scale_y, scale_x), (offset_y, offset_x)) = (placement.scale(), placement.offset_px());
    let source = |index: usize, scale: f64, offset: i64, n: usize| -> Option<usize> {
        let position = (index as f64 + 0.5 - offset as f64) / scale;
        (position >= 0.0 && position < n as f64).then_some(position as usize)
    };
    let columns: Vec<Option<usize>> = (0..width_px).map(|x| source(x, scale_x, offset_x, mask.width_px)).collect();
    (0..height_px)
        .flat_map(|y| {
            let row = source(y, scale_y, offset_y, mask.height_px);
            columns
                .iter()
                .map(move |x| matches!((row, x), (Some(row), Some(x)) if mask.values[row * mask.width_px + x]))
        })
        .collect()
}

/// Most files that a warning names.
const N_NAMED: usize = 5;

/// Which anomalous images have the masks that figures per pixel need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskCount {
    /// Anomalous images that were scored.
    pub n_anomalous: usize,
    /// Those whose mask was used.
    pub n_with_mask: usize,
    /// Those whose mask marks no pixel.
    pub n_empty: usize,
    /// Those whose mask could not be read, or has another shape than the image.
    pub n_unusable: usize,
    /// Mask files that belong to no image.
    pub unmatched: Vec<PathBuf>,
}

impl MaskCount {
    /// Counts an anomalous image by its mask.
    pub fn add(&mut self, mask: Option<&[bool]>) {
        self.n_anomalous += 1;
        self.n_with_mask += usize::from(mask.is_some());
        self.n_empty += usize::from(mask.is_some_and(|mask| !mask.contains(&true)));
    }

    /// Counts an anomalous image whose mask cannot be used.
    pub fn add_unusable(&mut self) {
        self.n_anomalous += 1;
        self.n_unusable += 1;
    }

    /// Whether figures per pixel rest on some of the anomalous images only.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.n_with_mask > 0 && self.n_with_mask < self.n_anomalous
    }

    /// How many anomalous images have a mask.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.n_with_mask, self.n_anomalous) {
            (_, 0) => "no anomalous image".to_owned(),
            (0, all) => format!("none of {all} anomalous images has one, so there are no pixel figures"),
            (some, all) => format!("{some} of {all} anomalous images have one"),
        }
    }

    /// What may make figures per pixel other than the user expects, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![];
        let n_without = self.n_anomalous - self.n_with_mask - self.n_unusable;
        if self.is_partial() {
            let parts = [(n_without, "have no mask"), (self.n_unusable, "have one that cannot be used")];
            let reasons: Vec<String> =
                parts.iter().filter(|part| part.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
            warnings.push(format!(
                "pixel AUROC and AUPRO are those of {} of {} anomalous images: {}",
                self.n_with_mask,
                self.n_anomalous,
                reasons.join(", ")
            ));
        }
        if self.n_empty > 0 {
            warnings.push(format!(
                "{} of {} masks are empty: all pixels of their images count as normal",
                self.n_empty, self.n_with_mask
            ));
        }
        if !self.unmatched.is_empty() {
            let mut named: Vec<String> =
                self.unmatched.iter().take(N_NAMED).map(|path| path.display().to_string()).collect();
            if self.unmatched.len() > N_NAMED {
                named.push("...".to_owned());
            }
            let n = self.unmatched.len();
            warnings.push(format!("{n} mask files belong to no image that is measured: {}", named.join(", ")));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preprocessing, Resize};

    fn mask(height_px: usize, width_px: usize) -> Mask {
        let values = (0..height_px * width_px).map(|i| (i * 7919) % 5 == 0).collect();
        Mask { values, height_px, width_px }
    }

    #[test]
    fn what_masks_are_missing_is_said() {
        let mut masks = MaskCount::default();
        assert_eq!((masks.summary().as_str(), masks.warnings().len()), ("no anomalous image", 0));
        masks.add(None);
        assert!(masks.summary().contains("none of 1 anomalous images has one") && masks.warnings().is_empty());
        masks.add(Some(&[false, true]));
        masks.add(Some(&[false, false]));
        masks.add_unusable();
        masks.unmatched = (0..7).map(|n| PathBuf::from(format!("{n}.png"))).collect();
        assert_eq!(masks.summary(), "2 of 4 anomalous images have one");
        assert_eq!(
            masks.warnings(),
            [
                "pixel AUROC and AUPRO are those of 2 of 4 anomalous images: 1 have no mask, 1 have one that cannot be used",
                "1 of 2 masks are empty: all pixels of their images count as normal",
                "7 mask files belong to no image that is measured: 0.png, 1.png, 2.png, 3.png, 4.png, ..."
            ]
        );
    }

    #[test]
    fn stretching_is_the_nearest_resize() {
        let mask = mask(37, 95);
        let placement = Preprocessing::imagenet(64, 48, Resize::StretchBilinear).placement(37, 95);
        assert_eq!(mask_at_input(&mask, &placement, 64, 48), mask.resize_nearest(64, 48).values);
    }

    #[test]
    fn padding_is_normal_and_a_crop_keeps_the_centre() {
        let all = Mask { values: vec![true; 20 * 40], height_px: 20, width_px: 40 };
        let padded = Preprocessing::imagenet(40, 40, Resize::FitPad).placement(20, 40);
        let found = mask_at_input(&all, &padded, 40, 40);
        assert_eq!((found[0], found[20 * 40 + 20], found.iter().filter(|v| **v).count()), (false, true, 800));
        let cropped = Preprocessing::imagenet(20, 20, Resize::ShortestCrop { shortest_px: 20 }).placement(20, 40);
        assert!(mask_at_input(&all, &cropped, 20, 20).iter().all(|v| *v));
    }
}
