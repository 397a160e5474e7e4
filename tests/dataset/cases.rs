//! Every layout of `docs/layouts.md`, as it is on disk.

use pcore::dataset::{Layout, LayoutHints};
use std::path::PathBuf;
use tempfile::TempDir;

/// What a file of a generated tree is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Use {
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
pub(crate) struct Case {
    pub(crate) layout: Layout,
    pub(crate) hints: LayoutHints,
    /// The folder that is given, below the tree.
    root: &'static str,
    /// Names below `root`.
    pub(crate) files: &'static [(&'static str, Use)],
    /// Files of text, below the tree.
    texts: &'static [(&'static str, &'static str)],
}

fn case(layout: Layout, files: &'static [(&'static str, Use)]) -> Case {
    Case { layout, hints: LayoutHints::default(), root: "", files, texts: &[] }
}

/// Every layout of `docs/layouts.md`.
pub(crate) fn cases() -> Vec<Case> {
    [few(), mvtec(), like_mvtec(), visa(), folders(), beside(), products(), hinted()].into_iter().flatten().collect()
}

/// Folders of normal images, and of others beside them.
fn few() -> Vec<Case> {
    vec![
        case(Layout::Flat, &[("a.png", Fit), ("cold/b.tif", Fit), ("notes.txt", Nothing)]),
        case(
            Layout::Good,
            &[("good/a.png", Both), ("crack/a.png", Bad("crack", None)), ("bad/b.png", Bad("bad", None))],
        ),
    ]
}

/// MVTec AD, AD 2 and 3D-AD.
fn mvtec() -> Vec<Case> {
    vec![
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
    ]
}

/// `train` and `test` of other publishers.
fn like_mvtec() -> Vec<Case> {
    vec![
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
    ]
}

/// VisA, without and with its split.
fn visa() -> Vec<Case> {
    vec![
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
    ]
}

/// Folders of anomalib.
fn folders() -> Vec<Case> {
    vec![
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
    ]
}

/// Masks beside the images.
fn beside() -> Vec<Case> {
    vec![
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
    ]
}

/// Several products.
fn products() -> Vec<Case> {
    vec![case(
        Layout::Products,
        &[
            ("README.md", Nothing),
            ("bottle/train/good/cold/000.png", Fit),
            ("bottle/test/good/000.png", Good),
            ("bottle/test/bent/000.png", Bad("bent", Some("bottle/ground_truth/bent/000_mask.png"))),
            ("bottle/ground_truth/bent/000_mask.png", Use::Mask),
            ("cable/train/ok/000.png", Fit),
            ("cable/test/ok/000.png", Good),
            ("cable/test/ko/000.png", Bad("ko", None)),
            ("nut/train/good/rgb/000.png", Fit),
            ("nut/train/good/xyz/000.tiff", Nothing),
            ("nut/test/good/rgb/000.png", Good),
            ("nut/test/bent/rgb/000.png", Bad("bent", Some("nut/test/bent/gt/000.png"))),
            ("nut/test/bent/gt/000.png", Use::Mask),
            ("papers/notes.txt", Nothing),
        ],
    )]
}

/// What was said beforehand.
fn hinted() -> Vec<Case> {
    let split = |file: &str| LayoutHints { split: Some(file.into()), ..LayoutHints::default() };
    vec![
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
    pub(crate) fn write(&mut self) -> (TempDir, PathBuf) {
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

    pub(crate) fn expected(&self, is_meant: impl Fn(Use) -> bool) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.files.iter().filter(|file| is_meant(file.1)).map(|file| file.0).collect();
        names.sort_unstable();
        names
    }
}
