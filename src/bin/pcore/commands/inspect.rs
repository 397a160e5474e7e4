//! `pcore inspect`: what a bundle holds.

use super::sign::read_trusted;
use super::summary::summary;
use crate::Outcome;
use crate::args::InspectArgs;
use crate::console::{print, print_json, print_line};
use anyhow::{Context, Result};
use pcore::bundle::Contents;
use pcore::infer::Inspector;
use pcore::model::OpenDevice;
use std::path::Path;

pub(crate) fn run(args: &InspectArgs) -> Result<Outcome> {
    let (contents, signer) = read_trusted(&args.bundle, &args.trust)?;
    let manifest = &contents.manifest;
    if args.json {
        print_json(manifest)?;
        return usable(contents, &args.bundle).map(|()| Outcome::Done);
    }
    print_line(&format!("{}: verified", args.bundle.display()))?;
    if let Some(key) = signer {
        print_line(&format!("signed       with the key {key}"))?;
    }
    print_line(&format!("format       {}, written by pcore {}", manifest.format_version, manifest.pcore_version))?;
    if let Some(domain) = &manifest.domain {
        print_line(&format!("domain       {domain}"))?;
    }
    print_line(&format!("images       {}, sha256 {}", manifest.sources.len(), manifest.data_fingerprint))?;
    for features in manifest.detector.all_features() {
        print_line(&format!("weights      sha256 {}", features.backbone.weights_sha256))?;
    }
    print(&summary(manifest))?;
    print_line(&format!("seed         {}", manifest.seed))?;
    usable(contents, &args.bundle)?;
    print_line("usable       its network and weights are here and make descriptors of its shape")?;
    Ok(Outcome::Done)
}

/// Whether `infer` could use the bundle on this machine: its settings are understood, its network and the right weights are
/// at hand, and they fit together.
fn usable(contents: Contents, path: &Path) -> Result<()> {
    let check = || Inspector::open(contents, &OpenDevice::cpu())?.rehearse();
    check().with_context(|| format!("{} is whole, but can't be used here", path.display()))
}
