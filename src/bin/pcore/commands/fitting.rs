//! Whether a bundle belongs to the images it is to score.

use crate::home::{self, How};
use anyhow::{Result, bail};
use pcore::bundle::Manifest;
use pcore::dataset::{Listing, Shown};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a bundle is used, and what has to be said about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) how: String,
    pub(super) warnings: Vec<String>,
}

/// The domains that the images' paths name.
pub(super) fn domains(listing: &Listing) -> BTreeSet<&str> {
    listing.samples.iter().filter_map(|sample| sample.domain.as_deref()).collect()
}

/// Refuses a bundle that nobody named and that belongs to other images.
pub(super) fn reason(how: &How, path: &Path, manifest: &Manifest, listing: &Listing) -> Result<Reason> {
    let normals = home::recall_normals(&manifest.data_fingerprint);
    let own = manifest.domain.as_deref().or_else(|| normals.as_deref().and_then(domain_of));
    let domains = domains(listing);
    let mut warnings = vec![];
    let how = match how {
        How::Named => {
            let others: Vec<&str> = domains.iter().copied().filter(|domain| Some(*domain) != own).collect();
            match own {
                Some(own) if !others.is_empty() => warnings.push(format!(
                    "the bundle is of domain {own}, and images of domain {} are scored by it, as --bundle says",
                    others.join(", ")
                )),
                None if others.len() > 1 => warnings.push(format!(
                    "images of several domains ({}) are scored by one bundle, as --bundle says",
                    others.join(", ")
                )),
                Some(_) | None => {}
            }
            "--bundle".to_owned()
        }
        How::Domain(name) => {
            warnings.extend(misnamed(name, path, manifest));
            "--domain".to_owned()
        }
        How::Path(name) => {
            warnings.extend(misnamed(name, path, manifest));
            let n_elsewhere = listing.samples.iter().filter(|sample| sample.domain.is_none()).count();
            if n_elsewhere > 0 {
                warnings.push(format!(
                    "{n_elsewhere} images lie in no folder of a domain, and are scored by the bundle of domain {name}"
                ));
            }
            format!("domain_{name} in the path")
        }
        How::Last => {
            check_last(path, own, normals.as_deref(), listing)?;
            warnings.extend(normals.as_deref().and_then(|own| fitted_elsewhere(own, &home::all_normals(), listing)));
            last_one(path, manifest, normals.as_deref())
        }
    };
    Ok(Reason { how, warnings })
}

/// Refuses the last bundle fitted where the images' paths name another domain or product than `own` and `normals`.
fn check_last(path: &Path, own: Option<&str>, normals: Option<&Path>, listing: &Listing) -> Result<()> {
    if let Some(theirs) = domains(listing).first().filter(|theirs| Some(**theirs) != own) {
        let is_of = own.map_or_else(|| "no domain".to_owned(), |own| format!("domain {own}"));
        bail!(
            "no bundle fits: the images belong to domain {theirs}, and the last one fitted, {}, is of {is_of}; fit one with pcore fit --domain {theirs} --normal DIR, or name one with --bundle FILE",
            path.display()
        );
    }
    if let Some((own, theirs)) = normals.and_then(|normals| other_product(normals, listing)) {
        bail!(
            "no bundle fits: the images lie in {}, and the last one fitted, {}, was fitted on those beside it in {}; fit one with pcore fit --normal DIR, or name one with --bundle FILE",
            theirs.display(),
            path.display(),
            own.display()
        );
    }
    Ok(())
}

/// What a bundle says against the name of its file.
fn misnamed(name: &str, path: &Path, manifest: &Manifest) -> Option<String> {
    let own = manifest.domain.as_deref().filter(|own| *own != name)?;
    Some(format!("{} is used for domain {name}, and was fitted for domain {own}", path.display()))
}

fn domain_of(folder: &Path) -> Option<&str> {
    folder.iter().rev().find_map(|part| part.to_str()?.strip_prefix("domain_")).filter(|name| !name.is_empty())
}

/// The folders of two products that lie side by side: the one that was fitted on, and another one with images.
fn other_product(normals: &Path, listing: &Listing) -> Option<(PathBuf, PathBuf)> {
    let own = match product(normals) {
        Some(own) => own.to_owned(),
        None if normals.join("train").is_dir() => normals.to_owned(),
        None => return None,
    };
    listing.samples.iter().find_map(|sample| {
        let place = std::path::absolute(&sample.path).ok()?;
        let theirs = product(&place)?.to_owned();
        (theirs != own && theirs.parent() == own.parent()).then(|| (own.clone(), theirs))
    })
}

/// What to say where a bundle that is not the last one was fitted on the folder that the images lie in.
fn fitted_elsewhere(own: &Path, all: &[PathBuf], listing: &Listing) -> Option<String> {
    let holds = |normals: &Path, place: &Path| place.starts_with(product(normals).unwrap_or(normals));
    let places = listing.samples.iter().filter_map(|sample| std::path::absolute(&sample.path).ok());
    let theirs = places.filter(|place| !holds(own, place)).find_map(|place| all.iter().find(|n| holds(n, &place)))?;
    Some(format!(
        "images lie in {}, which another bundle was fitted on, and are scored by the last one, which was fitted on {}; --domain NAME or --bundle FILE chooses the other (pcore list)",
        Shown::path(theirs),
        Shown::path(own)
    ))
}

/// The folder that holds `train` and `test`, of a path inside one of them.
fn product(place: &Path) -> Option<&Path> {
    place.ancestors().find(|folder| folder.ends_with("train") || folder.ends_with("test"))?.parent()
}

/// When and on what it was fitted.
fn last_one(path: &Path, manifest: &Manifest, normals: Option<&Path>) -> String {
    let age = fs::metadata(path).and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
    let when = age.map_or_else(String::new, |age| format!(", {}", ago(age)));
    let of_domain = manifest.domain.as_ref().map_or_else(String::new, |domain| format!(" for domain {domain}"));
    let place = normals.map_or_else(String::new, |normals| format!(" of {}", Shown::path(normals)));
    format!(
        "the last one fitted{of_domain}{when}, on {} images{place}; --bundle chooses another",
        manifest.sources.len()
    )
}

fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    let (n, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_the_largest_unit() {
        let cases = [
            (0, "0 seconds ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (7199, "1 hour ago"),
            (86400 * 40, "40 days ago"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(ago(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_path_tells_its_domain_and_its_product() {
        for (path, domain, of_product) in [
            ("/data/domain_C/train/good", Some("C"), Some("/data/domain_C")),
            ("/data/mvtec/bottle/test/good/0.png", None, Some("/data/mvtec/bottle")),
            ("/data/domain_/x", None, None),
            ("/data/photos", None, None),
        ] {
            assert_eq!(domain_of(Path::new(path)), domain);
            assert_eq!(product(Path::new(path)), of_product.map(Path::new));
        }
    }
}
