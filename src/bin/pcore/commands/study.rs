//! `pcore study`: hypotheses to verdicts.

use super::{left_out, listed, open};
use crate::Outcome;
use crate::args::StudyArgs;
use crate::console::{Console, context, print, print_json, print_line};
use anyhow::{Context, Result, bail};
use pcore::dataset;
use pcore::eval::study::Plan;
use pcore::job::{self, StudyJob};
use pcore::report::study::{HDMAP_PLAN, MAX_PLAN_BYTES, StudyJson, plan_from_toml, verdicts};

pub(crate) fn run(args: &StudyArgs) -> Result<Outcome> {
    if args.print_plan {
        print(HDMAP_PLAN)?;
        return Ok(Outcome::Done);
    }
    let Some(root) = &args.root else { bail!("no dataset: name its folder") };
    job::check_folder(&args.out)?;
    let plan = plan(args)?;
    let train = dataset::normals(root, args.domain.as_deref())?;
    let test = dataset::labelled(root, args.domain.as_deref())?;
    listed::say(&train);
    listed::say(&test);
    left_out::tell(&train, "used for training");
    left_out::tell(&test, "used for testing");
    let work = StudyJob {
        plan: &plan,
        train: &train,
        test: &test,
        test_conditions: args.test_conditions.as_ref(),
        reading: args.values.reading(),
        out: &args.out,
    };
    let done = job::study(&work, &open::device(&args.run.machine)?, &context(&Console::new(), &args.run))?;
    if args.run.json {
        print_json(&StudyJson::new(&plan, &done.tables))?;
    } else {
        print(&verdicts(&done.tables.findings))?;
        let page = args.out.join("study.html");
        print_line(&format!("tables and plots in {}  ({:.1} s)", page.display(), done.seconds))?;
    }
    Ok(if done.n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

fn plan(args: &StudyArgs) -> Result<Plan> {
    let Some(path) = &args.plan else { return Ok(plan_from_toml(HDMAP_PLAN, args.conditions.clone())?) };
    let bytes = job::read_at_most(path, MAX_PLAN_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{}: expected UTF-8 text", path.display()))?;
    plan_from_toml(&text, args.conditions.clone()).with_context(|| format!("plan {}", path.display()))
}
