//! Variants of training images: what may differ between normal parts without being a fault.

use super::canvas::Canvas;
use crate::detect::Augment;
use crate::model::reconstruction::AutoencoderShape;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Changes a canvas by each of the steps in turn. Pixels that come from beyond the image do not count.
pub(super) fn vary(canvas: &mut Canvas, shape: AutoencoderShape, steps: &[Augment], random: &mut ChaCha8Rng) {
    let mut place = Affine::none();
    for step in steps {
        match *step {
            Augment::FlipHorizontal if random.random() => {
                place.linear = product(place.linear, [[1.0, 0.0], [0.0, -1.0]])
            }
            Augment::FlipVertical if random.random() => place.linear = product(place.linear, [[-1.0, 0.0], [0.0, 1.0]]),
            Augment::FlipHorizontal | Augment::FlipVertical => {}
            Augment::Turn(degrees) => {
                let (sin, cos) = random.random_range(-degrees..=degrees).to_radians().sin_cos();
                place.linear = product(place.linear, [[cos, -sin], [sin, cos]]);
            }
            Augment::Scale(share) => {
                let by = 1.0 + random.random_range(-share..=share);
                place.linear = product(place.linear, [[by, 0.0], [0.0, by]]);
            }
            Augment::Shift(share) => {
                let mut shift = || share * random.random_range(-1.0..=1.0f32);
                place.shift = [place.shift[0] + shift(), place.shift[1] + shift()];
            }
            Augment::Colour(share) => colour(canvas, shape.n_channels, share, random),
            Augment::Blur(sigma) => blur(canvas, shape, random.random_range(0.0..=sigma)),
            Augment::Noise(sigma) => noise(canvas, shape.n_channels, sigma, random),
        }
    }
    if place != Affine::none() {
        place.apply(canvas, shape);
    }
}

/// Where a pixel comes from: `linear` times its place from the middle of what is shown, and a shift in shares of its sides.
#[derive(Clone, Copy, PartialEq)]
struct Affine {
    linear: [[f32; 2]; 2],
    shift: [f32; 2],
}

fn product(a: [[f32; 2]; 2], b: [[f32; 2]; 2]) -> [[f32; 2]; 2] {
    std::array::from_fn(|row| std::array::from_fn(|column| a[row][0] * b[0][column] + a[row][1] * b[1][column]))
}

impl Affine {
    fn none() -> Self {
        Self { linear: [[1.0, 0.0], [0.0, 1.0]], shift: [0.0; 2] }
    }

    fn apply(self, canvas: &mut Canvas, shape: AutoencoderShape) {
        let (side, n) = (shape.side_px(), shape.n_channels);
        let counting = || (0..canvas.counts.len()).filter(|at| canvas.counts[*at]);
        let span = |of: fn(usize, usize) -> usize| {
            let (low, high) = counting().map(|at| of(at, side)).fold((side, 0), |(l, h), v| (l.min(v), h.max(v)));
            (low as f32, high as f32)
        };
        let (rows, columns) = (span(|at, side| at / side), span(|at, side| at % side));
        let middle = [f32::midpoint(rows.0, rows.1), f32::midpoint(columns.0, columns.1)];
        let shift = [self.shift[0] * (rows.1 - rows.0), self.shift[1] * (columns.1 - columns.0)];
        let (mut values, mut counts) = (canvas.values.clone(), vec![false; side * side]);
        for at in counting() {
            let from = [(at / side) as f32 - middle[0], (at % side) as f32 - middle[1]];
            let along =
                |row: usize| self.linear[row][0] * from[0] + self.linear[row][1] * from[1] + middle[row] + shift[row];
            let (y, x) = (along(0), along(1));
            let last = (side - 1) as f32;
            if !(0.0..=last).contains(&y) || !(0.0..=last).contains(&x) {
                continue;
            }
            let (top, left) = ((y as usize).min(side - 2), (x as usize).min(side - 2));
            let (v, u) = (y - top as f32, x - left as f32);
            let corners = [(0, 0, (1.0 - v) * (1.0 - u)), (0, 1, (1.0 - v) * u), (1, 0, v * (1.0 - u)), (1, 1, v * u)];
            let place = |dy: usize, dx: usize| (top + dy) * side + left + dx;
            if corners.iter().any(|(dy, dx, weight)| *weight > 0.0 && !canvas.counts[place(*dy, *dx)]) {
                continue;
            }
            counts[at] = true;
            for channel in 0..n {
                let of = |(dy, dx, weight): &(usize, usize, f32)| weight * canvas.values[place(*dy, *dx) * n + channel];
                values[at * n + channel] = corners.iter().map(of).sum();
            }
        }
        // An image that was moved off its canvas altogether stays as it was.
        if counts.contains(&true) {
            (canvas.values, canvas.counts) = (values, counts);
        }
    }
}

/// Each channel brighter or darker, and of more or less contrast; greys alike in all, since their levels tell the material.
fn colour(canvas: &mut Canvas, n: usize, share: f32, random: &mut ChaCha8Rng) {
    if n == 1 {
        return;
    }
    for channel in 0..n {
        let (gain, level) = (1.0 + random.random_range(-share..=share), random.random_range(-share..=share));
        let own = canvas.values.iter_mut().skip(channel).step_by(n).zip(&canvas.counts);
        own.filter(|(_, counts)| **counts).for_each(|(value, _)| *value = gain * *value + level);
    }
}

