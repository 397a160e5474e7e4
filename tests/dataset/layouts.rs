//! Layouts of data sets: recognised, said, refused; masks and tables in them.

use crate::cases::Use::{Bad, Both, Fit, Good, Inspect};
use crate::cases::cases;
use crate::trees::{names, tree};
use pcore::dataset::{
    DatasetError, Label, Layout, LayoutHints, inputs, inputs_as, labelled, labelled_as, normals, normals_as,
};
use std::path::PathBuf;

#[test]
fn each_layout_gives_exactly_its_normal_images_labels_and_masks() {
    let mut n_checked = 0;
    for mut case in cases() {
        let (_tree, root) = case.write();
        let (layout, hints) = (case.layout, case.hints.clone());
        let what = format!("{layout:?} {hints:?}");
        let fitted = normals_as(&root, None, &hints).unwrap();
        assert_eq!(names(&fitted), case.expected(|u| matches!(u, Fit | Both)), "{what}");
        assert_eq!(fitted.layout, layout, "{what}");
        assert!(fitted.samples.iter().all(|sample| sample.label == Some(Label::Normal)));
        let has_both = case.files.iter().any(|file| file.1 == Both) && layout != Layout::Good;
        assert_eq!(!fitted.notes.warnings.is_empty(), has_both, "{what}: {:?}", fitted.notes.warnings);

        let all = inputs_as(std::slice::from_ref(&root), None, &hints).unwrap();
        let is_inspected = |u| matches!(u, Fit | Good | Both | Bad(..) | Inspect);
        assert_eq!(names(&all), case.expected(is_inspected), "{what}");
        assert_eq!(all.layout, layout, "{what}");

        if layout == Layout::Flat {
            assert!(matches!(labelled_as(&root, None, &hints), Err(DatasetError::NoGood { .. })));
        } else {
            let measured = labelled_as(&root, None, &hints).unwrap();
            assert_eq!(measured.layout, layout, "{what}");
            assert_eq!(names(&measured), case.expected(|u| matches!(u, Good | Both | Bad(..))), "{what}");
            assert_eq!(measured.notes.unmatched_masks, Vec::<PathBuf>::new(), "{what}");
            for sample in &measured.samples {
                let (_, expected) = case.files.iter().find(|file| file.0 == sample.name).unwrap();
                let mask = sample.mask.as_ref().map(|mask| mask.strip_prefix(&root).unwrap().to_str().unwrap());
                let is_anomalous = sample.label == Some(Label::Anomalous);
                let expected = match *expected {
                    Bad(defect, mask) => (true, defect, mask),
                    _ => (false, "", None),
                };
                let found = (is_anomalous, sample.defect.as_deref().unwrap_or(""), mask);
                assert_eq!(found, expected, "{what} {}", sample.name);
            }
        }
        n_checked += 1;
    }
    assert_eq!(n_checked, 21);
}

#[test]
fn a_layout_that_is_said_is_taken_and_refused_where_it_is_another() {
    let by_name = |name: &str| LayoutHints { layout: Some(name.parse().unwrap()), ..LayoutHints::default() };
    let known = [
        (Layout::Good, "good"),
        (Layout::Mvtec, "mvtec"),
        (Layout::MvtecAd2, "mvtec-ad2"),
        (Layout::Mvtec3d, "mvtec-3d"),
        (Layout::Loco, "mvtec-loco"),
        (Layout::Hdmap, "hdmap"),
        (Layout::Btad, "btad"),
        (Layout::Visa, "visa"),
        (Layout::Kolektor, "kolektor"),
        (Layout::Kolektor2, "kolektor2"),
        (Layout::RealIad, "real-iad"),
        (Layout::Dagm, "dagm"),
        (Layout::Products, "products"),
    ];
    assert_eq!(Layout::names().count(), known.len() + 2);
    let mut n_refused = 0;
    for (layout, name) in known {
        let mut case = cases().into_iter().find(|case| case.layout == layout).unwrap();
        let (_tree, root) = case.write();
        let expected = names(&normals(&root, None).unwrap()).len();
        assert_eq!(normals_as(&root, None, &by_name(name)).unwrap().samples.len(), expected, "{name}");
        let others = if layout == Layout::Visa { "real-iad" } else { "visa" };
        let error = normals_as(&root, None, &by_name(others)).unwrap_err();
        n_refused += usize::from(matches!(error, DatasetError::NotThatLayout { .. }));
        assert!(error.to_string().contains("is not laid out as"), "{error}");
    }
    assert_eq!(n_refused, known.len());
    assert!("viza".parse::<Layout>().unwrap_err().to_string().contains("btad, visa"));
}

