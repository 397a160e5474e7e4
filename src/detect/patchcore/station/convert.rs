//! Between the files of the station and the contents of a bundle.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::bundle::{
    BackboneEntry, CalibrationEntry, ConditionEntry, ConformalEntry, Contents, Defect, DescriptorEntry, FORMAT_VERSION,
    FeaturesEntry, GateEntry, ImportedEntry, Manifest, PreprocessingEntry, SectionEntry, Tensors, UNKNOWN,
};
use crate::condition::{ConditionRule, Policy};
use crate::detect::patchcore::fitted::NAME;
use crate::detect::patchcore::section::{ROW_CONDITION, ROW_POSITION, ROW_SOURCE, ROWS};
use crate::detect::patchcore::settings::{CoresetEntry, ScoreEntry, Settings};
use crate::detect::{Metric, View};
use crate::image::Resize;

use super::write::{meta_text, threshold_text};
use super::{
    GALLERY_FILE, META_FILE, StationArtefact, StationError, StationMeta, StationThreshold, THRESHOLD_FILE, parse_meta,
    parse_threshold,
};

/// Name of the format and of the profile in a manifest.
pub const FORMAT: &str = "onnxdemo";

/// Short side to which the station resizes an image, pixels; fixed in its program.
pub const SHORTEST_PX: usize = 256;

/// Side of the square the station then cuts from the centre, pixels; fixed in its program, whatever
/// `meta.json` says.
pub const CROP_PX: usize = 224;

/// The image score of the station: its largest patch distance.
const IMAGE_SCORE: &str = "max";

/// How the station prepares an image for the network.
#[must_use]
pub fn preprocessing(meta: &StationMeta) -> PreprocessingEntry {
    PreprocessingEntry {
        tiles: None,
        range: None,
        page: None,
        resize: Resize::ShortestCrop { shortest_px: SHORTEST_PX }.to_string(),
        height_px: CROP_PX,
        width_px: CROP_PX,
        mean: meta.mean.map(|x| x as f32),
        std: meta.std.map(|x| x as f32),
    }
}

/// The bank as it is: no row was left out, and only the nearest counts.
fn settings(n_rows: usize) -> Settings {
    Settings {
        metric: Metric::Cosine,
        coreset: CoresetEntry {
            ratio: None,
            n_picked: n_rows,
            n_candidates: None,
            projection: None,
            seed: 0,
            covering_radius: None,
        },
        filter_patches: None,
        whitening: None,
        index: None,
        score: ScoreEntry { image_score: IMAGE_SCORE.to_owned(), map_neighbours: 1, map_sigma_px: 0.0 },
        density_neighbours: None,
        rows_of_condition: vec![n_rows],
    }
}

fn single_gate() -> GateEntry {
    GateEntry {
        kind: "single".to_owned(),
        limit: None,
        parameters: BTreeMap::new(),
        axes: vec![],
        n_points: 0,
        known: vec![],
        reach: None,
        confusion: vec![],
    }
}

/// The station's own threshold.
fn constant(threshold: Option<f32>) -> CalibrationEntry {
    CalibrationEntry {
        method: "constant".to_owned(),
        // No held-out image, no promise.
        alpha: 1.0,
        views: vec![View::plain(Policy::Mixed).to_string()],
        groups: None,
        n_added: None,
        sources: None,
        chosen: None,
        global: ConformalEntry { n: 0, alpha: 1.0, smallest_alpha: 1.0, threshold, mean: None, std: None },
        per_condition: BTreeMap::new(),
    }
}

fn single_patches(dim: usize, grid: (usize, usize)) -> DescriptorEntry {
    DescriptorEntry { neighbourhood: 1, context: vec![], foreground: None, dim, grid_rows: grid.0, grid_cols: grid.1 }
}

/// The rows of a bank whose images are not known.
fn rows_of_nowhere(rows: Vec<f32>, n_rows: usize) -> Tensors {
    Tensors::default()
        .with_numbers(ROWS, rows)
        .with_indices(ROW_CONDITION, vec![0; n_rows])
        .with_indices(ROW_SOURCE, vec![UNKNOWN; n_rows])
        .with_indices(ROW_POSITION, vec![UNKNOWN; n_rows])
}

