//! The detectors of pcore itself.

use super::registry::Kind;
use super::{Method, Options, Registry, autoencoder, combined, discriminative, gaussian, patchcore};
use crate::bundle::{Defect, Manifest, SectionEntry, Sections, TensorSpec, TensorsOf, Upgraded};
use serde_json::{Map, Value};
use std::sync::{Arc, OnceLock};

/// The built-in ones, the default first.
const BUILT_IN: [Kind; 5] = [patchcore::KIND, gaussian::KIND, discriminative::KIND, autoencoder::KIND, combined::KIND];

impl Registry {
    /// Those of pcore itself.
    pub fn built_in() -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| Self { kinds: BUILT_IN.to_vec() })
    }

    /// The method of the default detector with these settings.
    #[must_use]
    pub fn default_method(&self, options: &Options) -> Arc<dyn Method> {
        patchcore::default_method(options)
    }
}

impl Sections for Registry {
    fn tensors(&self, entry: &SectionEntry, shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
        (self.kind(&entry.kind)?.tensors)(entry, shared)
    }

    fn check(&self, entry: &SectionEntry, tensors: TensorsOf<'_>, shared: &Manifest) -> Result<(), Defect> {
        (self.kind(&entry.kind)?.check)(entry, tensors, shared)
    }

    fn upgrade(&self, manifest: Map<String, Value>) -> Result<Upgraded, Defect> {
        patchcore::upgrade(manifest)
    }
}
