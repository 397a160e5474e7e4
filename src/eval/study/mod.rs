//! Studies: many configurations on one labelled dataset, and what they say about named hypotheses.
//!
//! ```text
//! Draft -> Plan (cells, seeds, hypotheses) -> Study::run (features once, one fit per bank) -> Run per cell and seed
//!       -> Tables (means over seeds, bootstrap intervals, differences to the baseline) -> Finding per hypothesis
//! ```
//!
//! A *cell* is one full configuration, a *run* is a cell with a seed. Scores are those of [`crate::train::fit`] followed by
//! [`crate::infer::Inspector`], bit for bit: the same functions compute them. What a study saves is the network, which sees
//! each image once per input size and resizing, and the fit, which runs that differ only in policy, calibration and gate
//! share.

mod answers;
mod axis;
mod cell;
mod data;
mod error;
mod features;
mod figure;
mod plan;
mod resample;
mod result;
mod run;
mod tables;
mod verdict;

pub use axis::Axis;
pub use cell::Cell;
pub use data::{StudyData, TestImage};
pub use error::StudyError;
pub use figure::Figure;
pub use plan::{
    Direction, Draft, DraftHypothesis, DraftStage, Hypothesis, MAX_CELLS, MAX_SEEDS, Plan, PlannedCell, Stage,
};
pub use result::Run;
pub use run::{Setup, Study};
pub use tables::{CellTable, Row, Tables};
pub use verdict::{Answer, Finding};
