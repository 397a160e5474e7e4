//! When images came from the line.

use super::JobError;
use crate::dataset::Sample;
use crate::image::taken_at;
use crate::progress::Progress;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// In which order images came from the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartOrder {
    /// By their names.
    #[default]
    Name,
    /// By the time at which their files were last written, then by name.
    Time,
    /// By the time at which they were taken, as EXIF tells it, else by that of their files; then by name.
    Exif,
}

/// Which time of an image goes into a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryTime {
    /// When it was inspected.
    #[default]
    Run,
    /// When its file was last written.
    File,
    /// When it was taken, as EXIF tells it ([`taken_at`]); of an image that does not tell it, when its file was last written.
    Exif,
}

/// What told a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// What was asked.
    Asked,
    /// The file, since EXIF told none.
    File,
    /// The run, since there was no file to ask any more.
    Run,
}

impl HistoryTime {
    /// That of an image; `None` for the moment at which its row is added: images are looked at side by side, rows come in order.
    pub(super) fn of(self, path: &Path) -> (Option<SystemTime>, Source) {
        let written = |source| written_at(path).map_or((None, Source::Run), |time| (Some(time), source));
        match self {
            Self::Run => (None, Source::Asked),
            Self::File => written(Source::Asked),
            Self::Exif => taken_at(path).map_or_else(|| written(Source::File), |time| (Some(time), Source::Asked)),
        }
    }
}

/// Images of which something else than what was asked told the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FellBack {
    n_images: usize,
    n_of_file: usize,
    n_of_run: usize,
}

impl FellBack {
    pub(super) fn count(&mut self, source: Source) {
        self.n_images += 1;
        self.n_of_file += usize::from(source == Source::File);
        self.n_of_run += usize::from(source == Source::Run);
    }

    /// Says how many, if there are any.
    pub(super) fn tell(self, progress: &dyn Progress) {
        let Self { n_images, n_of_file, n_of_run } = self;
        if n_of_file > 0 {
            progress.warn(&format!(
                "{n_of_file} of {n_images} images do not tell when they were taken (EXIF DateTimeOriginal): for them counts when their files were last written"
            ));
        }
        if n_of_run > 0 {
            progress.warn(&format!(
                "{n_of_run} of {n_images} files do not tell when they were last written: for them counts when they were inspected"
            ));
        }
    }
}

/// Images in the order in which they came from the line.
pub(super) fn ordered(samples: &[Sample], order: PartOrder, progress: &dyn Progress) -> Result<Vec<Sample>, JobError> {
    let written =
        |sample: &Sample| written_at(&sample.path).map_err(JobError::file("reading the time of", &sample.path));
    let mut fell_back = FellBack::default();
    let mut time = |sample: &Sample| match order {
        PartOrder::Name => Ok(SystemTime::UNIX_EPOCH),
        PartOrder::Time => written(sample),
        PartOrder::Exif => {
            let taken = taken_at(&sample.path);
            fell_back.count(if taken.is_some() { Source::Asked } else { Source::File });
            taken.map_or_else(|| written(sample), Ok)
        }
    };
    let mut timed = samples.iter().map(|sample| Ok((time(sample)?, sample))).collect::<Result<Vec<_>, JobError>>()?;
    fell_back.tell(progress);
    // Those of the same time stay in the order of their names.
    timed.sort_by_key(|(time, _)| *time);
    Ok(timed.into_iter().map(|(_, sample)| sample.clone()).collect())
}

fn written_at(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}
