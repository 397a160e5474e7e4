//! Features of each image, computed once and kept on disk.
//!
//! A file holds the maps of one image: `pcfeat1\n`, the number of layers, then rows, columns and values per patch of each
//! (all `u32`), then the values, `f32`, everything little-endian, and the SHA-256 of all that. Its name is the SHA-256 of
//! what the maps depend on, so a file is never out of date. One that is damaged is computed again.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::StudyError;
use crate::detect::{DetectError, FeatureSource, Network, Sight};
use crate::image::{Image, Preprocessing};
use crate::model::{Backbone, BackboneSpec, FeatureMap, Footprint, Grid};
use crate::train::digest;

const MAGIC: &[u8; 8] = b"pcfeat1\n";
/// Most bytes of a file: 1 GiB.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Most layers of a file.
const MAX_LAYERS: usize = 64;
const HASH_BYTES: usize = 32;

/// A network whose answers are kept.
pub(super) struct Remembered {
    network: Network,
    folder: PathBuf,
    /// What else the features depend on: the build and the device.
    salt: String,
    /// What was read, as long as there is room: most cells ask for the same images again.
    in_memory: Mutex<InMemory>,
}

/// Maps by the name of their file.
struct InMemory {
    maps: HashMap<PathBuf, Arc<Vec<FeatureMap>>>,
    free_bytes: u64,
}

impl Remembered {
    /// Keeps features in `folder`, and up to `free_bytes` of them in memory too.
    pub(super) fn new(network: Network, folder: &Path, salt: &str, free_bytes: u64) -> Self {
        let in_memory = Mutex::new(InMemory { maps: HashMap::new(), free_bytes });
        Self { network, folder: folder.to_owned(), salt: salt.to_owned(), in_memory }
    }

    /// The maps of one image, where they are in memory or on disk.
    fn find(&self, path: &Path) -> Option<Arc<Vec<FeatureMap>>> {
        let memory = || self.in_memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(maps) = memory().maps.get(path) {
            return Some(Arc::clone(maps));
        }
        let maps = Arc::new(read(path)?);
        let n_bytes = maps.iter().map(|map| size_of_val(map.values()) as u64).sum::<u64>();
        let mut memory = memory();
        if let Some(left) = memory.free_bytes.checked_sub(n_bytes)
            && memory.maps.insert(path.to_owned(), Arc::clone(&maps)).is_none()
        {
            memory.free_bytes = left;
        }
        Some(maps)
    }

    pub(super) fn spec(&self) -> &BackboneSpec {
        self.network.spec()
    }

    /// The file of each image.
    fn files(&self, images: &[&Image], preprocessing: &Preprocessing) -> Vec<PathBuf> {
        let spec = self.network.spec();
        let settings = format!("{}\n{}\n{:?}\n{preprocessing:?}", self.salt, spec.weights_sha256, spec.layers);
        let file = |image: &&Image| {
            let mut hash = Sha256::new();
            hash.update(settings.as_bytes());
            hash.update(digest(image));
            let name = HEXLOWER.encode(&hash.finalize());
            self.folder.join(&name[..2]).join(name)
        };
        images.par_iter().map(file).collect()
    }

    /// Makes sure that the features of all `images` are on disk.
    pub(super) fn ensure(&self, images: &[&Image], preprocessing: &Preprocessing) -> Result<(), StudyError> {
        let files = self.files(images, preprocessing);
        let missing: Vec<usize> = (0..images.len()).filter(|i| !files[*i].is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let asked: Vec<&Image> = missing.iter().map(|i| images[*i]).collect();
        let found = self.network.features(&whole(&asked, preprocessing), preprocessing)?;
        for (slot, index) in missing.into_iter().enumerate() {
            let path = &files[index];
            write(path, &to_bytes(&found, slot))
                .map_err(|e| StudyError::Cache { path: path.clone(), reason: e.to_string() })?;
        }
        Ok(())
    }

    /// The maps of some layers, from disk where they are, else from the network.
    fn features(
        &self,
        images: &[&Image],
        preprocessing: &Preprocessing,
        taps: &[usize],
    ) -> Result<Vec<FeatureMap>, DetectError> {
        let files = self.files(images, preprocessing);
        let mut found: Vec<Option<Arc<Vec<FeatureMap>>>> = files.par_iter().map(|path| self.find(path)).collect();
        let missing: Vec<usize> = (0..images.len()).filter(|i| found[*i].is_none()).collect();
        if !missing.is_empty() {
            let asked: Vec<&Image> = missing.iter().map(|i| images[*i]).collect();
            let maps = self.network.features(&whole(&asked, preprocessing), preprocessing)?;
            for (slot, index) in missing.into_iter().enumerate() {
                let bytes = to_bytes(&maps, slot);
                // Without room on the disk the study goes on, just slower.
                let _ = write(&files[index], &bytes);
                found[index] = from_bytes(&bytes).map(Arc::new);
            }
        }
        let found: Vec<Arc<Vec<FeatureMap>>> = found.into_iter().flatten().collect();
        taps.iter()
            .map(|layer| {
                let of_layer: Vec<&FeatureMap> = found.iter().filter_map(|maps| maps.get(*layer)).collect();
                let (dim, grid) = of_layer.first().map_or((0, Grid { n_rows: 0, n_cols: 0 }), |m| (m.dim(), m.grid()));
                let values: Vec<&[f32]> = of_layer.iter().map(|map| map.values()).collect();
                Ok(FeatureMap::new(values.concat(), images.len(), grid, dim)?)
            })
            .collect()
    }
}

/// Some layers of a remembered network.
pub(super) struct Recalled {
    all: Arc<Remembered>,
    spec: BackboneSpec,
    /// Which layers of `all` they are.
    taps: Vec<usize>,
}

impl Recalled {
    /// `layers`: some of those of `all`, in any order; others are left out.
    pub(super) fn new(all: &Arc<Remembered>, layers: &[String]) -> Self {
        let taps = layers.iter().filter_map(|layer| all.spec().layers.iter().position(|l| l == layer)).collect();
        let spec = BackboneSpec { layers: layers.to_vec(), ..all.spec().clone() };
        Self { all: Arc::clone(all), spec, taps }
    }
}

impl FeatureSource for Recalled {
    fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    fn network(&self) -> Option<&dyn Backbone> {
        None
    }

