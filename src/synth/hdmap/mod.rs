//! Gearbox health data maps.
//!
//! A health data map shows the energy of the time-synchronous-average difference signal of a planetary gearbox, one
//! value per mesh of a planet tooth (row) with a ring tooth (column), divided by a maximum fixed for the domain and
//! not clipped. The tooth counts 31 and 95 share no factor, so 2,945 consecutive meshes fill the map exactly once
//! (J. M. Ha and B. D. Youn, "A health data map-based ensemble of deep domain adaptation under inhomogeneous
//! operating conditions for fault diagnosis of a planetary gearbox", IEEE Access 9, 2021).
//!
//! The model is our own; [`generate`] computes one map, [`write_tree`] writes the folders of a data set. See
//! `docs/simulator.md` for the formulas and the measured agreement with real maps.

mod domain;
mod fault;
mod machine;
mod map;
mod plan;
mod ring;
mod split;
mod state;
mod stream;
mod texture;
mod tree;

pub use domain::Domain;
pub use fault::Fault;
pub use map::{Condition, HealthMap, Label, generate};
pub use plan::{HdmapPlan, MAX_MAPS_PER_SPLIT};
pub use split::Split;
pub use tree::{MANIFEST_FILE, PLAN_FILE, Summary, write_tree};

/// Planet teeth: rows of a map.
pub const N_ROWS: usize = 31;
/// Ring teeth: columns of a map.
pub const N_COLS: usize = 95;
