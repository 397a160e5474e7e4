//! Lines along an axis, as faults of turning parts are in maps of their state; scars, at any angle.

use super::canvas::Canvas;
use crate::detect::Axis;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A line of 20 to 100 % of the image along the axis, broken up to four times, one to two pixels wide or up to 3 % of the other
/// side. 30 to 100 % of its pixels are lighter, by spikes: on average .5 to 5 deviations of the image, exponentially distributed,
/// more in some places than in others. A fault adds energy; it takes none away.
pub(super) fn draw(canvas: &mut Canvas<'_>, axis: Axis, random: &mut ChaCha8Rng) {
    let (height, width) = canvas.size();
    let (along, across) = match axis {
        Axis::Horizontal => (width, height),
        Axis::Vertical => (height, width),
    };
    let length = ((along as f32 * random.random_range(0.2..1.0f32)) as usize).max(1);
    let from = random.random_range(0..=along - length.min(along));
    let until = (from + length).min(along);
    let thick = random.random_range(1.0..=(0.03 * across as f32).max(2.0)) / 2.0;
    let middle = random.random_range(0.0..across as f32);
    let contrast = 0.5 * 10f32.powf(random.random_range(0.0..1.0));
    let gaps: Vec<(usize, usize)> = (0..random.random_range(0..=4))
        .map(|_| {
            let gap = random.random_range(0..=length / 6);
            let start = random.random_range(from..until);
            (start, start + gap)
        })
        .collect();
    let density = random.random_range(0.3..1.0f32);
    let (waves, phase) = (random.random_range(0.5..6.0f32), random.random_range(0.0..std::f32::consts::TAU));
    let rows = (middle - thick - 1.0).floor().max(0.0) as usize..((middle + thick + 1.0).ceil() as usize).min(across);
    let levels = canvas.levels.clone();
    for line in rows {
        // How much of the line of pixels is covered.
        let (low, high) = ((line as f32).max(middle - thick), (line as f32 + 1.0).min(middle + thick));
        let covered = (high - low).clamp(0.0, 1.0);
        if covered == 0.0 {
            continue;
        }
        for place in from..until {
            if gaps.iter().any(|(start, end)| (*start..*end).contains(&place)) {
                continue;
            }
            let wave = (waves * std::f32::consts::TAU * place as f32 / along as f32 + phase).sin();
            let is_there = random.random_range(0.0..1.0f32) < density;
            let spike = if is_there { -random.random_range(0.02..1.0f32).ln() } else { 0.0 };
            let off = contrast * (1.0 + 0.4 * wave) * spike;
            let at = match axis {
                Axis::Horizontal => line * width + place,
                Axis::Vertical => place * width + line,
            };
            canvas.mix(at, covered, |channel, old| old + off * levels[channel]);
        }
    }
}

/// A thin line at any angle, 5 to 40 % of the smaller side long, lighter or darker by .5 to 4 deviations.
pub(super) fn scar(canvas: &mut Canvas<'_>, random: &mut ChaCha8Rng) {
    let (height, width) = canvas.size();
    let smaller = height.min(width) as f32;
    let length = (smaller * random.random_range(0.05..0.4f32)).max(3.0);
    let thick = random.random_range(1.0..=(0.02 * smaller).max(2.0)) / 2.0;
    let (sin, cos) = random.random_range(0.0..std::f32::consts::PI).sin_cos();
    let (y0, x0) = (random.random_range(0.0..height as f32), random.random_range(0.0..width as f32));
    let bend = random.random_range(-0.15..0.15f32);
    let contrast = random.random_range(0.5..4.0f32) * if random.random() { 1.0 } else { -1.0 };
    let reach = length / 2.0 + thick + 1.0;
    let span = |at: f32, n: usize| (at - reach).floor().max(0.0) as usize..((at + reach).ceil() as usize).min(n);
    let levels = canvas.levels.clone();
    for y in span(y0, height) {
        for x in span(x0, width) {
            let (dy, dx) = (y as f32 + 0.5 - y0, x as f32 + 0.5 - x0);
            let (along, across) = (cos * dx + sin * dy, cos * dy - sin * dx);
            let curve = bend * (along * along / length - length / 12.0);
            let inside = (thick + 0.5 - (across - curve).abs()).clamp(0.0, 1.0);
            let share = inside * (length / 2.0 + 0.5 - along.abs()).clamp(0.0, 1.0);
            if share > 0.0 {
                canvas.mix(y * width + x, share, |channel, old| old + contrast * levels[channel]);
            }
        }
    }
}
