//! Headings that the options are listed under.

pub(super) const INPUT: &str = "Input";
pub(super) const OUTPUT: &str = "Output";
pub(super) const METHOD: &str = "Method";
pub(super) const CALIBRATION: &str = "Calibration";
pub(super) const MACHINE: &str = "Machine";
