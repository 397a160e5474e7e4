//! Which images a folder holds, and what their place says about them.

use crate::shared::shared;
use crate::trees::{HDMAP, MVTEC, names, tree};
use pcore::dataset::{
    BoxTable, DatasetError, Label, Layout, LayoutHints, Listing, Why, defects_as, inputs, labelled, normals,
};
use std::path::{Path, PathBuf};

#[test]
fn normals_are_found_in_every_layout() {
    let flat = tree(&["b.png", "a.tif", "notes.txt"]);
    let good = tree(&["good/cold/a.png", "good/warm/b.png", "bad/c.png"]);
    let mvtec = tree(MVTEC);
    let hdmap = tree(HDMAP);
    let turned = tree(&["train/domain_A/good/a.tiff", "train/domain_C/b.tiff"]);
    let cases: [(PathBuf, Option<&str>, Layout, &[&str]); 12] = [
        (flat.path().into(), None, Layout::Flat, &["a.tif", "b.png"]),
        (flat.path().into(), Some("C"), Layout::Flat, &["a.tif", "b.png"]),
        (good.path().into(), None, Layout::Good, &["good/cold/a.png", "good/warm/b.png"]),
        (good.path().join("good"), None, Layout::Flat, &["cold/a.png", "warm/b.png"]),
        (mvtec.path().into(), None, Layout::Mvtec, &["train/good/000.png", "train/good/001.png"]),
        (mvtec.path().join("train"), None, Layout::Good, &["good/000.png", "good/001.png"]),
        (
            hdmap.path().into(),
            Some("C"),
            Layout::Hdmap,
            &["domain_C/train/good/000000.tiff", "domain_C/train/good/000001.tiff"],
        ),
        (hdmap.path().into(), Some("domain_A"), Layout::Hdmap, &["domain_A/train/good/000000.tiff"]),
        (
            hdmap.path().join("domain_C"),
            Some("C"),
            Layout::Hdmap,
            &["train/good/000000.tiff", "train/good/000001.tiff"],
        ),
        (turned.path().join("train"), Some("A"), Layout::Hdmap, &["domain_A/good/a.tiff"]),
        (turned.path().into(), Some("A"), Layout::Hdmap, &["train/domain_A/good/a.tiff"]),
        (turned.path().into(), Some("C"), Layout::Hdmap, &["train/domain_C/b.tiff"]),
    ];
    for (path, domain, layout, expected) in cases {
        let listing = normals(&path, domain).unwrap();
        assert_eq!(names(&listing), expected);
        assert_eq!(listing.layout, layout, "{expected:?}");
        assert_eq!(listing.root, path);
        assert!(listing.samples.iter().all(|sample| sample.label == Some(Label::Normal)));
        assert!(listing.samples.iter().all(|sample| sample.path.is_file()));
        let expected_domain = domain.map(|domain| domain.trim_start_matches("domain_").to_owned());
        assert!(listing.samples.iter().all(|sample| sample.domain == expected_domain));
    }
}

#[test]
fn a_choice_of_domains_must_be_made_and_must_exist() {
    let hdmap = tree(HDMAP);
    for list in [normals, labelled] {
        let error = list(hdmap.path(), None).unwrap_err();
        assert!(matches!(&error, DatasetError::SeveralDomains { found, .. } if found == &["A", "C"]));
        let error = list(hdmap.path(), Some("B")).unwrap_err();
        assert!(matches!(error, DatasetError::NoSuchDomain { .. }), "{error}");
        assert!(error.to_string().contains("A, C"), "{error}");
        let error = list(&hdmap.path().join("domain_A"), Some("C")).unwrap_err();
        assert!(matches!(error, DatasetError::OtherDomain { .. }), "{error}");
    }
    let single = tree(&["domain_C/train/good/0.tiff"]);
    assert_eq!(normals(single.path(), None).unwrap().samples[0].domain.as_deref(), Some("C"));
}

#[test]
fn what_is_not_only_normal_is_refused() {
    let two_sets = tree(&["bottle/train/good/0.png", "cable/test/hole/0.png"]);
    let only_test = tree(&["test/good/0.png", "test/hole/0.png"]);
    for folder in [two_sets.path(), only_test.path()] {
        let error = normals(folder, None).unwrap_err();
        assert!(matches!(error, DatasetError::NotOnlyNormals { .. }), "{error}");
    }
}

