//! Running the program on data made for the test.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder with a simulated gearbox and a bundle fitted on it; made once for all tests.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn get() -> &'static Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        FIXTURE.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let fixture = Self { folder };
            let counts = ["--train", "40", "--good", "8", "--fault", "8", "--seed", "3"];
            expect(0, pcore(fixture.path()).args(["synth", "hdmap", "--out", "."]).args(counts));
            let fit = ["fit", "--domain", "C", "--normal", ".", "--conditions", "p90", "--quality", "fast"];
            expect(0, pcore(fixture.path()).args(fit));
            fixture
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn test_folder(&self) -> PathBuf {
        self.path().join("domain_C/test")
    }
}

/// The program, in `folder`, with its own home there.
pub(crate) fn pcore(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcore"));
    command.current_dir(folder).env("PCORE_HOME", folder.join(".pcore")).env_remove("RAYON_NUM_THREADS");
    command
}

/// Runs it and checks the exit code.
pub(crate) fn expect(code: i32, command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rows of `infer --json`, by file name with its folder.
pub(crate) fn rows(output: &Output) -> BTreeMap<String, Value> {
    text(&output.stdout)
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let path = row["path"].as_str().unwrap().replace('\\', "/");
            let mut parts: Vec<&str> = path.rsplit('/').take(2).collect();
            parts.reverse();
            (parts.join("/"), row)
        })
        .collect()
}

/// The bits of every raw score.
pub(crate) fn raw_scores(output: &Output) -> BTreeMap<String, u32> {
    // Written in the shortest form that reads back as the same f32.
    rows(output).into_iter().map(|(name, row)| (name, (row["raw_score"].as_f64().unwrap() as f32).to_bits())).collect()
}