#[test]
fn a_flat_folder_whose_names_tell_of_defects_or_masks_is_refused_unless_said_to_be_flat() {
    let trees: [&[&str]; 16] = [
        &["a.png", "abnormal/b.png"],
        &["a.png", "NG/b.png"],
        &["a.png", "line1/defects/b.png"],
        &["a.png", "ko/b.png"],
        &["a.png", "bad_parts/b.png"],
        &["a.png", "masks/a.png"],
        &["a.png", "label/a.png"],
        &["a.png", "ground_truth/a.png"],
        &["a.png", "a_mask.png"],
        &["a.png", "a_seg.png"],
        &["a.png", "0002_NG.jpg"],
        &["fail/b.png", "pass/a.png"],
        &["gut/a.png", "schlecht/b.png"],
        &["good parts/a.png", "edges/b.png"],
        &["0/a.png", "1/b.png"],
        &["candle/Data/Images/Normal/0.JPG", "candle/Data/Images/Anomaly/0.JPG"],
    ];
    let flat = LayoutHints { layout: Some(Layout::Flat), ..LayoutHints::default() };
    for files in trees {
        let folder = tree(files);
        let error = normals(folder.path(), None).unwrap_err();
        assert!(matches!(error, DatasetError::NotOnlyNormals { .. }), "{files:?}: {error}");
        for way_out in ["--good NAME", "--split FILE.csv", "--layout flat"] {
            assert!(error.to_string().contains(way_out), "{error}");
        }
        assert_eq!(normals_as(folder.path(), None, &flat).unwrap().samples.len(), files.len(), "{files:?}");
    }
    // Names that only look like these.
    let harmless = tree(&["badge/a.png", "king/b.png", "no_defect/c.png", "label_printer/d.png", "a_mask_b.png"]);
    assert_eq!(normals(harmless.path(), None).unwrap().samples.len(), 5);
}

#[test]
fn a_part_of_a_data_set_is_known_by_what_lies_above_it() {
    let mut visa = cases().into_iter().find(|case| case.layout == Layout::Visa).unwrap();
    let (_tree, root) = visa.write();
    for part in ["Data", "Data/Images"] {
        assert_eq!(normals(&root.join(part), None).unwrap().samples.len(), 2, "{part}");
        let listing = labelled(&root.join(part), None).unwrap();
        assert_eq!(listing.samples.iter().filter(|sample| sample.mask.is_some()).count(), 1, "{part}");
    }
    let listing = inputs(&[root.join("Data/Images/Anomaly")], None).unwrap();
    assert_eq!(listing.samples[0].label, Some(Label::Anomalous));
    assert!(listing.samples[0].mask.as_ref().unwrap().ends_with("Masks/Anomaly/000.png"));
    // A file that was written out is inspected, mask or not.
    assert_eq!(inputs(&[root.join("Data/Masks/Anomaly/000.png")], None).unwrap().samples.len(), 1);
}

#[test]
fn masks_are_found_under_every_usual_name() {
    let mut n_found = 0;
    for suffix in ["", "_mask", "_MASK", "_label", "_GT", "_gt", "_annotation", "_segmentation"] {
        for extension in ["png", "PNG", "jpg", "jpeg", "bmp", "tif", "TIFF"] {
            let mask = format!("ground_truth/hole/007{suffix}.{extension}");
            let folder = tree(&["test/good/0.png", "test/hole/007.png", &mask]);
            let listing = labelled(folder.path(), None).unwrap();
            let found = listing.samples.iter().find_map(|sample| sample.mask.clone());
            assert_eq!(found, Some(folder.path().join(&mask)), "{mask}");
            assert!(listing.notes.unmatched_masks.is_empty());
            n_found += 1;
        }
    }
    assert_eq!(n_found, 56);
}

