//! The training images behind the rows of a bank, where they are still there.

use super::{Match, PatchPlace};
use crate::bank::{MemoryBank, normalise_rows};
use crate::detect::{DetectError, Detector};
use crate::image::{self, Image};
use crate::infer::Inspector;
use crate::kernel::Metric;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A patch is the one in the bank when its descriptor differs from the row by at most this share of the row's length:
/// other devices and other thread counts stay far below, another image far above.
pub const SAME_PATCH: f32 = 0.01;

/// Images kept in memory, with their descriptors.
const MAX_KEPT: usize = 16;

/// What is left of the image a row of the bank comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NormalPatch {
    /// The image, and where the patch lies in it. Its descriptor was computed anew and is the row of the bank.
    Found {
        /// The image.
        image: Arc<Image>,
        /// Where the patch lies in it.
        place: PatchPlace,
    },
    /// The file is there, but its patch is not the one in the bank.
    Changed,
    /// No image can be read at its place.
    Missing {
        /// Why.
        reason: String,
    },
}

/// An image with its descriptors `[n_patches, dim]`, or why it can't be read.
type Kept = Result<(Arc<Image>, Vec<f32>), String>;

/// Finds training images by the names that the bundle keeps.
pub struct NormalImages {
    root: Option<PathBuf>,
    kept: HashMap<(Option<usize>, String), Kept>,
}

impl NormalImages {
    /// `root`: the folder that the fit was given, if it is known; the bundle holds names relative to it.
    #[must_use]
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root, kept: HashMap::new() }
    }

    /// The folder, if it is known.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The patch of a training image that `found` names, checked against the bank of `part` (see
    /// [`Explanation::shown_part`](super::Explanation::shown_part)).
    ///
    /// # Errors
    /// What the network refuses.
    pub fn patch(
        &mut self,
        inspector: &Inspector,
        part: Option<usize>,
        found: &Match,
    ) -> Result<NormalPatch, DetectError> {
        let detector = inspector.part(part);
        let (Some(source), Some(position), Some(bank)) = (&found.source, found.position, detector.memory_bank()) else {
            return Ok(NormalPatch::Missing { reason: "the bundle does not say which image the row is of".to_owned() });
        };
        let key = (part, source.clone());
        if !self.kept.contains_key(&key) {
            if self.kept.len() >= MAX_KEPT {
                self.kept.clear();
            }
            let kept = self.open(detector, source)?;
            self.kept.insert(key.clone(), kept);
        }
        let (image, descriptors) = match &self.kept[&key] {
            Ok(kept) => kept,
            Err(reason) => return Ok(NormalPatch::Missing { reason: reason.clone() }),
        };
        let (row, features) = (bank.row(found.row), detector.features());
        let own = match features.preprocessing().tiles {
            Some(_) => features.row_in_tiles(image, position)?.map(|row| as_compared(row, bank)),
            None => descriptors.get(position * row.len()..(position + 1) * row.len()).map(<[f32]>::to_vec),
        };
        let Some(own) = own else { return Ok(NormalPatch::Changed) };
        let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let apart = length(&mut own.iter().zip(row).map(|(a, b)| a - b));
        if apart > f64::from(SAME_PATCH) * length(&mut row.iter().copied()) {
            return Ok(NormalPatch::Changed);
        }
        let size = (image.height_px(), image.width_px());
        let entry = &inspector.manifest.detector;
        let entry = part.and_then(|index| entry.parts.get(index)).unwrap_or(entry);
        let Some(lead) = entry.lead() else { return Ok(NormalPatch::Changed) };
        let grid = match features.tiling(size, image.roi())? {
            Some(tiling) => tiling.grid,
            None => crate::model::Grid { n_rows: lead.descriptor.grid_rows, n_cols: lead.descriptor.grid_cols },
        };
        let placement = features.preprocessing().placement(size.0, size.1);
        let place = PatchPlace::of(position, grid, &placement, size);
        Ok(NormalPatch::Found { image: Arc::clone(image), place })
    }

    fn open(&self, detector: &dyn Detector, source: &str) -> Result<Kept, DetectError> {
        let Some(root) = &self.root else {
            return Ok(Err("the folder of the training images is not known on this machine".to_owned()));
        };
        // A name from a file must not lead out of the folder.
        let plain = Path::new(source).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return Ok(Err(format!("'{source}' is no name below a folder")));
        }
        let image = match image::read_as(&root.join(source), &detector.features().reading()) {
            Ok(image) => image,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // Of an image in tiles one patch at a time is described.
        let rows = match (detector.features().preprocessing().tiles, detector.memory_bank()) {
            (None, Some(bank)) => as_compared(detector.features().describe(&[&image])?.rows, bank),
            (_, _) => vec![],
        };
        Ok(Ok((Arc::new(image), rows)))
    }
}

/// Descriptors as those of a bank.
fn as_compared(mut rows: Vec<f32>, bank: &MemoryBank) -> Vec<f32> {
    if bank.metric() == Metric::Cosine {
        normalise_rows(&mut rows, bank.dim());
    }
    rows
}
