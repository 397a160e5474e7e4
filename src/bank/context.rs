//! Context: means of a patch's wider surroundings, appended to its descriptor.
//!
//! A thin line of a fault weighs little in one patch; the mean of the patches along the line makes the distance itself
//! see it. For a grid `f[i, j]` of `D` values and the radius `k`, the horizontal part is the mean of
//! `f[i, j-k ..= j+k]`, at the border of those patches that exist; the descriptor becomes `[f | part | part ..]`.

use super::BankError;
use crate::model::Grid;
use std::fmt;
use std::str::FromStr;

/// Largest radius of a context, patches.
pub const MAX_CONTEXT_RADIUS: usize = 64;
/// Most parts that the contexts of one descriptor may append.
pub const MAX_CONTEXT_PARTS: usize = 16;

/// The direction in which a context averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Along the row of the grid.
    Horizontal,
    /// Along the column of the grid.
    Vertical,
    /// Over the square around the patch.
    Both,
}

/// Means over the surroundings of a patch, one part of the descriptor for each radius.
///
/// As text: `h:2,3`, `v:2`, `hv:2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The direction.
    pub axis: Axis,
    /// Radii, patches, 1 to [`MAX_CONTEXT_RADIUS`], each once.
    pub radii: Vec<usize>,
}

impl Context {
    /// Values appended to a descriptor of `dim` values.
    #[must_use]
    pub fn dim(&self, dim: usize) -> usize {
        self.radii.len() * dim
    }

    /// Writes the parts of all patches of one image: `values` `[n_rows * n_cols, dim]` into the columns from `offset` on
    /// of `out` `[n_rows * n_cols, out_dim]`.
    pub(super) fn append(
        &self,
        values: &[f32],
        grid: Grid,
        dim: usize,
        out: &mut [f32],
        out_dim: usize,
        offset: usize,
    ) {
        for (part, radius) in self.radii.iter().enumerate() {
            let (down, across) = match self.axis {
                Axis::Horizontal => (0, *radius),
                Axis::Vertical => (*radius, 0),
                Axis::Both => (*radius, *radius),
            };
            let mut place = Place { out, out_dim, offset: offset + part * dim };
            mean_around(values, grid, dim, down, across, &mut place);
        }
    }
}

impl FromStr for Context {
    type Err = BankError;

    fn from_str(text: &str) -> Result<Self, BankError> {
        let bad = || BankError::Context { text: text.to_owned() };
        let (axis, radii) = text.split_once(':').ok_or_else(bad)?;
        let axis = match axis {
            "h" => Axis::Horizontal,
            "v" => Axis::Vertical,
            "hv" => Axis::Both,
            _ => return Err(bad()),
        };
        let radii: Vec<usize> =
            radii.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_not_a_number| bad())?;
        let repeated = radii.iter().enumerate().any(|(i, radius)| radii[..i].contains(radius));
        let in_range = radii.iter().all(|radius| (1..=MAX_CONTEXT_RADIUS).contains(radius));
        if repeated || !in_range || radii.len() > MAX_CONTEXT_PARTS { Err(bad()) } else { Ok(Self { axis, radii }) }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.axis {
            Axis::Horizontal => "h:",
            Axis::Vertical => "v:",
            Axis::Both => "hv:",
        })?;
        let radii: Vec<String> = self.radii.iter().map(ToString::to_string).collect();
        f.write_str(&radii.join(","))
    }
}

/// Where the means go.
struct Place<'a> {
    out: &'a mut [f32],
    out_dim: usize,
    offset: usize,
}

