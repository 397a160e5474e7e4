//! Faults pasted into normal images, to learn from: what a fault changes, not what it looks like on this product.
//!
//! All sizes are drawn from ranges that are shares of the image, all contrasts from ranges that are shares of how much the image
//! varies. Nothing of [`synth`](crate::synth), whose faults tests are made of, is used.

mod area;
mod canvas;
mod lines;

use crate::detect::{DetectError, Faults};
use crate::image::{Image, Roi};
use area::{area, perlin};
use canvas::Canvas;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// An image with faults in it.
pub(super) struct Spoiled {
    pub(super) image: Image,
    /// How much of each pixel is fault, 0 to 1, `[height_px * width_px]`.
    pub(super) share: Vec<f32>,
}

/// Pastes one to three faults into an image, of which what lies in all of `rois` is looked at: nothing hangs on the others.
///
/// # Errors
/// [`DetectError::Image`] for pixels that are no image, which does not happen.
pub(super) fn spoil(
    (image, rois): (&Image, &[&Roi]),
    faults: Faults,
    random: &mut ChaCha8Rng,
) -> Result<Spoiled, DetectError> {
    let mut canvas = Canvas::of(image, rois);
    for _ in 0..random.random_range(1..=3) {
        match faults {
            Faults::Lines(axis) => lines::draw(&mut canvas, axis, random),
            Faults::Generic => generic(&mut canvas, random),
            Faults::None => {}
        }
    }
    let Canvas { mut pixels, share, extrema: [low, high], .. } = canvas;
    // What was stored as integers stays within what they can be.
    let (low, high) = if image.full_scale().is_some() { (0.0, 1.0) } else { (low - (high - low), high + (high - low)) };
    pixels.iter_mut().for_each(|value| *value = value.clamp(low, high));
    let spoiled = Image::new(pixels, image.height_px(), image.width_px(), image.n_channels())?;
    // What is not looked at, the network does not see.
    let spoiled = match image.roi() {
        Some(roi) => spoiled.with_roi(roi.clone()),
        None => spoiled,
    };
    Ok(Spoiled { image: spoiled, share })
}

/// A piece of the image at another place, a scar, or a stain.
fn generic(canvas: &mut Canvas<'_>, random: &mut ChaCha8Rng) {
    match random.random_range(0..3) {
        0 => paste(canvas, random),
        1 => lines::scar(canvas, random),
        _ => stain(canvas, random),
    }
}

/// A piece from elsewhere in the image, turned by a half or mirrored, a little lighter or darker.
fn paste(canvas: &mut Canvas<'_>, random: &mut ChaCha8Rng) {
    let (height, width) = canvas.size();
    let piece = area(canvas.size(), random);
    let (dy, dx) = (random.random_range(0..height), random.random_range(0..width));
    let (flip_y, flip_x) = (random.random::<bool>(), random.random::<bool>());
    let lighter = random.random_range(-0.7..0.7f32);
    let opacity = random.random_range(0.5..1.0f32);
    let (from, levels, n_channels) = (canvas.from, canvas.levels.clone(), canvas.from.n_channels());
    for (y, x, share) in piece.pixels() {
        let source =
            |at: usize, by: usize, n: usize, flips: bool| if flips { (n - 1 - at + by) % n } else { (at + by) % n };
        let other = source(y, dy, height, flip_y) * width + source(x, dx, width, flip_x);
        if canvas.inside.as_ref().is_some_and(|inside| !inside[other]) {
            continue;
        }
        let value = |channel: usize, _| from.pixels()[other * n_channels + channel] + lighter * levels[channel];
        canvas.mix(y * width + x, share * opacity, value);
    }
}

/// A patch of another level and texture with edges that are no line.
fn stain(canvas: &mut Canvas<'_>, random: &mut ChaCha8Rng) {
    let (_, width) = canvas.size();
    let piece = area(canvas.size(), random);
    let fine = random.random_range(2..=8);
    let (edge, grain) = (perlin(&piece, 3, random), perlin(&piece, fine, random));
    let contrast = random.random_range(0.4..2.5f32) * if random.random() { 1.0 } else { -1.0 };
    let grainy = random.random_range(0.0..1.5f32);
    let tint: Vec<f32> = canvas.levels.iter().map(|_| random.random_range(0.6..1.0f32)).collect();
    let levels = canvas.levels.clone();
    for (index, (y, x, share)) in piece.pixels().enumerate() {
        let share = share * (4.0 * edge[index] + 1.0).clamp(0.0, 1.0);
        let off = contrast + grainy * grain[index];
        let value = |channel: usize, old: f32| old + off * levels[channel] * tint[channel];
        canvas.mix(y * width + x, share, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Axis;
    use rand::SeedableRng;

    fn image(n_channels: usize) -> Image {
        let value = |at: usize| 0.4 + 0.2 * ((at * 7919) % 101) as f32 / 101.0;
        Image::new((0..40 * 60 * n_channels).map(value).collect(), 40, 60, n_channels).unwrap()
    }

    #[test]
    fn pixels_change_where_the_mask_says_so_and_nowhere_else() {
        for faults in [Faults::Generic, Faults::Lines(Axis::Horizontal), Faults::Lines(Axis::Vertical)] {
            for n_channels in [1, 3] {
                let image = image(n_channels);
                let mut n_changed = 0;
                for seed in 0..40 {
                    let spoiled = spoil((&image, &[]), faults, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
                    let pairs = spoiled.image.pixels().chunks(n_channels).zip(image.pixels().chunks(n_channels));
                    for ((new, old), share) in pairs.zip(&spoiled.share) {
                        assert!((0.0..=1.0).contains(share) && (*share > 0.0 || new == old), "{faults} {seed}");
                        n_changed += usize::from(new != old);
                    }
                }
                assert!(n_changed > 40 * 20, "{faults}: {n_changed} pixels in 40 images");
            }
        }
    }

    #[test]
    fn the_same_seed_spoils_alike_and_lines_lie_along_their_axis() {
        let image = image(1);
        let spoiled =
            |seed, axis| spoil((&image, &[]), Faults::Lines(axis), &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        let (mut along, mut across) = (0, 0);
        for seed in 0..20 {
            let (h, v) = (spoiled(seed, Axis::Horizontal), spoiled(seed, Axis::Vertical));
            assert_eq!(h.image.pixels(), spoiled(seed, Axis::Horizontal).image.pixels());
            let rows = (0..40).filter(|y| (0..60).any(|x| h.share[y * 60 + x] > 0.3)).count();
            let columns = (0..60).filter(|x| (0..40).any(|y| v.share[y * 60 + x] > 0.3)).count();
            (along, across) = (along.max(rows), across.max(columns));
        }
        assert!((1..=12).contains(&along) && (1..=16).contains(&across), "{along} rows, {across} columns");
    }

    #[test]
    fn an_image_of_one_value_or_one_pixel_is_no_trouble() {
        for (height, width) in [(1, 1), (1, 50), (50, 1), (8, 8)] {
            let image = Image::new(vec![0.5; height * width], height, width, 1).unwrap();
            for seed in 0..20 {
                for faults in [Faults::Generic, Faults::Lines(Axis::Horizontal), Faults::Lines(Axis::Vertical)] {
                    spoil((&image, &[]), faults, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
                }
            }
        }
    }
}
