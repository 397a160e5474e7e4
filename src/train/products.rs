//! Whether images are of one product.

use super::TrainError;
use crate::dataset::{Product, Sample};
use std::collections::BTreeSet;

/// Refuses images of several products where nothing keeps them apart.
pub(crate) fn check_one_product(samples: &[Sample]) -> Result<(), TrainError> {
    let names: BTreeSet<&str> =
        samples.iter().filter_map(|sample| sample.product.as_ref()).map(|Product { name, .. }| &**name).collect();
    if names.len() < 2 {
        return Ok(());
    }
    Err(TrainError::SeveralProducts { products: names.into_iter().map(str::to_owned).collect() })
}
