//! Masks of what is looked at, one for each image.

use super::{DatasetError, Sample};
use crate::image::EXTENSIONS;
use std::path::{Path, PathBuf};

/// What the name of a mask may end with, behind that of its image.
const ENDINGS: [&str; 3] = ["", "_mask", "_roi"];

/// Finds the mask of each image in `folder`: at the same place below it, with the image's name or that and `_mask` or `_roi`, with any
/// extension of an image.
///
/// # Errors
/// [`DatasetError::NoRoiMask`] where an image has none.
pub fn look_at(samples: &mut [Sample], folder: &Path) -> Result<(), DatasetError> {
    let found: Vec<Option<PathBuf>> = samples.iter().map(|sample| mask_of(&sample.name, folder)).collect();
    let missing: Vec<usize> = (0..samples.len()).filter(|i| found[*i].is_none()).collect();
    if let Some(first) = missing.first() {
        return Err(DatasetError::NoRoiMask {
            folder: folder.to_owned(),
            n_missing: missing.len(),
            n_images: samples.len(),
            first: samples[*first].name.clone(),
        });
    }
    samples.iter_mut().zip(found).for_each(|(sample, mask)| sample.roi = mask);
    Ok(())
}

fn mask_of(name: &str, folder: &Path) -> Option<PathBuf> {
    let (inside, file) = name.rsplit_once('/').unwrap_or(("", name));
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let candidates =
        ENDINGS.iter().flat_map(|ending| EXTENSIONS.iter().map(move |ext| format!("{stem}{ending}.{ext}")));
    candidates.map(|file| folder.join(inside).join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::normals;
    use std::fs;

    #[test]
    fn a_mask_lies_where_its_image_does_and_images_without_are_counted() {
        let (images, masks) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
        for file in ["a/1.png", "a/2.png", "3.png"] {
            let path = images.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            crate::image::write_png_grey8(&path, &[7], 1, 1).unwrap();
        }
        let mut samples = normals(images.path(), None).unwrap().samples;
        fs::create_dir(masks.path().join("a")).unwrap();
        for file in ["a/1.png", "a/2_mask.bmp", "3_roi.png"] {
            let error = look_at(&mut samples, masks.path()).unwrap_err().to_string();
            assert!(error.contains("of 3 images"), "{error}");
            fs::write(masks.path().join(file), "").unwrap();
        }
        look_at(&mut samples, masks.path()).unwrap();
        assert!(samples.iter().all(|sample| sample.roi.as_ref().is_some_and(|mask| mask.is_file())));
    }
}
