//! Detectors: fitted methods that turn images into scores and maps and decide nothing.
//!
//! [`Detector`] is the contract, [`Method`] how one is fitted: reading, conditions, calibration, thresholds, verdicts, bundles
//! and reports serve whatever keeps it. Each detector is a folder here and one line in the [`Registry`].

mod augment;
mod autoencoder;
mod built_in;
mod clock;
mod combined;
mod contract;
mod described;
mod discriminative;
mod distances;
mod entries;
mod error;
mod features;
mod file;
mod gaussian;
mod inside;
mod living;
mod looked_at;
mod method;
mod needs;
mod options;
mod patchcore;
mod patches;
mod quality;
mod registry;
mod source;
mod tiling;
mod training;
mod view;

pub use augment::Augment;
pub use clock::{Stage, StageClock};
pub(crate) use combined::{FittedPart, Said, joined, leave_out, levels_of, standardised};
pub use combined::{Level, PartLevels};
pub(crate) use contract::strongest;
pub use contract::{Admit, Asked, Detector, JoiningOf, PartScored, Pooled, Scored};
pub use described::Described;
pub use distances::Distances;
pub(crate) use distances::{Canvas, Drawn, finite};
pub(crate) use entries::{backbone_entry, check_weights, open_features, pipeline_spec, preprocessing};
pub use error::DetectError;
pub use features::{FeaturePipeline, PipelineSpec};
pub use file::sign;
pub use inside::Inside;
pub(crate) use inside::Seen;
pub use living::{GoingOn, Living, Merging};
pub use method::{Defects, Fit, FitSize, Method, Pixels, SeeDefect, Training};
pub(crate) use method::{distances_without, draw_without, go_on, leave_out_of};
pub use options::{
    Axis, DEFAULT_CORESET, DEFAULT_MAP_NEIGHBOURS, Faults, MAX_CHANNELS, MAX_VERSIONS, MAX_WHITENING, Metric, Options,
    Scoring, Shape,
};
pub use patchcore::station;
pub use patches::Patches;
pub use quality::{DEFAULT_SIDE_PX, Preset, Quality, Sees};
pub use registry::{Growth, Kind, LivingOf, MethodOf, Open, Opening, Registry};
pub(crate) use source::{FeatureSource, Network, Sight};
pub use tiling::Order;
pub(crate) use tiling::Tiling;
pub use training::TrainingOptions;
pub(crate) use training::{TrainingEntry, kept_apart};
pub use view::View;