fn noise(canvas: &mut Canvas, n: usize, sigma: f32, random: &mut ChaCha8Rng) {
    for (pixel, counts) in canvas.values.chunks_exact_mut(n).zip(&canvas.counts) {
        for value in pixel {
            let draw: f32 = StandardNormal.sample(random);
            *value += if *counts { sigma * draw } else { 0.0 };
        }
    }
}

/// A Gaussian over what counts.
fn blur(canvas: &mut Canvas, shape: AutoencoderShape, sigma: f32) {
    let (side, n) = (shape.side_px(), shape.n_channels);
    let reach = (3.0 * sigma).ceil() as usize;
    if reach == 0 {
        return;
    }
    let weights: Vec<f32> =
        (0..=2 * reach).map(|at| (-((at as f32 - reach as f32) / sigma).powi(2) / 2.0).exp()).collect();
    for step in [1, side] {
        let before = canvas.values.clone();
        for at in (0..side * side).filter(|at| canvas.counts[*at]) {
            let along = if step == 1 { at % side } else { at / side };
            let (mut sums, mut all) = ([0.0f32; super::canvas::CHANNELS], 0.0f32);
            for (tap, weight) in weights.iter().enumerate() {
                let Some(near) = (along + tap).checked_sub(reach).filter(|near| *near < side) else { continue };
                let other = at + near * step - along * step;
                if canvas.counts[other] {
                    all += weight;
                    (0..n).for_each(|channel| sums[channel] += weight * before[other * n + channel]);
                }
            }
            (0..n).for_each(|channel| canvas.values[at * n + channel] = sums[channel] / all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const SHAPE: AutoencoderShape = AutoencoderShape { n_channels: 3, n_levels: 3 };
    const SIDE: usize = 32;

    /// A ramp on the upper 20 rows.
    fn canvas() -> Canvas {
        let values = (0..SHAPE.canvas_len()).map(|at| (at / 3 % SIDE) as f32 / SIDE as f32 + (at % 3) as f32).collect();
        Canvas { values, counts: (0..SIDE * SIDE).map(|at| at < 20 * SIDE).collect() }
    }

    fn varied(steps: &str, seed: u64) -> Canvas {
        let mut canvas = canvas();
        let steps = Augment::list(steps).unwrap();
        vary(&mut canvas, SHAPE, &steps, &mut ChaCha8Rng::seed_from_u64(seed));
        canvas
    }

    #[test]
    fn an_image_is_flipped_in_its_own_frame_or_stays() {
        let plain = canvas();
        let mut n_flipped = 0;
        for seed in 0..20 {
            let found = varied("flip:h", seed);
            assert_eq!(found.counts, plain.counts);
            if found.values != plain.values {
                n_flipped += 1;
                for at in 0..20 * SIDE {
                    let mirrored = at / SIDE * SIDE + SIDE - 1 - at % SIDE;
                    let pairs = found.values[at * 3..][..3].iter().zip(&plain.values[mirrored * 3..][..3]);
                    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5), "{at}");
                }
            }
        }
        assert!((4..17).contains(&n_flipped), "{n_flipped}");
    }

    #[test]
    fn what_comes_from_beyond_the_image_does_not_count_and_what_does_not_count_stays() {
        for steps in ["turn:20", "shift:0.2", "scale:0.3", "turn:5,shift:0.1,flip:v"] {
            for seed in 0..8 {
                let (found, plain) = (varied(steps, seed), canvas());
                assert!(found.counts.iter().zip(&plain.counts).all(|(now, before)| !now || *before));
                assert!(found.counts.contains(&true), "{steps}");
                assert_eq!(found.values[20 * SIDE * 3..], plain.values[20 * SIDE * 3..]);
                // Values are those of the ramp, no padding mixed in.
                let of_ramp = |(at, value): (usize, &f32)| (0.0..1.0).contains(&(value - (at % 3) as f32));
                assert!(found.values.iter().enumerate().all(of_ramp), "{steps}");
            }
        }
    }

    #[test]
    fn a_seed_varies_alike_and_colour_leaves_greys_as_they_are() {
        let steps = "colour:0.1,blur:1.5,noise:0.02";
        assert_eq!(varied(steps, 3).values, varied(steps, 3).values);
        assert_ne!(varied(steps, 3).values, varied(steps, 4).values);
        let grey = AutoencoderShape { n_channels: 1, ..SHAPE };
        let mut canvas = Canvas { values: vec![0.4; SIDE * SIDE], counts: vec![true; SIDE * SIDE] };
        let before = canvas.values.clone();
        vary(&mut canvas, grey, &[Augment::Colour(0.3)], &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(canvas.values, before);
        // A blur of one value is that value.
        vary(&mut canvas, grey, &[Augment::Blur(2.0)], &mut ChaCha8Rng::seed_from_u64(1));
        assert!(canvas.values.iter().all(|value| (value - 0.4).abs() < 1e-6));
    }
}
