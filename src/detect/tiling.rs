//! Where the tiles of an image lie, and which patches each describes.

use super::Inside;
use crate::image::{Preprocessing, Tiles};
use crate::model::Grid;
use std::ops::Range;
use std::sync::Arc;

/// Tiles that go through the network at a time.
pub(super) const TILES_AT_A_TIME: usize = 8;

/// In which order the patches of an image are described, where that is not the order of the grid.
#[derive(Debug, PartialEq)]
pub struct Order {
    places: Vec<u32>,
    /// Where each place of the grid stands among them.
    ranks: Vec<u32>,
}

/// Stands for a patch that is not described.
const NOWHERE: u32 = u32::MAX;

impl Order {
    fn new(places: Vec<u32>, grid: Grid) -> Self {
        let mut ranks = vec![NOWHERE; grid.n_patches()];
        places.iter().zip(0..).for_each(|(place, rank)| ranks[*place as usize] = rank);
        Self { places, ranks }
    }

    /// The patches that are described, by their indices in the grid.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Where a patch of the grid stands, if it is described.
    #[must_use]
    pub fn rank(&self, place: usize) -> Option<usize> {
        self.ranks.get(place).filter(|rank| **rank != NOWHERE).map(|rank| *rank as usize)
    }

    /// Values of the patches described, in the order of the grid.
    pub(super) fn sorted(&self, values: &[f32]) -> Vec<f32> {
        self.ranks.iter().filter(|rank| **rank != NOWHERE).map(|rank| values[*rank as usize]).collect()
    }
}

/// A tile.
#[derive(Debug)]
pub(super) struct Tile {
    /// Rows and columns of the scaled image that the network sees.
    pub(super) seen: [Range<usize>; 2],
    /// Where its grid begins in that of the image, in patches.
    first: [usize; 2],
    /// Which of [`Order::places`] it describes.
    pub(super) own: Range<usize>,
}

/// The tiles of images of one size.
#[derive(Debug)]
pub(crate) struct Tiling {
    /// The grid of the image.
    pub(crate) grid: Grid,
    /// What is looked at, where that is not all.
    pub(crate) inside: Option<Arc<Inside>>,
    pub(crate) order: Arc<Order>,
    /// Those that describe anything.
    pub(super) tiles: Vec<Tile>,
    /// That of each tile.
    pub(crate) of_tile: Grid,
}

impl Tiling {
    /// The tiles that the network sees together, one lot after the other.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[Tile]> {
        self.tiles.chunks(TILES_AT_A_TIME)
    }

    /// The grid of an image of `size` (rows, columns) whose tiles are described on the grid `of_tile`.
    pub(super) fn grid(input: &Preprocessing, size: (usize, usize), of_tile: Grid) -> Grid {
        let (height_px, width_px) = input.placement(size.0, size.1).input_px();
        let [cell_y, cell_x] = cells(input, of_tile);
        Grid { n_rows: height_px / cell_y, n_cols: width_px / cell_x }
    }

    /// `tiles`: those of `input`; `grid` that of the image.
    pub(super) fn new(
        (input, tiles): (&Preprocessing, Tiles),
        (grid, of_tile): (Grid, Grid),
        inside: Option<Arc<Inside>>,
    ) -> Self {
        let [cell_y, cell_x] = cells(input, of_tile);
        let is_inside = inside.as_ref().map(|inside| {
            let mut is_inside = vec![false; grid.n_patches()];
            inside.patches().iter().for_each(|place| is_inside[*place as usize] = true);
            is_inside
        });
        let (mut places, mut found) = (vec![], vec![]);
        let columns = tiles.cuts(grid.n_cols * cell_x, input.width_px);
        for down in tiles.cuts(grid.n_rows * cell_y, input.height_px) {
            for across in &columns {
                let start = places.len();
                for row in down.core.start / cell_y..down.core.end / cell_y {
                    let own = across.core.start / cell_x..across.core.end / cell_x;
                    let own = own.map(|col| (row * grid.n_cols + col) as u32);
                    places.extend(own.filter(|place| is_inside.as_ref().is_none_or(|inside| inside[*place as usize])));
                }
                if places.len() > start {
                    found.push(Tile {
                        first: [down.seen.start / cell_y, across.seen.start / cell_x],
                        seen: [down.seen.clone(), across.seen.clone()],
                        own: start..places.len(),
                    });
                }
            }
        }
        Self { grid, inside, order: Arc::new(Order::new(places, grid)), tiles: found, of_tile }
    }

    /// The patches that a tile describes, by its index among those that describe any.
    pub(crate) fn places(&self, tile: usize) -> &[u32] {
        &self.order.places[self.tiles[tile].own.clone()]
    }

    /// The tile that describes a patch of the grid, and where among its own patches it does.
    pub(super) fn holds(&self, place: usize) -> Option<(&Tile, usize)> {
        let rank = self.order.rank(place)?;
        let tile = self.tiles.get(self.tiles.partition_point(|tile| tile.own.end <= rank))?;
        Some((tile, rank - tile.own.start))
    }

    /// Puts the rows of a tile where they belong among those of the whole grid.
    pub(crate) fn keep(&self, tile: usize, rows: &[f32], all: &mut [f32], dim: usize) {
        for (place, row) in self.places(tile).iter().zip(rows.chunks_exact(dim)) {
            all[*place as usize * dim..][..dim].copy_from_slice(row);
        }
    }

    /// What a tile describes of the image.
    ///
    /// # Shapes
    /// `rows`: `[n_patches, dim]` of the tile's own grid. Result: `[own patches, dim]`.
    pub(super) fn own(&self, tile: &Tile, rows: &[f32], dim: usize) -> Vec<f32> {
        let places = self.order.places[tile.own.clone()].iter().map(|place| *place as usize);
        let at = |place: usize| {
            let (row, col) = (place / self.grid.n_cols - tile.first[0], place % self.grid.n_cols - tile.first[1]);
            row * self.of_tile.n_cols + col
        };
        places.flat_map(|place| &rows[at(place) * dim..][..dim]).copied().collect()
    }
}

