//! `pcore export`: results and bundles to the files of other programs.

use super::sign::read_trusted;
use super::station;
use crate::Outcome;
use crate::args::{ExportArgs, ExportFormat};
use crate::console::{Console, print_json, print_line, warning};
use anyhow::{Result, bail};
use pcore::job::{self, Context, ExportJob};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &ExportArgs) -> Result<Outcome> {
    job::check_folder(&args.out)?;
    let done = match args.format {
        ExportFormat::Onnxdemo => match &args.sources[..] {
            [bundle] if !bundle.is_dir() => station::export(bundle, args)?,
            _ => bail!("--format onnxdemo takes one bundle file"),
        },
        ExportFormat::LabelStudio => results(args, job::ExportFormat::LabelStudio)?,
        ExportFormat::Coco => results(args, job::ExportFormat::Coco)?,
        ExportFormat::Parquet => results(args, job::ExportFormat::Parquet)?,
        ExportFormat::Csv => results(args, job::ExportFormat::Csv)?,
        ExportFormat::TensorBoard => match &args.sources[..] {
            [bundle] if bundle.is_file() => {
                let (contents, _signer) = read_trusted(bundle, &args.trust)?;
                json!({"files": [job::export_fit(&contents, &args.out)?]})
            }
            _ => results(args, job::ExportFormat::TensorBoard)?,
        },
    };
    if args.json {
        print_json(&done)?;
    } else {
        let files = done["files"].as_array().into_iter().flatten();
        files.filter_map(Value::as_str).try_for_each(print_line)?;
    }
    Ok(Outcome::Done)
}

/// Exports folders of results; says what was written.
fn results(args: &ExportArgs, format: job::ExportFormat) -> Result<Value> {
    if let Some(file) = args.sources.iter().find(|source| source.is_file()) {
        bail!("{} is a file: name the folder that --out of `pcore infer` or `pcore eval` named", file.display());
    }
    let console = Console::new();
    let context = Context { progress: &console, ..Context::default() };
    let work = ExportJob { results: &args.sources, format, out: &args.out, prefix: &args.prefix };
    let done = job::export(&work, &context)?;
    if done.n_left_out > 0 {
        warning!(
            "{} images are left out: they were not inspected, or by a pcore that did not write their size",
            done.n_left_out
        );
    }
    let files: Vec<&Path> = done.files.iter().map(PathBuf::as_path).collect();
    Ok(json!({"files": files, "n_images": done.n_images, "n_left_out": done.n_left_out}))
}
