//! Records become what pages show.

use crate::serve::line::sink_name;
use crate::serve::page::views;
use crate::serve::record::{DatasetImage, DatasetRecord, DetectorRecord, FoundRecord, JobRecord, LineRecord, TrendDay};
use serde_json::Value;

pub(super) fn found(record: &FoundRecord) -> views::Found {
    views::Found {
        id: record.id,
        name: record.name.clone(),
        at: record.at.clone(),
        detector: record.detector.clone(),
        verdict: record.verdict.clone(),
        score: record.score,
        threshold: record.threshold,
        p_value: record.p_value,
        condition: record.condition.clone(),
        n_regions: record.regions.as_array().map_or(0, Vec::len),
        ms: record.ms,
        error: record.error.clone(),
        mark: record.feedback.as_ref().map(|feedback| feedback.mark.to_string()),
    }
}

pub(super) fn picture(record: &FoundRecord) -> views::Picture {
    views::Picture {
        id: record.id,
        name: record.name.clone(),
        width: record.width.unwrap_or(0),
        height: record.height.unwrap_or(0),
        regions: record.regions.as_array().into_iter().flatten().map(region).collect(),
        marked: record.feedback.as_ref().and_then(|feedback| feedback.r#box),
    }
}

fn region(value: &Value) -> views::Region {
    let whole = |key: &str| value[key].as_f64().unwrap_or(0.0).round() as i64;
    let number = |key: &str| value[key].as_f64().unwrap_or(0.0);
    views::Region {
        left: whole("left"),
        top: whole("top"),
        width: whole("width"),
        height: whole("height"),
        area: whole("area"),
        peak: number("peak"),
        mean: number("mean"),
    }
}

pub(super) fn job(record: JobRecord) -> views::Job {
    views::Job {
        id: record.id,
        kind: record.kind.to_string(),
        state: record.state.to_string(),
        detector: record.detector,
        title: record.title,
        n_total: record.n_total,
        n_done: record.n_done,
        n_failed: record.n_failed,
        n_anomalous: record.n_anomalous,
        stage: record.stage,
        eta_s: record.eta_s,
        created_at: record.created_at,
        started_at: record.started_at,
        ended_at: record.ended_at,
        error: record.error,
        by: record.by,
    }
}

/// What a job has to say, a line for each value.
pub(super) fn report(report: Option<&Value>) -> Vec<views::Fact> {
    let facts = report.and_then(Value::as_object).into_iter().flatten();
    let value = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            number.as_f64().filter(|n| n.fract() != 0.0).map_or_else(|| number.to_string(), |n| format!("{n:.3}"))
        }
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    };
    let shown = facts.filter(|(_, value)| !value.is_null());
    shown
        .map(|(key, own)| views::Fact { label: key.trim_start_matches("n_").replace('_', " "), value: value(own) })
        .collect()
}

pub(super) fn line(record: &LineRecord, n_false_alarm: i64) -> views::Line {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let source = &record.source;
    let place = match source["kind"].as_str() {
        Some("folder") => text(&source["folder"]),
        Some("command") => {
            source["command"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    let sinks = record.sinks.as_array().into_iter().flatten();
    views::Line {
        id: record.id,
        name: record.name.clone(),
        detector: record.detector.clone(),
        state: record.state.to_string(),
        source_kind: text(&source["kind"]),
        source: place,
        sinks: sinks.map(sink_name).collect(),
        sinks_json: serde_json::to_string_pretty(&record.sinks).unwrap_or_default(),
        policy: record.policy.clone(),
        capacity: record.capacity,
        n_inspected: record.n_inspected,
        n_anomalous: record.n_anomalous,
        n_failed: record.n_failed,
        n_dropped: record.n_dropped,
        n_pending: record.n_pending,
        n_false_alarm,
        per_minute: record.per_minute,
        p95_ms: record.p95_ms,
        drift: record.drift.state.clone(),
        drift_p: record.drift.p,
        error: record.error.clone(),
        last: record.last.iter().map(found).collect(),
    }
}

pub(super) fn detector(record: &DetectorRecord) -> views::Detector {
    views::Detector {
        id: record.id.clone(),
        name: record.name.clone(),
        method: record.method.clone(),
        backbone: record.backbone.clone(),
        fitted_at: record.fitted_at.clone(),
        n_images: record.n_images,
        n_conditions: record.conditions.len(),
        alpha: record.alpha,
        bytes: record.bytes,
        n_versions: record.n_versions,
        error: record.error.clone(),
    }
}

pub(super) fn dataset(record: &DatasetRecord, first: Vec<i64>) -> views::Dataset {
    views::Dataset {
        id: record.id,
        name: record.name.clone(),
        n_images: record.n_images,
        n_normal: record.n_normal,
        n_anomalous: record.n_anomalous,
        n_unlabelled: record.n_unlabelled,
        bytes: u64::try_from(record.bytes).unwrap_or(0),
        created_at: record.created_at.clone(),
        first,
    }
}

pub(super) fn dataset_image(record: DatasetImage) -> views::DatasetImage {
    let bytes = u64::try_from(record.bytes).unwrap_or(0);
    views::DatasetImage { id: record.id, name: record.name, label: record.label, bytes }
}

pub(super) fn day(record: TrendDay) -> views::Day {
    let TrendDay { day, n, n_anomalous, n_failed, n_false_alarm, median_score, p95_score } = record;
    views::Day { day, n, n_anomalous, n_failed, n_false_alarm, median_score, p95_score }
}
