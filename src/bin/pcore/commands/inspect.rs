//! `pcore inspect`: what a bundle holds.

use super::fit::summary;
use crate::Outcome;
use crate::args::InspectArgs;
use anyhow::Result;
use pcore::bundle;

pub(crate) fn run(args: &InspectArgs) -> Result<Outcome> {
    let contents = bundle::read(&args.bundle)?;
    let manifest = &contents.manifest;
    if args.json {
        println!("{}", serde_json::to_string_pretty(manifest)?);
        return Ok(Outcome::Done);
    }
    println!("{}: verified", args.bundle.display());
    println!("format       {}, written by pcore {}", manifest.format_version, manifest.pcore_version);
    if let Some(domain) = &manifest.domain {
        println!("domain       {domain}");
    }
    println!("images       {}, sha256 {}", manifest.sources.len(), manifest.data_fingerprint);
    println!("weights      sha256 {}", manifest.backbone.weights_sha256);
    print!("{}", summary(manifest));
    println!("seed         {}", manifest.seed);
    Ok(Outcome::Done)
}
