//! The words of messages.

use std::borrow::Cow;

/// The settings that errors of the library name, as `` `Type::field` ``, and how they are typed. The rest of a text is left alone.
const SETTINGS: &[(&str, &str)] = &[
    ("Calibration::Density", "--calibrate density"),
    ("Checkpoints::folder", "--checkpoints"),
    ("Checkpoints::resume", "--resume"),
    ("ConditionRule::Folder", "--conditions folder"),
    ("ConditionRule::P90", "--conditions p90"),
    ("Contents::manifest", "pcore inspect"),
    ("Costs::defect_rate", "--defect-rate"),
    ("Costs::miss", "--miss-cost"),
    ("Cut::alpha", "--alpha"),
    ("Cut::thresholds", "--threshold"),
    ("DescriptorSpec::context", "--context"),
    ("DescriptorSpec::neighbourhood", "--neighbourhood"),
    ("DeviceChoice::Cpu", "--device cpu"),
    ("DeviceChoice::Flex", "--device flex"),
    ("Evidence::keeps_costly", "--keep-costly"),
    ("FitJob::bundle", "--bundle"),
    ("FitPlan::alpha", "--alpha"),
    ("FitPlan::conditions", "--conditions"),
    ("FitPlan::defects", "--defects"),
    ("FitPlan::domain", "--domain"),
    ("FitPlan::drop_suspects", "--drop-suspects"),
    ("FitPlan::gate", "--gate"),
    ("FitPlan::group", "--group"),
    ("FitPlan::holdout", "--holdout"),
    ("FitPlan::ignore", "--ignore"),
    ("FitPlan::memory_bytes", "--memory"),
    ("FitPlan::roi", "--roi"),
    ("FitPlan::rotate", "--rotate"),
    ("FitPlan::scratch", "--scratch"),
    ("FitPlan::shots", "--shots"),
    ("FitPlan::threshold", "--threshold"),
    ("FitPlan::tiles", "--tiles"),
    ("GateKind::P90", "--gate p90"),
    ("GateUse::Oracle", "--gate oracle"),
    ("GroupRule::Single", "--group none"),
    ("IndexKind::Exact", "--index exact"),
    ("Inspector::set_gate_use", "--gate"),
    ("Inspector::set_policy", "--policy"),
    ("Layout::Flat", "--layout flat"),
    ("LayoutHints::good", "--good"),
    ("LayoutHints::layout", "--layout"),
    ("LayoutHints::split", "--split"),
    ("Options::coreset", "--coreset"),
    ("Options::coreset_space", "--projection"),
    ("Options::index", "--index"),
    ("Options::metric", "--metric"),
    ("Pace::batch", "--batch"),
    ("Pace::memory_bytes", "--memory"),
    ("PipelineSpec::layers", "--layers"),
    ("PipelineSpec::preprocessing", "--image-size"),
    ("Precision::F16", "--precision f16"),
    ("Preprocessing::page", "--pages"),
    ("Preprocessing::range", "--range"),
    ("Preprocessing::resize", "--resize"),
    ("Scoring::image_score", "--image-score"),
    ("ServeOptions::admin", "--admin"),
    ("ServeOptions::allows_commands", "--allow-commands"),
    ("ServeOptions::data", "--data"),
    ("ServeOptions::folders", "--folder"),
    ("ServeOptions::listen", "--listen"),
    ("Setup::cache", "--out"),
    ("SigningKey::create", "pcore sign --new-key"),
    ("StationOptions::backbone", "--backbone"),
    ("StationOptions::layers", "--layers"),
    ("Store::add", "pcore weights add FILE --as"),
    ("StudyJob::test_conditions", "--test-conditions"),
    ("Told::By", "--conditions"),
    ("Told::Named", "--condition"),
    ("TrainingOptions::clip_norm", "clip_norm in the file of --training"),
    ("TrainingOptions::rate", "rate in the file of --training"),
    ("TrainingOptions::watch", "watch in the file of --training"),
    ("TrainingRun::checkpoints", "--checkpoints"),
    ("TrainingRun::journal", "--record"),
    ("job::known_conditions", "--conditions"),
    ("job::mark", "pcore feedback"),
    ("live::calibrate", "--recalibrate"),
    ("live::update", "pcore update"),
    ("train::add_to", "pcore fit --add-to"),
    ("train::fit", "pcore fit"),
    ("weights::fetch", "pcore weights fetch"),
];

