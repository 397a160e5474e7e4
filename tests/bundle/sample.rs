//! Bundles to test with, and a second, independent implementation of the checksums.

use std::collections::BTreeMap;

use pcore::bundle::{
    BackboneEntry, CalibrationEntry, ConditionEntry, ConformalEntry, Contents, CoresetEntry, DensityEntry,
    DescriptorEntry, FORMAT_VERSION, GateAxisEntry, GateEntry, IndexEntry, Manifest, Metric, PreprocessingEntry,
    ScoreEntry, UNKNOWN,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Two conditions, four rows of three numbers, five calibration scores.
pub(crate) fn small() -> Contents {
    with_rows(4, 3, 0.5)
}

/// [`small`] with a gate of three points, the scores of two more policies and those by local density.
pub(crate) fn with_gate() -> Contents {
    let mut contents = small();
    contents.manifest.calibration.other_policies = vec!["gated".into(), "soft".into()];
    contents.other_scores = (0..10).map(|i| i as f32 * 0.5).collect();
    contents.manifest.gate.axes = vec![GateAxisEntry { feature: 6, mean: 0.25, unit: 0.125 }];
    contents.manifest.gate.n_points = 3;
    contents.manifest.gate.confusion = vec![vec![2, 0, 0], vec![0, 1, 0]];
    contents.gate_points = (0..24).map(|i| i as f32 - 12.0).collect();
    contents.gate_conditions = vec![0, 1, 1];
    contents.manifest.gate.known = vec![];
    contents.manifest.gate.reach = Some(0.1 + 0.2);
    contents.manifest.calibration.density =
        Some(DensityEntry { neighbours: 5, policies: vec!["mixed".into(), "gated".into(), "soft".into()] });
    contents.row_scale = vec![0.5, 0.0, 0.25, 1.0];
    contents.density_scores = (0..15).map(|i| i as f32 * 0.25).collect();
    contents.manifest.index =
        Some(IndexEntry { kind: "ivf".into(), n_lists: 2, n_probes: 1, recall: 0.992, n_measured: 4096 });
    contents.row_list = vec![0, 1, 1, 0];
    contents
}

/// `n_rows` rows of `dim` numbers around `value`.
pub(crate) fn with_rows(n_rows: usize, dim: usize, value: f32) -> Contents {
    let n_cold = n_rows / 2;
    Contents {
        manifest: manifest(n_rows, dim),
        bank_rows: (0..n_rows * dim).map(|index| value + index as f32 * 0.25).collect(),
        row_condition: (0..n_rows).map(|row| u32::from(row >= n_cold)).collect(),
        row_source: (0..n_rows).map(|row| if row == 1 { UNKNOWN } else { (row % 3) as u32 }).collect(),
        row_position: (0..n_rows).map(|row| (row % 64) as u32).collect(),
        calibration_scores: vec![1.25, 1.5, 0.75, 2.5, 3.125],
        calibration_condition: vec![0, 1, 0, 1, 1],
        other_scores: vec![],
        gate_points: vec![],
        gate_conditions: vec![],
        row_scale: vec![],
        density_scores: vec![],
        row_list: vec![],
    }
}

/// A manifest whose four writer-set fields are what the writer puts there, the checksums aside.
fn manifest(n_rows: usize, dim: usize) -> Manifest {
    let conformal = |n: usize, threshold| ConformalEntry {
        n,
        alpha: 0.01,
        smallest_alpha: 1.0 / (n as f64 + 1.0),
        threshold,
        mean: Some(1.825),
        std: Some(0.1),
    };
    Manifest {
        format_version: FORMAT_VERSION,
        pcore_version: env!("CARGO_PKG_VERSION").into(),
        profile: "pcore".into(),
        domain: Some("C".into()),
        backbone: BackboneEntry {
            name: "pcore_tiny".into(),
            layers: vec!["layer2".into(), "layer3".into()],
            weights_sha256: "ab".repeat(32),
            precision: "f16".into(),
            instruction_set: Some("avx2".into()),
        },
        preprocessing: PreprocessingEntry {
            range: None,
            page: None,
            resize: "stretch-bilinear".into(),
            height_px: 256,
            width_px: 192,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        },
        descriptor: DescriptorEntry { neighbourhood: 3, context: vec![], dim, grid_rows: 8, grid_cols: 8 },
        metric: Metric::L2,
        coreset: CoresetEntry {
            ratio: Some(0.1),
            n_picked: n_rows,
            n_candidates: Some(n_rows * 10),
            projection: Some("pca".into()),
            seed: 7,
            covering_radius: Some(2.75),
        },
        index: None,
        score: ScoreEntry { image_score: "max".into(), map_neighbours: 3, map_sigma_px: 4.0 },
        conditions: vec![
            ConditionEntry { name: "cold".into(), n_images: 2, n_rows: n_rows / 2 },
            ConditionEntry { name: "warm".into(), n_images: 1, n_rows: n_rows - n_rows / 2 },
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
        calibration: CalibrationEntry {
            method: "split-conformal".into(),
            alpha: 0.01,
            policy: "mixed".into(),
            other_policies: vec![],
            density: None,
            groups: None,
            global: conformal(5, None),
            per_condition: BTreeMap::from([
                ("cold".into(), conformal(2, Some(1.25))),
                ("warm".into(), conformal(3, Some(3.125))),
            ]),
        },
        pixel_threshold: Some(2.0),
        seed: u64::MAX,
        data_fingerprint: "0".repeat(64),
        sources: vec!["good/000.png".into(), r#"good/"odd\",{"header_sha256":".png"#.into(), "gut/äß 漢.tiff".into()],
        imported: None,
        tensors_sha256: String::new(),
        header_sha256: String::new(),
    }
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
