//! What detectors that train share.

mod apart;
mod asked;
mod settings;

pub(crate) use apart::kept_apart;
pub use asked::TrainingOptions;
pub(crate) use settings::TrainingEntry;
