//! Large images in tiles, so that a small defect is not shrunk away.

use super::ImageError;
use super::bounds::MAX_INPUT_PX;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How large images are cut. The image is scaled as if each tile were the whole of the network's input, and the network sees one
/// tile after the other.
///
/// Neighbouring tiles overlap: a network sees less near the border of its input, so of what it says of a tile only the inner part
/// counts. The inner parts of all tiles are the image, each pixel in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Side of a tile, source pixels.
    pub size_px: usize,
    /// What two neighbours share, source pixels; below [`Self::size_px`].
    pub overlap_px: usize,
    /// Tiles begin and end at multiples of so many pixels of the scaled image, at least 1: where cells of the network's
    /// coarsest grid do, so that their grids are one grid.
    pub step_px: usize,
}

/// One of the tiles along an axis, in pixels of the scaled image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// What the network sees.
    pub(crate) seen: Range<usize>,
    /// What counts of it.
    pub(crate) core: Range<usize>,
}

impl Tiles {
    /// Share of a tile that it has in common with its neighbour, where nothing is said: one in so many.
    pub const DEFAULT_OVERLAP: usize = 4;

    /// Whether its numbers are within their limits.
    fn is_sound(self) -> bool {
        (1..=MAX_INPUT_PX).contains(&self.size_px) && self.overlap_px < self.size_px
    }

    /// Refuses tiles that can't be cut for an input of so many pixels along an axis.
    ///
    /// # Errors
    /// [`ImageError::Preprocessing`].
    pub(super) fn check(self, inputs_px: [usize; 2]) -> Result<(), ImageError> {
        let Self { size_px, overlap_px, step_px } = self;
        let refuse = |reason: String| Err(ImageError::Preprocessing { reason });
        if !self.is_sound() {
            return refuse(format!(
                "tiles of {size_px} pixels with an overlap of {overlap_px}; choose 1 to {MAX_INPUT_PX}, and an overlap below that"
            ));
        }
        match inputs_px.iter().find(|input_px| step_px == 0 || *input_px % step_px != 0) {
            Some(input_px) => refuse(format!(
                "tiles are cut every {step_px} pixels of the network's input; its side of {input_px} is no multiple of that"
            )),
            None => Ok(()),
        }
    }

    /// Pixels along an axis of the whole image, scaled so that a tile has `input_px`; no fewer than those.
    pub(super) fn scaled_px(self, source_px: usize, input_px: usize) -> usize {
        let step = self.step_px.max(1) as u128;
        let (source, input, size) = (source_px as u128, input_px as u128, self.size_px.max(1) as u128);
        // Rounded to the nearest step.
        let steps = (2 * source * input + size * step) / (2 * size * step);
        usize::try_from(steps * step).unwrap_or(usize::MAX).max(input_px)
    }

    /// What is seen and not counted at a tile's border within the image, along an axis of `input_px`.
    fn margin_px(self, input_px: usize) -> usize {
        let step = self.step_px.max(1);
        let half = (self.overlap_px * input_px).div_ceil(2 * self.size_px.max(1));
        // At least one step counts.
        half.next_multiple_of(step).min(input_px.saturating_sub(step) / 2 / step * step)
    }

    /// The tiles along an axis of `scaled_px`, of which the network sees `input_px` at a time, no more than there are.
    pub(crate) fn cuts(self, scaled_px: usize, input_px: usize) -> Vec<Cut> {
        let margin = self.margin_px(input_px);
        let stride = (input_px - 2 * margin).max(1);
        let (mut cuts, mut counted) = (vec![], 0);
        while counted < scaled_px {
            // The last one begins early enough to be whole.
            let start = counted.saturating_sub(margin).min(scaled_px - input_px);
            let seen = start..start + input_px;
            let end = if seen.end == scaled_px { scaled_px } else { start + margin + stride };
            cuts.push(Cut { seen, core: counted..end });
            counted = end;
        }
        cuts
    }
}

impl FromStr for Tiles {
    type Err = ImageError;

    /// `SIZE` or `SIZE:OVERLAP`, in source pixels.
    fn from_str(text: &str) -> Result<Self, ImageError> {
        let (size, overlap) = text.split_once(':').map_or((text, None), |(size, overlap)| (size, Some(overlap)));
        let bad = || ImageError::Tiles { text: text.to_owned() };
        let size_px: usize = size.parse().map_err(|_| bad())?;
        let overlap_px = match overlap {
            Some(overlap) => overlap.parse().map_err(|_| bad())?,
            None => size_px / Self::DEFAULT_OVERLAP,
        };
        let tiles = Self { size_px, overlap_px, step_px: 1 };
        if tiles.is_sound() { Ok(tiles) } else { Err(bad()) }
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size_px, self.overlap_px)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pixel_counts_in_one_tile_that_sees_its_surroundings(
            size_px in 1usize..3000, overlap_share in 0.0..0.99f64, step_px in 1usize..33, n_steps in 1usize..40, source_px in 1usize..9000,
        ) {
            let overlap_px = (size_px as f64 * overlap_share) as usize;
            let (tiles, input_px) = (Tiles { size_px, overlap_px, step_px }, step_px * n_steps);
            prop_assert!(tiles.check([input_px; 2]).is_ok());
            let scaled = tiles.scaled_px(source_px, input_px);
            prop_assert!(scaled >= input_px && scaled.is_multiple_of(step_px));
            let exact = source_px as f64 * input_px as f64 / size_px as f64;
            prop_assert!(scaled == input_px || (scaled as f64 - exact).abs() <= step_px as f64 / 2.0 + 1e-6);
            // Coarse scales of a long image are many tiles; a sample is enough.
            prop_assume!(scaled < 1 << 20);
            let cuts = tiles.cuts(scaled, input_px);
            let margin = tiles.margin_px(input_px);
            prop_assert!(cuts[0].core.start == 0 && cuts[cuts.len() - 1].core.end == scaled);
            prop_assert!(cuts.windows(2).all(|w| w[0].core.end == w[1].core.start));
            for Cut { seen, core } in &cuts {
                prop_assert!(!core.is_empty() && seen.len() == input_px && seen.end <= scaled);
                prop_assert!([seen.start, core.start, core.end].iter().all(|at| at.is_multiple_of(step_px)));
                prop_assert!(seen.start == 0 || core.start - seen.start >= margin);
                prop_assert!(seen.end == scaled || seen.end - core.end >= margin);
            }
            // No more tiles than it takes.
            let least = if scaled == input_px { 1 } else { (scaled - 2 * margin).div_ceil(input_px - 2 * margin) };
            prop_assert_eq!(cuts.len(), least);
        }
    }

    #[test]
    fn the_default_overlap_and_what_is_refused() {
        let tiles: Tiles = "512".parse().unwrap();
        assert_eq!((tiles.size_px, tiles.overlap_px, tiles.to_string().as_str()), (512, 128, "512:128"));
        assert_eq!("512:0".parse::<Tiles>().unwrap().overlap_px, 0);
        for text in ["", "0", "x", "512:512", "512:-1", "512:", ":5", "99999999999", "auto"] {
            assert!(text.parse::<Tiles>().is_err(), "{text}");
        }
        let tiles = Tiles { step_px: 16, ..tiles };
        assert!(tiles.check([256, 256]).is_ok() && tiles.check([256, 250]).is_err());
        assert!(Tiles { step_px: 0, ..tiles }.check([256, 256]).is_err());
    }
}