/// A text of the library with its settings as they are typed.
pub(crate) fn as_typed<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let mut text = text.into();
    // Most texts name none.
    if text.contains("::") {
        for (setting, typed) in SETTINGS {
            let quoted = format!("`{setting}`");
            if text.contains(&quoted) {
                text = Cow::Owned(text.replace(&quoted, typed));
            }
        }
    }
    text
}

/// An error with its causes, each said once, with settings as they are typed.
///
/// Errors of the library are whole sentences that name their cause, since they also stand alone in result files; their
/// `source()` is for programs. So a cause is added only where no sentence before has said it.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| as_typed(cause.to_string()).into_owned()) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::sources::{flags_in, known_flags, library};
    use anyhow::Context;
    use std::collections::BTreeSet;
    use std::io;
    use std::path::PathBuf;

    #[derive(Debug, thiserror::Error)]
    enum Sample {
        #[error("cannot read x: {0}; give another")]
        Whole(#[source] io::Error),
        #[error("x is not readable")]
        Bare(#[source] io::Error),
        #[error(transparent)]
        Same(#[from] io::Error),
    }

    #[test]
    fn a_cause_is_said_once_whether_its_error_says_it_or_not() {
        let disk = || io::Error::other("no such disk");
        let cases = [
            (Sample::Whole(disk()), "opening: cannot read x: no such disk; give another"),
            (Sample::Bare(disk()), "opening: x is not readable: no such disk"),
            (Sample::Same(disk()), "opening: no such disk"),
        ];
        for (error, expected) in cases {
            let result: anyhow::Result<()> = Err(error).context("opening");
            assert_eq!(error_text(&result.unwrap_err()), expected);
        }
    }
    /// What stands in backquotes and has the form of a setting: `Type::field`.
    fn settings_in(code: &str) -> impl Iterator<Item = &str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        code.split('`').filter(move |part| part.contains("::") && part.chars().all(is_name))
    }

    /// The code of the library, without comments.
    fn code() -> Vec<(PathBuf, String)> {
        let without = |text: String| -> String {
            text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
        };
        library().into_iter().map(|(path, text)| (path, without(text))).collect()
    }

    #[test]
    fn settings_are_told_as_they_are_typed_and_nothing_else_is_touched() {
        let cases = [
            ("raise `FitPlan::memory_bytes`, or `LayoutHints::good` NAME", "raise --memory, or --good NAME"),
            ("`Options::coreset` 0 and `Options::coreset_space` x", "--coreset 0 and --projection x"),
            ("no folder `good` in a::b, `std::io` and `FitPlan`", "no folder `good` in a::b, `std::io` and `FitPlan`"),
        ];
        for (text, expected) in cases {
            assert_eq!(as_typed(text), expected);
        }
        let error = anyhow::Error::new(pcore::train::TrainError::NoShots).context("fitting `FitPlan::group`");
        assert_eq!(error_text(&error), "fitting --group: --shots 0: expected at least one image per condition");
    }

    #[test]
    fn the_table_holds_every_setting_that_the_library_names_and_no_other() {
        let code = code();
        let named: BTreeSet<&str> = code.iter().flat_map(|(_, code)| settings_in(code)).collect();
        let known: BTreeSet<&str> = SETTINGS.iter().map(|(setting, _)| *setting).collect();
        assert_eq!(named, known);
        assert!(SETTINGS.is_sorted() && SETTINGS.len() == known.len());
    }

    #[test]
    fn every_setting_is_there_and_every_flag_for_it() {
        let (code, flags) = (code(), known_flags());
        for (setting, typed) in SETTINGS {
            let (owner, name) = setting.split_once("::").unwrap();
            let is_owner = |path: &PathBuf, code: &str| {
                let has = |kind: &str| code.lines().any(|l| l.starts_with(&format!("pub {kind} {owner}")));
                has("struct") || has("enum") || path.components().any(|part| part.as_os_str() == owner)
            };
            let declares = |line: &str| {
                let rest = line.trim_start().strip_prefix("pub ").unwrap_or(line.trim_start());
                let rest = rest.strip_prefix("fn ").unwrap_or(rest).strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with([':', ',', '(', ' ', '<']))
            };
            let is_there = code.iter().any(|(path, code)| is_owner(path, code) && code.lines().any(declares));
            assert!(is_there, "{setting}");
            let unknown: Vec<_> = flags_in(typed).filter(|flag| !flags.contains(*flag)).collect();
            assert!(unknown.is_empty(), "{setting}: {unknown:?}");
            assert!(typed.contains("--") || typed.starts_with("pcore "), "{setting}: {typed}");
        }
    }
}