impl StationArtefact {
    /// The bundle that scores and decides as the station does: cosine distance of single patches, largest patch
    /// distance, constant threshold. The gallery is taken over bit by bit and both JSON texts are kept.
    ///
    /// `backbone` is the network at hand, `grid` the rows and columns of patches it gives for the station's input.
    /// Origins of rows and training images are not known; nothing is held out, so that no false-alarm rate is promised.
    ///
    /// # Errors
    /// Those of [`read`](super::read()); [`StationError::Layers`] unless there is one layer.
    pub fn into_contents(
        self,
        backbone: BackboneEntry,
        grid: (usize, usize),
        domain: Option<String>,
    ) -> Result<Contents, StationError> {
        self.check()?;
        if backbone.layers.len() != 1 {
            return Err(StationError::Layers { layers: backbone.layers });
        }
        let files = BTreeMap::from([
            (META_FILE.to_owned(), meta_text(&self.meta)?),
            (THRESHOLD_FILE.to_owned(), threshold_text(&self.threshold)?),
        ]);
        let (n_rows, threshold) = (self.n_rows(), Some(self.threshold.cut()));
        let features = FeaturesEntry {
            backbone,
            preprocessing: preprocessing(&self.meta),
            descriptor: single_patches(self.dim, grid),
        };
        let settings = settings(n_rows);
        let damaged = |defect: Defect| StationError::Bundle { defect: Box::new(defect) };
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            pcore_version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: FORMAT.to_owned(),
            domain: domain.or_else(|| self.meta.data_name.clone()),
            detector: SectionEntry::new(NAME, Some(features), &settings).map_err(damaged)?,
            conditions: vec![ConditionEntry { name: ConditionRule::ONLY.to_owned(), n_images: 0 }],
            condition_rule: ConditionRule::None.to_string(),
            gate: single_gate(),
            calibration: constant(threshold),
            // The image score is the largest patch distance, so the same cut marks the patches that decided.
            roi: None,
            pixel_threshold: threshold,
            seed: 0,
            data_fingerprint: fingerprint(&self.rows, &files),
            sources: vec![],
            suspects: None,
            light: None,
            pooled: None,
            lineage: None,
            own_roi: false,
            rotate: None,
            imported: Some(ImportedEntry { format: FORMAT.to_owned(), files }),
            // Filled in by the writer.
            header_sha256: String::new(),
            tensors_sha256: String::new(),
        };
        let contents = Contents { tensors: rows_of_nowhere(self.rows, n_rows), ..Contents::empty(manifest) };
        contents.check().map_err(damaged)?;
        Ok(contents)
    }

    /// The files with which the station scores and decides as the bundle does. Of an imported bundle they are those
    /// that were imported; a threshold set since then replaces the old one, and its quantile `q` is left out.
    ///
    /// # Errors
    /// [`StationError::NotForStation`] where the bundle does what the station can't, and those of
    /// [`read`](super::read()).
    pub fn from_contents(mut contents: Contents) -> Result<Self, StationError> {
        let (cut, features) = check_for_station(&contents.manifest)?;
        let rows = contents.tensors.take_numbers(ROWS);
        let manifest = contents.manifest;
        let dim = features.descriptor.dim;
        let n_rows = (rows.len() / dim.max(1)) as u64;
        let files = manifest.imported.as_ref().filter(|i| i.format == FORMAT).map(|i| &i.files);
        let text = |name: &str| files.and_then(|files| files.get(name)).cloned();
        let meta = match text(META_FILE).map(parse_meta).transpose()? {
            Some(meta) => meta,
            None => new_meta(&features, manifest.domain.as_deref()),
        };
        let new = StationThreshold { value: decimal(cut), q: None, n_rows: Some(n_rows), text: None };
        let threshold = match text(THRESHOLD_FILE).map(parse_threshold).transpose()? {
            Some(old) if old.cut() == cut && old.n_rows.is_none_or(|n| n == n_rows) => old,
            // The fields that only the station knows are kept.
            Some(old) => StationThreshold { text: old.text, ..new },
            None => new,
        };
        let artefact = Self { rows, dim, threshold, meta };
        artefact.check()?;
        Ok(artefact)
    }
}

