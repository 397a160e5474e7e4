//! `pcore weights`: the weights of known networks.

use crate::Outcome;
use crate::args::{WeightsAction, WeightsArgs};
use crate::console::{print_json, print_line};
use crate::message::as_typed;
use anyhow::Result;
use pcore::job;
use pcore::model::weights::{Added, Manifest, ManifestEntry, Store, StoredWeights, Verdict};
use pcore::model::zoo;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &WeightsArgs) -> Result<Outcome> {
    let store = Store::open_default()?;
    match &args.action {
        WeightsAction::List => list(&store, args.json),
        WeightsAction::Add { file, name } => add(&store, file, name, args.json),
        WeightsAction::Verify => verify(&store, args.json),
        #[cfg(feature = "fetch")]
        WeightsAction::Fetch { name } => fetch(&store, name, args.json),
    }
}

fn list(store: &Store, json: bool) -> Result<Outcome> {
    let stored = store.list()?;
    let manifest = Manifest::built_in()?;
    if json {
        let entry = |e: &ManifestEntry| json!({"name": e.name, "network": zoo::network(&e.name), "url": e.url, "sha256": e.sha256, "licence": e.licence});
        let weights: Vec<_> = stored.iter().map(stored_json).collect();
        let known: Vec<_> = manifest.entries().iter().map(entry).collect();
        return say_json(&json!({"folder": store.folder(), "weights": weights, "known": known}), Outcome::Done);
    }
    for weights in &stored {
        let layers = if weights.layers.is_empty() { "not readable".to_owned() } else { weights.layers.join(",") };
        let (mib, source) = (weights.bytes >> 20, &weights.source);
        print_line(&format!("{:24} {mib:5} MiB  from {source}  layers {layers}", weights.name))?;
    }
    if stored.is_empty() {
        print_line(&format!(
            "no weights in {}; add some with pcore weights add FILE --as NAME",
            store.folder().display()
        ))?;
    }
    print_line("\nnetworks whose weights can be added:")?;
    for name in zoo::NETWORKS {
        print_line(name)?;
        for entry in manifest.entries().iter().filter(|entry| zoo::network(&entry.name) == name) {
            print_line(&format!("  {:26} {}{} ({})", entry.name, entry.url, entry.hash_note(), entry.licence))?;
        }
    }
    Ok(Outcome::Done)
}

fn stored_json(weights: &StoredWeights) -> serde_json::Value {
    json!({
        "name": weights.name, "path": weights.path, "bytes": weights.bytes, "layers": weights.layers,
        "source": weights.source, "source_sha256": weights.source_sha256,
    })
}

fn say_json(value: &serde_json::Value, outcome: Outcome) -> Result<Outcome> {
    print_json(value)?;
    Ok(outcome)
}

fn added_json(name: &str, added: &Added) -> serde_json::Value {
    json!({"name": name, "path": added.path, "layers": added.layers, "source_sha256": added.source_sha256})
}

fn add(store: &Store, file: &Path, name: &str, json: bool) -> Result<Outcome> {
    job::check_folder(store.folder())?;
    let added = store.add(file, name)?;
    if json {
        return say_json(&added_json(name, &added), Outcome::Done);
    }
    print_line(&format!("{name}: kept as {}, layers {}", added.path.display(), added.layers.join(",")))?;
    Ok(Outcome::Done)
}

fn verify(store: &Store, json: bool) -> Result<Outcome> {
    let checked = store.verify()?;
    if json {
        let verdict = |(weights, verdict): &(StoredWeights, Verdict)| match verdict {
            Verdict::Sound => json!({"name": weights.name, "sound": true, "reason": null}),
            Verdict::Damaged(reason) => json!({"name": weights.name, "sound": false, "reason": as_typed(reason)}),
        };
        let damaged = checked.iter().any(|(_, verdict)| *verdict != Verdict::Sound);
        let verdicts: Vec<_> = checked.iter().map(verdict).collect();
        let outcome = if damaged { Outcome::SomeFailed } else { Outcome::Done };
        return say_json(&json!({"folder": store.folder(), "weights": verdicts}), outcome);
    }
    let mut outcome = Outcome::Done;
    for (weights, verdict) in &checked {
        let words = match verdict {
            Verdict::Sound => "sound".to_owned(),
            Verdict::Damaged(reason) => {
                outcome = Outcome::SomeFailed;
                format!("damaged: {}; add it again", as_typed(reason))
            }
        };
        print_line(&format!("{:24} {words}", weights.name))?;
    }
    if checked.is_empty() {
        print_line(&format!("no weights in {}", store.folder().display()))?;
    }
    Ok(outcome)
}

#[cfg(feature = "fetch")]
fn fetch(store: &Store, name: &str, json: bool) -> Result<Outcome> {
    use pcore::progress::Progress;
    let manifest = Manifest::built_in()?;
    let entry = manifest.entry(name)?;
    let console = crate::console::Console::new();
    let mut seen = 0;
    let mut begun = false;
    let fetched = pcore::model::weights::fetch(entry, store, |present, whole| {
        if !begun {
            console.begin("fetching", (whole.unwrap_or(present) >> 20) as usize);
            begun = true;
        }
        let mib = (present >> 20) as usize;
        console.advance(mib - seen);
        seen = mib;
    })?;
    console.end();
    if json {
        let mut value = added_json(name, &fetched.added);
        value["hash_was_known"] = fetched.hash_was_known.into();
        return say_json(&value, Outcome::Done);
    }
    let checked = if fetched.hash_was_known { "checked" } else { "its hash is not known: compare it yourself" };
    print_line(&format!("{name}: kept as {} ({checked})", fetched.added.path.display()))?;
    Ok(Outcome::Done)
}
