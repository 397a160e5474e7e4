//! Running the cells of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::answers::{Answers, One};
use super::features::{Recalled, Remembered};
use super::{Cell, Plan, Run, StudyData, StudyError};
use crate::bank::MemoryBank;
use crate::bundle::Contents;
use crate::condition::{ConditionRule, Policy};
use crate::dataset::Sample;
use crate::detect::{DetectError, FeaturePipeline, Network, Registry, go_on};
use crate::flow::half_of_free_memory;
use crate::image::{self, Image, Reading};
use crate::infer::open;
use crate::model::{self, OpenDevice};
use crate::progress::{Progress, Quiet};
use crate::train::{FitPlan, Originals, TileRule, TrainError, fit_on};

/// Where and how a study runs. None of it but `build` and the device changes a figure.
pub struct Setup<'a> {
    /// What computes.
    pub device: &'a OpenDevice,
    /// Folder of the feature cache.
    pub cache: PathBuf,
    /// Identifies the program: results of another are not reused.
    pub build: String,
    /// Images per pass through the network.
    pub batch: usize,
    /// Memory that the process may take during a fit, in bytes; `None` for half of what is free.
    pub memory_bytes: Option<u64>,
}

/// A plan, its data and the networks it needs.
pub struct Study<'a> {
    plan: &'a Plan,
    data: &'a StudyData,
    setup: &'a Setup<'a>,
    networks: BTreeMap<String, Arc<Remembered>>,
    /// The plan's cells with their layers by name.
    cells: Vec<Cell>,
}

/// Runs that share a fit: of one bank, and of one seed where the fit depends on it.
struct Group {
    /// That of the fit.
    seed: u64,
    /// Positions in [`Plan::cells`], and the seeds that each is run with.
    cells: Vec<(usize, Vec<u64>)>,
}

impl Group {
    /// The cell that stands for all where they agree.
    fn first(&self) -> usize {
        self.cells[0].0
    }
}

impl<'a> Study<'a> {
    /// Opens the networks of the plan.
    ///
    /// # Errors
    /// [`StudyError::Infer`] when there is no such network or layer.
    pub fn open(plan: &'a Plan, data: &'a StudyData, setup: &'a Setup<'a>) -> Result<Self, StudyError> {
        let load = |name: &str, layers: &[String]| {
            model::load(name, layers, setup.device).map_err(|e| StudyError::Infer(DetectError::Model(e)))
        };
        let mut cells: Vec<Cell> = plan.cells.iter().map(|planned| planned.cell.clone()).collect();
        let mut needed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut usual: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for cell in &mut cells {
            if cell.layers.is_empty() {
                let all = match usual.get(&cell.backbone) {
                    Some(all) => all.clone(),
                    None => load(&cell.backbone, &[])?.spec().layers.clone(),
                };
                usual.insert(cell.backbone.clone(), all.clone());
                cell.layers = all;
            }
            let layers = needed.entry(cell.backbone.clone()).or_default();
            for layer in &cell.layers {
                if !layers.contains(layer) {
                    layers.push(layer.clone());
                }
            }
        }
        let salt = format!("{}\n{}", setup.build, setup.device.description());
        // The rows of a fit take the larger part.
        let kept = setup.memory_bytes.unwrap_or_else(half_of_free_memory) / 4 / needed.len().max(1) as u64;
        let mut networks = BTreeMap::new();
        for (name, layers) in needed {
            let network = Network::new(load(&name, &layers)?);
            networks.insert(name, Arc::new(Remembered::new(network, &setup.cache, &salt, kept)));
        }
        Ok(Self { plan, data, setup, networks, cells })
    }

    /// Identifies a run by everything that its result depends on: data, network, settings, seed, program and device.
    #[must_use]
    pub fn key(&self, cell: usize, seed: u64) -> String {
        let Plan { alpha, holdout, .. } = self.plan;
        let conditions = match &self.plan.conditions {
            // What it says is part of the data's fingerprint, wherever it lies.
            ConditionRule::Table(_) => "table".to_owned(),
            rule @ (ConditionRule::None
            | ConditionRule::P90 { .. }
            | ConditionRule::Index { .. }
            | ConditionRule::Folder) => rule.to_string(),
        };
        let weights = self.networks.get(&self.cells[cell].backbone).map_or("", |n| n.spec().weights_sha256.as_str());
        let text = format!(
            "{}\n{}\n{}\n{weights}\n{alpha}\n{holdout:?}\n{conditions}\n{}\n{seed}",
            self.setup.build,
            self.setup.device.description(),
            self.data.fingerprint,
            self.cells[cell]
        );
        HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
    }

