//! Values of neighbouring pixels brought side by side, so that a convolution is a product of matrices.

use super::{SIDE, Strided, TAPS};
use std::ops::Range;

/// The windows in the large end of the pixels in some rows of the small one, `[rows * width, 4, 4, from]`.
pub(super) fn windows(shape: Strided, large: &[f32], rows: Range<usize>, out: &mut [f32]) {
    let Strided { height, width, from, .. } = shape;
    let (n_rows, n_columns) = (2 * height, 2 * width);
    let first = rows.start;
    for (at, window) in out.chunks_exact_mut(TAPS * from).enumerate() {
        let (y, x) = (first + at / width, at % width);
        for (ky, line) in window.chunks_exact_mut(SIDE * from).enumerate() {
            let row = (2 * y + ky).wrapping_sub(1);
            if row >= n_rows {
                line.fill(0.0);
                continue;
            }
            let start = row * n_columns;
            if x > 0 && 2 * x + 3 <= n_columns {
                line.copy_from_slice(&large[(start + 2 * x - 1) * from..][..SIDE * from]);
                continue;
            }
            for (kx, values) in line.chunks_exact_mut(from).enumerate() {
                let column = (2 * x + kx).wrapping_sub(1);
                if column < n_columns {
                    values.copy_from_slice(&large[(start + column) * from..][..from]);
                } else {
                    values.fill(0.0);
                }
            }
        }
    }
}

/// Some of the columns of [`windows`], `[rows * width, wide]`, of which the first are these.
pub(super) fn window_columns(
    shape: Strided,
    large: &[f32],
    rows: Range<usize>,
    (columns, wide): (Range<usize>, usize),
    out: &mut [f32],
) {
    let Strided { height, width, from, .. } = shape;
    let (n_rows, n_columns) = (2 * height, 2 * width);
    let line = SIDE * from;
    for ky in columns.start / line..columns.end.div_ceil(line) {
        // What of this row of the kernel is wanted.
        let (own, end) = (columns.start.max(ky * line) - ky * line, columns.end.min((ky + 1) * line) - ky * line);
        let at = ky * line + own - columns.start;
        for (index, out) in out.chunks_exact_mut(wide).enumerate() {
            let (y, x) = (rows.start + index / width, index % width);
            let out = &mut out[at..at + end - own];
            let row = (2 * y + ky).wrapping_sub(1);
            if row >= n_rows {
                out.fill(0.0);
                continue;
            }
            let start = row * n_columns * from;
            if x > 0 && 2 * x + 3 <= n_columns {
                out.copy_from_slice(&large[start + (2 * x - 1) * from + own..][..end - own]);
                continue;
            }
            for (at, value) in (own..end).zip(out) {
                let column = (2 * x + at / from).wrapping_sub(1);
                *value = if column < n_columns { large[start + column * from + at % from] } else { 0.0 };
            }
        }
    }
}

/// Pixels of the large end that hang on neighbours that lie alike: those of one parity of row and column, on 2 x 2 pixels of the
/// small end; or, where pixels have few values, all four of them on 3 x 3.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    One { row: usize, column: usize },
    All,
}

impl Phase {
    /// The phases that make up the large end.
    pub(super) fn all(shape: Strided, panel_width: usize) -> Vec<Self> {
        // One product of nine neighbours for four pixels, or four of four for one each, which fill as wide a panel.
        if 4 * shape.from <= panel_width {
            return vec![Self::All];
        }
        (0..4).map(|at| Self::One { row: at / 2, column: at % 2 }).collect()
    }

    /// Neighbours along a side.
    fn reach(self) -> usize {
        match self {
            Self::One { .. } => 2,
            Self::All => 3,
        }
    }

    /// Neighbours that each pixel of the small end gathers.
    pub(super) fn n_neighbours(self) -> usize {
        self.reach() * self.reach()
    }

    /// Pixels of the large end for each of the small one.
    pub(super) fn n_outputs(self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::All => 4,
        }
    }

    /// Row and column, 0 or 1, of an output in its square of four.
    fn parity(self, output: usize) -> (usize, usize) {
        match self {
            Self::One { row, column } => (row, column),
            Self::All => (output / 2, output % 2),
        }
    }

    /// Rows and columns from a pixel of the small end to its first neighbour.
    fn start(self) -> (usize, usize) {
        match self {
            // One before itself, of an odd row or column itself.
            Self::One { row, column } => (row, column),
            Self::All => (0, 0),
        }
    }

    /// The tap that leads from a neighbour to an output; `None` where none does.
    pub(super) fn tap(self, neighbour: usize, output: usize) -> Option<usize> {
        let (row, column) = self.parity(output);
        let (first_row, first_column) = self.start();
        // A pixel of row 2 a + p is at tap 2 a + p + 1 - 2 y of that of row y = a - 1 + off.
        let along = |parity: usize, off: usize| (parity + 3).checked_sub(2 * off).filter(|tap| *tap < SIDE);
        let ky = along(row, first_row + neighbour / self.reach())?;
        let kx = along(column, first_column + neighbour % self.reach())?;
        Some(ky * SIDE + kx)
    }

    /// The neighbours of the pixels in some rows of the small end, `[rows * width, n_neighbours, to]`.
    pub(super) fn gather(self, shape: Strided, small: &[f32], rows: Range<usize>, out: &mut [f32]) {
        let Strided { height, width, to, .. } = shape;
        let (first_row, first_column) = self.start();
        let reach = self.reach();
        for (at, near) in out.chunks_exact_mut(self.n_neighbours() * to).enumerate() {
            let (y, x) = (rows.start + at / width + first_row, at % width + first_column);
            for (dy, line) in near.chunks_exact_mut(reach * to).enumerate() {
                let row = (y + dy).wrapping_sub(1);
                if row >= height {
                    line.fill(0.0);
                    continue;
                }
                if x > 0 && x - 1 + reach <= width {
                    line.copy_from_slice(&small[(row * width + x - 1) * to..][..reach * to]);
                    continue;
                }
                for (dx, values) in line.chunks_exact_mut(to).enumerate() {
                    let column = (x + dx).wrapping_sub(1);
                    if column < width {
                        values.copy_from_slice(&small[(row * width + column) * to..][..to]);
                    } else {
                        values.fill(0.0);
                    }
                }
            }
        }
    }

    /// Brings `[rows * width, n_outputs, from]` to its places in the rows of the large end that these rows of the small one make.
    pub(super) fn scatter(self, shape: Strided, said: &[f32], out: &mut [f32]) {
        let Strided { width, from, .. } = shape;
        for (at, said) in said.chunks_exact(self.n_outputs() * from).enumerate() {
            let (y, x) = (at / width, at % width);
            for (output, values) in said.chunks_exact(from).enumerate() {
                let (row, column) = self.parity(output);
                let place = (2 * y + row) * 2 * width + 2 * x + column;
                out[place * from..][..from].copy_from_slice(values);
            }
        }
    }
}