/// Pixels of the input under a patch, down and across.
fn cells(input: &Preprocessing, of_tile: Grid) -> [usize; 2] {
    [(input.height_px / of_tile.n_rows.max(1)).max(1), (input.width_px / of_tile.n_cols.max(1)).max(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Resize;

    fn tiling(tiles: Tiles, size: (usize, usize)) -> Tiling {
        let of_tile = Grid { n_rows: 8, n_cols: 8 };
        let input = Preprocessing { tiles: Some(tiles), ..Preprocessing::imagenet(64, 64, Resize::StretchBilinear) };
        let grid = Tiling::grid(&input, size, of_tile);
        Tiling::new((&input, tiles), (grid, of_tile), None)
    }

    #[test]
    fn the_tiles_describe_every_patch_of_the_image_once() {
        let tiles = Tiles { size_px: 128, overlap_px: 64, step_px: 16 };
        for (size, expected) in [((300, 520), (18, 32)), ((128, 128), (8, 8)), ((40, 1000), (8, 62))] {
            let tiling = tiling(tiles, size);
            assert_eq!((tiling.grid.n_rows, tiling.grid.n_cols), expected);
            let mut places = tiling.order.places().to_vec();
            assert_eq!(tiling.tiles.iter().map(|tile| tile.own.len()).sum::<usize>(), places.len());
            for (rank, place) in places.iter().enumerate() {
                assert_eq!(tiling.order.rank(*place as usize), Some(rank));
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..tiling.grid.n_patches() as u32));
        }
    }

    #[test]
    fn a_tile_gives_the_patches_that_lie_where_they_say() {
        let tiling = tiling(Tiles { size_px: 64, overlap_px: 16, step_px: 8 }, (192, 256));
        for tile in &tiling.tiles {
            // Each patch is described by where it lies in the image.
            let rows: Vec<f32> = (0..64)
                .map(|at| {
                    ((tile.seen[0].start / 8 + at / 8) * tiling.grid.n_cols + tile.seen[1].start / 8 + at % 8) as f32
                })
                .collect();
            let own = tiling.own(tile, &rows, 1);
            let expected = tiling.order.places()[tile.own.clone()].iter().map(|place| *place as f32);
            assert!(own.into_iter().eq(expected));
        }
    }

    #[test]
    fn values_are_sorted_by_their_places() {
        let order = Order::new(vec![7, 2, 5], Grid { n_rows: 2, n_cols: 4 });
        assert_eq!(order.sorted(&[0.7, 0.2, 0.5]), [0.2, 0.5, 0.7]);
        assert_eq!((order.rank(5), order.rank(3), order.rank(99)), (Some(2), None, None));
    }
}