    /// Runs every cell with every seed of it, except those whose key `is_done` knows, and hands each result over as soon
    /// as it is there, with its key and the seconds it took. Runs that share a fit also share its time.
    ///
    /// # Errors
    /// What `receive` returns, what makes a cell fail, and [`DetectError::Cancelled`].
    pub fn run<E: From<StudyError>>(
        &self,
        is_done: &dyn Fn(&str) -> bool,
        progress: &dyn Progress,
        mut receive: impl FnMut(String, Run, f64) -> Result<(), E>,
    ) -> Result<(), E> {
        let groups = self.open_groups(is_done);
        self.remember_features(&groups, progress)?;
        let work = |group: &Group| self.work(group);
        progress.begin("study", groups.iter().map(work).sum());
        for group in &groups {
            let begun = Instant::now();
            let runs = self.run_group(group, &Quiet(progress))?;
            let n_runs = group.cells.iter().map(|(_, seeds)| seeds.len()).sum::<usize>();
            let seconds = begun.elapsed().as_secs_f64() / n_runs.max(1) as f64;
            for ((cell, seeds), run) in group.cells.iter().zip(runs) {
                for seed in seeds {
                    receive(self.key(*cell, *seed), Run { seed: *seed, ..run.clone() }, seconds)?;
                }
            }
            progress.advance(work(group));
        }
        progress.end();
        Ok(())
    }

    /// What is still to be done, in the order of the plan, runs that share a fit together.
    fn open_groups(&self, is_done: &dyn Fn(&str) -> bool) -> Vec<Group> {
        let mut positions: BTreeMap<(String, Option<u64>), usize> = BTreeMap::new();
        let mut groups: Vec<Group> = vec![];
        for (index, (planned, cell)) in self.plan.cells.iter().zip(&self.cells).enumerate() {
            // A plan that is none says so when it is fitted.
            let plan = self.fit_plan(cell, 0);
            let is_seeded = plan.is_ok_and(|plan| plan.depends_on_seed(self.data.train.len()));
            for seed in &planned.seeds {
                if is_done(&self.key(index, *seed)) {
                    continue;
                }
                let position = *positions.entry((cell.bank_key(), is_seeded.then_some(*seed))).or_insert_with(|| {
                    groups.push(Group { seed: *seed, cells: vec![] });
                    groups.len() - 1
                });
                let cells = &mut groups[position].cells;
                match cells.last_mut() {
                    Some((last, seeds)) if *last == index => seeds.push(*seed),
                    Some(_) | None => cells.push((index, vec![*seed])),
                }
            }
        }
        groups
    }

    fn fit_plan(&self, cell: &Cell, seed: u64) -> Result<FitPlan, DetectError> {
        let common = FitPlan {
            conditions: self.plan.conditions.clone(),
            holdout: self.plan.holdout,
            alpha: self.plan.alpha,
            batch: self.setup.batch,
            memory_bytes: self.setup.memory_bytes,
            scratch: Some(self.setup.cache.clone()),
            // Remembered are features of whole images.
            tiles: TileRule::Whole,
            ..FitPlan::default()
        };
        cell.fit_plan(&common, seed)
    }

    /// Roughly proportional to the time a group takes: images searched for times values compared.
    fn work(&self, group: &Group) -> usize {
        let cell = &self.cells[group.first()];
        let n_train = cell.shots.map_or(self.data.train.len(), |n| (2 * n).min(self.data.train.len()));
        let policies: BTreeSet<Policy> = group.cells.iter().map(|(c, _)| self.cells[*c].policy).collect();
        let widths = 1 + cell.descriptor.context.iter().map(|c| c.radii.len()).sum::<usize>();
        (n_train + self.data.test.len()) * widths * (1 + policies.len()) * cell.layers.len().max(1)
    }

    /// Sends each image through each network, once per size and resizing, where that was not done before.
    fn remember_features(&self, groups: &[Group], progress: &dyn Progress) -> Result<(), StudyError> {
        let mut wanted: Vec<(&Arc<Remembered>, image::Preprocessing)> = vec![];
        for cell in groups.iter().map(|group| &self.cells[group.first()]) {
            let Some(network) = self.networks.get(&cell.backbone) else { continue };
            let pair = (network, self.preprocessing(cell));
            if !wanted.iter().any(|(n, p)| Arc::ptr_eq(n, pair.0) && *p == pair.1) {
                wanted.push(pair);
            }
        }
        let samples: Vec<&Sample> = self.data.train.iter().chain(self.data.test.iter().map(|t| &t.sample)).collect();
        progress.begin("features", wanted.len() * samples.len());
        for chunk in samples.chunks(self.setup.batch.max(1)) {
            go_on(progress)?;
            // A training image that can't be read is left out by the fit too.
            let images: Vec<Image> =
                chunk.par_iter().filter_map(|s| image::read_as(&s.path, &self.data.reading).ok()).collect();
            let images: Vec<&Image> = images.iter().collect();
            for (network, preprocessing) in &wanted {
                if !images.is_empty() {
                    network.ensure(&images, preprocessing)?;
                }
                progress.advance(chunk.len());
            }
        }
        progress.end();
        Ok(())
    }

