//! Images to patch descriptors: the part that fitting and inference share.

use super::source::{FeatureSource, Network, Sight};
use super::tiling::{Tile, Tiling};
use super::{DetectError, Inside, Seen};
use crate::bank::{Describer, DescriptorSpec, PatchDescriptors, describe, foreground};
use crate::condition::{Gate, Pooling};
use crate::image::{Image, ImageError, Limits, MAX_PIXELS, Preprocessing, Reading, Roi, Tiles};
use crate::model::{self, Backbone, BackboneSpec, FeatureMap, Grid, OpenDevice};
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// What identifies a feature pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpec {
    /// Name of the backbone.
    pub backbone: String,
    /// Its layers; all that it offers where none is named.
    pub layers: Vec<String>,
    /// How images become network input.
    pub preprocessing: Preprocessing,
    /// How feature maps become descriptors.
    pub descriptor: DescriptorSpec,
}

/// A network, ready to describe images.
pub struct FeaturePipeline {
    pub(super) source: Box<dyn FeatureSource>,
    pub(super) preprocessing: Preprocessing,
    pub(super) descriptor: DescriptorSpec,
    pub(super) device: OpenDevice,
    pub(super) roi: Option<Arc<Roi>>,
    /// What is looked at of images of the size that was asked for last.
    pub(super) seen: Mutex<Option<(ImageSize, Seen)>>,
    pub(super) inside: Mutex<Option<(ImageSize, Grid, Arc<Inside>)>>,
    tiling: Mutex<Option<(ImageSize, Arc<Tiling>)>>,
}

/// Rows and columns.
pub(super) type ImageSize = (usize, usize);

impl FeaturePipeline {
    /// Opens the backbone on `device`.
    ///
    /// # Errors
    /// [`DetectError::Model`] when there is no such backbone or layer.
    pub fn open(spec: &PipelineSpec, device: &OpenDevice) -> Result<Self, DetectError> {
        let backbone = model::load(&spec.backbone, &spec.layers, device)?;
        Ok(Self::of(Box::new(Network::new(backbone)), spec.preprocessing.clone(), spec.descriptor.clone(), device))
    }

    /// A pipeline on features that come from `source`, and on `device` for the rest.
    pub(crate) fn of(
        source: Box<dyn FeatureSource>,
        preprocessing: Preprocessing,
        descriptor: DescriptorSpec,
        device: &OpenDevice,
    ) -> Self {
        Self {
            source,
            preprocessing,
            descriptor,
            device: device.clone(),
            roi: None,
            seen: Mutex::default(),
            inside: Mutex::default(),
            tiling: Mutex::default(),
        }
    }

    /// Where it runs.
    pub(crate) fn device(&self) -> &OpenDevice {
        &self.device
    }

    /// The backbone's name, layers and weights.
    #[must_use]
    pub fn backbone(&self) -> &BackboneSpec {
        self.source.spec()
    }

    /// The network itself; `None` where features are remembered ones.
    #[must_use]
    pub fn network(&self) -> Option<&dyn Backbone> {
        self.source.network()
    }

    /// How images become network input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How the files of its images are read.
    pub(crate) fn reading(&self) -> Reading {
        self.preprocessing.reading(Limits::default())
    }

    /// Chooses the full-resolution page of TIFF files.
    pub(crate) fn choose_page(&mut self, page: NonZeroUsize) {
        self.preprocessing.page = Some(page);
    }

    /// Chooses which part of every image is looked at.
    pub(crate) fn set_roi(&mut self, roi: Option<Arc<Roi>>) {
        self.roi = roi;
        self.forget();
    }

    /// Chooses how large images are cut, in source pixels; where tiles can begin follows from the network.
    ///
    /// # Errors
    /// [`DetectError::Image`] for tiles that the network's input can't be, [`DetectError::Model`] where the network refuses it.
    pub(crate) fn set_tiles(&mut self, tiles: Option<Tiles>) -> Result<(), DetectError> {
        if let (Some(_), Some(threshold)) = (tiles, self.descriptor.foreground) {
            return Err(DetectError::Setting {
                setting: "foreground",
                expected: "none where images are cut into tiles: an object is told from all of an image".to_owned(),
                found: threshold.to_string(),
            });
        }
        self.preprocessing.tiles = match tiles {
            None => None,
            Some(tiles) => Some(Tiles { step_px: self.step_px()?, ..tiles }),
        };
        self.forget();
        Ok(self.preprocessing.check()?)
    }

    fn forget(&mut self) {
        (self.seen, self.inside, self.tiling) = (Mutex::default(), Mutex::default(), Mutex::default());
    }

