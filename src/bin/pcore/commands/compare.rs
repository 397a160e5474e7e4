//! `pcore compare`: two systems on the same images.

use super::open::open_contents;
use super::sign::read_trusted;
use super::{left_out, listed};
use crate::Outcome;
use crate::args::CompareArgs;
use crate::console::{Console, context, print_json, print_line, say};
use crate::terminal;
use anyhow::Result;
use pcore::dataset::{self, Listing, Shown};
use pcore::eval::MayReplace;
use pcore::job::{self, CompareJob, Opened, Side};
use pcore::report::compare::{CompareJson, answer, compare_lines};
use std::path::Path;
use std::time::Instant;

/// Flips that are printed; `--out` has all.
const MOST_SHOWN: usize = 20;

pub(crate) fn run(args: &CompareArgs) -> Result<Outcome> {
    if let Some(folder) = &args.out {
        job::check_folder(folder)?;
    }
    let listing = images(args)?;
    listed::say(&listing);
    left_out::tell(&listing, "compared");
    let (a, b) = (opened(&args.a, args)?, opened(&args.b, args)?);
    let sides = [side(a.as_ref(), &args.a), side(b.as_ref(), &args.b)];
    let work = CompareJob { sides, listing: &listing, out: args.out.as_deref() };
    let done = job::compare(&work, &context(&Console::new(), &args.run))?;
    if done.n_unpaired > 0 {
        say!("{} images were not judged by both", done.n_unpaired);
    }
    if args.run.json {
        print_json(&CompareJson::of(&done.agreement, done.may_replace, &done.flips, done.n_unpaired))?;
    } else {
        for (name, value) in compare_lines(&done.agreement) {
            print_line(&format!("{name:12} {value}"))?;
        }
        for flip in done.flips.iter().take(MOST_SHOWN) {
            let who = if flip.verdicts[0] { "A" } else { "B" };
            let truth = flip.truth.map_or("", |is| if is { ", defective" } else { ", normal" });
            print_line(&format!("flip         {}: anomalous by {who} alone{truth}", Shown::name(&flip.path)))?;
        }
        if done.flips.len() > MOST_SHOWN {
            print_line(&format!("flip         and {} more", done.flips.len() - MOST_SHOWN))?;
        }
        print_line(&format!("answer       {}", answer(&done.agreement, done.may_replace)))?;
    }
    args.out.iter().for_each(|folder| say!("written to {}", terminal::shown(folder)));
    Ok(match done.may_replace {
        _ if listing.n_failures() > 0 => Outcome::SomeFailed,
        MayReplace::Yes => Outcome::Done,
        _ if args.fail_on_difference => Outcome::Anomalous,
        _ => Outcome::Done,
    })
}

/// With labels where the folder tells them.
fn images(args: &CompareArgs) -> Result<Listing> {
    match dataset::labelled_as(&args.images, None, &args.layout.hints()) {
        Ok(listing) => Ok(listing),
        // What is no labelled data set may be a folder of images.
        Err(_) => Ok(dataset::inputs_as(std::slice::from_ref(&args.images), None, &args.layout.hints())?),
    }
}

/// The bundle at a path; `None` where results lie there.
fn opened(path: &Path, args: &CompareArgs) -> Result<Option<Opened>> {
    let is_results = path.is_dir() || path.extension().is_some_and(|end| end == "csv" || end == "jsonl");
    if is_results {
        return Ok(None);
    }
    let begun = Instant::now();
    let (contents, _signer) = read_trusted(path, &args.trust)?;
    open_contents(contents, path, ("as named", begun), &args.run).map(Some)
}

fn side<'a>(opened: Option<&'a Opened>, path: &Path) -> Side<'a> {
    opened.map_or_else(|| Side::Results(path.to_owned()), Side::Bundle)
}
