//! Which images a folder holds, and what their place says about them.

use crate::shared::shared;
use std::path::{Path, PathBuf};

use pcore::dataset::{
    DatasetError, Label, Layout, LayoutHints, Listing, Why, inputs, inputs_as, labelled, labelled_as, normals,
    normals_as,
};
use tempfile::TempDir;

/// A folder with these files, each empty: listing does not open images.
fn tree(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    folder
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.samples.iter().map(|sample| sample.name.as_str()).collect()
}

const MVTEC: &[&str] = &[
    "train/good/000.png",
    "train/good/001.png",
    "test/good/000.png",
    "test/scratch/000.png",
    "test/scratch/001.png",
    "test/bent/000.png",
    "test/bent/001.png",
    "ground_truth/scratch/000_mask.png",
    "ground_truth/scratch/001.png",
    "ground_truth/bent/000_mask.tif",
    "readme.txt",
];

const HDMAP: &[&str] = &[
    "domain_A/train/good/000000.tiff",
    "domain_A/test/good/000000.tiff",
    "domain_A/test/fault/000000.tiff",
    "domain_C/train/good/000000.tiff",
    "domain_C/train/good/000001.tiff",
    "domain_C/test/good/000000.tiff",
    "domain_C/test/fault/000000.tiff",
    "domain_C/ground_truth/fault/000000.png",
];

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

/// What a file of a generated tree is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    /// Fitted on.
    Fit,
    /// Measured on as normal.
    Good,
    /// Both: the layout keeps none apart.
    Both,
    /// Measured on as anomalous, with this defect and mask.
    Bad(&'static str, Option<&'static str>),
    /// Inspected only.
    Inspect,
    /// A mask that marks something.
    Mask,
    /// A mask that marks nothing.
    BlackMask,
    /// Never looked at.
    Nothing,
}
use Use::{Bad, BlackMask, Both, Fit, Good, Inspect, Nothing};

/// A layout as it is on disk.
struct Case {
    layout: Layout,
    hints: LayoutHints,
    /// The folder that is given, below the tree.
    root: &'static str,
    /// Names below `root`.
    files: &'static [(&'static str, Use)],
    /// Files of text, below the tree.
    texts: &'static [(&'static str, &'static str)],
}

fn case(layout: Layout, files: &'static [(&'static str, Use)]) -> Case {
    Case { layout, hints: LayoutHints::default(), root: "", files, texts: &[] }
}

