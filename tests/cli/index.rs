//! `fit --index ivf`.

use crate::support::{Fixture, expect, pcore, raw_scores, text};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn an_index_states_its_recall_scores_the_same_in_every_batch_and_never_below_the_exact_search() {
    let fixture = Fixture::get();
    let folder = TempDir::new().unwrap();
    let bundle = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let fit = |name: &str, index: &str| {
        let args =
            ["fit", "--normal", ".", "--domain", "C", "--coreset", "0.05", "--conditions", "p90", "--quality", "fast"];
        expect(0, pcore(fixture.path()).args(args).args(["--index", index, "--bundle", &bundle(name)]))
    };
    fit("exact.pcore", "exact");
    let told = text(&fit("ivf.pcore", "ivf").stdout);
    assert!(told.contains("index        ivf: ") && told.contains("left-out normal patches"), "{told}");
    let inspected = text(&expect(0, pcore(fixture.path()).args(["inspect", &bundle("ivf.pcore")])).stdout);
    assert!(inspected.contains("index        ivf: "), "{inspected}");
    let inspected = expect(0, pcore(fixture.path()).args(["inspect", "--json", &bundle("ivf.pcore")]));
    let index = &serde_json::from_slice::<Value>(&inspected.stdout).unwrap()["detector"]["settings"]["index"];
    assert!(index["recall"].as_f64().unwrap() >= 0.99, "{index}");
    assert!(index["n_probes"].as_u64().unwrap() < index["n_lists"].as_u64().unwrap(), "{index}");
    assert_eq!(index["n_measured"], 40 * 64);

    let infer = |name: &str, batch: &str, threads: &str| {
        let args = ["infer", "domain_C/test", "--json", "--bundle", &bundle(name), "--batch", batch];
        raw_scores(&expect(0, pcore(fixture.path()).args(args).env("RAYON_NUM_THREADS", threads)))
    };
    let (exact, indexed) = (infer("exact.pcore", "8", "2"), infer("ivf.pcore", "8", "2"));
    assert_eq!(infer("ivf.pcore", "1", "1"), indexed);
    assert_eq!(infer("ivf.pcore", "5", "3"), indexed);
    assert_eq!(indexed.len(), 16);
    // Bits of positive numbers are in the order of the numbers.
    assert!(indexed.iter().all(|(name, score)| *score >= exact[name]), "{exact:?} {indexed:?}");
}

#[test]
fn an_unknown_index_is_refused_with_the_choices() {
    let told = expect(2, pcore(Fixture::get().path()).args(["fit", "--normal", ".", "--index", "hnsw"]));
    assert!(text(&told.stderr).contains("expected exact or ivf"), "{}", text(&told.stderr));
}
