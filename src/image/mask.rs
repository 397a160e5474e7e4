//! Ground truth masks.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::resize::nearest_index;
use super::{Image, ImageError, Limits, is_image_path, read};

/// A pixel counts as defective above this share of full scale.
const DEFECT_ABOVE: f32 = 0.5;

/// Most values of a mask of class numbers.
pub const MAX_CLASSES: usize = 32;

/// Which pixels are defective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// `[height_px * width_px]`, row-major; `true` is defective.
    pub values: Vec<bool>,
    /// Rows.
    pub height_px: usize,
    /// Columns.
    pub width_px: usize,
}

impl Mask {
    /// The mask on another grid: `source = floor((target + 0.5) * source_size / target_size)` per
    /// axis, the convention of Pillow's `NEAREST`, in integers.
    pub fn resize_nearest(&self, height_px: usize, width_px: usize) -> Mask {
        let mut values = Vec::with_capacity(height_px.saturating_mul(width_px));
        for y in 0..height_px {
            let row = nearest_index(y, self.height_px, height_px) * self.width_px;
            let columns = (0..width_px).map(|x| nearest_index(x, self.width_px, width_px));
            values.extend(columns.map(|column| self.values[row + column]));
        }
        Mask { values, height_px, width_px }
    }

    fn united_with(mut self, other: &Mask) -> Result<Mask, ImageError> {
        let (mask, image) = ((other.height_px, other.width_px), (self.height_px, self.width_px));
        if mask != image {
            return Err(ImageError::MaskFrame { mask, image });
        }
        self.values.iter_mut().zip(&other.values).for_each(|(value, other)| *value |= other);
        Ok(self)
    }

    /// The mask on the frame of its image: scaled (nearest neighbour) where its sides have the image's ratio within
    /// rounding.
    ///
    /// # Errors
    /// [`ImageError::MaskFrame`] if the ratio differs.
    pub fn on_frame(self, height_px: usize, width_px: usize) -> Result<Mask, ImageError> {
        if (self.height_px, self.width_px) == (height_px, width_px) {
            return Ok(self);
        }
        self.fits_frame(height_px, width_px)?;
        Ok(self.resize_nearest(height_px, width_px))
    }

    /// Whether its sides have the ratio of those of an image, within rounding.
    ///
    /// # Errors
    /// [`ImageError::MaskFrame`] if they have not.
    pub(crate) fn fits_frame(&self, height_px: usize, width_px: usize) -> Result<(), ImageError> {
        let (mask, image) = ((self.height_px, self.width_px), (height_px, width_px));
        let fits = mask == image || is_scaled(mask, image) || is_scaled(image, mask);
        if fits { Ok(()) } else { Err(ImageError::MaskFrame { mask, image }) }
    }
}

/// Whether `to` is `from` scaled by one factor, each side rounded up or down to whole pixels.
fn is_scaled(from: (usize, usize), to: (usize, usize)) -> bool {
    let bounds = |from: usize, to: usize| ((to as f64 - 1.0) / from as f64, (to as f64 + 1.0) / from as f64);
    let (rows, columns) = (bounds(from.0, to.0), bounds(from.1, to.1));
    rows.0.max(columns.0) < rows.1.min(columns.1) && to.0 <= from.0 && to.1 <= from.1
}

/// Reads a mask from any image file, or the union of all those in a folder, which must be of one size.
///
/// A pixel is defective if one of its channels lies above half of full scale, so that coloured masks count as well as
/// white ones. Where a mask holds class numbers (its largest value is at most half of full scale, or a value up to there
/// fills an area, in at most [`MAX_CLASSES`] values), every pixel above 0 is. The edges of lossy files (JPEG) are cut at half
/// of the largest value instead.
///
/// # Errors
/// Those of [`read`], and [`ImageError::MaskFrame`] for files of different sizes.
pub fn read_mask(path: &Path, limits: &Limits) -> Result<Mask, ImageError> {
    if !path.is_dir() {
        return read(path, limits).map(|image| from_image(&image, is_lossy(path)));
    }
    let mut united: Option<Mask> = None;
    for file in images_in(path)? {
        let mask = read(&file, limits).map(|image| from_image(&image, is_lossy(&file)))?;
        united = Some(match united {
            None => mask,
            Some(so_far) => so_far.united_with(&mask).map_err(|error| error.in_file(&file))?,
        });
    }
    united.ok_or_else(|| ImageError::Empty { height_px: 0, width_px: 0 }.in_file(path))
}

