//! The settings of a training as a TOML file.

use crate::detect::TrainingOptions;
use crate::model::training::{Checkpoints, Figure, Mode, Schedule, Stop, TrainingRun};
use serde::{Deserialize, Deserializer, de};
use std::fmt::Display;
use std::str::FromStr;

/// Most bytes of such a file: 1 MiB.
pub const MAX_TRAINING_BYTES: u64 = 1 << 20;

/// Why a text says nothing of a training.
#[derive(Debug, thiserror::Error)]
#[error("the settings of the training can't be read: {}", .0.to_string().trim_end())]
pub struct TrainingFileError(#[from] toml::de::Error);

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TrainingFile {
    /// What decides the weights.
    pub options: TrainingOptions,
    /// [`Checkpoints::every`].
    pub checkpoint_every: Option<usize>,
    /// [`Checkpoints::best`].
    pub checkpoint_best: Option<usize>,
    /// [`TrainingRun::record_every`].
    pub record_every: Option<usize>,
}

impl TrainingFile {
    /// Puts what it says of checkpoints and the record there.
    pub fn tell(&self, run: &mut TrainingRun) {
        if let Some(Checkpoints { every, best, .. }) = &mut run.checkpoints {
            *every = self.checkpoint_every.unwrap_or(*every);
            *best = self.checkpoint_best.unwrap_or(*best);
        }
        run.record_every = self.record_every.unwrap_or(run.record_every);
    }
}

/// Reads one. Numbers are checked by the method that they are for.
///
/// # Errors
/// [`TrainingFileError`] with the line, and for a key that there is not with those that there are.
pub fn training_from_toml(text: &str) -> Result<TrainingFile, TrainingFileError> {
    let Wire { steps, batch, rate, schedule, weight_decay, clip_norm, evaluate, watch, stop, checkpoints, record } =
        toml::from_str(text)?;
    let stop = stop.map(|StopWire { figure, patience, min_delta, mode }| Stop { figure, patience, min_delta, mode });
    let options = TrainingOptions { steps, batch, rate, schedule, weight_decay, clip_norm, evaluate, watch, stop };
    let CheckpointsWire { every: checkpoint_every, best: checkpoint_best } = checkpoints;
    Ok(TrainingFile { options, checkpoint_every, checkpoint_best, record_every: record.every })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    steps: Option<usize>,
    batch: Option<usize>,
    rate: Option<f64>,
    #[serde(default, deserialize_with = "maybe")]
    schedule: Option<Schedule>,
    weight_decay: Option<f64>,
    clip_norm: Option<f64>,
    evaluate: Option<usize>,
    watch: Option<f64>,
    stop: Option<StopWire>,
    #[serde(default)]
    checkpoints: CheckpointsWire,
    #[serde(default)]
    record: RecordWire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopWire {
    #[serde(default, deserialize_with = "parsed")]
    figure: Figure,
    #[serde(default = "patience")]
    patience: usize,
    #[serde(default)]
    min_delta: f64,
    #[serde(default, deserialize_with = "parsed")]
    mode: Mode,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointsWire {
    #[serde(default, deserialize_with = "at_least_one")]
    every: Option<usize>,
    best: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordWire {
    #[serde(default, deserialize_with = "at_least_one")]
    every: Option<usize>,
}

fn patience() -> usize {
    5
}

/// A text that a type of the library reads.
fn parsed<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn maybe<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    parsed(deserializer).map(Some)
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(de::Error::custom("expected a whole number of at least 1")),
        n => Ok(Some(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "steps = 500\nbatch = 128\nrate = 0.002\nschedule = 'step:0.5:0.1'\nweight_decay = 0.01\nclip_norm = 1\n\
evaluate = 25\nwatch = 0.1\n[stop]\nfigure = 'watch'\npatience = 3\nmin_delta = 0.001\nmode = 'min'\n\
[checkpoints]\nevery = 100\nbest = 2\n[record]\nevery = 1\n";

    #[test]
    fn every_key_is_read_and_none_is_needed() {
        assert_eq!(training_from_toml("").unwrap(), TrainingFile::default());
        let file = training_from_toml(ALL).unwrap();
        let stop = Stop { figure: Figure::Watch, patience: 3, min_delta: 0.001, mode: Mode::Min };
        let expected = TrainingOptions {
            steps: Some(500),
            batch: Some(128),
            rate: Some(0.002),
            schedule: Some("step:0.5:0.1".parse().unwrap()),
            weight_decay: Some(0.01),
            clip_norm: Some(1.0),
            evaluate: Some(25),
            watch: Some(0.1),
            stop: Some(stop),
        };
        assert_eq!(file.options, expected);
        assert_eq!((file.checkpoint_every, file.checkpoint_best, file.record_every), (Some(100), Some(2), Some(1)));
        let usual = training_from_toml("[stop]").unwrap().options.stop.unwrap();
        assert_eq!(usual.to_string(), "loss:5:0:min");
        let mut run = TrainingRun { checkpoints: Some(Checkpoints::new("x".as_ref())), ..TrainingRun::default() };
        file.tell(&mut run);
        assert_eq!((run.record_every, run.checkpoints.map(|own| (own.every, own.best))), (1, Some((100, 2))));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_the_keys_that_there_are() {
        let cases = [
            ("steps = 5\nstep = 5", &["line 2", "unknown field `step`", "`steps`", "`clip_norm`"][..]),
            ("[stop]\npatient = 5", &["line 2", "`patient`", "`patience`"]),
            ("[checkpoints]\nkeep = 5", &["line 2", "`keep`", "`best`"]),
            ("[record]\nevery = 0", &["line 2", "at least 1"]),
            ("rate = 'fast'", &["line 1", "fast"]),
            ("steps = -1", &["line 1", "-1"]),
            ("\nschedule = 'linear'", &["line 2", "linear", "restarts:N"]),
            ("[stop]\nfigure = 'auroc'", &["line 2", "auroc", "watch"]),
            ("steps = ", &["line 1"]),
        ];
        for (text, words) in cases {
            let said = training_from_toml(text).unwrap_err().to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
        }
    }

    #[test]
    fn the_document_names_every_key() {
        let document = include_str!("../../../docs/training.md");
        let keys = ALL.lines().map(|line| line.split(" =").next().unwrap().trim_matches(['[', ']']));
        let missing: Vec<&str> = keys.filter(|key| !document.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