#[test]
fn labelled_finds_labels_defects_and_masks() {
    let mvtec = tree(MVTEC);
    let listing = labelled(mvtec.path(), None).unwrap();
    assert_eq!(listing.layout, Layout::Mvtec);
    let found: Vec<_> = listing
        .samples
        .iter()
        .map(|sample| {
            let mask = sample.mask.as_ref().map(|mask| {
                assert!(mask.is_file());
                mask.file_name().unwrap().to_str().unwrap()
            });
            (sample.name.as_str(), sample.label, sample.defect.as_deref(), mask)
        })
        .collect();
    let (normal, anomalous) = (Some(Label::Normal), Some(Label::Anomalous));
    assert_eq!(
        found,
        [
            ("test/bent/000.png", anomalous, Some("bent"), Some("000_mask.tif")),
            ("test/bent/001.png", anomalous, Some("bent"), None),
            ("test/good/000.png", normal, None, None),
            ("test/scratch/000.png", anomalous, Some("scratch"), Some("000_mask.png")),
            ("test/scratch/001.png", anomalous, Some("scratch"), Some("001.png")),
        ]
    );
    // The test folder itself, and the training images left out.
    let listing = labelled(&mvtec.path().join("test"), None).unwrap();
    assert_eq!(listing.layout, Layout::Good);
    assert_eq!(listing.samples.iter().filter(|sample| sample.mask.is_some()).count(), 3);
    assert_eq!(names(&listing)[0], "bent/000.png");
}

#[test]
fn labelled_finds_a_domain() {
    let hdmap = tree(HDMAP);
    for (path, domain) in [
        (hdmap.path().to_path_buf(), Some("C")),
        (hdmap.path().join("domain_C"), None),
        (hdmap.path().join("domain_C/test"), Some("domain_C")),
    ] {
        let listing = labelled(&path, domain).unwrap();
        let labels: Vec<_> = listing.samples.iter().map(|sample| sample.label.unwrap()).collect();
        assert_eq!(labels, [Label::Anomalous, Label::Normal]);
        assert_eq!(listing.samples[0].defect.as_deref(), Some("fault"));
        assert!(listing.samples[0].mask.as_ref().unwrap().ends_with("ground_truth/fault/000000.png"));
        assert!(listing.samples.iter().all(|sample| sample.domain.as_deref() == Some("C")));
    }
}

#[test]
fn labelled_needs_a_good_folder_and_skips_loose_images() {
    let unlabelled = tree(&["test/hole/0.png"]);
    let error = labelled(unlabelled.path(), None).unwrap_err();
    assert!(matches!(&error, DatasetError::NoGood { found, .. } if found == &["hole"]), "{error}");
    let loose = tree(&["test/good/0.png", "test/loose.png"]);
    let listing = labelled(loose.path(), None).unwrap();
    assert_eq!(names(&listing), ["test/good/0.png"]);
    assert!(listing.skipped.iter().any(|skipped| skipped.path.ends_with("loose.png")));
}

