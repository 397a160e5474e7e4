//! Whether images are cut into tiles, and into which.

use super::TrainError;
use crate::image::Tiles;
use std::fmt;
use std::str::FromStr;

/// An image is cut where one pixel of the network's input would be more than so many of the image, along a side: what is smaller
/// than that is hardly seen.
pub const TILES_FROM: f64 = 4.0;
/// Inputs of fewer pixels are somebody's choice, and count as of so many.
const LEAST_SIDE_PX: usize = 256;
/// Sides of tiles that are chosen, as parts of the network's input in two: at most so many, and at least, however narrow the images
/// are.
const TILE_HALVES: std::ops::RangeInclusive<usize> = 1..=3;

/// Whether images are cut into tiles, each of which fills the network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileRule {
    /// Where the images are much larger than the network's input ([`TILES_FROM`]).
    #[default]
    Auto,
    /// Whole images fill the input.
    Whole,
    /// These tiles.
    Of(Tiles),
}

impl TileRule {
    /// The tiles of images of these sizes (rows, columns) for inputs of these sizes, that of each part; `None` where they are
    /// whole.
    pub(super) fn tiles(self, inputs_px: &[(usize, usize)], sizes: &[(usize, usize)]) -> Option<Tiles> {
        let (height_px, width_px) = inputs_px.iter().copied().max_by_key(|(h, w)| h * w)?;
        let along = |image: usize, input: usize| image as f64 / input.max(LEAST_SIDE_PX) as f64;
        let shrink = |(h, w): &(usize, usize)| along(*h, height_px).max(along(*w, width_px));
        match self {
            Self::Whole => None,
            Self::Of(tiles) => Some(tiles),
            Self::Auto => {
                let mut shrinks: Vec<f64> = sizes.iter().map(shrink).collect();
                let mut shorts: Vec<usize> = sizes.iter().map(|(h, w)| *h.min(w)).collect();
                shrinks.sort_by(f64::total_cmp);
                shorts.sort_unstable();
                let middle = sizes.len() / 2;
                let (usual, short) = (*shrinks.get(middle)?, *shorts.get(middle)?);
                let side = height_px.max(width_px);
                // Of a narrow strip no more than its width, unless it would be blown up.
                let size_px = short.clamp(side * TILE_HALVES.start() / 2, side * TILE_HALVES.end() / 2).max(1);
                let tiles = Tiles { size_px, overlap_px: size_px / Tiles::DEFAULT_OVERLAP, step_px: 1 };
                (usual > TILES_FROM).then_some(tiles)
            }
        }
    }
}

impl FromStr for TileRule {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Whole),
            text => text.parse().map(Self::Of).map_err(|_| TrainError::Tiles { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for TileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Whole => f.write_str("none"),
            Self::Of(tiles) => tiles.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_round_trip_and_nonsense_is_refused() {
        for text in ["auto", "none", "512:128", "768:0"] {
            assert_eq!(text.parse::<TileRule>().unwrap().to_string(), text);
        }
        assert_eq!("512".parse::<TileRule>().unwrap().to_string(), "512:128");
        for text in ["", "whole", "512:512", "-1"] {
            assert!(matches!(text.parse::<TileRule>(), Err(TrainError::Tiles { .. })), "{text}");
        }
    }

    #[test]
    fn only_large_images_are_cut_by_themselves() {
        let inputs = [(128, 128), (384, 384)];
        let chosen = |size| TileRule::Auto.tiles(&inputs, &[size; 3]).map(|tiles| (tiles.size_px, tiles.overlap_px));
        assert_eq!(chosen((1024, 1024)), None);
        assert_eq!(chosen((31, 95)), None);
        assert_eq!(chosen((1536, 1536)), None);
        assert_eq!(chosen((3000, 4096)), Some((576, 144)));
        assert_eq!(chosen((500, 4096)), Some((500, 125)));
        assert_eq!(chosen((128, 4096)), Some((192, 48)));
        // One large image among small ones is shrunk.
        assert_eq!(TileRule::Auto.tiles(&inputs, &[(300, 300), (4000, 4000), (300, 300)]), None);
        // Nor does a small one among large ones make small tiles.
        let mixed = TileRule::Auto.tiles(&inputs, &[(100, 100), (4000, 4000), (4000, 4000)]);
        assert_eq!(mixed.map(|tiles| tiles.size_px), Some(576));
        let own = Tiles { size_px: 256, overlap_px: 0, step_px: 1 };
        assert_eq!(TileRule::Of(own).tiles(&inputs, &[(300, 300)]), Some(own));
        assert_eq!(TileRule::Whole.tiles(&inputs, &[(4000, 4000)]), None);
    }
}