    /// Pixels of the network's input under a cell of its coarsest grid, the larger side of the cell.
    fn step_px(&self) -> Result<usize, DetectError> {
        let Preprocessing { height_px, width_px, .. } = self.preprocessing;
        let cell = |grid: Grid| height_px.div_ceil(grid.n_rows.max(1)).max(width_px.div_ceil(grid.n_cols.max(1)));
        let grids: Vec<Grid> = match self.source.footprint(1, &self.preprocessing)? {
            Some(footprint) => footprint.maps.iter().map(|(grid, _)| *grid).collect(),
            None => self.blank()?.iter().map(FeatureMap::grid).collect(),
        };
        Ok(grids.into_iter().map(cell).max().unwrap_or(1))
    }

    /// The feature maps of a grey input.
    fn blank(&self) -> Result<Vec<FeatureMap>, DetectError> {
        let Preprocessing { height_px, width_px, .. } = self.preprocessing;
        let grey = Image::new(vec![0.5; height_px * width_px], height_px, width_px, 1)?;
        Ok(self.features(&[&grey])?.0)
    }

    /// The tiles of an image of `size` (rows, columns); `None` where images are not cut.
    ///
    /// # Errors
    /// As [`Self::inside`], and what the network refuses.
    pub(crate) fn tiling(&self, size: ImageSize, own: Option<&Roi>) -> Result<Option<Arc<Tiling>>, DetectError> {
        let Some(tiles) = self.preprocessing.tiles else { return Ok(None) };
        let known = self.tiling.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, tiling)) = known.filter(|(known, _)| own.is_none() && *known == size) {
            return Ok(Some(tiling));
        }
        let (height_px, width_px) = self.preprocessing.placement(size.0, size.1).input_px();
        if height_px.saturating_mul(width_px) as u64 > MAX_PIXELS {
            let reason = format!(
                "tiles of {} pixels make {height_px} x {width_px} pixels of an image of {} x {}; choose larger ones",
                tiles.size_px, size.0, size.1
            );
            return Err(ImageError::Preprocessing { reason }.into());
        }
        let of_tile = self.tile_grid()?;
        let grid = Tiling::grid(&self.preprocessing, size, of_tile);
        let inside = self.inside(size, own, grid)?;
        let tiling = Arc::new(Tiling::new((&self.preprocessing, tiles), (grid, of_tile), inside));
        if own.is_none() {
            *self.tiling.lock().unwrap_or_else(PoisonError::into_inner) = Some((size, Arc::clone(&tiling)));
        }
        Ok(Some(tiling))
    }

    /// The grid of the patches of one input of the network.
    fn tile_grid(&self) -> Result<Grid, DetectError> {
        match self.patches()? {
            Some((grid, _)) => Ok(grid),
            None => Ok(Describer::new(&self.blank()?, &self.descriptor)?.grid),
        }
    }

    /// The grid of the patches of one input of the network and values of each, where that is known before.
    pub(crate) fn patches(&self) -> Result<Option<(Grid, usize)>, DetectError> {
        let footprint = self.source.footprint(1, &self.preprocessing)?;
        Ok(footprint.and_then(|found| {
            let grid = found.maps.iter().map(|(grid, _)| *grid).max_by_key(|grid| grid.n_patches())?;
            Some((grid, self.descriptor.dim(found.maps.iter().map(|(_, dim)| dim).sum())))
        }))
    }

    /// Patches of an image of `size` (rows, columns) that are described; those of one input where images are not cut, and none
    /// where that is not known before.
    ///
    /// # Errors
    /// As [`Self::tiling`].
    pub(crate) fn n_patches(&self, size: (usize, usize)) -> Result<usize, DetectError> {
        match self.tiling(size, None)? {
            Some(tiling) => Ok(tiling.order.places().len()),
            None => Ok(self.patches()?.map_or(0, |(grid, _)| grid.n_patches())),
        }
    }

    /// Describes the patches of an image tile by tile. `receive` gets those of some tiles at a time, `[n, dim]` of each, in the order
    /// of [`Order::places`](super::Order::places).
    ///
    /// # Errors
    /// What the network refuses, and what `receive` returns.
    pub(crate) fn describe_tiles<E: From<DetectError>>(
        &self,
        image: &Image,
        tiling: &Tiling,
        mut receive: impl FnMut(Vec<Vec<f32>>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        for tiles in tiling.pieces() {
            let (rows, dim) = self.describe_some(image, tiling, tiles)?;
            receive(rows, dim)?;
        }
        Ok(())
    }

    /// The rows of some tiles, and values of each row.
    pub(super) fn describe_some(
        &self,
        image: &Image,
        tiling: &Tiling,
        tiles: &[Tile],
    ) -> Result<(Vec<Vec<f32>>, usize), DetectError> {
        let seen = tiling.inside.as_ref().map(|inside| inside.seen());
        let sight = |tile: &Tile| Sight { image, window: tile.seen.clone(), seen: seen.clone() };
        let sights: Vec<Sight<'_>> = tiles.iter().map(sight).collect();
        let features = self.source.features(&sights, &self.preprocessing)?;
        let describer = Describer::new(&features, &self.descriptor)?;
        let own = |(i, tile): (usize, &Tile)| {
            let mut rows = vec![0.0; describer.image_len()];
            describer.describe(i, &mut rows);
            tiling.own(tile, &rows, describer.dim())
        };
        Ok((tiles.par_iter().enumerate().map(own).collect(), describer.dim()))
    }

    /// The descriptor of one patch of an image in tiles, by its index in the grid; `None` where it is not looked at.
    pub(crate) fn row_in_tiles(&self, image: &Image, place: usize) -> Result<Option<Vec<f32>>, DetectError> {
        let Some(tiling) = self.tiling((image.height_px(), image.width_px()), image.roi())? else { return Ok(None) };
        let Some((tile, at)) = tiling.holds(place) else { return Ok(None) };
        let (rows, dim) = self.describe_some(image, &tiling, std::slice::from_ref(tile))?;
        Ok(rows.first().and_then(|rows| rows.get(at * dim..(at + 1) * dim)).map(<[f32]>::to_vec))
    }

    /// What a gate sees of each image.
    ///
    /// # Errors
    /// As [`Self::describe`] and [`Self::inside`].
    pub(crate) fn pooled(&self, images: &[&Image]) -> Result<Vec<Vec<f32>>, DetectError> {
        if self.preprocessing.tiles.is_none() {
            let (all, seen) = self.describe_seen(images)?;
            let one = |(i, image): (usize, &&Image)| {
                let inside = self.inside_seen(image, all.grid, seen[i].clone())?;
                let own = inside.map(|inside| inside.rows(all.image(i), all.dim));
                Ok(Gate::pooled(own.as_deref().unwrap_or(all.image(i)), all.dim))
            };
            return images.iter().enumerate().map(one).collect();
        }
        let in_tiles = |image: &&Image| match self.tiling((image.height_px(), image.width_px()), image.roi())? {
            Some(tiling) => self.pooled_in_tiles(image, &tiling),
            None => Ok(vec![]),
        };
        images.iter().map(in_tiles).collect()
    }

    /// The same of an image in these tiles.
    pub(super) fn pooled_in_tiles(&self, image: &Image, tiling: &Tiling) -> Result<Vec<f32>, DetectError> {
        let mut pooling: Option<Pooling> = None;
        self.describe_tiles(image, tiling, |tiles, dim| {
            let pooling = pooling.get_or_insert_with(|| Pooling::new(dim));
            tiles.iter().for_each(|rows| pooling.add(rows));
            Ok::<_, DetectError>(())
        })?;
        Ok(pooling.map_or_else(Vec::new, |pooling| pooling.finish()))
    }

    /// How feature maps become descriptors.
    #[must_use]
    pub fn descriptor(&self) -> &DescriptorSpec {
        &self.descriptor
    }

    /// Which patches of an image count that is judged; `None` for all of them.
    ///
    /// # Shapes
    /// `rows`: `[n_patches, dim]`, all of `grid`. Result: those of `inside`, where that is known.
    pub(crate) fn counts(&self, rows: &[f32], grid: Grid, inside: Option<&Inside>) -> Option<Vec<bool>> {
        let all = foreground(rows, grid, self.descriptor.foreground?);
        Some(match inside {
            None => all,
            Some(inside) => inside.patches().iter().map(|place| all[*place as usize]).collect(),
        })
    }

    /// The patch descriptors of `images`, one grid after the other.
    ///
    /// # Errors
    /// [`DetectError::Image`], [`DetectError::Model`] or [`DetectError::Bank`].
    pub fn describe(&self, images: &[&Image]) -> Result<PatchDescriptors, DetectError> {
        Ok(self.describe_seen(images)?.0)
    }

    /// The same, and what is looked at of each image.
    pub(crate) fn describe_seen(
        &self,
        images: &[&Image],
    ) -> Result<(PatchDescriptors, Vec<Option<Seen>>), DetectError> {
        let (features, seen) = self.features(images)?;
        Ok((describe(&features, &self.descriptor)?, seen))
    }

    /// The feature maps of `images`, one per layer, each image filling the network's input, whether it would be cut or not; and
    /// what is looked at of each, which a mask of its own tells once.
    pub(super) fn features(&self, images: &[&Image]) -> Result<(Vec<FeatureMap>, Vec<Option<Seen>>), DetectError> {
        let whole = Preprocessing { tiles: None, ..self.preprocessing.clone() };
        let seen = |image: &&Image| {
            let seen = || self.seen((image.height_px(), image.width_px()), image.roi());
            self.preprocessing.tiles.is_none().then(seen).flatten()
        };
        let seen: Vec<Option<Seen>> = images.iter().map(seen).collect();
        let sights = images.iter().zip(&seen).map(|(image, seen)| Sight::whole(image, &whole, seen.clone()));
        let sights: Vec<Sight<'_>> = sights.collect();
        Ok((self.source.features(&sights, &whole)?, seen))
    }
}
