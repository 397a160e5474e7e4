//! Bundles of a detector of one's own, changed after their fit.

use crate::cases::{cases, registry};
use crate::data::Normals;
use crate::living::{further, plan};
use pcore::condition::ConditionRule;
use pcore::live::{CalibratePlan, Told, calibrate, undo_with, update, write_changed_with};
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{GroupRule, fit};
use tempfile::TempDir;

#[test]
fn a_detector_of_ones_own_is_calibrated_kept_and_put_back_and_says_where_it_does_not_learn() {
    let (normals, folder) = (Normals::new(8), TempDir::new().unwrap());
    let case = cases().into_iter().find(|case| case.name == "toy").unwrap();
    let base = fit(&normals.samples, &case.plan(), &OpenDevice::cpu(), &Silent).unwrap().contents;
    let (device, further) = (OpenDevice::cpu(), further(folder.path(), 400..412));
    let by = CalibratePlan {
        told: Told::By(ConditionRule::Folder),
        group: GroupRule::Single,
        at: None,
        ..CalibratePlan::default()
    };
    assert!(calibrate(base.clone(), &further, &by, &device, &Silent).is_err(), "the built-in registry has no toy");
    let done = calibrate(base.clone(), &further, &by, (&device, registry()), &Silent).unwrap();
    assert_eq!((done.n_scores, done.contents.scores_under(0).len()), (24, 24));
    let path = folder.path().join("toy.pcore");
    write_changed_with(&path, &base, registry()).unwrap();
    write_changed_with(&path, &done.contents, registry()).unwrap();
    let back = undo_with(&path, registry()).unwrap();
    assert_eq!(back.scores_under(0), base.scores_under(0));
    let refused = update(base, &further, &plan(), (&device, registry()), &Silent).unwrap_err();
    assert!(refused.to_string().contains("the detector toy"), "{refused}");
}