    fn run_group(&self, group: &Group, progress: &dyn Progress) -> Result<Vec<Run>, StudyError> {
        let cell = &self.cells[group.first()];
        let mut policies: BTreeSet<Policy> = group.cells.iter().map(|(c, _)| self.cells[*c].policy).collect();
        // An image of no known condition is judged by it, whatever the policy.
        policies.insert(Policy::Mixed);
        let policies: Vec<Policy> = Policy::ALL.into_iter().filter(|p| policies.contains(p)).collect();
        let plan = self.fit_plan(cell, group.seed)?;
        let failed = |error: TrainError| match error {
            TrainError::Infer(error @ DetectError::Cancelled) => error.into(),
            error => StudyError::Train {
                cell: format!("{}, seed {}", self.plan.cells[group.first()].name, group.seed),
                source: Box::new(error),
            },
        };
        let train = Originals::files(&self.data.train);
        let fitted =
            fit_on(&train, &plan, &mut |_| Ok(self.pipeline(cell)), (&policies, false), progress).map_err(failed)?;
        self.measure(fitted.contents, cell, (group, progress))
    }

    /// That of a cell, for files that are read as all of the study are.
    fn preprocessing(&self, cell: &Cell) -> image::Preprocessing {
        let Reading { range, page, .. } = self.data.reading;
        image::Preprocessing { range, page, ..cell.preprocessing() }
    }

    fn pipeline(&self, cell: &Cell) -> FeaturePipeline {
        let source = Recalled::new(&self.networks[&cell.backbone], &cell.layers);
        FeaturePipeline::of(Box::new(source), self.preprocessing(cell), cell.descriptor.clone(), self.setup.device)
    }

    /// Scores the test images with one bank under everything that the group's cells ask for.
    fn measure(
        &self,
        contents: Contents,
        cell: &Cell,
        (group, progress): (&Group, &dyn Progress),
    ) -> Result<Vec<Run>, StudyError> {
        let inspector = open::inspector(contents, Registry::built_in(), &mut |_| Ok(self.pipeline(cell)))?;
        let conditions: Vec<String> = inspector.conditions().iter().map(ToString::to_string).collect();
        let scoring = cell.options().scoring;
        let empty = |(index, _): &(usize, Vec<u64>)| Run {
            cell: self.plan.cells[*index].name.clone(),
            seed: group.seed,
            conditions: conditions.clone(),
            n_rows: inspector.bank().map_or(0, MemoryBank::n_rows),
            raw: vec![],
            calibrated: vec![],
            threshold: vec![],
            told: vec![],
            nearest: vec![],
        };
        let mut runs: Vec<Run> = group.cells.iter().map(empty).collect();
        for chunk in self.data.test.chunks(self.setup.batch.max(1)) {
            go_on(progress)?;
            let read = |t: &super::TestImage| image::read_as(&t.sample.path, &self.data.reading);
            let images: Vec<Image> =
                chunk.par_iter().map(read).collect::<Result<_, _>>().map_err(DetectError::Image)?;
            let described = inspector.pipeline().describe(&images.iter().collect::<Vec<_>>())?;
            let found: Vec<Vec<One>> = (0..chunk.len())
                .into_par_iter()
                .map(|i| {
                    let given = chunk[i].condition.as_ref().map(|name| inspector.given(name));
                    let mut image = Answers {
                        inspector: &inspector,
                        image: &images[i],
                        rows: described.image(i),
                        grid: described.grid,
                        given,
                        scoring,
                        found: None,
                        searched: vec![],
                    };
                    group.cells.iter().map(|(index, _)| image.answer(&self.cells[*index])).collect()
                })
                .collect::<Result<_, DetectError>>()?;
            for of_image in found {
                for (run, one) in runs.iter_mut().zip(of_image) {
                    run.raw.push(one.raw);
                    run.calibrated.push(one.calibrated);
                    run.threshold.push(one.threshold);
                    run.told.push(one.told);
                    run.nearest.push(one.nearest);
                }
            }
        }
        Ok(runs)
    }
}
