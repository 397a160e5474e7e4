//! The pictures of an image that the page shows.

use super::picture::{ColourScale, shown};
use super::{DrawStyle, Picture, ReportError, SourceImage, draw_image, draw_map};
use crate::image::Image;
use crate::infer::Inspection;

/// Longer side of a picture that is looked at.
const VIEW_SIDE_PX: usize = 1200;
/// Longer side of a picture in the list.
const THUMB_SIDE_PX: usize = 280;
const VIEW_QUALITY: u8 = 90;
const THUMB_QUALITY: u8 = 80;
/// Between image and map in one picture.
const GAP_PX: usize = 4;
const GAP: [u8; 3] = [17, 20, 26];

/// JPEG files of an image: as it is, with its map over it (the two of one size), and small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureSet {
    /// The image.
    pub image: Vec<u8>,
    /// Its map over it.
    pub map: Vec<u8>,
    /// The map, small; with the image on its left where both were asked for.
    pub thumb: Vec<u8>,
}

/// What a small picture shows to the left of its map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// The image itself.
    pub image: bool,
    /// What the detector draws of it ([`Detector::reconstruction`](crate::detect::Detector::reconstruction)), after the image.
    pub reconstruction: Option<&'a Image>,
}

impl PictureSet {
    /// Of an inspection; `truth` as in [`DrawStyle`].
    ///
    /// # Errors
    /// As [`draw_map`].
    pub fn of(
        image: &Image,
        inspection: &Inspection,
        (pixel_threshold, truth): (Option<f32>, Option<&[bool]>),
        left: Beside<'_>,
    ) -> Result<Self, ReportError> {
        let style = DrawStyle { pixel_threshold, truth, legend: false, max_side_px: Some(VIEW_SIDE_PX) };
        let map = draw_map(image, (&inspection.map, &inspection.placement), &style, None)?;
        let raw = draw_image(image, image, Some(VIEW_SIDE_PX))?;
        let small = small(&map)?;
        let drawn = left.reconstruction.map(|drawn| draw_image(drawn, image, Some(THUMB_SIDE_PX))).transpose()?;
        let thumb = drawn.map_or_else(|| Ok(small.clone()), |drawn| beside(&drawn, &small))?;
        // Where there is a reconstruction, what it was made of is wanted beside it.
        let thumb =
            if left.image || left.reconstruction.is_some() { beside(&self::small(&raw)?, &thumb)? } else { thumb };
        Ok(Self { image: raw.jpeg(VIEW_QUALITY)?, map: map.jpeg(VIEW_QUALITY)?, thumb: thumb.jpeg(THUMB_QUALITY)? })
    }
}

/// The colours of all pictures of a bundle, where they share a scale.
#[must_use]
pub fn shared_colours(pixel_threshold: Option<f32>) -> Option<ColourScale> {
    let threshold = pixel_threshold.filter(|threshold| *threshold > 0.0)?;
    ColourScale::around_threshold(threshold / 2.0, threshold).ok()
}

fn small(picture: &Picture) -> Result<Picture, ReportError> {
    let source = SourceImage { rgb: picture.pixels(), height_px: picture.height_px(), width_px: picture.width_px() };
    shown(source, Some(THUMB_SIDE_PX))
}

fn beside(left: &Picture, right: &Picture) -> Result<Picture, ReportError> {
    let height_px = left.height_px().max(right.height_px());
    let mut both = Picture::filled(height_px, left.width_px() + GAP_PX + right.width_px(), GAP)?;
    both.paste(0, 0, left);
    both.paste(0, left.width_px() + GAP_PX, right);
    Ok(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_side_by_side_keep_their_pixels_and_a_gap() {
        let [left, right] = [[200, 0, 0], [0, 0, 200]].map(|colour| Picture::filled(3, 5, colour).unwrap());
        let both = beside(&left, &right).unwrap();
        assert_eq!((both.height_px(), both.width_px()), (3, 14));
        assert_eq!([both.at(2, 4), both.at(2, 5), both.at(2, 9)], [[200, 0, 0], GAP, [0, 0, 200]]);
    }

    #[test]
    fn pictures_share_a_scale_only_where_a_threshold_gives_one() {
        let scale = shared_colours(Some(2.0)).unwrap();
        assert_eq!((scale.low(), scale.high()), (1.0, 3.0));
        assert_eq!([None, Some(0.0), Some(f32::NAN), Some(-1.0)].map(shared_colours), [None; 4]);
    }
}
