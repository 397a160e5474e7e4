//! From an image of any shape to the network's input, the same for fitting and inference.

use super::bounds::MAX_INPUT_PX;
use super::resample::{Axis, bilinear};
use super::resize::nearest_index;
use super::{Image, ImageError, Limits, Placement, Reading, Resize, Tiles, ValueRange};
use std::num::NonZeroUsize;
use std::ops::Range;

/// Mean of the ImageNet training images per channel, in red, green, blue.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of the ImageNet training images per channel, in red, green, blue.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Reading, resize and normalisation in front of a network.
#[derive(Clone, PartialEq, Debug)]
pub struct Preprocessing {
    /// The stored values that become 0 and 1; `None` for the whole range of integers, and for floats as they are.
    pub range: Option<ValueRange>,
    /// Which full-resolution page of a TIFF, from 1; `None` where files have only one.
    pub page: Option<NonZeroUsize>,
    /// How the image fills the input.
    pub resize: Resize,
    /// How large images are cut, each tile filling the input; `None` where the whole image does.
    pub tiles: Option<Tiles>,
    /// Rows of the input.
    pub height_px: usize,
    /// Columns of the input.
    pub width_px: usize,
    /// Subtracted per channel (red, green, blue), in units of full scale.
    pub mean: [f32; 3],
    /// Divided by per channel after the mean is taken off.
    pub std: [f32; 3],
}

impl Preprocessing {
    /// Normalisation by the ImageNet statistics, which the public backbones were trained with.
    pub fn imagenet(height_px: usize, width_px: usize, resize: Resize) -> Self {
        let (mean, std) = (IMAGENET_MEAN, IMAGENET_STD);
        Preprocessing { range: None, page: None, resize, tiles: None, height_px, width_px, mean, std }
    }

    /// How the files of such images are read.
    #[must_use]
    pub fn reading(&self, limits: Limits) -> Reading {
        Reading { limits, range: self.range, page: self.page }
    }

