//! Updates that are killed at any moment: `PCORE_KILLS=N` sets how many.

use super::{leftovers, parts};
use crate::support::{expect, pcore};
use pcore::bundle::Contents;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

fn update(folder: &Path) -> Command {
    let mut command = pcore(folder);
    command.args(["update", "b.pcore", "--normal", "more", "--group", "none", "--cap", "24"]);
    command
}

/// Training images of the bundle.
fn n_sources(path: &Path) -> usize {
    Contents::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).manifest.sources.len()
}

#[test]
fn a_killed_update_leaves_the_old_bundle_or_the_new_one_and_the_way_back() {
    let n_kills: usize = std::env::var("PCORE_KILLS").map_or(12, |n| n.parse().unwrap());
    let folder = parts();
    let folder = folder.path();
    let bundle = folder.join("b.pcore");
    let before = folder.join("b.pcore.before");
    fs::create_dir(folder.join("more")).unwrap();
    for entry in fs::read_dir(folder.join("domain_C/test/good")).unwrap().take(3) {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join("more").join(path.file_name().unwrap())).unwrap();
    }
    let old = fs::read(&bundle).unwrap();
    let n_old = n_sources(&bundle);
    let start = Instant::now();
    expect(0, &mut update(folder));
    let whole = start.elapsed();
    assert_eq!(n_sources(&bundle), n_old + 3);
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut n_cut, mut n_done) = (0, 0);
    for kill in 0..n_kills {
        fs::write(&bundle, &old).unwrap();
        drop(fs::remove_file(&before));
        let mut child = update(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // By turns at any moment, and when the old bundle has just been put aside.
        if kill % 2 == 0 {
            sleep(whole.mul_f64(random.random_range(0.0..1.2)));
        } else {
            while child.try_wait().unwrap().is_none() && !before.exists() {
                std::hint::spin_loop();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let is_old = fs::read(&bundle).unwrap() == old;
        assert!(is_old || n_sources(&bundle) == n_old + 3);
        if before.exists() {
            assert!(fs::read(&before).unwrap() == old, "what is kept is not the old bundle");
        } else {
            assert!(is_old, "a new bundle without the way back");
        }
        if !is_old {
            expect(0, pcore(folder).args(["undo", "b.pcore"]));
            assert!(fs::read(&bundle).unwrap() == old, "undo does not bring the old bundle back");
        }
        (n_cut, n_done) = (n_cut + usize::from(is_old), n_done + usize::from(!is_old));
        leftovers(folder).iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    println!("{n_kills} updates killed: {n_cut} left the old bundle, {n_done} the new one");
    assert!(n_cut > 0, "no update was cut short");
}
