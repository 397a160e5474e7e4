//! Transforms of the Winograd convolution F(4x4, 3x3): Lavin and Gray, *Fast Algorithms for Convolutional Neural
//! Networks* (2016), interpolation points 0, 1, -1, 2, -2 and infinity.

use super::lanes::Lanes;
use super::{dispatch, holds};
use std::ops::Range;

/// Values of a transformed 6 x 6 tile.
pub const WINOGRAD_VALUES: usize = 36;

/// An image in NHWC order and the place of a tile in it.
#[derive(Clone, Copy)]
pub struct Place {
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Channels, a multiple of 16.
    pub channels: usize,
    /// First row of the tile; may lie outside, as in a padded border.
    pub top: isize,
    /// First column of the tile.
    pub left: isize,
}

/// What is done to the results of a convolution: bias and residual are added, then the bounds applied.
#[derive(Clone, Copy)]
pub struct Ending<'a> {
    /// One value per channel.
    pub bias: &'a [f32],
    /// An image of the shape of the result.
    pub residual: Option<&'a [f32]>,
    /// Lower bound; minus infinity for none.
    pub low: f32,
    /// Upper bound; infinity for none.
    pub high: f32,
}

dispatch! {
    /// Transforms the 6 x 6 tile at `place` (zero outside the image); value `v` goes to `out` at `v * step`, one for each
    /// channel.
    ///
    /// # Panics
    /// Where `image` or `out` is too short or the channels are not a multiple of 16.
    pub fn winograd_input(image: &[f32], place: &Place, step: usize, out: &mut [f32]) -> () = input_body
}

dispatch! {
    /// Transforms the products of a tile back and writes its 4 x 4 results (those inside the image) to some `channels` of
    /// `image`.
    ///
    /// `products` holds value `v` of the tile at `v * step`, one for each of the channels.
    ///
    /// # Panics
    /// Where a slice is too short or the channels are not a multiple of 16.
    pub fn winograd_output(
        products: &[f32], step: usize, channels: Range<usize>, ending: &Ending<'_>, place: &Place, image: &mut [f32]
    ) -> () = output_body
}

dispatch! {
    /// Transforms 3 x 3 filters: `G g G^T`. `filters` is `[n, 9, width]`; value `v` of filter `i` goes to `out` at
    /// `v * step + i * width`.
    ///
    /// # Panics
    /// Where a slice is too short or the width is not a multiple of 16.
    pub fn winograd_filters(filters: &[f32], width: usize, step: usize, out: &mut [f32]) -> () = filters_body
}

/// Whether `values` has room for an array of this shape.
fn holds_image(values: &[f32], shape: [usize; 3]) -> bool {
    shape.into_iter().try_fold(1, usize::checked_mul).is_some_and(|n| n <= values.len())
}

/// `B^T d` for six vectors.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn input_1d<L: Lanes>(d: [L; 6]) -> [L; 6] {
    // SAFETY: register operations.
    unsafe {
        let (two, four, five) = (L::splat(2.0), L::splat(4.0), L::splat(5.0));
        let minus = L::splat(-1.0);
        let (m4, m5) = (four.mul(minus), five.mul(minus));
        let a = m4.fma(d[2], d[4]); // d4 - 4 d2
        let b = m4.fma(d[1], d[3]); // d3 - 4 d1
        let c = d[4].sub(d[2]);
        let e = two.mul(d[3].sub(d[1]));
        [four.fma(d[0], m5.fma(d[2], d[4])), a.add(b), a.sub(b), c.add(e), c.sub(e), four.fma(d[1], m5.fma(d[3], d[5]))]
    }
}

