//! The true conditions of images that are measured on, and who tells them to the detector.

use super::open::condition_table;
use crate::args::BundleArgs;
use crate::console::{say, warning};
use anyhow::Result;
use pcore::condition::GateUse;
use pcore::dataset::{ConditionTable, Layout, Listing, Product, Sample};
use pcore::eval::{GateAnswers, Metrics, Told};
use pcore::infer::{Inspection, Inspector};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of conditions without asking the gate.
#[derive(Default)]
pub(super) struct Truth {
    /// What the detector is told; the gate tells the others.
    table: Option<ConditionTable>,
    /// Each image is of the product whose folder it lies in, and a condition of the bundle is of one product too.
    by_product: bool,
    gate: GateUse,
    has_conditions: bool,
}

impl Truth {
    /// By the table that was named, else by the products of a tree, else by a table that lies there.
    pub(super) fn of(args: &BundleArgs, listing: &Listing, inspector: &Inspector) -> Result<Self> {
        let by_product = listing.layout == Layout::Products && args.conditions.is_none();
        let has_conditions = inspector.conditions().len() > 1;
        let truth = Self { table: None, by_product, gate: args.gate, has_conditions };
        if !by_product {
            return Ok(Self { table: condition_table(args, listing, inspector)?, ..truth });
        }
        warn_of_strange(listing, inspector);
        if matches!(args.gate, GateUse::Auto | GateUse::Own) {
            if has_conditions {
                say!("the bundle's gate tells the product of each image (--gate oracle takes the name of its folder)");
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
            GateUse::Oracle | GateUse::Random | GateUse::Inverse => false,
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
fn warn_of_strange(listing: &Listing, inspector: &Inspector) {
    let products: BTreeSet<&str> = listing.samples.iter().filter_map(|s| Some(&*s.product.as_ref()?.name)).collect();
    let is_known = |name: &str| inspector.conditions().iter().any(|c| Product::of_condition(c.as_str()) == name);
    let strange: Vec<&str> = products.into_iter().filter(|name| !is_known(name)).collect();
    if !strange.is_empty() {
        warning!("the bundle was fitted on no product called {}", strange.join(", "));
    }
}
