//! Where bundles live when nobody says.

use anyhow::{Context, Result, bail};
use pcore::files::replace;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Name of a bundle without a domain.
const NO_DOMAIN: &str = "default";
/// The file that names the last bundle fitted.
const LAST: &str = "last";

/// `$PCORE_HOME`, or `.pcore` in the working folder.
pub(crate) fn home() -> PathBuf {
    env::var_os("PCORE_HOME").filter(|h| !h.is_empty()).map_or_else(|| PathBuf::from(".pcore"), PathBuf::from)
}

/// `C` for `C` and `domain_C`: the name without its prefix.
pub(crate) fn domain_name(domain: &str) -> Result<&str> {
    let name = domain.strip_prefix("domain_").unwrap_or(domain);
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if !is_plain {
        bail!(
            "--domain '{domain}': expected a name of letters, digits, '_' and '-', since it names the bundle file; use --bundle FILE for another place"
        );
    }
    Ok(name)
}

/// Where a fit writes: `--bundle`, else by domain.
pub(crate) fn bundle_to_write(bundle: Option<&Path>, domain: Option<&str>) -> Result<PathBuf> {
    if let Some(bundle) = bundle {
        return Ok(bundle.to_owned());
    }
    let name = domain.map(domain_name).transpose()?.unwrap_or(NO_DOMAIN);
    Ok(home().join(format!("{name}.pcore")))
}

/// Remembers the bundle for a later `pcore infer` without arguments.
pub(crate) fn remember(bundle: &Path) -> Result<()> {
    let folder = home();
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let absolute = std::path::absolute(bundle).with_context(|| format!("resolving {}", bundle.display()))?;
    let path = folder.join(LAST);
    let text = absolute
        .to_str()
        .context("the bundle's path is not UTF-8, so it can't be remembered; use --bundle next time")?;
    note(&path, text)
}

/// Flushed to the disk, unlike pictures: a name cut short by a power failure would point to no bundle, or to another one, and
/// nothing makes it again.
fn note(path: &Path, text: &str) -> Result<()> {
    replace(path, |file| file.write_all(text.as_bytes()))
        .map_err(io::Error::from)
        .with_context(|| format!("writing {}", path.display()))
}

/// The bundle that [`remember`] noted, if any.
pub(crate) fn last() -> Option<PathBuf> {
    fs::read_to_string(home().join(LAST)).ok().map(|path| PathBuf::from(path.trim_end()))
}

/// The folder whose files say where training images lie: one per fingerprint of the data. A bundle itself holds no path of
/// the machine that wrote it.
const NORMALS: &str = "fitted-from";

/// Remembers the folder that a bundle's training images were read from.
pub(crate) fn remember_normals(fingerprint: &str, root: &Path) -> Result<()> {
    let folder = home().join(NORMALS);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let absolute = std::path::absolute(root).with_context(|| format!("resolving {}", root.display()))?;
    // A path that is no text is not remembered; --normal names it.
    let Some(text) = absolute.to_str() else { return Ok(()) };
    let path = folder.join(fingerprint);
    // Rewriting the same would only disturb who reads it now.
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    note(&path, text)
}

/// The folder that [`remember_normals`] noted, if any. `fingerprint` is of a verified bundle: hexadecimal digits.
pub(crate) fn recall_normals(fingerprint: &str) -> Option<PathBuf> {
    fs::read_to_string(home().join(NORMALS).join(fingerprint)).ok().map(PathBuf::from)
}

/// All folders that [`remember_normals`] noted, sorted.
pub(crate) fn all_normals() -> Vec<PathBuf> {
    let entries = fs::read_dir(home().join(NORMALS)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).map(PathBuf::from).collect();
    folders.sort();
    folders
}

/// How the bundle to read was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `--bundle` names it.
    Named,
    /// `--domain` names its domain.
    Domain(String),
    /// The images lie in a folder of its domain.
    Path(String),
    /// Nothing says which one, so that it has to be checked whether it fits.
    Last,
}

/// The bundle to read, and how it was found; `domains` are those that the images' paths name.
pub(crate) fn bundle_to_read(
    bundle: Option<&Path>,
    domain: Option<&str>,
    domains: &BTreeSet<&str>,
) -> Result<(PathBuf, How)> {
    if let Some(bundle) = bundle {
        return Ok((bundle.to_owned(), How::Named));
    }
    if let Some(domain) = domain {
        let path = home().join(format!("{}.pcore", domain_name(domain)?));
        if !path.exists() {
            bail!(
                "no bundle for domain {domain} at {}: fit one with pcore fit --domain {domain} --normal DIR, or name it with --bundle",
                path.display()
            );
        }
        return Ok((path, How::Domain(domain_name(domain)?.to_owned())));
    }
    if domains.len() > 1 {
        let all: Vec<&str> = domains.iter().copied().collect();
        bail!(
            "the images belong to several domains ({}), a bundle to one: choose one with --domain NAME, or have all scored by one bundle with --bundle FILE",
            all.join(", ")
        );
    }
    if let Some(name) = domains.first() {
        let path = home().join(format!("{name}.pcore"));
        if path.exists() {
            return Ok((path, How::Path((*name).to_owned())));
        }
    }
    let last = home().join(LAST);
    match fs::read_to_string(&last) {
        Ok(path) => Ok((PathBuf::from(path.trim_end()), How::Last)),
        Err(_) => bail!(
            "no bundle: none was fitted in {} yet; run pcore fit --domain NAME --normal DIR first, or name one with --bundle FILE",
            home().display()
        ),
    }
}
