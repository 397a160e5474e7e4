//! The work of a server, on its own threads: one inspects, one does everything that takes longer.

mod bundles;
mod drifts;
mod forget;
mod hub;
mod inspecting;
mod station;
mod summary;
mod sweep;
mod tasks;
mod versions;

pub(super) use bundles::Bundles;
pub(super) use drifts::Drifts;
pub(super) use hub::{Event, Hub};
pub(super) use inspecting::{inspect_again, inspect_all};
pub(super) use station::Station;
pub(super) use summary::{each_result, history_row, row as result_row};
pub(super) use sweep::sweep;
pub(super) use tasks::{ComparePlan, FitPlanText, Learn, UpdatePlanText, work_all};
pub(super) use versions::{VersionError, adopt, change_threshold};