/// Mean over the patches at most `down` rows and `across` columns away that exist: columns are summed first, then rows.
fn mean_around(values: &[f32], grid: Grid, dim: usize, down: usize, across: usize, place: &mut Place<'_>) {
    let stride = grid.n_cols * dim;
    let mut vertical = vec![0.0f32; stride];
    for row in 0..grid.n_rows {
        let rows = row.saturating_sub(down)..(row + down + 1).min(grid.n_rows);
        let n_rows = rows.len();
        vertical.fill(0.0);
        for source in rows {
            add(&mut vertical, &values[source * stride..][..stride]);
        }
        for col in 0..grid.n_cols {
            let cols = col.saturating_sub(across)..(col + across + 1).min(grid.n_cols);
            let n = (n_rows * cols.len()) as f32;
            let cell = &mut place.out[(row * grid.n_cols + col) * place.out_dim + place.offset..][..dim];
            cell.fill(0.0);
            for source in cols {
                add(cell, &vertical[source * dim..][..dim]);
            }
            cell.iter_mut().for_each(|value| *value /= n);
        }
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    for (s, v) in sum.iter_mut().zip(values) {
        *s += v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{DescriptorSpec, describe};
    use crate::model::FeatureMap;
    use proptest::prelude::*;

    #[test]
    fn contexts_round_trip_and_nonsense_is_refused() {
        for text in ["h:2,3", "v:2", "hv:1,4,8"] {
            assert_eq!(text.parse::<Context>().unwrap().to_string(), text);
        }
        for text in ["", "h", "h:", "x:2", "h:0", "h:65", "h:2,2", "h:-1", "h:1,", "2,3"] {
            assert!(matches!(text.parse::<Context>(), Err(BankError::Context { .. })), "{text}");
        }
    }

    #[test]
    fn the_border_averages_what_exists() {
        let map = FeatureMap::new(vec![1.0, 2.0, 6.0], 1, Grid { n_rows: 1, n_cols: 3 }, 1).unwrap();
        let spec = DescriptorSpec { neighbourhood: 1, context: vec!["h:1".parse().unwrap()], foreground: None };
        let found = describe(&[map], &spec).unwrap();
        assert_eq!((found.dim, found.rows), (2, vec![1.0, 1.5, 2.0, 3.0, 6.0, 4.0]));
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            n_rows in 1usize..6, n_cols in 1usize..8, dim in 1usize..4, radius in 1usize..5, seed in 0u32..1000,
        ) {
            let n = 2 * n_rows * n_cols * dim;
            let values: Vec<f32> = (0..n)
                .map(|i| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) % 2000) as f32 / 1000.0 - 1.0)
                .collect();
            let grid = Grid { n_rows, n_cols };
            let map = FeatureMap::new(values, 2, grid, dim).unwrap();
            let plain = describe(std::slice::from_ref(&map), &DescriptorSpec { neighbourhood: 3, context: vec![], foreground: None }).unwrap();
            let context: Vec<Context> =
                [format!("h:{radius}"), format!("v:{radius},9"), format!("hv:{radius}")].map(|t| t.parse().unwrap()).into();
            let found = describe(&[map], &DescriptorSpec { neighbourhood: 3, context, foreground: None }).unwrap();
            prop_assert_eq!(found.dim, 5 * dim);
            let windows = [(0, 0), (0, radius), (radius, 0), (9, 0), (radius, radius)];
            for image in 0..2 {
                for i in 0..n_rows as isize {
                    for j in 0..n_cols as isize {
                        for (part, (down, across)) in windows.into_iter().enumerate() {
                            for k in 0..dim {
                                let (mut sum, mut count) = (0.0f64, 0.0f64);
                                for y in i - down as isize..=i + down as isize {
                                    for x in j - across as isize..=j + across as isize {
                                        if (0..n_rows as isize).contains(&y) && (0..n_cols as isize).contains(&x) {
                                            let patch = y as usize * n_cols + x as usize;
                                            sum += f64::from(plain.image(image)[patch * dim + k]);
                                            count += 1.0;
                                        }
                                    }
                                }
                                let patch = i as usize * n_cols + j as usize;
                                let value = f64::from(found.image(image)[patch * 5 * dim + part * dim + k]);
                                prop_assert!((value - sum / count).abs() < 1e-5, "{} {}", value, sum / count);
                            }
                        }
                    }
                }
            }
        }
    }
}
