//! Which patches of an image show the object: `AnomalyDINO` (Damm et al., WACV 2025, section 3.3).

use crate::model::Grid;

/// Share of the grid on each side that is not its middle.
const BORDER: f64 = 0.2;
/// The object fills more than so much of the middle.
const LEAST_IN_MIDDLE: f64 = 0.35;
/// Steps towards the first principal component, at most, and how near is near enough.
const MOST_STEPS: usize = 500;
const NEAR: f64 = 1e-13;

/// Which patches show the object: those whose first principal component, of the image's own patches, is above `threshold` (10 in
/// the paper, for normalised tokens of DINOv2), or below `-threshold` where the former leaves the middle of the image nearly
/// empty; then holes of a patch are closed and the border is widened by one. A component has no sign of its own: its largest weight
/// is positive. Where nothing is left, everything counts: an image is not normal because nothing of it is looked at.
///
/// # Shapes
/// `rows`: `[n_patches, dim]` of `grid`, not normalised. Result: `[n_patches]`.
#[must_use]
pub fn foreground(rows: &[f32], grid: Grid, threshold: f32) -> Vec<bool> {
    let along = first_component(rows, grid.n_patches());
    let threshold = f64::from(threshold);
    let above: Vec<bool> = along.iter().map(|v| *v > threshold).collect();
    let span = |n: usize| (n as f64 * BORDER) as usize..(n as f64 * (1.0 - BORDER)) as usize;
    let middle = || span(grid.n_rows).flat_map(|y| span(grid.n_cols).map(move |x| y * grid.n_cols + x));
    let n_above = middle().filter(|at| above[*at]).count();
    let is_empty = n_above as f64 <= middle().count() as f64 * LEAST_IN_MIDDLE;
    let seen = if is_empty { along.iter().map(|v| -*v > threshold).collect() } else { above };
    let widened = spread(&seen, grid, true);
    let closed = spread(&spread(&widened, grid, true), grid, false);
    if closed.contains(&true) { closed } else { vec![true; closed.len()] }
}

/// Each patch along the first principal component of all.
fn first_component(rows: &[f32], n: usize) -> Vec<f64> {
    let dim = rows.len() / n.max(1);
    if n == 0 || dim == 0 {
        return vec![];
    }
    let mut mean = vec![0.0f64; dim];
    for row in rows.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / n as f64);
    }
    let centred: Vec<f64> =
        rows.chunks_exact(dim).flat_map(|row| row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // From the patch that is farthest from the mean, which no first component is at right angles to by chance.
    let farthest = centred.chunks_exact(dim).max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)));
    let mut axis = farthest.map_or_else(Vec::new, <[f64]>::to_vec);
    for _ in 0..MOST_STEPS {
        let mut next = vec![0.0f64; dim];
        for row in centred.chunks_exact(dim) {
            let along = dot(row, &axis);
            next.iter_mut().zip(row).for_each(|(sum, v)| *sum += along * v);
        }
        let length = dot(&next, &next).sqrt();
        if length == 0.0 {
            return vec![0.0; n];
        }
        next.iter_mut().for_each(|v| *v /= length);
        let cosine = dot(&next, &axis) / dot(&axis, &axis).sqrt();
        axis = next;
        if cosine > 1.0 - NEAR {
            break;
        }
    }
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    centred.chunks_exact(dim).map(|row| dot(row, &axis) * largest.signum()).collect()
}

/// Dilation by a square of 3 x 3 patches, or erosion by it; beyond the border nothing counts.
fn spread(seen: &[bool], grid: Grid, dilates: bool) -> Vec<bool> {
    let around = |at: usize, n: usize| at.saturating_sub(1)..(at + 2).min(n);
    let one = |at: usize| {
        let (y, x) = (at / grid.n_cols, at % grid.n_cols);
        let mut near = around(y, grid.n_rows).flat_map(|y| around(x, grid.n_cols).map(move |x| y * grid.n_cols + x));
        if dilates { near.any(|at| seen[at]) } else { near.all(|at| seen[at]) }
    };
    (0..seen.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { n_rows: 10, n_cols: 10 };

    fn text(seen: &[bool]) -> String {
        seen.chunks(10).map(|row| row.iter().map(|s| if *s { '#' } else { '.' }).collect::<String>() + "\n").collect()
    }

    /// Patches of an object and of what is behind it, in three values.
    fn rows(is_object: impl Fn(usize, usize) -> bool, height: f32) -> Vec<f32> {
        let row = |at: usize| if is_object(at / 10, at % 10) { [height, 0.3, 0.0] } else { [0.0, 0.1, 0.2] };
        (0..100).flat_map(row).collect()
    }

    #[test]
    fn an_object_in_the_middle_is_seen_whatever_the_sign() {
        let is_object = |y: usize, x: usize| (3..7).contains(&y) && (3..7).contains(&x);
        let expected: Vec<bool> =
            (0..100).map(|at| (2..8).contains(&(at / 10)) && (2..8).contains(&(at % 10))).collect();
        for height in [50.0, -50.0] {
            assert_eq!(text(&foreground(&rows(is_object, height), GRID, 10.0)), text(&expected), "{height}");
        }
    }

    #[test]
    fn small_holes_are_closed_and_without_an_object_everything_counts() {
        let has_hole = |y: usize, x: usize| (3..7).contains(&y) && (3..7).contains(&x) && (y, x) != (5, 5);
        let found = foreground(&rows(has_hole, 50.0), GRID, 10.0);
        assert!(found[55] && !found[0] && !found[11] && found[22]);
        assert_eq!(foreground(&rows(|_, _| false, 50.0), GRID, 10.0), [true; 100]);
        assert_eq!(foreground(&rows(|y, _| y > 5, 5.0), GRID, 10.0), [true; 100]);
    }
}
