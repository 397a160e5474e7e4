//! `pcore weights`: the weights of known networks.

use crate::Outcome;
use crate::args::{WeightsAction, WeightsArgs};
use crate::console::print_line;
use anyhow::Result;
use pcore::model::weights::{Manifest, Store, Verdict};
use pcore::model::zoo;
use std::path::Path;

pub(crate) fn run(args: &WeightsArgs) -> Result<Outcome> {
    let store = Store::open_default()?;
    match &args.action {
        WeightsAction::List => list(&store),
        WeightsAction::Add { file, name } => add(&store, file, name),
        WeightsAction::Verify => verify(&store),
        #[cfg(feature = "fetch")]
        WeightsAction::Fetch { name } => fetch(&store, name),
    }
}

fn list(store: &Store) -> Result<Outcome> {
    let stored = store.list()?;
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
    let manifest = Manifest::built_in()?;
    for name in zoo::NETWORKS {
        print_line(name)?;
        for entry in manifest.entries().iter().filter(|entry| zoo::network(&entry.name) == name) {
            print_line(&format!("  {:26} {}{} ({})", entry.name, entry.url, entry.hash_note(), entry.licence))?;
        }
    }
    Ok(Outcome::Done)
}

fn add(store: &Store, file: &Path, name: &str) -> Result<Outcome> {
    let added = store.add(file, name)?;
    print_line(&format!("{name}: kept as {}, layers {}", added.path.display(), added.layers.join(",")))?;
    Ok(Outcome::Done)
}

fn verify(store: &Store) -> Result<Outcome> {
    let checked = store.verify()?;
    let mut outcome = Outcome::Done;
    for (weights, verdict) in &checked {
        let words = match verdict {
            Verdict::Sound => "sound".to_owned(),
            Verdict::Damaged(reason) => {
                outcome = Outcome::SomeFailed;
                format!("damaged: {reason}; add it again")
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
fn fetch(store: &Store, name: &str) -> Result<Outcome> {
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
    let checked = if fetched.hash_was_known { "checked" } else { "its hash is not known: compare it yourself" };
    print_line(&format!("{name}: kept as {} ({checked})", fetched.added.path.display()))?;
    Ok(Outcome::Done)
}
