//! Bundles to test with, and a second, independent implementation of the checksums.

use std::collections::BTreeMap;

use pcore::bundle::{
    BackboneEntry, CalibrationEntry, ConditionEntry, ConformalEntry, Contents, DescriptorEntry, FORMAT_VERSION,
    FeaturesEntry, GateAxisEntry, GateEntry, Manifest, PooledEntry, PooledImage, PreprocessingEntry, SectionEntry,
    Tensors, UNKNOWN, Values,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Two conditions, four rows of three numbers, five calibration scores.
pub(crate) fn small() -> Contents {
    with_rows(4, 3, 0.5)
}

/// [`small`] with a gate of three points, the scores under all views, and an index.
pub(crate) fn with_gate() -> Contents {
    let mut contents = small();
    contents.manifest.calibration.views =
        ["mixed", "gated", "soft", "density:mixed", "density:gated", "density:soft"].map(str::to_owned).into();
    contents.scores.extend((0..25).map(|i| i as f32 * 0.5));
    contents.manifest.gate.axes = vec![GateAxisEntry { feature: 6, mean: 0.25, unit: 0.125 }];
    contents.manifest.gate.n_points = 3;
    contents.manifest.gate.confusion = vec![vec![2, 0, 0], vec![0, 1, 0]];
    contents.gate_points = (0..24).map(|i| i as f32 - 12.0).collect();
    contents.gate_conditions = vec![0, 1, 1];
    let image = |condition, group, brightness| PooledImage { condition, group, brightness };
    let images = vec![image(0, 0, 0.25), image(1, 1, 0.1 + 0.2)];
    contents.manifest.pooled = Some(PooledEntry { dim: 3, images });
    contents.pooled = vec![0.5, -1e-30, 2.0, 0.1, 0.2, 0.3];
    contents.manifest.gate.known = vec![];
    contents.manifest.gate.reach = Some(0.1 + 0.2);
    set(&mut contents, "density_neighbours", json!(5));
    contents.tensors.set("row_scale", Values::Numbers(vec![0.5, 0.0, 0.25, 1.0]));
    set(
        &mut contents,
        "index",
        json!({"kind": "ivf", "n_lists": 2, "n_probes": 1, "recall": 0.992, "n_measured": 4096}),
    );
    contents.tensors.set("row_list", Values::Indices(vec![0, 1, 1, 0]));
    contents
}

/// Sets one of the detector's settings; `name` may lead into an object: `coreset/n_picked`.
pub(crate) fn set(contents: &mut Contents, name: &str, value: Value) {
    let mut settings = Value::Object(std::mem::take(&mut contents.manifest.detector.settings));
    match settings.pointer_mut(&format!("/{name}")) {
        Some(place) => *place = value,
        None => settings[name] = value,
    }
    contents.manifest.detector.settings = settings.as_object().unwrap().clone();
}

/// How the detector describes images.
pub(crate) fn features(contents: &mut Contents) -> &mut FeaturesEntry {
    contents.manifest.detector.features.as_mut().unwrap()
}

/// The rows of the bank.
pub(crate) fn rows(contents: &Contents) -> &[f32] {
    contents.tensors.numbers("rows")
}

/// The same, to be changed.
pub(crate) fn change_rows(contents: &mut Contents, change: impl FnOnce(&mut Vec<f32>)) {
    let mut rows = contents.tensors.take_numbers("rows");
    change(&mut rows);
    contents.tensors.set("rows", Values::Numbers(rows));
}

/// The same of a tensor of indices.
pub(crate) fn change_indices(contents: &mut Contents, name: &str, change: impl FnOnce(&mut Vec<u32>)) {
    let mut indices = contents.tensors.take_indices(name);
    change(&mut indices);
    contents.tensors.set(name, Values::Indices(indices));
}

/// `n_rows` rows of `dim` numbers around `value`.
pub(crate) fn with_rows(n_rows: usize, dim: usize, value: f32) -> Contents {
    let n_cold = n_rows / 2;
    Contents {
        manifest: manifest(n_rows, dim),
        scores: vec![1.25, 1.5, 0.75, 2.5, 3.125],
        score_condition: vec![0, 1, 0, 1, 1],
        gate_points: vec![],
        gate_conditions: vec![],
        pooled: vec![],
        tensors: Tensors::default()
            .with_numbers("rows", (0..n_rows * dim).map(|index| value + index as f32 * 0.25).collect())
            .with_indices("row_condition", (0..n_rows).map(|row| u32::from(row >= n_cold)).collect())
            .with_indices(
                "row_source",
                (0..n_rows).map(|row| if row == 1 { UNKNOWN } else { (row % 3) as u32 }).collect(),
            )
            .with_indices("row_position", (0..n_rows).map(|row| (row % 64) as u32).collect()),
    }
}

/// A manifest whose four writer-set fields are what the writer puts there, the checksums aside.
fn manifest(n_rows: usize, dim: usize) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        pcore_version: env!("CARGO_PKG_VERSION").into(),
        profile: "pcore".into(),
        domain: Some("C".into()),
        detector: SectionEntry {
            kind: "patchcore".into(),
            features: Some(described(dim)),
            settings: settings(n_rows),
            parts: vec![],
        },
        conditions: vec![
            ConditionEntry { name: "cold".into(), n_images: 2 },
            ConditionEntry { name: "warm".into(), n_images: 1 },
        ],
        condition_rule: "p90".into(),
        gate: GateEntry {
            kind: "p90".into(),
            limit: Some(0.3),
            parameters: BTreeMap::from([("spread".into(), 0.05)]),
            axes: vec![],
            n_points: 0,
            known: vec![[0.1, 0.3], [0.25, 0.7]],
            reach: None,
            confusion: vec![],
        },
        calibration: calibration(),
        roi: None,
        own_roi: false,
        rotate: None,
        pixel_threshold: Some(2.0),
        seed: u64::MAX,
        data_fingerprint: "0".repeat(64),
        sources: vec!["good/000.png".into(), r#"good/"odd\",{"header_sha256":".png"#.into(), "gut/äß 漢.tiff".into()],
        suspects: None,
        light: None,
        pooled: None,
        lineage: None,
        imported: None,
        tensors_sha256: String::new(),
        header_sha256: String::new(),
    }
}

