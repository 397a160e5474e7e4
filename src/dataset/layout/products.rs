//! Several products side by side, each a tree of `train` and `test` of its own.

use std::path::{Path, PathBuf};

use super::masks::{MaskFinder, MaskPlace};
use super::names::{Layout, LayoutHints};
use super::recognise::recognise;
use super::rule::{Described, Kind, Purpose, Rule};
use super::tree;
use crate::dataset::place::{TEST, TEST_PUBLIC, TRAIN, absolute};
use crate::dataset::walk::{by_name, subfolders};
use crate::dataset::{DatasetError, Product, Skipped, Why};

/// The products of a tree, and the folders beside them that are none.
#[derive(Debug)]
pub(in crate::dataset) struct Products {
    products: Vec<One>,
    passed_over: Vec<Skipped>,
}

#[derive(Debug)]
struct One {
    name: String,
    /// Its folder, absolute.
    at: PathBuf,
    /// The folders that are looked into, absolute.
    walk: Vec<PathBuf>,
    described: Described,
}

/// Describes `root` if two or more of the folders in it are trees of `train` and `test` that hold what is wanted.
pub(super) fn describe(
    root: &Path,
    domain: Option<&str>,
    hints: &LayoutHints,
    purpose: Purpose,
) -> Result<Option<Described>, DatasetError> {
    let is_said = hints.layout == Some(Layout::Products);
    // Without a layout, names of folders say it of images at any depth.
    if !is_said && (hints.layout.is_some() || !hints.good.is_empty()) {
        return Ok(None);
    }
    let hints = LayoutHints { layout: None, ..hints.clone() };
    let mut found = Products { products: vec![], passed_over: vec![] };
    for name in subfolders(root)? {
        let folder = root.join(&name);
        let at = absolute(&folder)?;
        if let Some(why) = by_name(&at, true) {
            found.pass_over(folder, why);
            continue;
        }
        match one(&folder, domain, &hints, purpose)? {
            Err(why) => found.pass_over(folder, why.into()),
            Ok(described) => {
                let walk = described.walk.iter().map(|folder| absolute(folder)).collect::<Result<_, _>>()?;
                found.products.push(One { name, at, walk, described });
            }
        }
    }
    if found.products.len() < 2 {
        return Ok(None);
    }
    let all = || found.products.iter().map(|one| &one.described);
    Ok(Some(Described {
        layout: Layout::Products,
        detail: format!("{} products", found.products.len()),
        at: absolute(root)?,
        walk: all().flat_map(|described| described.walk.iter().cloned()).collect(),
        warnings: all().flat_map(|described| described.warnings.iter().cloned()).collect(),
        rule: Box::new(found),
    }))
}

/// Whether `folder` holds several products, whatever is wanted of them.
pub(super) fn is_tree_of_products(folder: &Path) -> bool {
    let describe = |purpose| describe(folder, None, &LayoutHints::default(), purpose).ok().flatten();
    describe(Purpose::Evaluate).or_else(|| describe(Purpose::Fit)).is_some()
}

/// The product in `folder`, or why it is none.
fn one(
    folder: &Path,
    domain: Option<&str>,
    hints: &LayoutHints,
    purpose: Purpose,
) -> Result<Result<Described, &'static str>, DatasetError> {
    let holds = |parts: &[&str]| parts.iter().any(|part| folder.join(part).is_dir());
    match (purpose, holds(&[TRAIN]), holds(&[TEST, TEST_PUBLIC])) {
        (_, false, false) => return Ok(Err("no product: it holds neither train nor test")),
        (Purpose::Fit, false, true) => return Ok(Err("a product without training images")),
        (Purpose::Evaluate | Purpose::Defects, true, false) => return Ok(Err("a product without test images")),
        (Purpose::Fit, true, _) | (Purpose::Evaluate | Purpose::Defects, _, true) => {}
    }
    if recognise(folder, hints)?.is_some() {
        return Ok(Err("a data set of another layout than the products beside it"));
    }
    match tree::describe(folder, domain, hints, purpose) {
        Ok(described) => Ok(described.ok_or("no product: its folders are called otherwise")),
        Err(DatasetError::NoGood { .. }) => Ok(Err("a product without normal test images")),
        Err(other) => Err(other),
    }
}

impl Products {
    fn pass_over(&mut self, path: PathBuf, why: Why) {
        self.passed_over.push(Skipped { path, why });
    }

    fn of(&self, place: &Path) -> Option<&One> {
        self.products.iter().find(|one| place.starts_with(&one.at))
    }
}

impl Rule for Products {
    fn kind(&self, place: &Path, finder: &mut MaskFinder) -> Kind {
        match self.of(place) {
            Some(one) => one.described.rule.kind(place, finder),
            None => Kind::Unlabelled("in the folder of no product"),
        }
    }

    fn mask_places(&self, place: &Path) -> Vec<MaskPlace> {
        self.of(place).map_or_else(Vec::new, |one| one.described.rule.mask_places(place))
    }

    fn mask_roots(&self) -> Vec<PathBuf> {
        self.products.iter().flat_map(|one| one.described.rule.mask_roots()).collect()
    }

    /// Whether these are folders of normal images alone, to be checked.
    fn is_checked(&self) -> bool {
        self.products.iter().any(|one| one.described.rule.is_checked())
    }

    /// The product of an image, and the last folder on the way to it that no layout has a meaning for.
    fn product(&self, place: &Path) -> Option<Product> {
        let One { name, walk, described, .. } = self.of(place)?;
        let inner = described.rule.inner(place, walk);
        Some(Product { name: name.clone(), inner })
    }

    fn passed_over(&self) -> &[Skipped] {
        &self.passed_over
    }
}
