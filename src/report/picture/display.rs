//! How pixel values are shown on a screen. Scores never see this.

use crate::image::Image;

/// The value shown as white: 1, unless the image uses less than half of 0..1 or goes beyond it (float maps): then its
/// 99.5th percentile.
#[must_use]
pub fn display_white(image: &Image) -> f32 {
    let pixels = image.pixels();
    let rank = ((pixels.len() as f64 * 0.995) as usize).min(pixels.len() - 1);
    let count = |is: fn(f32) -> bool| pixels.iter().filter(|v| is(**v)).count();
    // Where the percentile lies in 0.5..=1, which two counts tell, it need not be found.
    if count(|v| v < 0.5) <= rank && count(|v| v <= 1.0) > rank {
        return 1.0;
    }
    let mut sorted = pixels.to_vec();
    let (_, white, _) = sorted.select_nth_unstable_by(rank, f32::total_cmp);
    if *white > 0.0 { *white } else { 1.0 }
}

/// Grey or RGB as 8-bit RGB, `[height_px * width_px * 3]`: 0 is black and `white` white.
#[must_use]
pub fn display_rgb(image: &Image, white: f32) -> Vec<u8> {
    let scale = 255.0 / white;
    // The cast rounds down and saturates; `round` would be a call.
    let bytes = image.pixels().iter().map(|v| (v * scale + 0.5) as u8);
    if image.n_channels() != 1 {
        return bytes.collect();
    }
    let mut rgb = vec![0; 3 * image.pixels().len()];
    rgb.as_chunks_mut::<3>().0.iter_mut().zip(bytes).for_each(|(pixel, byte)| *pixel = [byte; 3]);
    rgb
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
