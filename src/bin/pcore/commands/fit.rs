//! `pcore fit`: normal images to a bundle.

use super::summary::summary;
use super::{left_out, listed, open};
use crate::Outcome;
use crate::args::{DetectorPart, FitArgs, LayoutArgs, MethodArgs, PipelineArgs, ProfileArg, RunArgs, TrainingArgs};
use crate::console::{Console, context, print, print_json, print_line, problem, say, warning};
use crate::home;
use crate::message::error_text;
use crate::terminal;
use anyhow::{Context as _, Result, bail};
use pcore::bank::DescriptorSpec;
use pcore::bundle::Contents;
use pcore::dataset::{self, BoxTable, Sample};
use pcore::detect::{DEFAULT_SIDE_PX, Options, PipelineSpec, Preset, Registry, Scoring, Sees, TrainingOptions};
use pcore::image::Preprocessing;
use pcore::job::{self, FitDone, FitJob};
use pcore::model::DEFAULT_BACKBONE;
use pcore::model::training::{Checkpoints, TrainingRun};
use pcore::report::LeftOut;
use pcore::report::training::{MAX_TRAINING_BYTES, TrainingFile, training_from_toml};
use pcore::train::{FitPlan, PartPlan};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &FitArgs) -> Result<Outcome> {
    let mut listing = dataset::normals_as(&args.normal, args.domain.as_deref(), &args.layout.hints())?;
    listed::say(&listing);
    if let Some(masks) = &args.roi_masks {
        dataset::look_at(&mut listing.samples, masks)?;
    }
    let path = match &args.add_to {
        Some(base) => args.bundle.clone().unwrap_or_else(|| base.clone()),
        None => home::bundle_to_write(args.bundle.as_deref(), args.domain.as_deref())?,
    };
    args.tensorboard.as_deref().map(job::check_folder).transpose()?;
    args.method.conditions.check()?;
    let training = training(&args.keeping)?;
    let domain = args.domain.as_deref().map(home::domain_name).transpose()?;
    let mut plan = plan((&args.method, &training.options), &args.run, domain)?;
    plan.references = args.shots_list.as_deref().map(|list| dataset::references(list, &listing)).transpose()?;
    (plan.roi, plan.ignore) = (args.roi.clone(), args.ignore.clone());
    plan.defects = args.defects.as_deref().map(|root| defects(root, &args.layout)).transpose()?.unwrap_or_default();
    plan.defect_boxes = args.defect_boxes.as_deref().map(BoxTable::read).transpose()?;
    plan.training_run = training_run(&args.keeping, &plan, &training)?;
    let base = args.add_to.as_deref().map(Contents::read).transpose()?;
    let suspects = args.suspects.as_deref();
    let job = FitJob { listing: &listing, plan: &plan, base: base.as_ref(), bundle: &path, suspects };
    let FitDone { fitted, page, seconds, .. } = fit_to(&job, &args.run)?;
    let page = page.transpose().unwrap_or_else(|error| {
        problem!("the bundle is written, but not the page about suspects: {}", error_text(&error.into()));
        None
    });
    if let Some(folder) = &args.tensorboard {
        let path = job::export_fit(&fitted.contents, folder)?;
        say!("written to {}", terminal::shown(&path));
    }
    if args.run.json {
        let mut summary = json!({
            "bundle": path, "seconds": seconds, "manifest": fitted.contents.manifest, "failed": left_out::failed(&fitted.failures),
            "left_out": LeftOut::of(&listing),
        });
        if suspects.is_some() {
            summary["suspects_page"] = json!(page);
        }
        print_json(&summary)?;
    } else {
        print(&summary(&fitted.contents.manifest))?;
        if let Some(page) = &page {
            print_line(&format!("suspects     {}", terminal::shown(page)))?;
        }
        print_line(&format!("bundle       {}  ({seconds:.1} s)", terminal::shown(&path)))?;
    }
    let n_failed = fitted.failures.len() + listing.n_failures() + usize::from(suspects.is_some() && page.is_none());
    Ok(if n_failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The defective images of a folder.
fn defects(root: &Path, layout: &LayoutArgs) -> Result<Vec<Sample>> {
    let listing = dataset::defects_as(root, &layout.hints())?;
    listed::say(&listing);
    let samples = listing.samples;
    if samples.is_empty() {
        bail!("{} holds no defective images: what is not called good counts as one", root.display());
    }
    let n_masks = samples.iter().filter(|sample| sample.mask.is_some()).count();
    say!("{} defective images to learn from besides, {n_masks} with a mask", samples.len());
    Ok(samples)
}

/// What the file of `--training` says.
fn training(args: &TrainingArgs) -> Result<TrainingFile> {
    let Some(path) = &args.training else { return Ok(TrainingFile::default()) };
    let bytes = job::read_at_most(path, MAX_TRAINING_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{} is no text", path.display()))?;
    training_from_toml(&text).with_context(|| path.display().to_string())
}

/// What is kept and told of trainings; refused where nothing trains.
fn training_run(args: &TrainingArgs, plan: &FitPlan, file: &TrainingFile) -> Result<TrainingRun> {
    let asked = [("--training", &args.training), ("--record", &args.record), ("--checkpoints", &args.checkpoints)];
    for (flag, _) in asked.iter().filter(|(_, path)| path.is_some()) {
        job::check_trains(plan, flag)?;
    }
    let mut run = TrainingRun::default();
    if let Some(folder) = &args.checkpoints {
        let mut own = Checkpoints::new(folder);
        own.resume = args.resume;
        job::check_folder(folder)?;
        own.check()?;
        run.checkpoints = Some(own);
    }
    file.tell(&mut run);
    run.journal = args.record.as_deref().map(|folder| job::record_trainings(folder, args.resume)).transpose()?;
    Ok(run)
}

/// Fits, writes the bundle and remembers it; says on stderr what was left out.
pub(super) fn fit_to(job: &FitJob<'_>, run: &RunArgs) -> Result<FitDone> {
    let (listing, path) = (job.listing, job.bundle);
    // Before a device is opened.
    job::check_bundle(path)?;
    job.suspects.map(job::check_folder).transpose()?;
    let device = open::device(&run.machine)?;
    say!(
        "fitting on {} images of {}, device {}",
        listing.samples.len(),
        terminal::shown(&listing.root),
        device.description()
    );
    left_out::tell(listing, "used");
    let done = job::fit(job, &device, &context(&Console::new(), run))?;
    let remembered = home::remember(path)
        .and_then(|()| home::remember_normals(&done.fitted.contents.manifest.data_fingerprint, &listing.root));
    if let Err(error) = remembered {
        warning!(
            "the bundle is written, but can't be remembered ({}): name it with --bundle next time",
            error_text(&error)
        );
    }
    Ok(done)
}

/// How images are described, at this size of the network's input, for what `sees` so.
pub(super) fn pipeline(args: &PipelineArgs, sees: Sees, (height_px, width_px): (usize, usize)) -> PipelineSpec {
    let usual = sees.pipeline(height_px.max(width_px));
    PipelineSpec {
        backbone: args.backbone.clone().unwrap_or(usual.backbone),
        layers: args.layers.clone(),
        preprocessing: Preprocessing {
            range: args.values.range,
            page: args.values.pages,
            resize: args.resize.unwrap_or(usual.preprocessing.resize),
            height_px,
            width_px,
            ..usual.preprocessing
        },
        descriptor: DescriptorSpec {
            neighbourhood: args.neighbourhood.unwrap_or(usual.descriptor.neighbourhood),
            context: args.context.clone(),
            foreground: args.foreground,
        },
    }
}

/// What was typed, as a plan.
pub(super) fn plan(
    (method, training): (&MethodArgs, &TrainingOptions),
    run: &RunArgs,
    domain: Option<&str>,
) -> Result<FitPlan> {
    let registry = Registry::built_in();
    let preset = registry.preset(&method.detector.0[0].kind, method.quality);
    let options = options(method, training, preset);
    let sized = sized(method, preset);
    let whitening = whitening(method, sized.len(), preset)?;
    let part = |((kind, size), whitening): (&(String, (usize, usize)), Option<f64>)| -> Result<PartPlan> {
        let mut options = options.clone();
        options.whitening = whitening;
        let Preset { sees, image_score, .. } = registry.preset(kind, method.quality);
        options.scoring.image_score = method.image_score.unwrap_or(image_score);
        Ok(PartPlan { pipeline: pipeline(&method.pipeline, sees, *size), method: registry.method(kind, &options)? })
    };
    let parts = sized.iter().zip(whitening).map(part).collect::<Result<_>>()?;
    let is_preset = method.scales.is_empty() && method.image_size.is_none() && method.coreset.is_none();
    let is_preset = is_preset && method.whiten.is_empty();
    let is_preset = is_preset && matches!(&method.detector.0[..], [DetectorPart { size: None, .. }]);
    Ok(FitPlan {
        profile: match method.profile {
            Some(ProfileArg::AnomalyDino) => ProfileArg::ANOMALYDINO.to_owned(),
            None if is_preset => method.quality.to_string(),
            None => FitPlan::OWN.to_owned(),
        },
        domain: domain.map(str::to_owned),
        parts,
        registry: registry.clone(),
        defects: vec![],
        defect_boxes: None,
        roi: vec![],
        ignore: vec![],
        tiles: method.tiles,
        rotate: method.rotate,
        conditions: method.conditions.clone(),
        gate: method.gate,
        shots: method.shots,
        references: None,
        group: method.group.clone(),
        holdout: method.holdout,
        alpha: method.alpha,
        drop_suspects: method.drop_suspects,
        draw_suspects: false,
        threshold: method.threshold,
        seed: method.seed,
        batch: run.machine.batch,
        memory_bytes: run.machine.memory,
        scratch: method.scratch.clone(),
        training_run: TrainingRun::default(),
    })
}

/// What was typed of a method, for all parts alike.
fn options(method: &MethodArgs, training: &TrainingOptions, preset: Preset) -> Options {
    let mut options = Options::default();
    options.metric = method.metric.into();
    options.scoring =
        Scoring { map_neighbours: method.map_neighbours, map_sigma_px: method.sigma, ..Scoring::default() };
    options.coreset = method.coreset.unwrap_or(preset.coreset);
    options.coreset_space = method.projection;
    options.coreset_sample = method.coreset_sample;
    options.filter_patches = method.filter_patches;
    options.index = method.index;
    (options.shape, options.shrinkage) = (method.shape, method.shrinkage.0);
    (options.faults, options.versions, options.training) = (method.faults, method.versions, training.clone());
    options.training.steps = method.steps.or(options.training.steps);
    options.augment = method.augment.0.clone();
    options
}

/// How each of the parts is whitened.
fn whitening(method: &MethodArgs, n_parts: usize, preset: Preset) -> Result<Vec<Option<f64>>> {
    match &method.whiten[..] {
        [] => {
            let backbone = method.pipeline.backbone.as_deref().unwrap_or(DEFAULT_BACKBONE);
            Ok(vec![preset.whitening_with(backbone, method.metric.into()); n_parts])
        }
        [one] => Ok(vec![one.0; n_parts]),
        all if all.len() == n_parts => Ok(all.iter().map(|own| own.0).collect()),
        all => bail!("--whiten names {} floors for {n_parts} parts: name one for all, or one for each", all.len()),
    }
}

/// The detectors, each with the size of its network's input.
fn sized(method: &MethodArgs, preset: Preset) -> Vec<(String, (usize, usize))> {
    let square = |side: &usize| (*side, *side);
    // A recipe's size gives way to scales.
    let one = method.image_size.filter(|_| method.scales.is_empty());
    let asked: Vec<(usize, usize)> = one.into_iter().chain(method.scales.iter().copied()).collect();
    // Of several detectors each has one size, that of pixels its own.
    let own_side = |kind: &str| match Registry::built_in().preset(kind, method.quality) {
        Preset { sees: Sees::Pixels, scales_px: &[side, ..], .. } => side,
        Preset { .. } => DEFAULT_SIDE_PX,
    };
    let own = |part: &DetectorPart| match (part.size, &asked[..], method.detector.0.len()) {
        (Some(size), ..) => vec![size],
        (None, [], 1) => preset.scales_px.iter().map(square).collect(),
        (None, [], _) => vec![square(&own_side(&part.kind))],
        (None, asked, _) => asked.to_vec(),
    };
    let parts = method.detector.0.iter();
    parts.flat_map(|part| own(part).into_iter().map(|size| (part.kind.clone(), size))).collect()
}
