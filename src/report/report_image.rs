//! An image of the report, and what became of it.

use super::result_row::ResultRow;
use crate::score::Verdict;

/// One image of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportImage {
    /// What was measured.
    pub row: ResultRow,
    /// The truth, where known.
    pub anomalous: Option<bool>,
    /// The defect type, where known.
    pub defect: Option<String>,
}

impl ReportImage {
    /// How far the score lies above its threshold.
    pub(super) fn margin(&self) -> Option<f32> {
        Some(self.row.score? - self.row.threshold?).filter(|margin| !margin.is_nan())
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (self.row.verdict, self.anomalous) {
            (None, _) => Outcome::Failed,
            (Some(Verdict::Normal), Some(true)) => Outcome::MissedDefect,
            (Some(Verdict::Anomalous), Some(false)) => Outcome::FalseAlarm,
            (Some(Verdict::Anomalous), _) => Outcome::Anomalous,
            (Some(Verdict::Normal), _) => Outcome::Normal,
        }
    }
}

/// What became of an image, as a word and a style class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Failed,
    MissedDefect,
    FalseAlarm,
    Anomalous,
    Normal,
}

impl Outcome {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "not inspected",
            Self::MissedDefect => "missed defect",
            Self::FalseAlarm => "false alarm",
            Self::Anomalous => "anomalous",
            Self::Normal => "normal",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::MissedDefect => "missed",
            Self::FalseAlarm => "alarm",
            Self::Anomalous => "anomalous",
            Self::Normal => "normal",
        }
    }
}
