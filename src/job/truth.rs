//! The true conditions of images that are measured on, and who tells them to the detector.

use super::{JobError, known_conditions};
use crate::condition::GateUse;
use crate::dataset::{ConditionTable, Layout, Listing, Product, Sample};
use crate::eval::{GateAnswers, Metrics, Told};
use crate::infer::{Inspection, Inspector};
use crate::progress::Progress;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is known of conditions without asking the gate.
///
/// [`Truth::default`] knows nothing: the gate tells all conditions, and nobody asks whether it is right.
#[derive(Debug, Default)]
pub struct Truth {
    /// What the detector is told; the gate tells the others.
    table: Option<ConditionTable>,
    /// Each image is of the product whose folder it lies in, and a condition of the bundle is of one product too.
    by_product: bool,
    gate: GateUse,
    has_conditions: bool,
}

impl Truth {
    /// By the table that is named, else by the products of a tree, else by a table that lies there
    /// ([`known_conditions`]); `gate` tells the detector conditions that nothing else tells, as it is set to.
    ///
    /// # Errors
    /// A table can't be read, or names none of the images.
    pub fn of(
        (named, gate): (Option<&Path>, GateUse),
        listing: &Listing,
        inspector: &Inspector,
        progress: &dyn Progress,
    ) -> Result<Self, JobError> {
        let by_product = listing.layout == Layout::Products && named.is_none();
        let has_conditions = inspector.conditions().len() > 1;
        let truth = Self { table: None, by_product, gate, has_conditions };
        if !by_product {
            return Ok(Self { table: known_conditions(named, listing, inspector, progress)?, ..truth });
        }
        warn_of_strange(listing, inspector, progress);
        if matches!(gate, GateUse::Auto | GateUse::Own) {
            if has_conditions {
                progress.note(
                    "the bundle's gate tells the product of each image (`GateUse::Oracle` takes the name of its folder)",
                );
            }
            return Ok(truth);
        }
        let known = |name: &str| inspector.conditions().iter().any(|known| known.as_str() == name);
        Ok(Self { table: Some(ConditionTable::of_products(listing, known)?), ..truth })
    }

    /// What the detector is told.
    pub(super) fn table(&self) -> Option<&ConditionTable> {
        self.table.as_ref()
    }

    fn known<'a>(&'a self, sample: &'a Sample) -> Option<&'a str> {
        match &sample.product {
            Some(product) if self.by_product => Some(&product.name),
            _ => self.table.as_ref().and_then(|table| table.get(sample)),
        }
    }

    /// The condition whose figures an image counts in: the true one, where that is known.
    pub(super) fn condition(&self, sample: &Sample, inspection: &Inspection) -> Option<String> {
        let told = || inspection.condition.as_ref().map(ToString::to_string);
        self.known(sample).map(str::to_owned).or_else(told)
    }

    /// The defect whose figures an image counts in: of two products, one of the same name is another.
    pub(super) fn defect(&self, sample: &Sample) -> Option<String> {
        let defect = sample.defect.as_ref()?;
        Some(match &sample.product {
            Some(Product { name, .. }) if self.by_product => format!("{name}/{defect}"),
            _ => defect.clone(),
        })
    }

    /// Counts what the gate told of an image, if it was asked and the truth is known.
    pub(super) fn count(&self, answers: &mut GateAnswers, sample: &Sample, inspection: &Inspection) {
        let is_asked = match self.gate {
            GateUse::Own => true,
            GateUse::Auto => self.table.as_ref().and_then(|table| table.get(sample)).is_none(),
            _ => false,
        };
        let Some(truth) = self.known(sample).filter(|_| is_asked && self.has_conditions) else { return };
        let told = match &inspection.condition {
            Some(condition) if self.by_product => Told::Condition(Product::of_condition(condition.as_str())),
            Some(condition) => Told::Condition(condition.as_str()),
            None if inspection.is_unknown_condition => Told::Unknown,
            None => Told::Abstained,
        };
        answers.add(truth, told);
    }

    /// The mean over the products, where there are any.
    pub(super) fn mean(&self, per_condition: &BTreeMap<String, Metrics>) -> Option<Metrics> {
        self.by_product.then(|| Metrics::mean_of(per_condition.values()))
    }
}

/// Says which products the bundle was not fitted on.
fn warn_of_strange(listing: &Listing, inspector: &Inspector, progress: &dyn Progress) {
    let products: BTreeSet<&str> = listing.samples.iter().filter_map(|s| Some(&*s.product.as_ref()?.name)).collect();
    let is_known = |name: &str| inspector.conditions().iter().any(|c| Product::of_condition(c.as_str()) == name);
    let strange: Vec<&str> = products.into_iter().filter(|name| !is_known(name)).collect();
    if !strange.is_empty() {
        progress.warn(&format!("the bundle was fitted on no product called {}", strange.join(", ")));
    }
}