#[test]
fn defects_need_no_normal_images_beside_them_and_are_never_taken_for_normal_ones() {
    let list = |files: &[&str], below: &str| {
        let tree = tree(files);
        let listing = defects_as(&tree.path().join(below), &LayoutHints::default()).unwrap();
        assert!(listing.samples.iter().all(|sample| sample.label == Some(Label::Anomalous)));
        let told = listing.samples.iter().map(|sample| {
            let mask = sample.mask.as_ref().map(|mask| mask.strip_prefix(tree.path().canonicalize().unwrap()).unwrap());
            let mask = mask.map(|mask| mask.to_str().unwrap().to_owned());
            (sample.name.clone(), sample.defect.clone(), mask)
        });
        told.collect::<Vec<_>>()
    };
    let told = |name: &str, defect: Option<&str>, mask: Option<&str>| {
        (name.to_owned(), defect.map(str::to_owned), mask.map(str::to_owned))
    };
    // A labelled data set, and the same without its normal images.
    let masked = told("test/hole/0.png", Some("hole"), Some("ground_truth/hole/0_mask.png"));
    let whole = ["train/good/1.png", "test/good/2.png", "test/hole/0.png", "ground_truth/hole/0_mask.png"];
    assert_eq!(list(&whole, ""), std::slice::from_ref(&masked));
    assert_eq!(list(&["test/hole/0.png", "ground_truth/hole/0_mask.png"], ""), [masked]);
    // One folder per defect, masks in a folder of their own or beside the images.
    let folders = ["a/0.png", "b/1.png", "b/1_mask.png", "ground_truth/a/0_mask.png"];
    let expected = [
        told("a/0.png", Some("a"), Some("ground_truth/a/0_mask.png")),
        told("b/1.png", Some("b"), Some("b/1_mask.png")),
    ];
    assert_eq!(list(&folders, ""), expected);
    // The images themselves.
    let loose = ["new/0.png", "new/0_mask.png", "new/1.png", "new/ground_truth/1.png"];
    let expected = [told("0.png", None, Some("new/0_mask.png")), told("1.png", None, Some("new/ground_truth/1.png"))];
    assert_eq!(list(&loose, "new"), expected);
    // What is called as normal images are is none.
    let dent = [told("dent/1.png", Some("dent"), None)];
    assert_eq!(list(&["ok/0.png", "dent/1.png"], ""), dent);
    for other in ["dent/GOOD/0.png", "good/0.png", "test_ok/0.png", "dent/masks/0.png", "train/Normal/0.png"] {
        assert_eq!(list(&[other, "dent/1.png"], ""), dent, "{other}");
    }
    assert_eq!(list(&["test/good/0.png", "test/OK/2.png", "test/dent/1.png"], "").len(), 1);
    for root in ["good", "Normal", "ground_truth"] {
        assert!(list(&[&format!("{root}/0.png")], root).is_empty(), "{root}");
    }
}

