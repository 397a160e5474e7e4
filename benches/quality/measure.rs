//! One run: a fit and an evaluation by the program, and what they say.

use super::sets::Product;
use data_encoding::HEXLOWER;
use pcore::bundle::Contents;
use pcore::score::Conformal;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Part of the training images that a further draw takes, and any of a given number at most.
const DRAWN: f64 = 0.8;
/// False-alarm rates of the thresholds.
pub(crate) const ALPHAS: [f64; 2] = [0.01, 0.05];

/// What one run found.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Run {
    key: String,
    /// Of each test image.
    pub(crate) scores: Vec<f32>,
    pub(crate) image_auroc: f64,
    pub(crate) pixel_auroc: Option<f64>,
    pub(crate) aupro: Option<f64>,
    /// At each of [`ALPHAS`].
    pub(crate) recall: Vec<f64>,
    pub(crate) false_alarms: Vec<f64>,
    /// Median over images: decoding, and the image's share of its batch.
    pub(crate) ms: f64,
    pub(crate) fit_s: f64,
    pub(crate) bundle_bytes: u64,
}

/// The runs that are kept.
pub(crate) struct Runs {
    folder: PathBuf,
    file: File,
    known: HashMap<String, Run>,
    program: PathBuf,
    /// Its digest.
    digest: String,
    /// Training images of every draw at most.
    images: Option<usize>,
}

impl Runs {
    pub(crate) fn open(folder: &Path, program: &Path, images: Option<usize>) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        let path = folder.join("runs.jsonl");
        let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        // A line that was cut off is a run that is made again.
        let runs = text.lines().filter_map(|line| serde_json::from_str::<Run>(line).ok());
        let known = runs.map(|run| (run.key.clone(), run)).collect();
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let digest = HEXLOWER.encode(&Sha256::digest(fs::read(program)?));
        Ok(Self { folder: folder.to_owned(), file, known, program: program.to_owned(), digest, images })
    }

    /// A run that is kept, or a new one.
    pub(crate) fn get(&mut self, product: &Product, flags: &str, draw: u64) -> Result<Run, Box<dyn Error>> {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let mut named = format!("{}\n{}\n{flags:?}\n{draw}", self.digest, product.root.display());
        if let Some(images) = self.images {
            named += &format!("\n{images}");
        }
        let key = HEXLOWER.encode(&Sha256::digest(named));
        if let Some(run) = self.known.get(&key) {
            return Ok(run.clone());
        }
        let run = self.measure(product, &flags, draw, key)?;
        self.file.write_all((serde_json::to_string(&run)? + "\n").as_bytes())?;
        self.known.insert(run.key.clone(), run.clone());
        Ok(run)
    }

    fn measure(&self, product: &Product, flags: &[&str], draw: u64, key: String) -> Result<Run, Box<dyn Error>> {
        let (bundle, results) = (self.folder.join("bundle.pcore"), self.folder.join("results"));
        let pcore = |verb: &str| {
            let mut command = Command::new(&self.program);
            command.args([verb, "-q", "--device", "cpu", "--json"]).env("PCORE_HOME", self.folder.join("home"));
            command
        };
        let mut fit = pcore("fit");
        fit.arg("--normal").arg(&product.root).arg("--bundle").arg(&bundle).args(["--seed", &draw.to_string()]);
        fit.args(flags);
        if draw > 0 || self.images.is_some() {
            let n = product.train.len();
            let most = (n as f64 * DRAWN).round() as usize;
            let drawn = self.images.map_or(most, |images| images.min(most));
            let drawn = sample(&mut ChaCha8Rng::seed_from_u64(draw), n, drawn);
            let names: Vec<&str> = drawn.iter().map(|index| &*product.train[index]).collect();
            let list = self.folder.join("draw.txt");
            fs::write(&list, names.join("\n"))?;
            fit.arg("--shots-list").arg(list);
        }
        let begun = Instant::now();
        output(&mut fit)?;
        let fit_s = begun.elapsed().as_secs_f64();
        let mut eval = pcore("eval");
        eval.arg(&product.root).arg("--bundle").arg(&bundle).arg("--out").arg(&results);
        let figures: Value = serde_json::from_slice(&output(&mut eval)?)?;
        let rows = fs::read_to_string(results.join("results.jsonl"))?;
        let rows: Vec<Value> = rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let number = |row: &Value, name: &str| row[name].as_f64().ok_or_else(|| format!("no {name} in {row}"));
        let scores: Vec<f32> =
            rows.iter().map(|r| Ok(number(r, "raw_score")? as f32)).collect::<Result<_, String>>()?;
        let mut ms: Vec<f64> = rows.iter().map(|row| number(row, "ms")).collect::<Result<_, _>>()?;
        ms.sort_unstable_by(f64::total_cmp);
        let held_out = Contents::read(&bundle)?;
        let (mut recall, mut false_alarms) = (vec![], vec![]);
        for alpha in ALPHAS {
            let threshold = Conformal::of(held_out.scores_under(0), alpha)?.threshold.ok_or("nothing was held out")?;
            let share = |wanted: bool| {
                let of = || scores.iter().zip(&product.anomalous).filter(move |(_, anomalous)| **anomalous == wanted);
                of().filter(|(score, _)| **score > threshold).count() as f64 / of().count() as f64
            };
            recall.push(share(true));
            false_alarms.push(share(false));
        }
        Ok(Run {
            key,
            image_auroc: figures["image_AUROC"].as_f64().ok_or("no image AUROC")?,
            pixel_auroc: figures["pixel_AUROC"].as_f64(),
            aupro: figures["AUPRO"].as_f64(),
            recall,
            false_alarms,
            ms: ms[ms.len() / 2],
            fit_s,
            bundle_bytes: fs::metadata(&bundle)?.len(),
            scores,
        })
    }
}

/// What a command prints, or what it says went wrong.
fn output(command: &mut Command) -> Result<Vec<u8>, Box<dyn Error>> {
    let done = command.output()?;
    if !done.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(done.stdout)
}
