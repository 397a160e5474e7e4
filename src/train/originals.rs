//! The images of a fit, wherever their pixels are.

use super::TrainError;
use crate::dataset::Sample;
use crate::flow::Origin;
use crate::image::Image;
use std::borrow::{Borrow, Cow};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is known of each image, and where its pixels are.
pub(crate) struct Originals<'a> {
    pub(super) samples: Cow<'a, [Sample]>,
    pub(super) origins: Vec<Origin<'a>>,
}

impl<'a> Originals<'a> {
    /// The files of samples.
    pub(crate) fn files(samples: &'a [Sample]) -> Self {
        let origins = samples.iter().map(Origin::of).collect();
        Self { samples: Cow::Borrowed(samples), origins }
    }

    /// Images in memory. A name stands for the path as well: rules look at its folders.
    ///
    /// # Errors
    /// [`TrainError::SameName`].
    pub(crate) fn in_memory<N: AsRef<str>, I: Borrow<Image>>(images: &'a [(N, I)]) -> Result<Self, TrainError> {
        let mut names = BTreeSet::new();
        if let Some((twice, _)) = images.iter().find(|(name, _)| !names.insert(name.as_ref())) {
            return Err(TrainError::SameName { name: twice.as_ref().to_owned() });
        }
        let sample = |(name, _): &(N, I)| Sample {
            path: PathBuf::from(name.as_ref()),
            name: name.as_ref().to_owned(),
            label: None,
            defect: None,
            mask: None,
            roi: None,
            domain: None,
            product: None,
        };
        let origins = images.iter().map(|(_, image)| Origin::Memory(image.borrow())).collect();
        Ok(Self { samples: images.iter().map(sample).collect(), origins })
    }
}
