use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Condition, HdmapPlan, HealthMap, N_COLS, N_ROWS, Split, generate};
use crate::image;
use crate::synth::{SynthError, files};

/// Table of all maps, in the domain folder.
pub const MANIFEST_FILE: &str = "manifest.csv";
/// The plan that a domain folder was written by.
pub const PLAN_FILE: &str = "synth-plan.txt";

/// Raised when the model changes: other maps from the same plan.
const MODEL_VERSION: u32 = 1;
/// Maps computed and written between two progress reports.
const CHUNK: usize = 64;
/// A plan file is a few lines; anything longer is not one.
const MAX_PLAN_BYTES: u64 = 4096;
/// Where the masks of faulty maps go, below the domain folder.
const MASK_FOLDER: &str = "ground_truth/fault";

/// What [`write_tree`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The domain folder.
    pub folder: PathBuf,
    /// The table of all maps.
    pub manifest: PathBuf,
    /// Cold training maps.
    pub n_train_cold: usize,
    /// Warm training maps.
    pub n_train_warm: usize,
    /// Normal test maps.
    pub n_test_good: usize,
    /// Faulty test maps, each with a mask.
    pub n_test_fault: usize,
}

/// One line of the manifest.
struct Row {
    path: String,
    mask: String,
    map: HealthMap,
}

/// Writes the maps of `plan` below `out_dir`: `domain_X/{train/good,test/good,test/fault}/000000.tiff` (float32),
/// masks `ground_truth/fault/000000_mask.png` (255 where the fault raised the map), and last `manifest.csv` with the
/// columns path, label, condition, u, `fault_row`, `fault_cols`, mask. Paths in it are relative to its folder; its
/// columns path and condition make it a condition table. `fault_row` and `fault_cols` are `first-last`, counted from
/// 0; the line is broken in between, the mask has the exact pixels.
///
/// The domain folder must be absent, empty or written by the same plan (an interrupted run is completed by repeating
/// it). `progress` is told the maps finished and the maps planned.
///
/// # Errors
/// An invalid plan, a folder in other use, or a file that cannot be written.
pub fn write_tree(
    plan: &HdmapPlan,
    out_dir: &Path,
    mut progress: impl FnMut(usize, usize),
) -> Result<Summary, SynthError> {
    plan.validate()?;
    let folder = out_dir.join(plan.domain.folder());
    claim(plan, &folder)?;

    let mut table = csv::Writer::from_writer(Vec::new());
    let mut record = |fields: [&str; 7]| table.write_record(fields).map_err(|e| manifest_error(&folder, &e));
    record(["path", "label", "condition", "u", "fault_row", "fault_cols", "mask"])?;

    let (mut done, mut n_train_cold) = (0, 0);
    progress(done, plan.total());
    for split in Split::ALL {
        let count = plan.count(split);
        if count == 0 {
            continue;
        }
        create_dir(&folder.join(split.folder()))?;
        if split == Split::TestFault {
            create_dir(&folder.join(MASK_FOLDER))?;
        }
        for start in (0..count).step_by(CHUNK) {
            let chunk = start..count.min(start + CHUNK);
            let rows: Vec<Row> =
                chunk.into_par_iter().map(|index| write_map(plan, &folder, split, index)).collect::<Result<_, _>>()?;
            for Row { path, mask, map } in &rows {
                let (fault_row, fault_cols) = map.fault.as_ref().map_or_else(Default::default, |fault| {
                    let last_row = fault.rows.end - 1;
                    let ends = [fault.columns.first(), fault.columns.last()].map(|end| end.copied().unwrap_or(0));
                    (format!("{}-{last_row}", fault.rows.start), format!("{}-{}", ends[0], ends[1]))
                });
                let u = format!("{:.6}", map.u);
                record([path, map.label.name(), map.condition.name(), &u, &fault_row, &fault_cols, mask])?;
                n_train_cold += usize::from(split == Split::TrainGood && map.condition == Condition::Cold);
            }
            done += rows.len();
            progress(done, plan.total());
        }
    }

    let bytes = table.into_inner().map_err(|e| manifest_error(&folder, &e))?;
    let manifest = folder.join(MANIFEST_FILE);
    files::write_text(&manifest, &bytes)?;
    Ok(Summary {
        folder,
        manifest,
        n_train_cold,
        n_train_warm: plan.n_train - n_train_cold,
        n_test_good: plan.n_test_good,
        n_test_fault: plan.n_test_fault,
    })
}

/// Computes one map and writes it, with its mask if it has one.
fn write_map(plan: &HdmapPlan, folder: &Path, split: Split, index: usize) -> Result<Row, SynthError> {
    let map = generate(plan, split, index)?;
    let path = format!("{}/{index:06}.tiff", split.folder());
    image::write_tiff_f32(&folder.join(&path), &map.values, N_ROWS, N_COLS)?;
    let mask = match &map.mask {
        None => String::new(),
        Some(pixels) => {
            let mask = format!("{MASK_FOLDER}/{index:06}_mask.png");
            let grey: Vec<u8> = pixels.iter().map(|raised| if *raised { 255 } else { 0 }).collect();
            image::write_png_grey8(&folder.join(&mask), &grey, N_ROWS, N_COLS)?;
            mask
        }
    };
    Ok(Row { path, mask, map })
}

/// Makes the domain folder ours, or says whose it is.
fn claim(plan: &HdmapPlan, folder: &Path) -> Result<(), SynthError> {
    create_dir(folder)?;
    let marker = folder.join(PLAN_FILE);
    let expected = plan_line(plan);
    match fs::File::open(&marker) {
        Ok(file) => {
            let mut found = String::new();
            // A marker that is no text is not ours; reading stops at the limit.
            if file.take(MAX_PLAN_BYTES).read_to_string(&mut found).is_err() {
                return Err(SynthError::ForeignFolder { folder: folder.to_path_buf() });
            }
            if found.trim_end() == expected {
                return Ok(());
            }
            let found = found.lines().next().unwrap_or_default().to_owned();
            return Err(SynthError::OtherPlan { folder: folder.to_path_buf(), expected, found });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(SynthError::Io { path: marker, source }),
    }
    let broken = |source| SynthError::Io { path: folder.to_path_buf(), source };
    for entry in fs::read_dir(folder).map_err(broken)? {
        // A run killed while it wrote the plan leaves its part file.
        if entry.map_err(broken)?.file_name() != files::part_name(&marker) {
            return Err(SynthError::ForeignFolder { folder: folder.to_path_buf() });
        }
    }
    files::write_text(&marker, format!("{expected}\n").as_bytes())
}

/// The plan in one line; two plans agree exactly if their lines do.
fn plan_line(plan: &HdmapPlan) -> String {
    let HdmapPlan { domain, seed, n_train, n_test_good, n_test_fault, cold_share } = plan;
    format!(
        "hdmap model {MODEL_VERSION}: {domain}, seed {seed}, train {n_train}, test good {n_test_good}, \
         test fault {n_test_fault}, cold share {cold_share:?}"
    )
}

fn create_dir(path: &Path) -> Result<(), SynthError> {
    fs::create_dir_all(path).map_err(|source| SynthError::Io { path: path.to_path_buf(), source })
}

fn manifest_error(folder: &Path, error: &dyn std::error::Error) -> SynthError {
    let source = std::io::Error::other(error.to_string());
    SynthError::Io { path: folder.join(MANIFEST_FILE), source }
}
