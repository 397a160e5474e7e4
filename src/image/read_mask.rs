//! Masks from image files.

use super::{Image, ImageError, Limits, Mask, is_image_path, read};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A pixel counts as defective above this share of full scale.
const DEFECT_ABOVE: f32 = 0.5;

/// Most values of a mask of class numbers.
pub const MAX_CLASSES: usize = 32;

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
}
