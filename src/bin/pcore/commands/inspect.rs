//! `pcore inspect`: what a bundle holds.

use super::fit::summary;
use crate::Outcome;
use crate::args::InspectArgs;
use crate::console::{print, print_line};
use anyhow::Result;
use pcore::bundle;

pub(crate) fn run(args: &InspectArgs) -> Result<Outcome> {
    let contents = bundle::read(&args.bundle)?;
    let manifest = &contents.manifest;
    if args.json {
        print_line(&serde_json::to_string_pretty(manifest)?)?;
        return Ok(Outcome::Done);
    }
    print_line(&format!("{}: verified", args.bundle.display()))?;
    print_line(&format!("format       {}, written by pcore {}", manifest.format_version, manifest.pcore_version))?;
    if let Some(domain) = &manifest.domain {
        print_line(&format!("domain       {domain}"))?;
    }
    print_line(&format!("images       {}, sha256 {}", manifest.sources.len(), manifest.data_fingerprint))?;
    print_line(&format!("weights      sha256 {}", manifest.backbone.weights_sha256))?;
    print(&summary(manifest))?;
    print_line(&format!("seed         {}", manifest.seed))?;
    Ok(Outcome::Done)
}
