//! Text files of the simulator, written beside their final name and then renamed, so that a reader never meets half a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::SynthError;

/// Writes text in one step.
pub(super) fn write_text(path: &Path, text: &[u8]) -> Result<(), SynthError> {
    let part = path.with_file_name(part_name(path));
    let written = File::create(&part).and_then(|file| {
        let mut out = BufWriter::new(file);
        out.write_all(text)?;
        out.flush()
    });
    written.and_then(|()| fs::rename(&part, path)).map_err(|source| {
        // The first error is the one to report; a part file that cannot be removed either is harmless.
        let _ = fs::remove_file(&part);
        SynthError::Io { path: path.to_path_buf(), source }
    })
}

/// Takes a folder for what `plan` says, which is written into its file `name`: one that is absent, empty or of the same plan.
pub(super) fn claim(folder: &Path, name: &str, plan: &str) -> Result<(), SynthError> {
    let io = |source| SynthError::Io { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(io)?;
    let file = folder.join(name);
    match fs::read_to_string(&file) {
        Ok(found) if found != plan => {
            let (expected, found) = (plan.trim().to_owned(), found.trim().to_owned());
            Err(SynthError::OtherPlan { folder: folder.to_owned(), expected, found })
        }
        Ok(_) => Ok(()),
        Err(_) if fs::read_dir(folder).map_err(io)?.next().is_some() => {
            Err(SynthError::ForeignFolder { folder: folder.to_owned() })
        }
        Err(_) => write_text(&file, plan.as_bytes()),
    }
}

/// File name under which `path` is being written.
pub(super) fn part_name(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    name
}
