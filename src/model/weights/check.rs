//! Comparing the tensors of a file with those a network needs.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Mismatch, Misshapen, NamedTensors, WeightsError};

/// A tensor a network needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Name in the network's own naming.
    pub(crate) name: String,
    /// Extents.
    pub(crate) shape: Vec<usize>,
}

/// SHA-256 of weight values in the order a network takes them, whatever file they came from.
#[derive(Debug, Default)]
pub(crate) struct Digest(Sha256);

impl Parameter {
    /// A tensor of the given name and extents.
    pub(crate) fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.to_vec() }
    }
}

impl Digest {
    /// Adds values as little-endian float32.
    pub(crate) fn update(&mut self, values: &[f32]) {
        for run in values.chunks(1 << 12) {
            let bytes: Vec<u8> = run.iter().flat_map(|v| v.to_le_bytes()).collect();
            self.0.update(&bytes);
        }
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        HEXLOWER.encode(&self.0.finalize())
    }
}

/// What comes before a network's own names in the file (`""`, `"module."`, `"state_dict.model."`, ...), found by one
/// tensor every version of the network has; empty where that tensor is missing, so that the check names all that are.
pub(crate) fn prefix(tensors: &NamedTensors, network: &str, anchor: &str) -> Result<String, WeightsError> {
    let prefixes: Vec<String> = tensors
        .names()
        .filter_map(|name| name.strip_suffix(anchor))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .map(str::to_owned)
        .collect();
    match <[String; 1]>::try_from(prefixes) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Ok(String::new()),
        Err(many) => Err(WeightsError::Ambiguous { network: network.to_owned(), prefixes: many }),
    }
}

/// Refuses missing, left over and misshapen tensors, all of them named.
///
/// `found` gives the shape of a needed tensor in the file; `names` are the file's names without prefix; `allowed` says
/// which names may be there unused.
pub(crate) fn check<'a>(
    network: &str,
    needed: &[Parameter],
    found: impl Fn(&str) -> Option<Vec<usize>>,
    names: impl Iterator<Item = &'a str>,
    allowed: impl Fn(&str) -> bool,
) -> Result<(), WeightsError> {
    let mut mismatch = Mismatch { network: network.to_owned(), ..Mismatch::default() };
    for parameter in needed {
        match found(&parameter.name) {
            None => mismatch.missing.push(parameter.name.clone()),
            Some(shape) if shape != parameter.shape => {
                mismatch.misshapen.push(Misshapen {
                    name: parameter.name.clone(),
                    expected: parameter.shape.clone(),
                    found: shape,
                });
            }
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = needed.iter().map(|parameter| parameter.name.as_str()).collect();
    mismatch.extra = names.filter(|name| !known.contains(name) && !allowed(name)).map(str::to_owned).collect();
    if mismatch.is_empty() { Ok(()) } else { Err(WeightsError::Mismatch(Box::new(mismatch))) }
}