#[test]
fn masks_and_images_of_either_unicode_form_belong_together() {
    for (image, mask) in [("caf\u{e9}", "cafe\u{301}"), ("cafe\u{301}", "caf\u{e9}")] {
        let folder = tree(&[
            "test/good/0.png",
            &format!("test/hole/{image}.png"),
            &format!("ground_truth/hole/{mask}_mask.png"),
        ]);
        let listing = labelled(folder.path(), None).unwrap();
        assert_eq!(listing.samples.iter().filter(|sample| sample.mask.is_some()).count(), 1, "{image:?} {mask:?}");
        assert!(listing.notes.unmatched_masks.is_empty());
    }
}

#[test]
fn a_mask_of_one_defect_is_not_that_of_another_and_strays_are_named() {
    let folder = tree(&[
        "test/good/0.png",
        "test/hole/0.png",
        "test/bent/0.png",
        "ground_truth/0_mask.png",
        "ground_truth/hole/0_mask.png",
        "ground_truth/hole/1_mask.png",
        "ground_truth/dent/0_mask.png",
    ]);
    let listing = labelled(folder.path(), None).unwrap();
    let masks: Vec<bool> = listing.samples.iter().map(|sample| sample.mask.is_some()).collect();
    assert_eq!(
        (names(&listing), masks),
        (vec!["test/bent/0.png", "test/good/0.png", "test/hole/0.png"], vec![false, false, true])
    );
    let strays: Vec<_> = listing
        .notes
        .unmatched_masks
        .iter()
        .map(|mask| mask.strip_prefix(folder.path()).unwrap().to_path_buf())
        .collect();
    let expected = ["ground_truth/0_mask.png", "ground_truth/dent/0_mask.png", "ground_truth/hole/1_mask.png"];
    assert_eq!(strays, expected.map(PathBuf::from));
}

#[test]
fn an_image_whose_mask_is_missing_or_unreadable_gets_no_label_where_masks_tell_it() {
    let mut case = cases().into_iter().find(|case| case.layout == Layout::Kolektor2).unwrap();
    let (_tree, root) = case.write();
    std::fs::remove_file(root.join("test/20001_GT.png")).unwrap();
    let listing = labelled(&root, None).unwrap();
    assert_eq!(names(&listing), ["test/20000.png"]);
    assert!(listing.notes.warnings.iter().any(|warning| warning.contains("1 images are left out")));
    std::fs::write(root.join("test/20001_GT.png"), b"no image").unwrap();
    let listing = labelled(&root, None).unwrap();
    assert_eq!(names(&listing), ["test/20000.png"]);
    assert!(listing.notes.warnings.iter().any(|warning| warning.contains("20001_GT.png")));
}

#[test]
fn a_split_table_that_cannot_be_used_is_refused_by_line() {
    let folder = tree(&["a/0.png", "a/1.png"]);
    let table = folder.path().join("split.csv");
    let hints = LayoutHints { split: Some(table.clone()), ..LayoutHints::default() };
    let cases = [
        ("path,label\na/0.png,ok\n", "no column `split`"),
        ("path,split,label\na/0.png,train,fine\n", "line 2: the label fine"),
        ("path,split,label\na/0.png,trian,ok\n", "line 2: the split trian"),
        ("path,split,label\na/0.png,train,ok\na/0.png,test,ok\n", "line 3: a/0.png is already named in line 2"),
        ("path,split,label\nb/0.png,train,ok\n", "no line names an image below"),
    ];
    for (text, expected) in cases {
        std::fs::write(&table, text).unwrap();
        let error = normals_as(folder.path(), None, &hints).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(&table, "path,split,label\na\\0.png,train,ok\na/9.png,train,ok\n").unwrap();
    let listing = normals_as(folder.path(), None, &hints).unwrap();
    assert_eq!(names(&listing), ["a/0.png"]);
    assert!(listing.notes.warnings.iter().any(|warning| warning.contains("a/9.png (line 3)")), "{:?}", listing.notes);
}
