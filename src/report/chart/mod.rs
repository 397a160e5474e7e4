//! Charts: drawn once as a scene, shown as SVG (in the page) or as a picture.

mod axis;
mod evidence;
mod histogram;
mod intervals;
mod roc;
mod scene;

pub(super) use evidence::evidence_chart;
pub use histogram::{HistogramData, score_histogram};
pub use intervals::{NamedInterval, interval_chart};
pub use roc::roc_chart;
pub use scene::Scene;
