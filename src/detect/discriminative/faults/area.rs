//! Where a fault lies.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A turned ellipse or rectangle with soft edges, within an image.
pub(super) struct Area {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
    centre: (f32, f32),
    radii: (f32, f32),
    turn: (f32, f32),
    is_round: bool,
}

/// Sides of 3 to 30 % of the image's smaller side, at least two pixels, drawn evenly in their logarithm: small faults are as
/// frequent as large ones.
pub(super) fn area((height, width): (usize, usize), random: &mut ChaCha8Rng) -> Area {
    let smaller = height.min(width) as f32;
    let mut side = || (smaller * 0.03 * 10f32.powf(random.random_range(0.0..1.0))).max(2.0) / 2.0;
    let radii = (side(), side());
    let centre = (random.random_range(0.0..height as f32), random.random_range(0.0..width as f32));
    let turn = random.random_range(0.0..std::f32::consts::PI).sin_cos();
    let reach = (radii.0 * radii.0 + radii.1 * radii.1).sqrt() + 1.0;
    let span = |at: f32, n: usize| {
        let from = (at - reach).floor().max(0.0) as usize;
        (from, ((at + reach).ceil() as usize).clamp(from + 1, n.max(from + 1)) - from)
    };
    let ((top, rows), (left, columns)) = (span(centre.0, height), span(centre.1, width));
    let is_round = random.random();
    Area { top, left, height: rows, width: columns, centre, radii, turn, is_round }
}

impl Area {
    /// Rows, columns, and how much of each pixel is inside, row by row.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (usize, usize, f32)> + use<> {
        let Self { top, left, height, width, centre, radii, turn: (sin, cos), is_round } = *self;
        (0..height * width).map(move |at| {
            let (y, x) = (top + at / width, left + at % width);
            let (dy, dx) = (y as f32 + 0.5 - centre.0, x as f32 + 0.5 - centre.1);
            let (v, u) = ((cos * dy - sin * dx).abs() / radii.0, (sin * dy + cos * dx).abs() / radii.1);
            let far = if is_round { (v * v + u * u).sqrt() } else { v.max(u) };
            // A soft edge, a pixel wide on the smaller side.
            let share = ((1.0 - far) * radii.0.min(radii.1) + 0.5).clamp(0.0, 1.0);
            (y, x, share)
        })
    }
}

/// Smooth noise around 0, mostly within -1 to 1 (Perlin, *An Image Synthesizer*, SIGGRAPH 1985), of so many cells along each
/// side of the area's box; one value for each of its pixels.
pub(super) fn perlin(area: &Area, n_cells: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let n = n_cells + 1;
    let slopes: Vec<(f32, f32)> =
        (0..n * n).map(|_| random.random_range(0.0..std::f32::consts::TAU).sin_cos()).collect();
    let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let at = |at: usize, side: usize| {
        let place = (at as f32 + 0.5) / side as f32 * n_cells as f32;
        let cell = (place as usize).min(n_cells - 1);
        (cell, place - cell as f32)
    };
    let value = |index: usize| {
        let ((row, v), (column, u)) = (at(index / area.width, area.height), at(index % area.width, area.width));
        let corner = |dy: usize, dx: usize| {
            let (sy, sx) = slopes[(row + dy) * n + column + dx];
            sy * (v - dy as f32) + sx * (u - dx as f32)
        };
        let (fv, fu) = (fade(v), fade(u));
        let upper = corner(0, 0) * (1.0 - fu) + corner(0, 1) * fu;
        let lower = corner(1, 0) * (1.0 - fu) + corner(1, 1) * fu;
        1.4 * (upper * (1.0 - fv) + lower * fv)
    };
    (0..area.height * area.width).map(value).collect()
}
