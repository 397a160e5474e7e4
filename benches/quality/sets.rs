//! What is compared, and on what.

use pcore::dataset::{self, Label};
use serde::Deserialize;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Flags of `pcore fit`, separated by spaces, and their name.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptionSet {
    pub(crate) name: String,
    pub(crate) fit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    set: Vec<OptionSet>,
}

impl OptionSet {
    /// The sets of a file, those of `only` in that order, or all.
    pub(crate) fn read(path: &Path, only: &[String]) -> Result<Vec<Self>, Box<dyn Error>> {
        let text = fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
        let all = toml::from_str::<File>(&text).map_err(|error| format!("{}: {error}", path.display()))?.set;
        if only.is_empty() {
            return Ok(all);
        }
        let find = |name: &String| all.iter().find(|set| set.name == *name).cloned();
        only.iter().map(|name| find(name).ok_or_else(|| format!("no set is called {name}").into())).collect()
    }
}

/// A data set.
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    /// Names of its training images.
    pub(crate) train: Vec<String>,
    /// Whether each test image is anomalous.
    pub(crate) anomalous: Vec<bool>,
}

impl Product {
    pub(crate) fn all(folders: &[PathBuf]) -> Result<Vec<Self>, Box<dyn Error>> {
        let is_product = |folder: &Path| folder.join("train").is_dir() && folder.join("test").is_dir();
        let mut products = vec![];
        for folder in folders {
            if is_product(folder) {
                products.push(Self::open(folder)?);
                continue;
            }
            let entries = fs::read_dir(folder).map_err(|error| format!("reading {}: {error}", folder.display()))?;
            let mut inner: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            inner.retain(|path| is_product(path));
            inner.sort();
            if inner.is_empty() {
                return Err(format!("{} holds no data set with train and test", folder.display()).into());
            }
            for root in inner {
                products.push(Self::open(&root)?);
            }
        }
        Ok(products)
    }

    fn open(root: &Path) -> Result<Self, Box<dyn Error>> {
        let (normals, test) = (dataset::normals(root, None)?, dataset::labelled(root, None)?);
        Ok(Self {
            name: root.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            root: root.to_owned(),
            train: normals.samples.into_iter().map(|sample| sample.name).collect(),
            anomalous: test.samples.iter().map(|sample| sample.label == Some(Label::Anomalous)).collect(),
        })
    }
}