fn described(dim: usize) -> FeaturesEntry {
    FeaturesEntry {
        backbone: BackboneEntry {
            name: "pcore_tiny".into(),
            layers: vec!["layer2".into(), "layer3".into()],
            weights_sha256: "ab".repeat(32),
            precision: "f16".into(),
            instruction_set: Some("avx2".into()),
        },
        preprocessing: PreprocessingEntry {
            tiles: None,
            range: None,
            page: None,
            resize: "stretch-bilinear".into(),
            height_px: 256,
            width_px: 192,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        },
        descriptor: DescriptorEntry {
            neighbourhood: 3,
            context: vec![],
            foreground: None,
            dim,
            grid_rows: 8,
            grid_cols: 8,
        },
    }
}

fn calibration() -> CalibrationEntry {
    let conformal = |n: usize, threshold| ConformalEntry {
        n,
        alpha: 0.01,
        smallest_alpha: 1.0 / (n as f64 + 1.0),
        threshold,
        mean: Some(1.825),
        std: Some(0.1),
    };
    CalibrationEntry {
        method: "split-conformal".into(),
        alpha: 0.01,
        views: vec!["mixed".into()],
        groups: None,
        n_added: None,
        sources: None,
        chosen: None,
        global: conformal(5, None),
        per_condition: BTreeMap::from([
            ("cold".into(), conformal(2, Some(1.25))),
            ("warm".into(), conformal(3, Some(3.125))),
        ]),
    }
}

/// The settings of a bank of so many rows.
fn settings(n_rows: usize) -> serde_json::Map<String, Value> {
    let settings = json!({
        "metric": "l2",
        "coreset": {
            "ratio": 0.1, "n_picked": n_rows, "n_candidates": n_rows * 10, "projection": "pca", "seed": 7,
            "covering_radius": 2.75,
        },
        "score": {"image_score": "max", "map_neighbours": 3, "map_sigma_px": 4.0},
        "rows_of_condition": [n_rows / 2, n_rows - n_rows / 2],
    });
    settings.as_object().unwrap().clone()
}

/// A bundle taken apart: header and manifest as JSON values, and the tensor data.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) manifest: Value,
    pub(crate) data: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
        let manifest = serde_json::from_str(header["__metadata__"]["pcore"].as_str().unwrap()).unwrap();
        Self { header, manifest, data: bytes[8 + n..].to_vec() }
    }

    /// The header text, with the tensor checksum made to fit.
    pub(crate) fn header_text(&mut self) -> String {
        self.manifest["tensors_sha256"] = format!("{:x}", Sha256::digest(&self.data)).into();
        self.header["__metadata__"]["pcore"] = self.manifest.to_string().into();
        self.header.to_string()
    }

    /// A file in which both checksums fit: what a forger would write.
    pub(crate) fn forge(mut self) -> Vec<u8> {
        let header = self.header_text();
        forge(&header, &self.data)
    }
}

/// A file with this header text, its own checksum made to fit where it has one.
pub(crate) fn forge(header: &str, data: &[u8]) -> Vec<u8> {
    let mut header = header.as_bytes().to_vec();
    let key = br#"\"header_sha256\":\""#;
    if let Some(place) = header.windows(key.len()).position(|window| window == key) {
        let digits = place + key.len()..place + key.len() + 64;
        // A header may end in the middle of its checksum.
        if digits.end <= header.len() {
            header[digits.clone()].fill(b'0');
            let mut hashed = (header.len() as u64).to_le_bytes().to_vec();
            hashed.extend(&header);
            header[digits].copy_from_slice(format!("{:x}", Sha256::digest(&hashed)).as_bytes());
        }
    }
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    bytes
}
