//! How pixel values are shown on a screen. Scores never see this.

use crate::image::Image;

/// The value shown as white: 1, unless the image uses less than half of 0..1 or goes beyond it (float maps): then its
/// 99.5th percentile.
#[must_use]
pub fn display_white(image: &Image) -> f32 {
    let mut sorted = image.pixels().to_vec();
    let rank = ((sorted.len() as f64 * 0.995) as usize).min(sorted.len() - 1);
    let (_, white, _) = sorted.select_nth_unstable_by(rank, f32::total_cmp);
    if *white > 0.0 && !(0.5..=1.0).contains(white) { *white } else { 1.0 }
}

/// Grey or RGB as 8-bit RGB, `[height_px * width_px * 3]`: 0 is black and `white` white.
#[must_use]
pub fn display_rgb(image: &Image, white: f32) -> Vec<u8> {
    let scale = 255.0 / white;
    let byte = |v: &f32| (v * scale).clamp(0.0, 255.0).round() as u8;
    match image.n_channels() {
        1 => image.pixels().iter().flat_map(|v| [byte(v); 3]).collect(),
        _ => image.pixels().iter().map(byte).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faint_and_overflowing_maps_are_stretched_and_photographs_are_not() {
        let of = |top: f32| Image::new((0..1000).map(|i| i as f32 * top / 999.0).collect(), 10, 100, 1).unwrap();
        assert_eq!((display_white(&of(1.0)), display_white(&of(0.6))), (1.0, 1.0));
        assert!((display_white(&of(0.2)) - 0.199).abs() < 1e-3 && (display_white(&of(3.0)) - 2.987).abs() < 1e-2);
        assert_eq!(display_white(&of(0.0)), 1.0);
        let rgb = display_rgb(&Image::new(vec![-1.0, 0.5, 9.0], 1, 1, 3).unwrap(), 1.0);
        assert_eq!(rgb, [0, 128, 255]);
    }
}
