//! From runs to the figures of cells.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::figure::{Ready, Truth};
use super::resample::{Measured, Resamples, difference, interval};
use super::verdict::judge;
use super::{Figure, Finding, Hypothesis, Plan, Run, StudyData};
use crate::eval::Interval;

/// The figures of a cell on some of the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The condition of the images; `None` for all.
    pub condition: Option<String>,
    /// Normal images.
    pub n_normal: usize,
    /// Anomalous images.
    pub n_anomalous: usize,
    /// Mean over seeds and 95 % interval of each figure that is defined.
    pub figures: BTreeMap<Figure, Interval>,
    /// The same of the paired difference to the baseline, over the seeds that both were run with.
    pub to_baseline: BTreeMap<Figure, Interval>,
}

/// All figures of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellTable {
    /// Position in [`Plan::cells`].
    pub cell: usize,
    /// Mean number of rows of its banks.
    pub n_rows: f64,
    /// A row for all images, then one for each known condition, sorted.
    pub rows: Vec<Row>,
}

/// What a study found.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    /// Every cell, in the order of the plan.
    pub cells: Vec<CellTable>,
    /// An answer to every hypothesis.
    pub findings: Vec<Finding>,
}

impl Tables {
    /// Computes everything from the runs: `find` gives that of a cell, by its position in the plan, and a seed. Cells with
    /// runs missing are averaged over those that are there, and left out when none is.
    #[must_use]
    pub fn of<'a>(plan: &Plan, data: &StudyData, find: &(dyn Fn(usize, u64) -> Option<&'a Run> + Sync)) -> Self {
        let conditions = data.conditions();
        let truth = Truth {
            anomalous: data.test.iter().map(|t| t.anomalous).collect(),
            condition: data
                .test
                .iter()
                .map(|t| t.condition.as_ref().and_then(|name| conditions.iter().position(|c| c == name)))
                .collect(),
            conditions: conditions.clone(),
        };
        let resamples = Resamples::draw(&truth, plan.resamples);
        let parts: Vec<Option<usize>> = std::iter::once(None).chain((0..conditions.len()).map(Some)).collect();
        let members: Vec<Vec<bool>> =
            parts.iter().map(|part| truth.condition.iter().map(|c| part.is_none() || c == part).collect()).collect();
        let measured: Vec<Vec<OfRun>> = plan
            .cells
            .par_iter()
            .enumerate()
            .map(|(index, planned)| {
                let runs = planned.seeds.iter().filter_map(|seed| find(index, *seed));
                runs.map(|run| OfRun::measure(run, &truth, &resamples, &members)).collect()
            })
            .collect();
        let parts = Parts { conditions, of: parts, members, truth };
        let cells = (0..measured.len()).filter(|cell| !measured[*cell].is_empty());
        let cells = cells.map(|cell| parts.table(cell, &measured)).collect();
        let findings = plan.hypotheses.iter().map(|hypothesis| parts.finding(hypothesis, &measured)).collect();
        Self { cells, findings }
    }
}

/// The test images as a whole and by condition.
struct Parts {
    conditions: Vec<String>,
    /// All of them, then each condition.
    of: Vec<Option<usize>>,
    /// Which images are in each part.
    members: Vec<Vec<bool>>,
    truth: Truth,
}

impl Parts {
    fn table(&self, cell: usize, measured: &[Vec<OfRun>]) -> CellTable {
        let runs = &measured[cell];
        let n = |part: usize, anomalous: bool| {
            let truth = &self.truth.anomalous;
            (0..truth.len()).filter(|i| self.members[part][*i] && truth[*i] == anomalous).count()
        };
        let row = |(part, condition): (usize, &Option<usize>)| Row {
            condition: condition.map(|c| self.conditions[c].clone()),
            n_normal: n(part, false),
            n_anomalous: n(part, true),
            figures: figures(|figure| interval(&runs.iter().map(|r| &r.parts[part][&figure]).collect::<Vec<_>>())),
            to_baseline: figures(|figure| compare(measured, (cell, figure), (0, figure), part)),
        };
        CellTable {
            cell,
            n_rows: runs.iter().map(|r| r.n_rows as f64).sum::<f64>() / runs.len() as f64,
            rows: self.of.iter().enumerate().map(row).collect(),
        }
    }

    fn finding(&self, hypothesis: &Hypothesis, measured: &[Vec<OfRun>]) -> Finding {
        let Hypothesis { draft, a, b } = hypothesis;
        let part = match &draft.condition {
            None => Some(0),
            Some(name) => self.conditions.iter().position(|c| c == name).map(|c| c + 1),
        };
        let (figure_a, figure_b) = (draft.figure, draft.figure_b.unwrap_or(draft.figure));
        let of = |cell: usize, figure: Figure| {
            let part = part?;
            let runs: Vec<&Measured> = common(measured, *a, *b, cell).map(|run| &run.parts[part][&figure]).collect();
            interval(&runs)
        };
        let pair = part.and_then(|part| compare(measured, (*a, figure_a), (*b, figure_b), part));
        let n_seeds = common(measured, *a, *b, *a).count();
        judge(hypothesis, of(*a, figure_a), of(*b, figure_b), pair, n_seeds)
    }
}

/// One run, measured.
struct OfRun {
    seed: u64,
    n_rows: usize,
    /// For all images, then for each condition.
    parts: Vec<BTreeMap<Figure, Measured>>,
}

impl OfRun {
    fn measure(run: &Run, truth: &Truth, resamples: &Resamples, members: &[Vec<bool>]) -> Self {
        let ready = Ready::new(run, truth);
        let part = |member: &Vec<bool>| {
            Figure::ALL.into_iter().map(|figure| (figure, resamples.measure(&ready, figure, member))).collect()
        };
        Self { seed: run.seed, n_rows: run.n_rows, parts: members.iter().map(part).collect() }
    }
}

fn figures(of: impl Fn(Figure) -> Option<Interval>) -> BTreeMap<Figure, Interval> {
    Figure::ALL.into_iter().filter_map(|figure| Some((figure, of(figure)?))).collect()
}

/// The runs of `which`, one of the two cells, with the seeds of both.
fn common(measured: &[Vec<OfRun>], a: usize, b: usize, which: usize) -> impl Iterator<Item = &OfRun> {
    let shared = move |run: &&OfRun| {
        let has = |cell: usize| measured[cell].iter().any(|other| other.seed == run.seed);
        has(a) && has(b)
    };
    measured[which].iter().filter(shared)
}

fn compare(
    measured: &[Vec<OfRun>],
    (a, figure_a): (usize, Figure),
    (b, figure_b): (usize, Figure),
    part: usize,
) -> Option<Interval> {
    let pairs: Vec<(&Measured, &Measured)> = common(measured, a, b, a)
        .zip(common(measured, a, b, b))
        .map(|(of_a, of_b)| (&of_a.parts[part][&figure_a], &of_b.parts[part][&figure_b]))
        .collect();
    difference(&pairs)
}
