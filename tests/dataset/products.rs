//! Trees of several products.

use crate::trees::{names, tree};
use pcore::condition::{ConditionRule, condition_of};
use pcore::dataset::{DatasetError, Layout, LayoutHints, Listing, Sample, inputs, labelled, normals, normals_as};
use std::path::Path;

const PRODUCTS: &[&str] = &[
    "README.md",
    ".cache/train/good/0.png",
    "bolt/train/good/0.png",
    "bolt/test/good/0.png",
    "bolt/test/bent/0.png",
    "drawings/0.png",
    "new/train/good/0.png",
    "nut/train/good/cold/0.png",
    "nut/train/good/warm/deep/0.png",
    "nut/test/good/cold/0.png",
    "nut/test/bent/warm/0.png",
    "nut/test/loose.png",
    "old/test/good/0.png",
    "old/test/bent/0.png",
    "visa/Data/Images/Normal/0.JPG",
    "visa/Data/Images/Anomaly/0.JPG",
];

/// By the rule `folder`.
fn conditions(listing: &Listing) -> Vec<String> {
    let samples: Vec<&Sample> = listing.samples.iter().collect();
    let found = condition_of(&ConditionRule::Folder, &samples, None).unwrap();
    found.into_iter().map(|name| name.unwrap_or_default()).collect()
}

fn skipped(listing: &Listing, root: &Path) -> Vec<(String, String)> {
    let below = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    listing.skipped.iter().map(|skipped| (below(&skipped.path), skipped.why.to_string())).collect()
}

#[test]
fn a_tree_of_products_is_fitted_and_measured_on_as_a_whole() {
    let folder = tree(PRODUCTS);
    let fitted = normals(folder.path(), None).unwrap();
    assert_eq!((fitted.layout, &*fitted.notes.detail), (Layout::Products, "3 products"));
    let expected = [
        ("bolt/train/good/0.png", "bolt"),
        ("new/train/good/0.png", "new"),
        ("nut/train/good/cold/0.png", "nut/cold"),
        ("nut/train/good/warm/deep/0.png", "nut/deep"),
    ];
    assert_eq!(names(&fitted), expected.map(|(name, _)| name));
    assert_eq!(conditions(&fitted), expected.map(|(_, condition)| condition));

    let measured = labelled(folder.path(), None).unwrap();
    let expected = [
        ("bolt/test/bent/0.png", "bolt", "bolt"),
        ("bolt/test/good/0.png", "bolt", "bolt"),
        ("nut/test/bent/warm/0.png", "nut", "nut/warm"),
        ("nut/test/good/cold/0.png", "nut", "nut/cold"),
        ("old/test/bent/0.png", "old", "old"),
        ("old/test/good/0.png", "old", "old"),
    ];
    assert_eq!(names(&measured), expected.map(|(name, ..)| name));
    assert_eq!(conditions(&measured), expected.map(|(.., condition)| condition));
    let products: Vec<&str> = measured.samples.iter().map(|s| &*s.product.as_ref().unwrap().name).collect();
    assert_eq!(products, expected.map(|(_, product, _)| product));

    let inspected = inputs(&[folder.path().to_path_buf()], None).unwrap();
    assert_eq!((inspected.layout, inspected.samples.len()), (Layout::Products, 14));
}

#[test]
fn folders_that_are_no_product_are_skipped_by_name() {
    let folder = tree(PRODUCTS);
    let fitted = normals(folder.path(), None).unwrap();
    let neither = "no product: it holds neither train nor test";
    let expected =
        [("drawings", neither), ("old", "a product without training images"), ("visa", neither)].map(of_strings);
    assert_eq!(skipped(&fitted, folder.path()), expected);
    let measured = labelled(folder.path(), None).unwrap();
    let expected = [
        ("drawings", neither),
        ("new", "a product without test images"),
        ("nut/test/loose.png", "neither in good/ nor in a defect folder"),
        ("visa", neither),
    ];
    assert_eq!(skipped(&measured, folder.path()), expected.map(of_strings));
    assert!(fitted.skipped.iter().chain(&measured.skipped).all(|skipped| !skipped.why.is_failure()));
}

fn of_strings((name, why): (&str, &str)) -> (String, String) {
    (name.to_owned(), why.to_owned())
}

#[test]
fn a_product_that_is_not_only_normal_is_refused_by_its_folder() {
    let folder = tree(&["bolt/train/good/0.png", "nut/train/good/0.png", "nut/train/good/NG/0.png"]);
    let error = normals(folder.path(), None).unwrap_err();
    assert!(matches!(&error, DatasetError::NotOnlyNormals { inner, .. } if inner.ends_with("nut/train/good/NG")));
}

#[test]
fn one_product_alone_and_folders_with_names_given_are_no_tree_of_products() {
    let alone = tree(&["bolt/train/good/0.png", "bolt/test/good/0.png", "drawings/0.png"]);
    assert!(matches!(normals(alone.path(), None), Err(DatasetError::NotOnlyNormals { .. })));
    assert!(matches!(labelled(alone.path(), None), Err(DatasetError::NoGood { .. })));
    let named = tree(&["bolt/train/gut/0.png", "nut/train/gut/cold/0.png"]);
    let hints = |layout| LayoutHints { layout, good: vec!["gut".to_owned()], ..LayoutHints::default() };
    assert_eq!(normals_as(named.path(), None, &hints(None)).unwrap().layout, Layout::Named);
    let said = normals_as(named.path(), None, &hints(Some(Layout::Products))).unwrap();
    assert_eq!((said.layout, conditions(&said)), (Layout::Products, vec!["bolt".to_owned(), "nut/cold".to_owned()]));
}

#[test]
fn the_folder_of_one_product_is_a_data_set_of_its_own() {
    let folder = tree(PRODUCTS);
    let listing = normals(&folder.path().join("nut"), None).unwrap();
    assert_eq!(listing.layout, Layout::Mvtec);
    assert_eq!(conditions(&listing), ["cold", "deep"]);
    assert!(listing.samples.iter().all(|sample| sample.product.is_none()));
}
