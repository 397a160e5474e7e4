//! The files of a study: its plan comes in, runs, tables and page go out.
//!
//! - [`plan_from_toml`], [`HDMAP_PLAN`]: what is to be run.
//! - [`RunLine`]: one finished run as a line of `runs.jsonl`; an interrupted study goes on from there.
//! - [`cells_csv`], [`cells_jsonl`], [`StudyJson`], [`study_page`], [`study_markdown`], [`verdicts`]: what came out. None of them holds a time or
//!   a path, so the same study gives the same bytes.

mod markdown;
mod page;
mod plan_file;
mod runs;
mod tables;
mod words;

pub use markdown::study_markdown;
pub use page::study_page;
pub use plan_file::{HDMAP_PLAN, MAX_PLAN_BYTES, PlanError, plan_from_toml};
pub use runs::{RunLine, run_lines};
pub use tables::{StudyJson, cells_csv, cells_jsonl};
pub use words::verdicts;
