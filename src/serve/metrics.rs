//! Figures of a running server, as Prometheus reads them.

use super::clock::now_ms;
use super::store::Pending;
use crate::infer::StageTimes;
use crate::report::ResultRow;
use crate::score::Verdict;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

/// Borders of times, in seconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Borders of calibrated scores, in standard deviations.
const SCORES: [f64; 12] = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfImage {
    detector: String,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDetector {
    detector: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLine {
    line: String,
}

/// The figures.
pub(super) struct Metrics {
    registry: Registry,
    images: Family<OfImage, Counter>,
    image_seconds: Histogram,
    stage_seconds: Family<OfStage, Histogram>,
    wait_seconds: Histogram,
    scores: Family<OfDetector, Histogram>,
    requests: Family<OfRequest, Counter>,
    request_seconds: Histogram,
    queue: Gauge,
    dropped: Family<OfLine, Gauge>,
    pending: Family<OfLine, Gauge>,
    drift: Family<OfLine, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A name as the value of a label: the library writes values as they are.
fn label(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A line at the moment of being asked.
pub(super) struct LineFigures {
    pub(super) name: String,
    pub(super) n_dropped: i64,
    pub(super) n_pending: i64,
    pub(super) drift_p: Option<f64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let times = || Histogram::new(SECONDS);
        let mut own = Self {
            registry: Registry::with_prefix("pcore"),
            images: Family::default(),
            image_seconds: times(),
            stage_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            wait_seconds: times(),
            scores: Family::new_with_constructor(|| Histogram::new(SCORES)),
            requests: Family::default(),
            request_seconds: times(),
            queue: Gauge::default(),
            dropped: Family::default(),
            pending: Family::default(),
            drift: Family::default(),
        };
        let registry = &mut own.registry;
        registry.register("images", "Images with a result", own.images.clone());
        let unit = Unit::Seconds;
        registry.register_with_unit("image", "Time spent on an image", unit.clone(), own.image_seconds.clone());
        registry.register_with_unit(
            "stage",
            "Time spent on an image by stage: decoding, network, comparing, storing",
            unit.clone(),
            own.stage_seconds.clone(),
        );
        registry.register_with_unit(
            "result_wait",
            "From an image accepted to its result",
            unit.clone(),
            own.wait_seconds.clone(),
        );
        registry.register("score", "Calibrated scores", own.scores.clone());
        registry.register("http_requests", "Requests answered", own.requests.clone());
        registry.register_with_unit("http_request", "Time of a request", unit, own.request_seconds.clone());
        registry.register("queue_depth", "Images that wait", own.queue.clone());
        registry.register(
            "line_dropped",
            "Images of a line that were dropped since they came too fast",
            own.dropped.clone(),
        );
        registry.register("line_pending", "Images of a line that wait", own.pending.clone());
        registry.register(
            "line_drift_p",
            "How unlikely the images of a line are, were nothing changed",
            own.drift.clone(),
        );
        own
    }

    /// An image has its result.
    pub(super) fn inspected(&self, item: &Pending, row: &ResultRow, stages: StageTimes) {
        let verdict = row.verdict.map_or("failed", Verdict::as_str);
        self.images.get_or_create(&OfImage { detector: label(&item.detector), verdict }).inc();
        if let Some(ms) = row.ms {
            self.image_seconds.observe(ms / 1e3);
            let StageTimes { decoding_ms, network_ms, comparing_ms } = stages;
            for (stage, ms) in [("decoding", decoding_ms), ("network", network_ms), ("comparing", comparing_ms)] {
                self.stage_seconds.get_or_create(&OfStage { stage }).observe(ms / 1e3);
            }
        }
        self.wait_seconds.observe((now_ms() - item.accepted_at).max(0) as f64 / 1e3);
        if let Some(score) = row.score {
            self.scores.get_or_create(&OfDetector { detector: label(&item.detector) }).observe(score.into());
        }
    }

    /// So many results were stored in that time.
    pub(super) fn stored(&self, n_results: usize, after: Duration) {
        let stage = self.stage_seconds.get_or_create(&OfStage { stage: "storing" });
        let share = after.as_secs_f64() / n_results as f64;
        (0..n_results).for_each(|_| stage.observe(share));
    }

    /// A request was answered.
    pub(super) fn answered(&self, route: &str, status: u16, after: Duration) {
        self.requests.get_or_create(&OfRequest { route: route.to_owned(), status }).inc();
        self.request_seconds.observe(after.as_secs_f64());
    }

    /// The figures as text, with what is asked for now.
    ///
    /// # Errors
    /// Never, but for a text that can't grow.
    pub(super) fn text(&self, n_pending: i64, lines: &[LineFigures]) -> Result<String, fmt::Error> {
        self.queue.set(n_pending);
        // A line that was deleted has no figures any more.
        self.dropped.clear();
        self.pending.clear();
        self.drift.clear();
        for line in lines {
            let of = OfLine { line: label(&line.name) };
            self.dropped.get_or_create(&of).set(line.n_dropped);
            self.pending.get_or_create(&of).set(line.n_pending);
            if let Some(p) = line.drift_p {
                self.drift.get_or_create(&of).set(p);
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_lines_that_are_gone_have_no_figures() {
        let metrics = Metrics::new();
        let line = |name: &str| LineFigures { name: name.to_owned(), n_dropped: 1, n_pending: 2, drift_p: Some(0.5) };
        let text = metrics.text(3, &[line("Halle \"Nord\" \\ 1\n2")]).unwrap();
        assert!(text.contains(r#"pcore_line_pending{line="Halle \"Nord\" \\ 1\n2"} 2"#), "{text}");
        let text = metrics.text(3, &[line("b")]).unwrap();
        assert!(text.contains("line=\"b\"") && !text.contains("Nord"), "{text}");
    }
}
