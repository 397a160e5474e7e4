//! Checkpoints: states of trainings as safetensors files.

use super::{Named, TrainingError};
use crate::files::replace;
use crate::model::weights::{Entry, NamedTensors, Source, WeightsError, metadata, write_safetensors};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::str::FromStr;

/// Raised where an older reader would misread a file.
const FORMAT_VERSION: &str = "1";
/// Start of the names of the tensors of the best state.
const BEST: &str = "best/";

/// How far a training is, and what it needs to go on as if it had not stopped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    /// SHA-256 over all that decides the weights.
    pub(super) fingerprint: String,
    /// Steps that are done.
    pub(super) step: usize,
    /// Whether no more are to come: the state is then the result.
    pub(super) is_finished: bool,
    /// The figure of the evaluation of this step, where it has one.
    pub(super) figure: Option<f64>,
    /// The best figure.
    pub(super) best: Option<f64>,
    /// Evaluations since then.
    pub(super) n_waited: usize,
    /// Sum of the losses since the last evaluation, and their number.
    pub(super) losses: (f64, usize),
    /// The state after these steps.
    pub(super) state: Vec<Named>,
    /// The state with the best figure, where the training may end with it.
    pub(super) best_state: Option<Vec<Named>>,
}

impl Checkpoint {
    /// Writes it: the path holds the old file or the new one, whatever happens.
    pub(super) fn write(&self, path: &Path, name: &str) -> io::Result<()> {
        let best = self.best_state.iter().flatten().map(|own| (format!("{BEST}{}", own.name), own));
        let tensors: Vec<(String, &Named)> = self.state.iter().map(|own| (own.name.clone(), own)).chain(best).collect();
        let mut notes = BTreeMap::new();
        let mut note = |key: &str, value: String| drop(notes.insert(key.to_owned(), value));
        note("pcore_checkpoint", FORMAT_VERSION.to_owned());
        note("trained", name.to_owned());
        note("fingerprint", self.fingerprint.clone());
        note("step", self.step.to_string());
        note("finished", self.is_finished.to_string());
        note("n_waited", self.n_waited.to_string());
        // The shortest decimals that read back as the same numbers.
        note("loss_sum", self.losses.0.to_string());
        note("n_losses", self.losses.1.to_string());
        self.figure.iter().for_each(|figure| note("figure", figure.to_string()));
        self.best.iter().for_each(|best| note("best_figure", best.to_string()));
        note("values_sha256", digest(tensors.iter().map(|(name, own)| (&**name, &*own.shape, &*own.values))));
        let entries: Vec<Entry<'_>> = tensors.iter().map(|(name, own)| Entry { name, shape: &own.shape }).collect();
        let of_name: BTreeMap<&str, &Named> = tensors.iter().map(|(name, own)| (&**name, *own)).collect();
        let values = |name: &str| match of_name.get(name) {
            Some(own) => Ok(own.values.clone()),
            None => Err(WeightsError::NoSuchTensor { name: name.to_owned() }),
        };
        let failure = |source| WeightsError::Io { action: "write", path: path.to_owned(), source };
        let written = replace(path, |file| {
            write_safetensors(file, &notes, &entries, values, failure).map_err(|error| match error {
                WeightsError::Io { source, .. } => source,
                other => io::Error::other(other.to_string()),
            })
        });
        written.map_err(io::Error::from)
    }

    /// Reads one; `None` where there is none.
    ///
    /// # Errors
    /// [`TrainingError::Damaged`], and [`TrainingError::Foreign`] for one with another fingerprint.
    pub(super) fn read(path: &Path, fingerprint: &str) -> Result<Option<Self>, TrainingError> {
        if !path.exists() {
            return Ok(None);
        }
        let damaged = |reason: String| TrainingError::Damaged { path: path.to_owned(), reason };
        let weights = |error: WeightsError| damaged(error.to_string());
        let notes = Source::open(path).and_then(|source| metadata(&source)).map_err(weights)?;
        let note = |key: &str| notes.get(key).ok_or_else(|| damaged(format!("it does not say '{key}'")));
        fn number<T: FromStr>(text: &str) -> Result<T, String> {
            text.parse().map_err(|_not| format!("'{text}' is no number that it can have"))
        }
        match &**note("pcore_checkpoint")? {
            FORMAT_VERSION => {}
            other => return Err(damaged(format!("it has format {other}, this version reads format {FORMAT_VERSION}"))),
        }
        if note("fingerprint")? != fingerprint {
            return Err(TrainingError::Foreign { path: path.to_owned() });
        }
        let tensors = NamedTensors::read(path).map_err(weights)?;
        let (mut state, mut best_state) = (vec![], vec![]);
        for name in tensors.names() {
            let (shape, values) =
                (tensors.shape(name).unwrap_or_default().to_vec(), tensors.values(name).map_err(weights)?);
            match name.strip_prefix(BEST) {
                Some(own) => best_state.push(Named { name: own.to_owned(), shape, values }),
                None => state.push(Named { name: name.to_owned(), shape, values }),
            }
        }
        let best = best_state.iter().map(|own| (format!("{BEST}{}", own.name), own));
        let all: Vec<(String, &Named)> = state.iter().map(|own| (own.name.clone(), own)).chain(best).collect();
        if *note("values_sha256")? != digest(all.iter().map(|(name, own)| (&**name, &*own.shape, &*own.values))) {
            return Err(damaged("its values are not those that were written".to_owned()));
        }
        let optional = |key: &str| notes.get(key).map(|text| number(text)).transpose().map_err(damaged);
        Ok(Some(Self {
            fingerprint: fingerprint.to_owned(),
            step: number(note("step")?).map_err(damaged)?,
            is_finished: note("finished")? == "true",
            figure: optional("figure")?,
            best: optional("best_figure")?,
            n_waited: number(note("n_waited")?).map_err(damaged)?,
            losses: (number(note("loss_sum")?).map_err(damaged)?, number(note("n_losses")?).map_err(damaged)?),
            state,
            best_state: (!best_state.is_empty()).then_some(best_state),
        }))
    }
}

/// SHA-256 over names, shapes and values, in the order of the names.
fn digest<'a>(tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>) -> String {
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_by_key(|(name, ..)| *name);
    let mut hash = Sha256::new();
    for (name, shape, values) in tensors {
        hash.update(format!("{name} {shape:?}\n"));
        for some in values.chunks(1 << 14) {
            hash.update(some.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        }
    }
    HEXLOWER.encode(&hash.finalize())
}

/// SHA-256 over texts.
pub(super) fn fingerprint(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    HEXLOWER.encode(&hash.finalize())
}
