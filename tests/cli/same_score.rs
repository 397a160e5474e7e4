//! One image, one score: whatever the batch, the company, the order, the threads, the process.

use crate::support::{Fixture, expect, pcore, raw_scores, rows};
use pcore::bundle::Contents;
use pcore::dataset;
use pcore::infer::Inspector;
use pcore::model::OpenDevice;
use pcore::progress::Silent;
use pcore::train::{FitPlan, Holdout, fit};

#[test]
fn scores_do_not_depend_on_batch_threads_order_or_company() {
    let fixture = Fixture::get();
    let infer = |extra: &[&str], threads: &str| {
        let mut command = pcore(fixture.path());
        raw_scores(&expect(0, command.args(["infer", "--json"]).args(extra).env("RAYON_NUM_THREADS", threads)))
    };
    let expected = infer(&["domain_C/test"], "2");
    assert_eq!(expected.len(), 16);
    for batch in ["1", "3", "32"] {
        for threads in ["1", "2"] {
            assert_eq!(
                infer(&["domain_C/test", "--batch", batch], threads),
                expected,
                "batch {batch}, {threads} threads"
            );
        }
    }
    for (name, score) in expected.iter().step_by(5) {
        let alone = infer(&[&format!("domain_C/test/{name}")], "1");
        assert_eq!(alone.values().next(), Some(score), "{name} alone");
    }
    let reversed = infer(&["domain_C/test/good", "domain_C/test/fault"], "2");
    assert_eq!(reversed, expected);
}

/// Bit for bit the searches agree; the networks, and with them the scores, up to rounding.
#[test]
fn older_instruction_sets_give_the_same_scores_up_to_rounding() {
    let fixture = Fixture::get();
    let infer = |limit: &str| {
        let mut command = pcore(fixture.path());
        let output = expect(0, command.args(["infer", "--json", "domain_C/test"]).env("PCORE_SIMD", limit));
        assert!(limit == "amx" || !String::from_utf8_lossy(&output.stderr).contains("amx"), "{limit} is not heeded");
        raw_scores(&output)
    };
    let expected = infer("amx");
    assert_eq!(expected.len(), 16);
    for limit in ["avx512", "avx2", "portable"] {
        for (name, score) in infer(limit) {
            let (score, expected) = (f32::from_bits(score), f32::from_bits(expected[&name]));
            assert!((score - expected).abs() <= 1e-5 * expected, "{limit}, {name}: {score} and {expected}");
        }
    }
}

/// The image that sets a threshold lies exactly at it where the bundle was fitted, and a hair beside it elsewhere.
#[test]
fn no_verdict_hangs_on_the_instruction_set() {
    let fixture = Fixture::get();
    let sets = ["amx", "avx512", "avx2", "portable"];
    // Of its own, so that no other test's last bundle changes.
    let home = fixture.path().join("sets");
    let run = |set: &str, args: &[&str]| {
        expect(0, pcore(fixture.path()).args(args).env("PCORE_SIMD", set).env("PCORE_HOME", &home))
    };
    let verdicts = |set: &str, bundle: &str| -> Vec<(String, String)> {
        let rows =
            rows(&run(set, &["infer", "domain_C/train/good", "domain_C/test/fault", "--json", "--bundle", bundle]));
        rows.into_iter().map(|(name, row)| (name, row["verdict"].as_str().unwrap().to_owned())).collect()
    };
    for fitted in sets {
        let bundle = format!("{fitted}.pcore");
        run(fitted, &["fit", "--domain", "C", "--normal", ".", "--holdout", "0.25", "--bundle", &bundle]);
        let manifest = Contents::read(&fixture.path().join(&bundle)).unwrap().manifest;
        let instruction_set = manifest.detector.lead().unwrap().backbone.instruction_set.clone().unwrap();
        assert!(sets.iter().any(|set| instruction_set.contains(set)), "{instruction_set}");
        let expected = verdicts(fitted, &bundle);
        assert_eq!(expected.len(), 48);
        for other in sets {
            assert_eq!(verdicts(other, &bundle), expected, "fitted on {fitted}, inspected on {other}");
        }
    }
}

#[test]
fn held_out_images_score_as_they_did_at_fit_time() {
    let fixture = Fixture::get();
    let listing = dataset::normals(fixture.path(), Some("C")).unwrap();
    let plan = FitPlan { holdout: Holdout::Share(0.25), ..FitPlan::default() };
    let cpu = OpenDevice::cpu();
    let fitted = fit(&listing.samples, &plan, &cpu, &Silent).unwrap();
    assert_eq!(fitted.calibrating.len(), 10);
    let file = fixture.path().join("reloaded.pcore");
    fitted.contents.write(&file).unwrap();
    let inspector = Inspector::open(Contents::read(&file).unwrap(), &cpu).unwrap();
    for (name, expected) in fitted.calibrating.iter().zip(fitted.contents.scores_under(0)) {
        let sample = listing.samples.iter().find(|s| s.name == *name).unwrap();
        let image = pcore::image::read(&sample.path, &pcore::image::Limits::default()).unwrap();
        let scored = inspector.score(&[&image], &[]).unwrap();
        assert_eq!(scored[0].raw_score().to_bits(), expected.to_bits(), "{name}");
    }
}

#[test]
fn the_same_fit_gives_the_same_file() {
    let fixture = Fixture::get();
    let fit = |name: &str, threads: &str, batch: &str| {
        let args = ["fit", "--domain", "C", "--normal", ".", "--conditions", "p90", "--bundle", name, "--batch", batch];
        expect(0, pcore(fixture.path()).args(args).env("RAYON_NUM_THREADS", threads));
        std::fs::read(fixture.path().join(name)).unwrap()
    };
    let first = fit("one.pcore", "2", "8");
    assert_eq!(first, fit("two.pcore", "1", "3"));
    // `fit` made these the last bundle fitted; other tests rely on the fixture's own.
    let own = ["fit", "--domain", "C", "--normal", ".", "--conditions", "p90", "--quality", "fast"];
    expect(0, pcore(fixture.path()).args(own));
}
