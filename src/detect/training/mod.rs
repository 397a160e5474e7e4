//! What detectors that train share.

mod asked;
mod settings;

pub use asked::TrainingOptions;
pub(crate) use settings::TrainingEntry;