#[test]
fn rectangles_are_read_by_image_and_damaged_lines_are_named() {
    let tree = tree(&["hole/0.png", "hole/1.png"]);
    let table = tree.path().join("boxes.csv");
    let read = |text: &str| {
        std::fs::write(&table, text).unwrap();
        BoxTable::read(&table)
    };
    let listing = defects_as(tree.path(), &LayoutHints::default()).unwrap();
    // Columns in any order, several lines for an image.
    let found = read("width,height,path,top,left,note\n3,4,hole/0.png,2,1,a\n1,1,hole/0.png,0,0,b\n").unwrap();
    let boxes: Vec<_> =
        found.get(&listing.samples[0]).iter().map(|b| [b.left_px, b.top_px, b.width_px, b.height_px]).collect();
    assert_eq!(boxes, [[1, 2, 3, 4], [0, 0, 1, 1]]);
    assert!(found.get(&listing.samples[1]).is_empty() && found.check_names(&listing.samples).is_ok());
    for (text, words) in [
        ("path,left,top,width\nhole/0.png,1,1,1\n", "height"),
        ("path,left,top,width,height\nhole/0.png,1,1,1,0\n", "line 2: a rectangle has at least one pixel"),
        ("path,left,top,width,height\nhole/0.png,1,1,1,1\n,1,1,1,1\n", "line 3: path must not be empty"),
        ("path,left,top,width,height\nhole/0.png,1.5,1,1,1\n", "line 2: left \"1.5\""),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let one_of_two = read("path,left,top,width,height\nhole/0.png,1,1,1,1\nhole/7.png,1,1,1,1\n").unwrap();
    let error = one_of_two.check_names(&listing.samples).unwrap_err().to_string();
    assert!(error.contains("line 3: ") && error.contains("7.png is none of the 2 defective images"), "{error}");
    // A name in another Unicode form.
    let tree = crate::trees::tree(&["hole/Kra\u{308}tzer.png"]);
    let listing = defects_as(tree.path(), &LayoutHints::default()).unwrap();
    let table = tree.path().join("boxes.csv");
    std::fs::write(&table, "path,left,top,width,height\nhole/Kr\u{e4}tzer.png,1,1,1,1\n").unwrap();
    let found = BoxTable::read(&table).unwrap();
    assert!(found.check_names(&listing.samples).is_ok() && found.get(&listing.samples[0]).len() == 1);
}

#[test]
fn inputs_take_folders_with_the_labels_the_layout_tells() {
    let mvtec = tree(MVTEC);
    let listing = inputs(&[mvtec.path().to_path_buf()], None).unwrap();
    assert_eq!(listing.layout, Layout::Mvtec);
    assert_eq!(listing.samples.len(), 7, "masks are no inputs: {:?}", names(&listing));
    // The defect folder alone still knows its neighbours.
    let listing = inputs(&[mvtec.path().join("test/scratch")], None).unwrap();
    assert_eq!(names(&listing), ["000.png", "001.png"]);
    assert!(listing.samples.iter().all(|sample| sample.defect.as_deref() == Some("scratch")));
    assert!(listing.samples.iter().all(|sample| sample.mask.is_some()));
    // A folder that merely is called `test` says nothing.
    let plain = tree(&["test/photos/0.png"]);
    let listing = inputs(&[plain.path().to_path_buf()], None).unwrap();
    assert_eq!((listing.samples[0].label, listing.layout), (None, Layout::Flat));
    let hdmap = tree(HDMAP);
    assert_eq!(inputs(&[hdmap.path().to_path_buf()], None).unwrap().layout, Layout::Hdmap);
}

#[test]
fn inputs_keep_to_the_chosen_domain() {
    let hdmap = tree(HDMAP);
    let root = [hdmap.path().to_path_buf()];
    let listing = inputs(&root, Some("domain_C")).unwrap();
    assert_eq!(listing.samples.len(), 4);
    assert!(listing.samples.iter().all(|sample| sample.domain.as_deref() == Some("C")));
    assert!(listing.skipped.iter().any(|skipped| skipped.why == Why::OtherDomain { domain: "A".to_owned() }));
    let error = inputs(&root, Some("X")).unwrap_err();
    assert!(error.to_string().contains("A, C"), "{error}");
}

#[test]
fn inputs_take_each_file_once() {
    let folder = tree(&["a/0.png", "a/1.png", "b/2.png", "b/note.txt"]);
    let at = |name: &str| folder.path().join(name);
    let given = [at("a"), at("a/0.png"), at("*/*.png"), at("b/../b/2.png"), at("**/*")];
    let listing = inputs(&given, None).unwrap();
    assert_eq!(names(&listing), ["a/0.png", "a/1.png", "b/2.png"]);
    assert_eq!(listing.root, folder.path());
    // Whatever the order in which they are named.
    let mut reversed = given.to_vec();
    reversed.reverse();
    let again = inputs(&reversed, None).unwrap();
    assert_eq!(names(&again), names(&listing));
}

#[test]
fn inputs_take_patterns() {
    let folder = tree(&["x1.png", "x2.png", "y1.png", "x3.txt", ".x4.png", "sub/x5.png"]);
    let at = |name: &str| folder.path().join(name);
    let found = |pattern: &str| {
        let listing = inputs(&[at(pattern)], None).unwrap();
        names(&listing).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("x*.png"), ["x1.png", "x2.png"]);
    assert_eq!(found("?1.*"), ["x1.png", "y1.png"]);
    assert_eq!(found("[y]*"), ["y1.png"]);
    assert_eq!(found("**/x*"), ["sub/x5.png", "x1.png", "x2.png"]);
    let error = inputs(&[at("z*.png")], None).unwrap_err();
    assert!(matches!(error, DatasetError::NoMatch { .. }), "{error}");
    let error = inputs(&[at("x[")], None).unwrap_err();
    assert!(matches!(error, DatasetError::Pattern { .. }), "{error}");
    // A file whose name looks like a pattern is itself.
    std::fs::write(at("x[1].png"), b"").unwrap();
    assert_eq!(found("x[1].png"), ["x[1].png"]);
}

#[test]
fn a_named_file_is_taken_whatever_its_extension() {
    let folder = tree(&["frame.dat"]);
    let listing = inputs(&[folder.path().join("frame.dat")], None).unwrap();
    assert_eq!(names(&listing), ["frame.dat"]);
}

#[test]
fn names_sort_bytewise_with_slashes() {
    // '-' sorts before '/', '0' after it: a sort by path components would differ.
    let folder = tree(&["a/1.png", "a-b/1.png", "a0.png", "B.png", "é.png"]);
    let listing = inputs(&[folder.path().to_path_buf()], None).unwrap();
    assert_eq!(names(&listing), ["B.png", "a-b/1.png", "a/1.png", "a0.png", "é.png"]);
}

#[test]
fn hidden_files_and_other_files_are_left_out_and_counted() {
    let folder = tree(&["a.png", ".b.png", ".thumbs/c.png", "notes.txt", "UPPER.PNG"]);
    let listing = normals(folder.path(), None).unwrap();
    assert_eq!(names(&listing), ["UPPER.PNG", "a.png"]);
    let skipped: Vec<_> = listing
        .skipped
        .iter()
        .map(|skipped| (skipped.path.file_name().unwrap().to_str().unwrap(), skipped.why.to_string()))
        .collect();
    let expected = [(".b.png", "hidden"), (".thumbs", "hidden"), ("notes.txt", "no image")];
    assert_eq!(skipped, expected.map(|(name, why)| (name, why.to_owned())));
}

#[test]
fn nothing_to_read_is_said_with_a_way_out() {
    let empty = tree(&[]);
    let others = tree(&["a.txt", "b.csv", "c"]);
    let missing = empty.path().join("missing");
    type List = fn(&Path) -> Result<Listing, DatasetError>;
    let lists: [List; 2] = [|path| normals(path, None), |path| inputs(&[path.to_path_buf()], None)];
    for list in lists {
        let error = list(others.path()).unwrap_err().to_string();
        assert!(error.contains("found 3 other files"), "{error}");
        assert!(error.contains(".tif") && error.contains(&others.path().display().to_string()));
        let error = list(empty.path()).unwrap_err().to_string();
        assert!(error.contains("found 0 other files"), "{error}");
        assert!(matches!(list(&missing), Err(DatasetError::NotFound { .. })));
    }
    assert!(matches!(labelled(&missing, None), Err(DatasetError::NotFound { .. })));
    let file = others.path().join("a.txt");
    assert!(matches!(normals(&file, None), Err(DatasetError::NotAFolder { .. })));
    assert!(matches!(labelled(&file, None), Err(DatasetError::NotAFolder { .. })));
    assert!(matches!(inputs(&[], None), Err(DatasetError::NoInputs)));
}

#[cfg(unix)]
#[test]
fn loops_of_links_end_and_each_file_is_taken_once() {
    use std::os::unix::fs::symlink;
    let folder = tree(&["a/0.png", "b/1.png"]);
    let at = |name: &str| folder.path().join(name);
    symlink(folder.path(), at("a/up")).unwrap();
    symlink(at("b"), at("a/beside")).unwrap();
    symlink(at("a/0.png"), at("b/same.png")).unwrap();
    symlink(at("gone.png"), at("b/dangling.png")).unwrap();
    let listing = inputs(&[folder.path().to_path_buf()], None).unwrap();
    assert_eq!(names(&listing), ["a/0.png", "a/beside/1.png", "a/beside/dangling.png"]);
    let reasons: Vec<String> = listing.skipped.iter().map(|skipped| skipped.why.to_string()).collect();
    assert_eq!(
        reasons,
        [
            "same file as a/0.png",
            "folder already listed under another name",
            "folder already listed under another name"
        ]
    );
}

#[test]
fn the_shared_data_sets_are_listed_where_present() {
    let Some(tiles) = shared("data/magnetic_tile") else { return };
    assert!(!normals(&tiles, None).unwrap().samples.is_empty());
    let listing = labelled(&tiles, None).unwrap();
    let count = |label| listing.samples.iter().filter(|sample| sample.label == Some(label)).count();
    assert!(count(Label::Normal) > 0 && count(Label::Anomalous) > 0);
    for sample in listing.samples.iter().filter(|sample| sample.label == Some(Label::Anomalous)) {
        assert!(sample.mask.is_some(), "{}", sample.name);
    }
}