/// Every layout of `docs/layouts.md`.
fn cases() -> Vec<Case> {
    let split = |file: &str| LayoutHints { split: Some(file.into()), ..LayoutHints::default() };
    vec![
        case(Layout::Flat, &[("a.png", Fit), ("cold/b.tif", Fit), ("notes.txt", Nothing)]),
        case(
            Layout::Good,
            &[("good/a.png", Both), ("crack/a.png", Bad("crack", None)), ("bad/b.png", Bad("bad", None))],
        ),
        case(
            Layout::Mvtec,
            &[
                ("train/good/000.png", Fit),
                ("test/good/000.png", Good),
                ("test/bent/000.png", Bad("bent", Some("ground_truth/bent/000_mask.png"))),
                ("test/bent/001.png", Bad("bent", None)),
                ("test/scratch/000.png", Bad("scratch", Some("ground_truth/scratch/000.png"))),
                ("ground_truth/bent/000_mask.png", Use::Mask),
                ("ground_truth/scratch/000.png", Use::Mask),
                ("license.txt", Nothing),
            ],
        ),
        case(
            Layout::MvtecAd2,
            &[
                ("train/good/000_regular.png", Fit),
                ("validation/good/000_regular.png", Inspect),
                ("test_public/good/000_regular.png", Good),
                (
                    "test_public/bad/000_regular.png",
                    Bad("bad", Some("test_public/ground_truth/bad/000_regular_mask.png")),
                ),
                ("test_public/bad/001_overexposed.png", Bad("bad", None)),
                ("test_public/ground_truth/bad/000_regular_mask.png", Use::Mask),
                ("test_private/000_regular.png", Inspect),
            ],
        ),
        case(
            Layout::Mvtec3d,
            &[
                ("train/good/rgb/000.png", Fit),
                ("train/good/xyz/000.tiff", Nothing),
                ("train/good/gt/000.png", BlackMask),
                ("validation/good/rgb/000.png", Inspect),
                ("validation/good/xyz/000.tiff", Nothing),
                ("test/good/rgb/000.png", Good),
                ("test/good/xyz/000.tiff", Nothing),
                ("test/good/gt/000.png", BlackMask),
                ("test/hole/rgb/000.png", Bad("hole", Some("test/hole/gt/000.png"))),
                ("test/hole/xyz/000.tiff", Nothing),
                ("test/hole/gt/000.png", Use::Mask),
            ],
        ),
        case(
            Layout::Loco,
            &[
                ("train/good/000.png", Fit),
                ("validation/good/000.png", Inspect),
                ("test/good/000.png", Good),
                (
                    "test/logical_anomalies/000.png",
                    Bad("logical_anomalies", Some("ground_truth/logical_anomalies/000")),
                ),
                (
                    "test/structural_anomalies/000.png",
                    Bad("structural_anomalies", Some("ground_truth/structural_anomalies/000")),
                ),
                ("ground_truth/logical_anomalies/000/000.png", Use::Mask),
                ("ground_truth/logical_anomalies/000/001.png", Use::Mask),
                ("ground_truth/structural_anomalies/000/000.png", Use::Mask),
                ("defects_config.json", Nothing),
            ],
        ),
        case(
            Layout::Hdmap,
            &[
                ("domain_C/train/good/000000.tiff", Fit),
                ("domain_C/test/good/000000.tiff", Good),
                ("domain_C/test/fault/000000.tiff", Bad("fault", Some("domain_C/ground_truth/fault/000000_mask.png"))),
                ("domain_C/ground_truth/fault/000000_mask.png", Use::Mask),
            ],
        ),
        case(
            Layout::Btad,
            &[
                ("train/ok/0000.bmp", Fit),
                ("test/ok/0000.bmp", Good),
                ("test/ko/0000.bmp", Bad("ko", Some("ground_truth/ko/0000.png"))),
                ("ground_truth/ko/0000.png", Use::Mask),
            ],
        ),
        case(
            Layout::Visa,
            &[
                ("Data/Images/Normal/0000.JPG", Both),
                ("Data/Images/Normal/0001.JPG", Both),
                ("Data/Images/Anomaly/000.JPG", Bad("Anomaly", Some("Data/Masks/Anomaly/000.png"))),
                ("Data/Masks/Anomaly/000.png", Use::Mask),
                ("image_anno.csv", Nothing),
            ],
        ),
        Case {
            root: "candle",
            texts: &[(
                "split_csv/1cls.csv",
                "object,split,label,image,mask\n\
                 candle,train,normal,candle/Data/Images/Normal/0000.JPG,\n\
                 candle,test,normal,candle/Data/Images/Normal/0001.JPG,\n\
                 candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png\n\
                 capsules,train,normal,capsules/Data/Images/Normal/000.JPG,\n",
            )],
            ..case(
                Layout::Visa,
                &[
                    ("Data/Images/Normal/0000.JPG", Fit),
                    ("Data/Images/Normal/0001.JPG", Good),
                    ("Data/Images/Anomaly/000.JPG", Bad("Anomaly", Some("Data/Masks/Anomaly/000.png"))),
                    ("Data/Masks/Anomaly/000.png", Use::Mask),
                ],
            )
        },
        case(
            Layout::Folder,
            &[
                ("normal/0.jpg", Both),
                ("abnormal/0.jpg", Bad("abnormal", Some("mask/0.png"))),
                ("abnormal/1.jpg", Bad("abnormal", None)),
                ("mask/0.png", Use::Mask),
            ],
        ),
        case(
            Layout::Folder,
            &[
                ("good/0.jpg", Both),
                ("crack/0.jpg", Bad("crack", Some("mask/crack/0.png"))),
                ("dent/0.jpg", Bad("dent", Some("mask/dent/0.png"))),
                ("mask/crack/0.png", Use::Mask),
                ("mask/dent/0.png", Use::Mask),
            ],
        ),
        case(
            Layout::Folder,
            &[("OK/0.jpg", Fit), ("ok_test/1.jpg", Good), ("NG/0.jpg", Bad("NG", None)), ("other/2.jpg", Inspect)],
        ),
        case(
            Layout::Kolektor,
            &[
                ("kos01/Part0.jpg", Both),
                ("kos01/Part0_label.bmp", BlackMask),
                ("kos02/Part5.jpg", Bad("", Some("kos02/Part5_label.bmp"))),
                ("kos02/Part5_label.bmp", Use::Mask),
            ],
        ),
        case(
            Layout::Kolektor2,
            &[
                ("train/10000.png", Fit),
                ("train/10000_GT.png", BlackMask),
                ("train/10001.png", Inspect),
                ("train/10001_GT.png", Use::Mask),
                ("test/20000.png", Good),
                ("test/20000_GT.png", BlackMask),
                ("test/20001.png", Bad("", Some("test/20001_GT.png"))),
                ("test/20001_GT.png", Use::Mask),
            ],
        ),
        case(
            Layout::RealIad,
            &[
                ("OK/S0001/part_0001_OK_C1.jpg", Both),
                ("NG/HS/S0002/part_0002_NG_HS_C1.jpg", Bad("HS", Some("NG/HS/S0002/part_0002_NG_HS_C1.png"))),
                ("NG/HS/S0002/part_0002_NG_HS_C1.png", Use::Mask),
                ("NG/HS/S0002/part_0002_NG_HS_C2.jpg", Bad("HS", None)),
            ],
        ),
        case(
            Layout::Dagm,
            &[
                ("Train/0001.PNG", Fit),
                ("Train/0002.PNG", Inspect),
                ("Train/Label/0002_label.PNG", Use::Mask),
                ("Train/Label/Labels.txt", Nothing),
                ("Test/0001.PNG", Good),
                ("Test/0002.PNG", Bad("", Some("Test/Label/0002_label.PNG"))),
                ("Test/Label/0002_label.PNG", Use::Mask),
            ],
        ),
        Case {
            hints: LayoutHints { good: vec!["gut".into()], ..LayoutHints::default() },
            ..case(
                Layout::Named,
                &[
                    ("line1/gut/0.png", Both),
                    ("line2/gut/0.png", Both),
                    ("riss/0.png", Bad("riss", Some("masks/riss/0.png"))),
                    ("masks/riss/0.png", Use::Mask),
                ],
            )
        },
        Case {
            hints: LayoutHints { masks: Some("truth".into()), ..LayoutHints::default() },
            ..case(
                Layout::Folder,
                &[("good/0.png", Both), ("crack/0.png", Bad("crack", Some("truth/0.tif"))), ("truth/0.tif", Use::Mask)],
            )
        },
        Case {
            hints: split("set/split.csv"),
            root: "set",
            texts: &[(
                "set/split.csv",
                "path,split,label,mask,defect\na/0.png,train,ok,,\na/1.png,test,0,,\nb/2.png,test,1,m/2.png,dent\nb/3.png,test,bad,,\n",
            )],
            ..case(
                Layout::Split,
                &[
                    ("a/0.png", Fit),
                    ("a/1.png", Good),
                    ("a/4.png", Inspect),
                    ("b/2.png", Bad("dent", Some("m/2.png"))),
                    ("b/3.png", Bad("b", Some("b/3_mask.bmp"))),
                    ("b/3_mask.bmp", Use::Mask),
                    ("m/2.png", Use::Mask),
                ],
            )
        },
    ]
}

impl Case {
    /// Writes the tree; the second is the folder to give.
    fn write(&mut self) -> (TempDir, PathBuf) {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().join(self.root);
        for (name, what) in self.files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if *what == Nothing {
                std::fs::write(&path, "no image").unwrap();
                continue;
            }
            let value = if *what == Use::Mask { 255 } else { 0 };
            pcore::image::write_png_grey8(&path, &[value; 4], 2, 2).unwrap();
        }
        for (name, text) in self.texts {
            std::fs::create_dir_all(tree.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(tree.path().join(name), text).unwrap();
        }
        self.hints.split = self.hints.split.as_ref().map(|table| tree.path().join(table));
        (tree, root)
    }

    fn expected(&self, is_meant: impl Fn(Use) -> bool) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.files.iter().filter(|file| is_meant(file.1)).map(|file| file.0).collect();
        names.sort_unstable();
        names
    }
}

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
    assert_eq!(n_checked, 20);
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
        for way_out in ["`LayoutHints::good` NAME", "`LayoutHints::split` FILE.csv", "`Layout::Flat`"] {
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