    /// Checks what may have come from a file or a command line.
    ///
    /// # Errors
    /// If a size is 0 or beyond [`MAX_INPUT_PX`], a mean is not finite, or a deviation is not
    /// finite and positive.
    pub fn check(&self) -> Result<(), ImageError> {
        let mut sizes = vec![("height", self.height_px), ("width", self.width_px)];
        match self.resize {
            Resize::StretchBilinear | Resize::StretchNearest | Resize::FitPad => {}
            Resize::ShortestCrop { shortest_px } => sizes.push(("short side", shortest_px)),
        }
        for (name, px) in sizes {
            if !(1..=MAX_INPUT_PX).contains(&px) {
                return refuse(format!("the {name} is {px} pixels; choose 1 to {MAX_INPUT_PX}"));
            }
        }
        if let Some(tiles) = self.tiles {
            if self.resize != Resize::StretchBilinear {
                return refuse(format!(
                    "tiles are cut of images as they are, not {}; choose {}",
                    self.resize,
                    Resize::StretchBilinear
                ));
            }
            tiles.check([self.height_px, self.width_px])?;
        }
        if let Some(mean) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return refuse(format!("the mean {mean} is not finite"));
        }
        if let Some(std) = self.std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            return refuse(format!("the standard deviation {std} is not a positive number"));
        }
        Ok(())
    }

    /// Resizes and normalises, in tiles or not: the whole image. A grey image fills all three channels; padding is 0, which is the mean colour.
    ///
    /// Resizing works in `f32` without rounding to the file's depth and never clips. The result
    /// depends on nothing but the image and `self`: same bits in any thread, order and processor.
    ///
    /// # Shapes
    /// Result: `[3, height_px, width_px]`, one plane per channel; of all tiles together ([`Placement::input_px`]) where there
    /// are any.
    ///
    /// # Errors
    /// Those of [`Preprocessing::check`], and if a value leaves the range of `f32`.
    pub fn apply(&self, image: &Image) -> Result<Vec<f32>, ImageError> {
        self.check()?;
        let (height_px, width_px) = self.placement(image.height_px(), image.width_px()).input_px();
        let mut input = vec![0.0; 3 * height_px * width_px];
        self.apply_within(image, [&(0..height_px), &(0..width_px)], &mut input)?;
        Ok(input)
    }

    /// Values of what the network sees at a time: an image, or one of its tiles.
    ///
    /// # Errors
    /// Those of [`Preprocessing::check`].
    pub(crate) fn input_len(&self) -> Result<usize, ImageError> {
        self.check()?;
        Ok(3 * self.height_px * self.width_px)
    }

    /// As [`Preprocessing::apply`], of a window (rows, columns) of its result alone, into `input`, which has three values for
    /// each pixel of the window that can be anything.
    pub(crate) fn apply_within(
        &self,
        image: &Image,
        window: [&Range<usize>; 2],
        input: &mut [f32],
    ) -> Result<(), ImageError> {
        let placement = self.placement(image.height_px(), image.width_px());
        let [(shown_rows, rows), (shown_columns, columns)] = placement.within(window);
        let n_channels = image.n_channels();
        let resized = match self.resize {
            Resize::StretchNearest => nearest(image.pixels(), n_channels, &rows, &columns),
            Resize::StretchBilinear | Resize::FitPad | Resize::ShortestCrop { .. } => {
                bilinear(image.pixels(), n_channels, &rows, &columns)
            }
        };
        let [height_px, width_px] = window.map(Range::len);
        let is_padded = resized.len() < height_px * width_px * n_channels;
        let (top, left) = (shown_rows.start - window[0].start, shown_columns.start - window[1].start);
        for (channel, plane) in input.chunks_exact_mut(height_px * width_px).enumerate() {
            if is_padded {
                plane.fill(0.0);
            }
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let source = channel.min(n_channels - 1);
            let visible = plane.chunks_exact_mut(width_px).skip(top);
            for (to, from) in visible.zip(resized.chunks_exact((columns.window.len() * n_channels).max(1))) {
                let to = &mut to[left..][..columns.window.len()];
                if n_channels == 1 {
                    to.iter_mut().zip(from).for_each(|(value, x)| *value = (x - mean) / std);
                } else {
                    for (value, pixel) in to.iter_mut().zip(from.chunks_exact(n_channels)) {
                        *value = (pixel[source] - mean) / std;
                    }
                }
            }
            // Without an early exit the loop is vectorised.
            if !plane.iter().fold(true, |ok, value| ok & value.is_finite()) {
                return Err(ImageError::Overflow { channel });
            }
        }
        Ok(())
    }

    /// Where the pixels of a source image of this size lie in the result of
    /// [`Preprocessing::apply`].
    pub fn placement(&self, source_height_px: usize, source_width_px: usize) -> Placement {
        let (source, input) = ([source_height_px, source_width_px], [self.height_px, self.width_px]);
        let whole = |axis: usize| self.tiles.map_or(input[axis], |tiles| tiles.scaled_px(source[axis], input[axis]));
        Placement::new(self.resize, source, [whole(0), whole(1)])
    }
}

fn refuse(reason: String) -> Result<(), ImageError> {
    Err(ImageError::Preprocessing { reason })
}

fn nearest(pixels: &[f32], n_channels: usize, rows: &Axis, columns: &Axis) -> Vec<f32> {
    let mut result = Vec::with_capacity(rows.window.len() * columns.window.len() * n_channels);
    for y in rows.window.clone() {
        let row = nearest_index(y, rows.n_source, rows.n_target) * columns.n_source;
        for x in columns.window.clone() {
            let start = (row + nearest_index(x, columns.n_source, columns.n_target)) * n_channels;
            result.extend_from_slice(&pixels[start..start + n_channels]);
        }
    }
    result
}
