//! `pcore screen`: an unlabelled lot to an order.

use super::{fit, left_out, listed, open};
use crate::Outcome;
use crate::args::ScreenArgs;
use crate::console::{Console, context, print_json, print_line, say};
use crate::terminal;
use anyhow::Result;
use pcore::dataset::{self, path_text};
use pcore::detect::Sees;
use pcore::job::{self, NORMAL_LIST, ScreenDone, ScreenJob};
use pcore::report::LeftOut;
use serde_json::json;

pub(crate) fn run(args: &ScreenArgs) -> Result<Outcome> {
    if let Some(folder) = &args.out {
        job::check_folder(folder)?;
    }
    let listing = dataset::inputs_as(&args.paths, None, &args.layout.hints())?;
    listed::say(&listing);
    left_out::tell(&listing, "screened");
    let pipeline = fit::pipeline(&args.pipeline, Sees::Patches, args.image_size);
    let work = ScreenJob { listing: &listing, pipeline: &pipeline, out: args.out.as_deref(), keep: args.keep };
    let ScreenDone { screened, n_kept, seconds, .. } =
        job::screen(&work, &open::device(&args.run.machine)?, &context(&Console::new(), &args.run))?;
    let ranked = || screened.images.iter().enumerate().map(|(at, image)| (at + 1, image));
    let path = |sample: usize| &listing.samples[sample].path;
    if args.run.json {
        let images: Vec<_> = ranked()
            .map(|(rank, image)| json!({"rank": rank, "score": image.score, "path": path_text(path(image.sample))}))
            .collect();
        let answer = json!({
            "seconds": seconds, "images": images, "n_kept": n_kept, "failed": left_out::failed(&screened.failures), "left_out": LeftOut::of(&listing),
        });
        print_json(&answer)?;
    } else {
        print_line("rank   score     path (the oddest first)")?;
        for (rank, image) in ranked() {
            print_line(&format!("{rank:5}  {:8.4}  {}", image.score, terminal::shown(path(image.sample))))?;
        }
    }
    if let Some(folder) = &args.out {
        let kept = if args.keep.is_some() { format!(", {n_kept} names in {NORMAL_LIST}") } else { String::new() };
        say!("written to {}{kept}", terminal::shown(folder));
    }
    let n_failed = screened.failures.len() + listing.n_failures();
    Ok(if n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}
