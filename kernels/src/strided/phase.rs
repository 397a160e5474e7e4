//! Doubling taken apart: which pixels of the small end each of the large one is made of.

use super::gather::Sides;
use super::product::{Grid, Panels, Slabs, fill_turned};
use super::shape::{SIDE, Strided};
use super::turn::copy;
use crate::simd::Level;

/// Pixels of the large end that hang on neighbours that lie alike: those of one parity of row and column, on 2 x 2 pixels of
/// the small end; or, where pixels have few values, all four of them on 3 x 3.
#[derive(Clone, Copy)]
enum Kind {
    One { row: usize, column: usize },
    All,
}

/// A product that makes some of the pixels of the large end.
pub(super) struct Phase {
    kind: Kind,
    panels: Panels,
}

impl Kind {
    /// Neighbours along a side.
    fn reach(self) -> usize {
        match self {
            Self::One { .. } => 2,
            Self::All => 3,
        }
    }

    /// Of how many pixels, and row and column, 0 or 1, of each.
    fn outputs(self) -> (usize, [(usize, usize); 4]) {
        match self {
            Self::One { row, column } => (1, [(row, column); 4]),
            Self::All => (4, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        }
    }

    /// Row and column of the first neighbour among the 3 x 3.
    fn start(self) -> (usize, usize) {
        match self {
            Self::One { row, column } => (row, column),
            Self::All => (0, 0),
        }
    }

    /// The tap that leads from the neighbour at a row and column of the 3 x 3 to an output; `None` where none does.
    fn tap((row, column): (usize, usize), (to_row, to_column): (usize, usize)) -> Option<usize> {
        // Row 2 a + p of the large end is under tap 2 a + p + 1 - 2 y of row y of the small one; here y = a - 1 + row.
        let along = |to: usize, at: usize| (to + 3).checked_sub(2 * at).filter(|tap| *tap < SIDE);
        Some(along(to_row, row)? * SIDE + along(to_column, column)?)
    }
}

impl Phase {
    /// The phases that make up the large end.
    pub(super) fn all(level: Level, shape: Strided, weight: &[f32]) -> Vec<Self> {
        // One product of nine neighbours for four pixels takes less than four of four that fill as many registers.
        let kinds = if 4 * shape.from <= level.panel_width() {
            vec![Kind::All]
        } else {
            (0..4).map(|at| Kind::One { row: at / 2, column: at % 2 }).collect()
        };
        kinds.into_iter().map(|kind| Self { kind, panels: packed(level, shape, kind, weight) }).collect()
    }

    /// Values of scratch memory for each pixel of the small end.
    pub(super) fn scratch(&self, level: Level) -> usize {
        if matches!(self.kind, Kind::All) { level.panel_width() } else { 0 }
    }

    /// Makes its pixels in the lines of `out` from what was gathered around `n` lines of the small end.
    pub(super) fn make(
        &self,
        (level, shape): (Level, Strided),
        (gathered, n): (&[f32], usize),
        bias: Option<&[f32]>,
        (scratch, out): (&mut [f32], &mut [f32]),
    ) {
        let Strided { width, from, .. } = shape;
        let sides = Sides::of_small(shape);
        let (row, column) = self.kind.start();
        let first = column * sides.pixel() + row * shape.to;
        let grid = Grid { first, line: sides.line(), pixel: sides.pixel() };
        if let Kind::One { row, column } = self.kind {
            let to = Grid { first: (row * 2 * width + column) * from, line: 4 * width * from, pixel: 2 * from };
            self.panels.multiply((n, width), (gathered, grid), bias, (out, to));
            return;
        }
        let panel = level.panel_width();
        let to = Grid { first: 0, line: width * panel, pixel: panel };
        let mut four = vec![0.0; panel];
        if let Some(bias) = bias {
            four[..4 * from].chunks_exact_mut(from).for_each(|four| four.copy_from_slice(bias));
        }
        self.panels.multiply((n, width), (gathered, grid), Some(&four), (scratch, to));
        for (made, out) in scratch.chunks_exact(width * panel).zip(out.chunks_exact_mut(4 * width * from)) {
            let (above, below) = out.split_at_mut(2 * width * from);
            let pairs = above.chunks_exact_mut(2 * from).zip(below.chunks_exact_mut(2 * from));
            for (made, (above, below)) in made.chunks_exact(panel).zip(pairs) {
                copy(&made[..2 * from], above);
                copy(&made[2 * from..4 * from], below);
            }
        }
    }
}

/// The weights of a phase: rows are the columns, rows and values of neighbours, columns the values of outputs.
fn packed(level: Level, shape: Strided, kind: Kind, weight: &[f32]) -> Panels {
    let Strided { from, to, .. } = shape;
    let reach = kind.reach();
    let (n_outputs, outputs) = kind.outputs();
    let (first_row, first_column) = kind.start();
    let fill = |columns: std::ops::Range<usize>, panel: &mut [f32]| {
        for (output, place) in outputs[..n_outputs].iter().enumerate() {
            let own = columns.start.max(output * from)..columns.end.min((output + 1) * from);
            for near in (0..reach * reach).filter(|_| !own.is_empty()) {
                let neighbour = (first_row + near % reach, first_column + near / reach);
                let Some(tap) = Kind::tap(neighbour, *place) else { continue };
                let values = &weight[(tap * from + own.start - output * from) * to..];
                fill_turned(level, (near * to, own.start - columns.start), (values, to), own.len(), panel);
            }
        }
    };
    // What a column of neighbours says is in one piece.
    let slabs = Slabs { len: reach * to, step: 3 * to };
    // Those of all four fill a panel, which is then written as a whole.
    let n_columns = if n_outputs == 1 { from } else { level.panel_width() };
    Panels::of(level, (reach * reach * to, n_columns), slabs, fill)
}