/// The threshold of the bundle and how it describes images, if the station can do what the bundle does.
fn check_for_station(manifest: &Manifest) -> Result<(f32, FeaturesEntry), StationError> {
    let Manifest { detector, conditions, calibration, .. } = manifest;
    let require = |holds: bool, what, expected, found: String| {
        if holds { Ok(()) } else { Err(StationError::NotForStation { what, expected, found }) }
    };
    require(detector.kind == NAME, "the detector", NAME, detector.kind.clone())?;
    let damaged = |defect: Defect| StationError::Bundle { defect: Box::new(defect) };
    let Settings { metric, score, .. } = detector.settings().map_err(damaged)?;
    let features = detector.features.as_ref();
    let features = features.ok_or_else(|| StationError::NotForStation {
        what: "the network",
        expected: "one",
        found: "none".to_owned(),
    })?;
    let FeaturesEntry { backbone, preprocessing, descriptor } = features;
    require(metric == Metric::Cosine, "the distance", "cosine", "Euclidean".to_owned())?;
    let layers = || backbone.layers.join(", ");
    require(backbone.layers.len() == 1, "the layer", "one layer", layers())?;
    require(
        descriptor.neighbourhood == 1 && descriptor.context.is_empty(),
        "the patch neighbourhood",
        "single patches",
        format!("{0} x {0} patches", descriptor.neighbourhood),
    )?;
    require(descriptor.foreground.is_none(), "the patches", "all of an image", "those of an object".to_owned())?;
    require(score.image_score == IMAGE_SCORE, "the image score", "max", score.image_score.clone())?;
    let resize = Resize::ShortestCrop { shortest_px: SHORTEST_PX }.to_string();
    require(
        preprocessing.resize == resize && (preprocessing.height_px, preprocessing.width_px) == (CROP_PX, CROP_PX),
        "the preprocessing",
        "shortest-crop:256 to 224 x 224 pixels",
        format!("{} to {} x {} pixels", preprocessing.resize, preprocessing.height_px, preprocessing.width_px),
    )?;
    require(preprocessing.range.is_none(), "the range of values", "none", format!("{:?}", preprocessing.range))?;
    require(
        manifest.roi.is_none() && !manifest.own_roi,
        "the region of interest",
        "all of each image",
        "a part of it".to_owned(),
    )?;
    let n_conditions = conditions.len();
    require(
        n_conditions == 1,
        "the threshold",
        "one for all images",
        format!("one for each of {n_conditions} conditions"),
    )?;
    let cut = calibration.global.threshold.ok_or_else(|| StationError::NotForStation {
        what: "the threshold",
        expected: "a number",
        found: "missing".to_owned(),
    })?;
    Ok((cut, features.clone()))
}

/// `meta.json` of a bundle that pcore fitted.
fn new_meta(features: &FeaturesEntry, domain: Option<&str>) -> StationMeta {
    let FeaturesEntry { backbone, preprocessing, descriptor } = features;
    StationMeta {
        input_size_px: CROP_PX as u32,
        mean: preprocessing.mean.map(decimal),
        std: preprocessing.std.map(decimal),
        // `Contents::check` limits both to 65536.
        grid_rows: descriptor.grid_rows as u32,
        grid_cols: descriptor.grid_cols as u32,
        backbone: backbone.name.clone(),
        layers: Some(backbone.layers.clone()),
        data_name: domain.map(str::to_owned),
        text: None,
    }
}

/// The shortest decimal number that is `value` in `f32`: 0.485, not 0.48500001430511475.
fn decimal(value: f32) -> f64 {
    match value.to_string().parse::<f64>() {
        Ok(short) if short as f32 == value => short,
        Ok(_) | Err(_) => f64::from(value),
    }
}

fn fingerprint(rows: &[f32], files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    let name = |hash: &mut Sha256, name: &str, n_bytes: usize| {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((n_bytes as u64).to_le_bytes());
    };
    for (file, text) in files {
        name(&mut hash, file, text.len());
        hash.update(text.as_bytes());
    }
    name(&mut hash, GALLERY_FILE, 4 * rows.len());
    for value in rows {
        hash.update(value.to_le_bytes());
    }
    HEXLOWER.encode(&hash.finalize())
}