/// `A^T m` for six vectors.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn output_1d<L: Lanes>(m: [L; 6]) -> [L; 4] {
    // SAFETY: register operations.
    unsafe {
        let (two, four, eight) = (L::splat(2.0), L::splat(4.0), L::splat(8.0));
        let (a, b) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (c, d) = (m[3].add(m[4]), m[3].sub(m[4]));
        [m[0].add(a).add(c), two.fma(d, b), four.fma(c, a), eight.fma(d, b).add(m[5])]
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn input_body<L: Lanes>(image: &[f32], place: &Place, step: usize, out: &mut [f32]) {
    let Place { height, width, channels, top, left } = *place;
    assert!(channels.is_multiple_of(16), "whole vectors of channels");
    assert!(
        holds_image(image, [height, width, channels]) && holds(out, WINOGRAD_VALUES, step, channels),
        "slices too short"
    );
    for c in (0..channels).step_by(16) {
        // SAFETY: pixels are tested to lie inside the image, whose length was checked, as was that of `out`.
        unsafe {
            let mut columns = [[L::splat(0.0); 6]; 6];
            for x in 0..6 {
                let mut d = [L::splat(0.0); 6];
                let px = left.wrapping_add(x as isize);
                if px >= 0 && (px as usize) < width {
                    for y in 0..6 {
                        let py = top.wrapping_add(y as isize);
                        if py >= 0 && (py as usize) < height {
                            d[y] = L::load(image.as_ptr().add((py as usize * width + px as usize) * channels + c));
                        }
                    }
                }
                columns[x] = input_1d(d);
            }
            for y in 0..6 {
                let mut row = [L::splat(0.0); 6];
                for x in 0..6 {
                    row[x] = columns[x][y];
                }
                let row = input_1d(row);
                for x in 0..6 {
                    row[x].store(out.as_mut_ptr().add((y * 6 + x) * step + c));
                }
            }
        }
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn output_body<L: Lanes>(
    products: &[f32],
    step: usize,
    range: Range<usize>,
    ending: &Ending<'_>,
    place: &Place,
    image: &mut [f32],
) {
    let Place { height, width, channels, top, left } = *place;
    let (first, n) = (range.start, range.len());
    assert!(
        n.is_multiple_of(16) && first.checked_add(n).is_some_and(|end| end <= channels),
        "whole vectors of the image's channels"
    );
    let Ending { bias, residual, low, high } = *ending;
    assert!(bias.len() >= channels, "bias too short");
    assert!(
        holds(products, WINOGRAD_VALUES, step, n) && holds_image(image, [height, width, channels]),
        "slices too short"
    );
    assert!(residual.is_none_or(|r| holds_image(r, [height, width, channels])), "residual too short");
    assert!(top >= 0 && left >= 0, "results start inside the image");
    for c in (0..n).step_by(16) {
        // SAFETY: as above; pixels outside the image are skipped.
        unsafe {
            let mut columns = [[L::splat(0.0); 4]; 6];
            for x in 0..6 {
                let mut m = [L::splat(0.0); 6];
                for y in 0..6 {
                    m[y] = L::load(products.as_ptr().add((y * 6 + x) * step + c));
                }
                columns[x] = output_1d(m);
            }
            let (low, high) = (L::splat(low), L::splat(high));
            let bias = L::load(bias.as_ptr().add(first + c));
            for y in 0..4 {
                let mut row = [L::splat(0.0); 6];
                for x in 0..6 {
                    row[x] = columns[x][y];
                }
                let row = output_1d(row);
                for x in 0..4 {
                    let (py, px) = (top as usize + y, left as usize + x);
                    if py < height && px < width {
                        let at = (py * width + px) * channels + first + c;
                        let mut value = row[x].add(bias);
                        if let Some(residual) = residual {
                            value = value.add(L::load(residual.as_ptr().add(at)));
                        }
                        value.max(low).min(high).store(image.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}

/// `G g` for three vectors.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn filter_1d<L: Lanes>(g: [L; 3]) -> [L; 6] {
    // SAFETY: register operations.
    unsafe {
        let [sixth, twelfth] = [1.0 / 6.0, 1.0 / 12.0].map(|x: f32| L::splat(x));
        let outer = g[0].add(g[2]).mul(L::splat(-1.0 / 6.0));
        let middle = g[1].mul(sixth);
        let wide = g[0].fma(L::splat(1.0 / 24.0), g[2].mul(sixth));
        let half = g[1].mul(twelfth);
        [g[0].mul(L::splat(0.25)), outer.sub(middle), outer.add(middle), wide.add(half), wide.sub(half), g[2]]
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn filters_body<L: Lanes>(filters: &[f32], width: usize, step: usize, out: &mut [f32]) {
    let filter = width.checked_mul(9).filter(|filter| *filter > 0 && filters.len().is_multiple_of(*filter));
    let n = filter.map(|filter| filters.len() / filter).expect("whole filters");
    assert!(width.is_multiple_of(16), "whole vectors");
    assert!(n == 0 || holds(out, WINOGRAD_VALUES, step, n * width), "output too short");
    for i in 0..n {
        for lane in (0..width).step_by(16) {
            // SAFETY: `i < n` and `lane + 16 <= width`, `n * 9 * width` is the length of `filters`, and `out` was checked.
            unsafe {
                let from = filters.as_ptr().add(i * 9 * width + lane);
                let to = out.as_mut_ptr().add(i * width + lane);
                let mut columns = [[L::splat(0.0); 6]; 3];
                for x in 0..3 {
                    let tap = |y: usize| L::load(from.add((y * 3 + x) * width));
                    columns[x] = filter_1d([tap(0), tap(1), tap(2)]);
                }
                for y in 0..6 {
                    let row = filter_1d([columns[0][y], columns[1][y], columns[2][y]]);
                    for x in 0..6 {
                        row[x].store(to.add((y * 6 + x) * step));
                    }
                }
            }
        }
    }
}