/// [`read_mask`], brought onto the frame of its image.
///
/// # Errors
/// Those of [`read_mask`] and [`Mask::on_frame`]; each names the file.
pub fn read_mask_of(path: &Path, image: &Image, limits: &Limits) -> Result<Mask, ImageError> {
    let on_frame = |mask: Mask| mask.on_frame(image.height_px(), image.width_px());
    read_mask(path, limits).and_then(|mask| on_frame(mask).map_err(|error| error.in_file(path)))
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let failed = |source| ImageError::Io { action: "list the folder", source }.in_file(folder);
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let paths = entries.map_err(failed)?.into_iter().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| is_image_path(path) && path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Whether a file's pixels are not those that were drawn, by its first bytes. One that cannot be opened fails elsewhere.
fn is_lossy(path: &Path) -> bool {
    let mut first = [0; 16];
    let n_read = File::open(path).and_then(|mut file| file.read(&mut first)).unwrap_or(0);
    match &first[..n_read] {
        [0xff, 0xd8, 0xff, ..] => true,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', b'8', kind] => *kind != b'L',
        _ => false,
    }
}

fn from_image(image: &Image, is_lossy: bool) -> Mask {
    let pixels = image.pixels().chunks_exact(image.n_channels());
    let (height_px, width_px) = (image.height_px(), image.width_px());
    let levels: Vec<f32> = pixels.map(|pixel| pixel.iter().copied().fold(f32::MIN, f32::max)).collect();
    let largest = levels.iter().copied().fold(f32::MIN, f32::max);
    let above = if is_lossy {
        DEFECT_ABOVE.min(largest / 2.0)
    } else if largest <= DEFECT_ABOVE || holds_classes(&levels, width_px) {
        0.0
    } else {
        DEFECT_ABOVE
    };
    // A black lossy mask has no half to lie above.
    let values = levels.iter().map(|&level| level > above && level > 0.0).collect();
    Mask { values, height_px, width_px }
}

/// Whether a value in `0..=DEFECT_ABOVE` stands for something of its own, rather than for the edge of what is above: it
/// fills three by three pixels somewhere, or nowhere touches a larger value. More than [`MAX_CLASSES`] values are the noise
/// of a mask that was once lossy, or a soft edge.
fn holds_classes(levels: &[f32], width_px: usize) -> bool {
    let mut between: Vec<(f32, bool, bool)> = vec![];
    let mut distinct: Vec<f32> = vec![];
    for &level in levels {
        if !distinct.contains(&level) {
            distinct.push(level);
            if distinct.len() > MAX_CLASSES {
                return false;
            }
            if level > 0.0 && level <= DEFECT_ABOVE {
                between.push((level, false, false));
            }
        }
    }
    if between.is_empty() {
        return false;
    }
    let height_px = levels.len() / width_px;
    for (index, &level) in levels.iter().enumerate() {
        let Some(entry) = between.iter_mut().find(|entry| entry.0 == level) else { continue };
        let (y, x) = (index / width_px, index % width_px);
        let (rows, columns) = (y.saturating_sub(1)..(y + 2).min(height_px), x.saturating_sub(1)..(x + 2).min(width_px));
        let around = || rows.clone().flat_map(|row| columns.clone().map(move |column| levels[row * width_px + column]));
        entry.1 |= around().count() == 9 && around().all(|other| other == level);
        entry.2 |= around().any(|other| other > level);
    }
    between.iter().any(|(_, is_area, touches_larger)| *is_area || !touches_larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 12;

    /// A square of the value `inside`, four pixels from the edge, on `outside`, with a rim of the value `rim`.
    fn square(inside: f32, rim: f32, outside: f32) -> Image {
        let level = |index: usize| {
            let from_edge = |at: usize| at.min(SIDE - 1 - at);
            match from_edge(index / SIDE).min(from_edge(index % SIDE)) {
                0..3 => outside,
                3 => rim,
                _ => inside,
            }
        };
        Image::new((0..SIDE * SIDE).map(level).collect(), SIDE, SIDE, 1).unwrap()
    }

    fn count(image: &Image, is_lossy: bool) -> usize {
        from_image(image, is_lossy).values.iter().filter(|value| **value).count()
    }

    #[test]
    fn a_defect_counts_whatever_number_stands_for_it() {
        let of = |value: f32, full: f32| value / full;
        let (with_rim, without) = (36, 16);
        let cases: [(&str, Image, bool, usize); 13] = [
            ("0 and 255", square(1.0, 1.0, 0.0), false, with_rim),
            ("0 and 1", square(of(1.0, 255.0), of(1.0, 255.0), 0.0), false, with_rim),
            ("0, 1 and 2", square(of(2.0, 255.0), of(1.0, 255.0), 0.0), false, with_rim),
            ("0 and 127", square(of(127.0, 255.0), of(127.0, 255.0), 0.0), false, with_rim),
            ("255 in 16 bits", square(of(255.0, 65535.0), of(255.0, 65535.0), 0.0), false, with_rim),
            ("1 in 16 bits", square(of(1.0, 65535.0), of(1.0, 65535.0), 0.0), false, with_rim),
            ("classes 50 and 250 of their own", square(of(250.0, 255.0), 0.0, 0.0), false, without),
            ("a soft edge below half", square(1.0, of(100.0, 255.0), 0.0), false, without),
            ("a soft edge above half", square(1.0, of(200.0, 255.0), 0.0), false, with_rim),
            ("a lossy edge", square(1.0, of(100.0, 255.0), of(2.0, 255.0)), true, without),
            ("a lossy grey", square(of(100.0, 255.0), of(20.0, 255.0), of(1.0, 255.0)), true, without),
            ("nothing", square(0.0, 0.0, 0.0), false, 0),
            ("nothing, lossy", square(0.0, 0.0, 0.0), true, 0),
        ];
        for (name, image, is_lossy, expected) in &cases {
            assert_eq!(count(image, *is_lossy), *expected, "{name}");
        }
        // Two classes in one mask, one of which lies above half of full scale.
        let mut pixels = square(1.0, 1.0, 0.0).pixels().to_vec();
        pixels[..2].fill(50.0 / 255.0);
        assert_eq!(count(&Image::new(pixels, SIDE, SIDE, 1).unwrap(), false), with_rim + 2);
    }

    #[test]
    fn a_mask_is_scaled_where_only_its_size_differs() {
        let sizes = [((100, 60), (50, 30)), ((50, 30), (100, 60)), ((101, 61), (50, 30)), ((1000, 750), (333, 250))];
        for (image, mask) in sizes {
            let all = Mask { values: vec![true; mask.0 * mask.1], height_px: mask.0, width_px: mask.1 };
            let found = all.on_frame(image.0, image.1).unwrap();
            assert_eq!((found.height_px, found.width_px, found.values.len()), (image.0, image.1, image.0 * image.1));
        }
        for (image, mask) in
            [((100, 60), (60, 100)), ((100, 60), (100, 64)), ((100, 60), (96, 60)), ((80, 60), (40, 33))]
        {
            let all = Mask { values: vec![true; mask.0 * mask.1], height_px: mask.0, width_px: mask.1 };
            let error = all.on_frame(image.0, image.1).unwrap_err().to_string();
            let sizes = [mask.1, mask.0, image.1, image.0].map(|side| side.to_string());
            assert!(sizes.iter().all(|side| error.contains(side)), "{error}");
        }
    }
}
