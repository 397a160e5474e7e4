//! What a study runs, and what it is to decide.

use std::collections::BTreeSet;

use super::{Axis, Cell, Figure, StudyError};
use crate::condition::ConditionRule;
use crate::train::Holdout;

/// Most cells of a plan.
pub const MAX_CELLS: usize = 10_000;
/// Most seeds of a stage.
pub const MAX_SEEDS: usize = 1_000;

/// A plan as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Headline.
    pub title: String,
    /// False alarms wanted among normal images, 0..1.
    pub alpha: f64,
    /// Normal images that set the thresholds.
    pub holdout: Holdout,
    /// What tells the condition of a training image.
    pub conditions: ConditionRule,
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// Seeds of the stages that name none.
    pub seeds: Vec<u64>,
    /// The baseline's values where they are not [`Cell::default`]'s.
    pub baseline: Vec<(Axis, String)>,
    /// The stages, in the order of the walk.
    pub stages: Vec<DraftStage>,
    /// What is to be decided.
    pub hypotheses: Vec<DraftHypothesis>,
}

/// One step of the walk: a grid around the baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DraftStage {
    /// Its name.
    pub name: String,
    /// What it asks, in a sentence.
    pub about: String,
    /// Its seeds; the plan's where empty.
    pub seeds: Vec<u64>,
    /// Values that the whole stage has in place of the baseline's.
    pub fixed: Vec<(Axis, String)>,
    /// Axes with their values: every combination is a cell.
    pub vary: Vec<(Axis, Vec<String>)>,
}

/// A claim about two cells, each given by what tells it from the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftHypothesis {
    /// Short name.
    pub name: String,
    /// The claim, in plain words.
    pub claim: String,
    /// The cell it is about.
    pub a: Vec<(Axis, String)>,
    /// The cell it is compared with.
    pub b: Vec<(Axis, String)>,
    /// The figure of `a`.
    pub figure: Figure,
    /// The figure of `b`, if it is another.
    pub figure_b: Option<Figure>,
    /// Only the test images of this condition; `None` for all.
    pub condition: Option<String>,
    /// What is claimed of the difference `a - b`.
    pub direction: Direction,
    /// See [`Direction`].
    pub margin: f64,
}

/// What a hypothesis claims of the difference between its two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It is above the margin.
    Greater,
    /// It is below the margin.
    Less,
    /// It is nowhere further from 0 than the margin.
    Same,
}

/// A cell with the seeds it is run with.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCell {
    /// The configuration.
    pub cell: Cell,
    /// What tells it from the baseline.
    pub name: String,
    /// Its seeds, ascending.
    pub seeds: Vec<u64>,
}

/// A stage, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub about: String,
    /// Its cells, as positions in [`Plan::cells`]; the baseline stands first in every stage.
    pub cells: Vec<usize>,
}

/// A hypothesis, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// As it was written down.
    pub draft: DraftHypothesis,
    /// Position of its cell `a` in [`Plan::cells`].
    pub a: usize,
    /// Position of its cell `b`.
    pub b: usize,
}

/// A plan in which every name is resolved and every cell stands once.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Headline.
    pub title: String,
    /// False alarms wanted among normal images.
    pub alpha: f64,
    /// Normal images that set the thresholds.
    pub holdout: Holdout,
    /// What tells the condition of a training image.
    pub conditions: ConditionRule,
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// All cells; the first is the baseline.
    pub cells: Vec<PlannedCell>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// What is to be decided.
    pub hypotheses: Vec<Hypothesis>,
}

