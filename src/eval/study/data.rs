//! What a study measures on.

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::StudyError;
use crate::condition::{ConditionRule, condition_of};
use crate::dataset::{Label, Sample};
use crate::detect::{DetectError, go_on};
use crate::image::{self, Reading};
use crate::progress::Progress;
use crate::train::{Failure, digest};

/// One readable test image.
#[derive(Clone, Debug, PartialEq)]
pub struct TestImage {
    /// The file.
    pub sample: Sample,
    /// The truth.
    pub anomalous: bool,
    /// Its true condition, where that is known.
    pub condition: Option<String>,
}

/// Training and test images of a study.
#[derive(Clone, Debug)]
pub struct StudyData {
    /// Normal images to fit on.
    pub train: Vec<Sample>,
    /// Labelled images to measure on, those that could be read.
    pub test: Vec<TestImage>,
    /// How the files of both are read.
    pub reading: Reading,
    /// SHA-256, lower-case hex, of names, pixels, labels and known conditions of all images.
    pub fingerprint: String,
    /// Test images left out because they could not be read, and training images that will be.
    pub failures: Vec<Failure>,
}

/// Digest of an image's values, or why it can't be read.
type Digested = Result<[u8; 32], String>;

impl StudyData {
    /// Reads every image once, as `reading` says. `known`: what tells the true conditions of test images, [`ConditionRule::None`] for
    /// nothing; `taught`: what will tell those of the training images.
    ///
    /// # Errors
    /// [`StudyError::Dataset`] for a table that can't be read, [`StudyError::NothingReadable`] without a test image, and
    /// [`DetectError::Cancelled`].
    pub fn read(
        (train, test): (Vec<Sample>, Vec<Sample>),
        reading: Reading,
        known: &ConditionRule,
        taught: &ConditionRule,
        progress: &dyn Progress,
    ) -> Result<Self, StudyError> {
        let truths = truths(known, &test)?;
        // A table is part of the data: an edited one must not meet results of the old.
        let labels = match taught {
            ConditionRule::Table(_) => truths_of(taught, &train)?,
            ConditionRule::None | ConditionRule::P90 { .. } | ConditionRule::Index { .. } | ConditionRule::Folder => {
                vec![None; train.len()]
            }
        };
        let mut hash = Sha256::new();
        let mut failures = vec![];
        progress.begin("reading", train.len() + test.len());
        let digests = |samples: &[Sample]| -> Result<Vec<Digested>, DetectError> {
            let one = |sample: &Sample| {
                go_on(progress)?;
                let found = image::read_as(&sample.path, &reading).map(|image| digest(&image));
                progress.advance(1);
                Ok(found.map_err(|e| e.to_string()))
            };
            samples.par_iter().map(one).collect()
        };
        let (of_train, of_test) = (digests(&train)?, digests(&test)?);
        progress.end();
        let mut add = |name: &str, found: [u8; 32], label: &str, condition: Option<&str>| {
            for text in [name, label, condition.unwrap_or("")] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
            hash.update(found);
        };
        for ((sample, found), label) in train.iter().zip(of_train).zip(&labels) {
            match found {
                Ok(found) => add(&sample.name, found, "train", label.as_deref()),
                Err(reason) => failures.push(Failure { name: sample.name.clone(), reason }),
            }
        }
        let (n_test, mut readable) = (test.len(), vec![]);
        for ((sample, found), condition) in test.into_iter().zip(of_test).zip(truths) {
            let anomalous = sample.label == Some(Label::Anomalous);
            match found {
                Ok(found) => {
                    add(&sample.name, found, if anomalous { "anomalous" } else { "normal" }, condition.as_deref());
                    readable.push(TestImage { sample, anomalous, condition });
                }
                Err(reason) => failures.push(Failure { name: sample.name.clone(), reason }),
            }
        }
        if readable.is_empty() {
            let first = failures.into_iter().next_back().map_or_else(|| "there is none".to_owned(), |f| f.reason);
            return Err(StudyError::NothingReadable { n_images: n_test, first });
        }
        let fingerprint = HEXLOWER.encode(&hash.finalize());
        Ok(Self { train, reading, test: readable, fingerprint, failures })
    }

    /// The true conditions that occur, sorted.
    #[must_use]
    pub fn conditions(&self) -> Vec<String> {
        let mut found: Vec<String> = self.test.iter().filter_map(|image| image.condition.clone()).collect();
        found.sort();
        found.dedup();
        found
    }
}

fn truths(rule: &ConditionRule, samples: &[Sample]) -> Result<Vec<Option<String>>, StudyError> {
    match rule {
        // One condition, or one found by level, is no truth.
        ConditionRule::None | ConditionRule::P90 { .. } => Ok(vec![None; samples.len()]),
        ConditionRule::Index { .. } | ConditionRule::Folder | ConditionRule::Table(_) => truths_of(rule, samples),
    }
}

fn truths_of(rule: &ConditionRule, samples: &[Sample]) -> Result<Vec<Option<String>>, StudyError> {
    let samples: Vec<&Sample> = samples.iter().collect();
    condition_of(rule, &samples, None)
        .map_err(|e| StudyError::Train { cell: rule.to_string(), source: Box::new(e.into()) })
}