    /// Remembered are those of whole images; studies look at nothing less.
    fn features(&self, sights: &[Sight<'_>], preprocessing: &Preprocessing) -> Result<Vec<FeatureMap>, DetectError> {
        debug_assert!(preprocessing.tiles.is_none() && sights.iter().all(|sight| sight.seen.is_none()));
        let images: Vec<&Image> = sights.iter().map(|sight| sight.image).collect();
        self.all.features(&images, preprocessing, &self.taps)
    }

    fn footprint(&self, n: usize, preprocessing: &Preprocessing) -> Result<Option<Footprint>, DetectError> {
        self.all.network.footprint(n, preprocessing)
    }
}

/// All of each image.
fn whole<'a>(images: &[&'a Image], preprocessing: &Preprocessing) -> Vec<Sight<'a>> {
    images.iter().map(|image| Sight::whole(image, preprocessing, None)).collect()
}

fn to_bytes(maps: &[FeatureMap], image: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((maps.len() as u32).to_le_bytes());
    for map in maps {
        for side in [map.grid().n_rows, map.grid().n_cols, map.dim()] {
            bytes.extend((side as u32).to_le_bytes());
        }
    }
    for map in maps {
        bytes.extend(map.image(image).iter().flat_map(|v| v.to_le_bytes()));
    }
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<FeatureMap>> {
    let (content, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH_BYTES)?)?;
    let mut rest = content.strip_prefix(MAGIC)?;
    let mut number = || {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        rest = tail;
        Some(u32::from_le_bytes(*head) as usize)
    };
    let n_layers = number()?;
    if n_layers > MAX_LAYERS {
        return None;
    }
    let mut shapes = vec![];
    for _ in 0..n_layers {
        shapes.push((number()?, number()?, number()?));
    }
    if Sha256::digest(content).as_slice() != hash {
        return None;
    }
    let mut maps = vec![];
    for (n_rows, n_cols, dim) in shapes {
        let n_bytes = n_rows.checked_mul(n_cols)?.checked_mul(dim)?.checked_mul(4)?;
        let (own, others) = rest.split_at_checked(n_bytes)?;
        rest = others;
        let values = own.as_chunks::<4>().0.iter().map(|v| f32::from_le_bytes(*v)).collect();
        maps.push(FeatureMap::new(values, 1, Grid { n_rows, n_cols }, dim).ok()?);
    }
    rest.is_empty().then_some(maps)
}

fn read(path: &Path) -> Option<Vec<FeatureMap>> {
    (fs::metadata(path).ok()?.len() <= MAX_FILE_BYTES)
        .then(|| fs::read(path).ok())?
        .and_then(|bytes| from_bytes(&bytes))
}

/// Old or new, never half.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn maps() -> Vec<FeatureMap> {
        let map = |n_rows: usize, n_cols: usize, dim: usize| {
            let values = (0..2 * n_rows * n_cols * dim).map(|i| (i as f32 * 0.7).sin()).collect();
            FeatureMap::new(values, 2, Grid { n_rows, n_cols }, dim).unwrap()
        };
        vec![map(2, 3, 4), map(1, 2, 5)]
    }

    #[test]
    fn maps_round_trip_bit_for_bit() {
        let maps = maps();
        for image in 0..2 {
            let found = from_bytes(&to_bytes(&maps, image)).unwrap();
            assert_eq!(found.len(), 2);
            for (found, map) in found.iter().zip(&maps) {
                assert_eq!((found.values(), found.grid(), found.dim()), (map.image(image), map.grid(), map.dim()));
            }
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_no_file(at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
            let good = to_bytes(&maps(), 0);
            let mut bytes = good.clone();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(from_bytes(&bytes).is_none());
            prop_assert!(from_bytes(&good[..cut.min(good.len() - 1)]).is_none());
        }
    }
}
