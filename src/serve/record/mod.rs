//! What the server tells, as its API writes it.

mod dataset;
mod detector;
mod found;
mod job;
mod line;
mod trend;
mod words;

pub use dataset::{DatasetImage, DatasetRecord};
pub use detector::{DetectorRecord, LineageStep};
pub use found::{FeedbackRecord, FoundPage, FoundRecord, FoundUnits, SCHEMA};
pub use job::{JobPage, JobRecord};
pub use line::{DriftRecord, LineRecord};
pub use trend::TrendDay;
pub use words::{JobKind, JobState, LineState, MarkWord, Role, UnknownWord};