impl Plan {
    /// Resolves a draft. A cell that several stages ask for is run once, with the seeds of all of them; the baseline is run
    /// with every seed of the plan, so that each cell has a partner to be compared with.
    ///
    /// # Errors
    /// [`StudyError::Value`] for values that an axis does not have; [`StudyError::Plan`] for an alpha outside `(0, 1)`, too
    /// few or too many seeds, cells or resamples, and hypotheses about cells that no stage runs.
    pub fn new(draft: Draft) -> Result<Self, StudyError> {
        let Draft { title, alpha, holdout, conditions, resamples, .. } = draft;
        let refuse = |place: String, reason: String| Err(StudyError::Plan { place, reason });
        if !(alpha > 0.0 && alpha < 1.0) {
            return refuse("alpha".to_owned(), format!("expected a rate between 0 and 1, found {alpha}"));
        }
        if !(100..=100_000).contains(&resamples) {
            return refuse("resamples".to_owned(), format!("expected 100 to 100000, found {resamples}"));
        }
        let baseline = changed(&Cell::default(), &draft.baseline)?;
        let mut cells = vec![PlannedCell { cell: baseline.clone(), name: "baseline".to_owned(), seeds: vec![] }];
        let mut stages: Vec<Stage> = vec![];
        for stage in draft.stages {
            let place = format!("stage '{}'", stage.name);
            let seeds = if stage.seeds.is_empty() { draft.seeds.clone() } else { stage.seeds };
            if seeds.is_empty() || seeds.len() > MAX_SEEDS {
                return refuse(place, format!("expected 1 to {MAX_SEEDS} seeds, found {}", seeds.len()));
            }
            let grid = grid(&baseline, &stage.fixed, &stage.vary, &place)?;
            let mut members = vec![0];
            for cell in grid {
                let index = cells.iter().position(|c| c.cell == cell).unwrap_or_else(|| {
                    let name = cell.difference(&baseline);
                    cells.push(PlannedCell { cell, name, seeds: vec![] });
                    cells.len() - 1
                });
                cells[index].seeds.extend(&seeds);
                if !members.contains(&index) {
                    members.push(index);
                }
            }
            if cells.len() > MAX_CELLS {
                return refuse(place, format!("brings the plan to more than {MAX_CELLS} cells"));
            }
            stages.push(Stage { name: stage.name, about: stage.about, cells: members });
        }
        let all: BTreeSet<u64> = cells.iter().flat_map(|c| &c.seeds).chain(&draft.seeds).copied().collect();
        cells[0].seeds = all.into_iter().collect();
        for cell in &mut cells {
            cell.seeds.sort_unstable();
            cell.seeds.dedup();
        }
        if cells[0].seeds.is_empty() {
            return refuse("seeds".to_owned(), "expected at least one".to_owned());
        }
        let resolve = |draft| hypothesis(draft, &baseline, &cells);
        let hypotheses = draft.hypotheses.into_iter().map(resolve).collect::<Result<_, _>>()?;
        Ok(Self { title, alpha, holdout, conditions, resamples, cells, stages, hypotheses })
    }

    /// Runs in all: cells times their seeds.
    #[must_use]
    pub fn n_runs(&self) -> usize {
        self.cells.iter().map(|cell| cell.seeds.len()).sum()
    }
}

/// Every combination of what a stage varies.
fn grid(
    baseline: &Cell,
    fixed: &[(Axis, String)],
    vary: &[(Axis, Vec<String>)],
    place: &str,
) -> Result<Vec<Cell>, StudyError> {
    let refuse = |reason: String| Err(StudyError::Plan { place: place.to_owned(), reason });
    if let Some((axis, _)) = vary.iter().find(|(_, values)| values.is_empty()) {
        return refuse(format!("{} has no values", axis.name()));
    }
    let mut grid = vec![changed(baseline, fixed)?];
    for (axis, values) in vary {
        if grid.len().saturating_mul(values.len()) > MAX_CELLS {
            return refuse(format!("more than {MAX_CELLS} combinations"));
        }
        let mut wider = Vec::with_capacity(grid.len() * values.len());
        for cell in &grid {
            for value in values {
                wider.push(changed(cell, &[(*axis, value.clone())])?);
            }
        }
        grid = wider;
    }
    Ok(grid)
}

/// A hypothesis with the positions of its cells.
fn hypothesis(draft: DraftHypothesis, baseline: &Cell, cells: &[PlannedCell]) -> Result<Hypothesis, StudyError> {
    let refuse = |reason: String| StudyError::Plan { place: format!("hypothesis '{}'", draft.name), reason };
    let find = |which: &str, changes: &[(Axis, String)]| -> Result<usize, StudyError> {
        let cell = changed(baseline, changes)?;
        let missing = || refuse(format!("no stage runs its cell {which}: {}", cell.difference(baseline)));
        cells.iter().position(|c| c.cell == cell).ok_or_else(missing)
    };
    let (a, b) = (find("a", &draft.a)?, find("b", &draft.b)?);
    if !draft.margin.is_finite() || (draft.direction == Direction::Same && draft.margin <= 0.0) {
        return Err(refuse("a margin must be finite, and above 0 for the direction same".to_owned()));
    }
    if !cells[a].seeds.iter().any(|seed| cells[b].seeds.contains(seed)) {
        return Err(refuse("its two cells have no seed in common".to_owned()));
    }
    Ok(Hypothesis { draft, a, b })
}

fn changed(cell: &Cell, changes: &[(Axis, String)]) -> Result<Cell, StudyError> {
    let mut cell = cell.clone();
    changes.iter().try_for_each(|(axis, value)| cell.set(*axis, value))?;
    Ok(cell)
}
