//! `pcore bench`: where the time of an inspection goes, on this machine.

use super::left_out;
use super::open::open;
use super::summary::quality;
use crate::Outcome;
use crate::args::BenchArgs;
use crate::console::{print_json, print_line, say};
use anyhow::{Result, anyhow};
use pcore::bank::{MemoryBank, describe};
use pcore::condition::{Admission, Policy};
use pcore::dataset::{self, Sample};
use pcore::detect::{Detector, Patches, View};
use pcore::flow::{Pace, own_memory};
use pcore::image::{self, Image};
use pcore::infer::{Calibration, Inspector, inspect_all};
use pcore::kernel::Projection;
use pcore::model::{Backbone, FeatureMap, Grid, ImageBatch};
use pcore::progress::Silent;
use pcore::report::{DrawStyle, draw_inspection};
use pcore::score::AnomalyMap;
use rayon::prelude::*;
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Batch sizes measured.
const BATCHES: [usize; 2] = [1, 8];
/// Images measured at most; further ones of the input are not used.
const MOST_IMAGES: usize = 32;
/// Side of the square matrices whose product tells the arithmetic ceiling.
const CEILING_SIDE: usize = 1024;
/// Values summed to tell the ceiling of the memory, 256 MiB.
const CEILING_VALUES: usize = 64 << 20;
/// Times a ceiling is measured; the best counts.
const CEILING_RUNS: usize = 7;

/// Everything measured.
#[derive(Serialize)]
struct Report {
    pcore_version: &'static str,
    device: String,
    threads: usize,
    backbone: String,
    image_size: String,
    /// The named point of the trade between time and accuracy that the bundle was fitted at; `null` where settings were
    /// chosen one by one.
    quality: Option<String>,
    /// The method.
    detector: String,
    /// Rows of its memory bank; 0 where it keeps none.
    bank_rows: usize,
    dim: usize,
    images: usize,
    repeats: usize,
    /// Reading the bundle and packing weights, once.
    start_ms: f64,
    ceilings: Ceilings,
    batches: Vec<Batch>,
    /// Largest resident memory of the process so far; `null` where the system does not tell.
    peak_memory_mib: Option<f64>,
}

/// What the machine can do at best, all threads together.
#[derive(Serialize)]
struct Ceilings {
    matrix_gflops: f64,
    memory_gb_per_s: f64,
}

#[derive(Serialize)]
struct Batch {
    /// Whose stages they are: the detector, or a part of it. `inspect` and `pipeline` are always those of the whole.
    detector: String,
    image_size: String,
    batch: usize,
    images_per_s: f64,
    /// Products of all patches with all rows over the time of the search, which does some of them with narrower numbers.
    search_gflops: f64,
    stages: Vec<Stage>,
}

/// Milliseconds per image: median and range over the repeats.
#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    median_ms: f64,
    least_ms: f64,
    most_ms: f64,
}

pub(crate) fn run(args: &BenchArgs) -> Result<Outcome> {
    let mut listing = dataset::inputs(&args.paths, args.bundle.domain.as_deref())?;
    let start = Instant::now();
    let opened = open(&args.bundle, &args.run, &mut listing)?;
    let start_ms = ms(start);
    let inspector = &opened.inspector;
    let spec = inspector.pipeline().backbone();
    let samples = &listing.samples[..listing.samples.len().min(MOST_IMAGES)];
    if samples.is_empty() {
        return Err(anyhow!("no images: give files or folders with images"));
    }
    left_out::tell(&listing, "measured");
    if listing.samples.len() > samples.len() {
        say!("the first {} of {} images are measured", samples.len(), listing.samples.len());
    }
    let bank = inspector.bank();
    let pace = args.run.machine.pace();
    let mut batches = vec![];
    for detector in leaves(inspector.detector()) {
        let network = detector
            .features()
            .network()
            .ok_or_else(|| anyhow!("this bundle has no network that could be measured"))?;
        let bench = Bench { inspector, detector, network, samples, pace, repeats: args.repeat };
        for batch in BATCHES {
            batches.push(bench.measure(batch)?);
        }
    }
    let preprocessing = inspector.pipeline().preprocessing();
    let report = Report {
        pcore_version: env!("CARGO_PKG_VERSION"),
        device: opened.device.description().to_owned(),
        threads: rayon::current_num_threads(),
        backbone: format!("{} ({})", spec.name, spec.layers.join(", ")),
        image_size: format!("{}x{}", preprocessing.height_px, preprocessing.width_px),
        quality: quality(inspector.manifest()).map(|quality| quality.to_string()),
        detector: inspector.detector().kind().to_owned(),
        bank_rows: bank.map_or(0, MemoryBank::n_rows),
        dim: inspector.manifest().detector.lead().map_or(0, |features| features.descriptor.dim),
        images: samples.len(),
        repeats: args.repeat,
        start_ms,
        ceilings: ceilings()?,
        batches,
        peak_memory_mib: own_memory().map(|(_, most)| most as f64 / f64::from(1u32 << 20)),
    };
    if args.run.json {
        print_json(&report)?;
    } else {
        print_table(&report)?;
    }
    Ok(if listing.n_failures() > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

struct Bench<'a> {
    inspector: &'a Inspector,
    /// The part whose stages are measured; the detector itself where it has no parts.
    detector: &'a dyn Detector,
    network: &'a dyn Backbone,
    samples: &'a [Sample],
    pace: Pace,
    repeats: usize,
}

/// Names of the stages, in the order of [`Bench::once`].
const STAGES: [&str; 9] =
    ["decode", "preprocess", "network", "descriptor", "search", "map", "draw", "inspect", "pipeline"];

impl Bench<'_> {
    fn measure(&self, batch: usize) -> Result<Batch> {
        // The first round fills caches and buffers and does not count.
        let (_, patches) = self.once(batch)?;
        let rounds = (0..self.repeats).map(|_| Ok(self.once(batch)?.0)).collect::<Result<Vec<_>>>()?;
        let stages: Vec<Stage> = STAGES
            .into_iter()
            .enumerate()
            .map(|(i, stage)| {
                let mut times: Vec<f64> = rounds.iter().map(|r| r[i]).collect();
                times.sort_by(f64::total_cmp);
                Stage { stage, median_ms: times[times.len() / 2], least_ms: times[0], most_ms: times[times.len() - 1] }
            })
            .collect();
        let median = |name: &str| stages.iter().find(|s| s.stage == name).map_or(f64::NAN, |s| s.median_ms);
        let products =
            2.0 * patches as f64 * self.detector.memory_bank().map_or(0, |bank| bank.n_rows() * bank.dim()) as f64;
        let input = self.detector.features().preprocessing();
        Ok(Batch {
            detector: self.detector.kind().to_owned(),
            image_size: format!("{}x{}", input.height_px, input.width_px),
            batch,
            images_per_s: 1e3 / median("pipeline"),
            search_gflops: products / median("search") / 1e6,
            stages,
        })
    }

    /// Milliseconds per image of every stage, and the patches of an image.
    fn once(&self, batch: usize) -> Result<([f64; STAGES.len()], usize)> {
        let pipeline = self.detector.features();
        let preprocessing = pipeline.preprocessing();
        let score = self.detector.scoring();
        let style = DrawStyle {
            pixel_threshold: self.inspector.manifest().pixel_threshold,
            truth: None,
            legend: true,
            max_side_px: None,
        };
        let (mut spent, mut n_patches) = ([0.0; STAGES.len()], 0);
        for samples in self.samples.chunks(batch) {
            let mut clock = Clock { spent: &mut spent, at: 0 };
            let images: Vec<Image> = clock.time(|| {
                samples.par_iter().map(|s| image::read_as(&s.path, &self.inspector.reading())).collect::<Result<_, _>>()
            })?;
            let inputs: Vec<Vec<f32>> =
                clock.time(|| images.par_iter().map(|i| preprocessing.apply(i)).collect::<Result<_, _>>())?;
            let maps: Vec<FeatureMap> = clock.time(|| {
                let input =
                    ImageBatch::new(inputs.concat(), images.len(), preprocessing.height_px, preprocessing.width_px)?;
                self.network.features(&input)
            })?;
            let descriptors = clock.time(|| describe(&maps, pipeline.descriptor()))?;
            n_patches = descriptors.grid.n_patches();
            let found = clock.time(|| {
                let one = |i| self.distances(descriptors.image(i), descriptors.grid);
                (0..images.len()).into_par_iter().map(one).collect::<Result<Vec<_>>>()
            })?;
            clock.time(|| {
                for patches in &found {
                    let (height_px, width_px) = (preprocessing.height_px, preprocessing.width_px);
                    black_box(AnomalyMap::draw(patches, descriptors.grid, height_px, width_px, score.map_sigma_px));
                }
            });
            let borrowed: Vec<&Image> = images.iter().collect();
            let inspections = self.inspector.inspect(&borrowed, &[], Calibration::Condition)?;
            clock.time(|| {
                let draw = |(image, inspection)| anyhow::Ok(draw_inspection(image, inspection, &style)?.png()?.len());
                images.par_iter().zip(&inspections).map(draw).collect::<Result<Vec<_>>>()
            })?;
            clock.time(|| self.inspector.inspect(&borrowed, &[], Calibration::Condition))?;
        }
        // What `infer` runs: stages at the same time, the next images decoded meanwhile.
        let pace = Pace { batch, ..self.pace };
        let start = Instant::now();
        inspect_all(self.inspector, self.samples, None, Calibration::Condition, &pace, &Silent, |item| {
            item.outcome.map(drop).map_err(anyhow::Error::from)
        })?;
        spent[STAGES.len() - 1] = ms(start);
        Ok((spent.map(|total| total / self.samples.len() as f64), n_patches))
    }
}

/// The detectors without parts that one is made of.
fn leaves(detector: &dyn Detector) -> Vec<&dyn Detector> {
    match detector.parts() {
        [] => vec![detector],
        parts => parts.iter().flat_map(|part| leaves(&**part)).collect(),
    }
}

impl Bench<'_> {
    /// The distance of each patch: by the bank's search where there is a bank, else as the detector tells it.
    fn distances(&self, rows: &[f32], grid: Grid) -> Result<Vec<f32>> {
        let detector = self.detector;
        Ok(match detector.memory_bank() {
            Some(bank) => {
                let nearest = bank.nearest(rows, detector.scoring().map_neighbours)?;
                nearest.distances.iter().step_by(nearest.k).copied().collect()
            }
            None => {
                let view = View::plain(Policy::Mixed);
                let found = detector.score_described(Patches::all(rows, grid), Admission::abstained(), &[view])?;
                found.patches.into_iter().next().unwrap_or_default()
            }
        })
    }
}

/// Adds the time of one stage after the other to `spent`.
struct Clock<'a> {
    spent: &'a mut [f64; STAGES.len()],
    at: usize,
}

impl Clock<'_> {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.spent[self.at] += ms(start);
        self.at += 1;
        done
    }
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn ceilings() -> Result<Ceilings> {
    let side = CEILING_SIDE;
    let rows: Vec<f32> = (0..side * side).map(|i| (i % 97) as f32 / 97.0).collect();
    let matrix = Projection::random(side, side, 0)?;
    let best = |work: &dyn Fn() -> Result<()>| -> Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..CEILING_RUNS {
            let start = Instant::now();
            work()?;
            least = least.min(start.elapsed().as_secs_f64());
        }
        Ok(least)
    };
    let product_s = best(&|| {
        black_box(matrix.apply(&rows)?);
        Ok(())
    })?;
    let values = vec![1.0f32; CEILING_VALUES];
    let sum_s = best(&|| {
        let sum = |part: &[f32]| {
            part.chunks_exact(16).fold([0.0f32; 16], |mut sums, chunk| {
                sums.iter_mut().zip(chunk).for_each(|(s, v)| *s += v);
                sums
            })
        };
        black_box(values.par_chunks(1 << 20).map(|part| sum(part)[0]).sum::<f32>());
        Ok(())
    })?;
    Ok(Ceilings {
        matrix_gflops: 2.0 * (side as f64).powi(3) / product_s / 1e9,
        memory_gb_per_s: (CEILING_VALUES * size_of::<f32>()) as f64 / sum_s / 1e9,
    })
}

fn print_table(report: &Report) -> Result<()> {
    let Report { device, backbone, image_size, detector, bank_rows, dim, images, repeats, ceilings, .. } = report;
    print_line(&format!("device       {device}, {} threads", report.threads))?;
    print_line(&format!("network      {backbone}, {image_size}"))?;
    let rows = if *bank_rows > 0 { format!("{bank_rows} rows of {dim} values") } else { "no bank".to_owned() };
    print_line(&format!("detector     {detector}, {rows}"))?;
    if let Some(quality) = &report.quality {
        print_line(&format!("quality      {quality}"))?;
    }
    print_line(&format!("start        {:.0} ms to open the bundle and the network", report.start_ms))?;
    print_line(&format!(
        "ceilings     {:.0} GFLOP/s in matrix products, {:.1} GB/s from memory",
        ceilings.matrix_gflops, ceilings.memory_gb_per_s
    ))?;
    if let Some(peak) = report.peak_memory_mib {
        print_line(&format!("peak memory  {peak:.0} MiB"))?;
    }
    let has_parts = report.batches.len() > BATCHES.len();
    for Batch { detector, image_size, batch, images_per_s, search_gflops, stages } in &report.batches {
        print_line("")?;
        let of_part = if has_parts { format!("{detector} at {image_size}, ") } else { String::new() };
        print_line(&format!("{of_part}batch {batch}: ms per image, median of {repeats} rounds over {images} images"))?;
        for Stage { stage, median_ms, least_ms, most_ms } in
            stages.iter().filter(|s| !["inspect", "pipeline"].contains(&s.stage))
        {
            print_line(&format!("  {stage:<11} {median_ms:>9.3}   ({least_ms:.3} to {most_ms:.3})"))?;
        }
        let median = |name: &str| stages.iter().find(|s| s.stage == name).map_or(f64::NAN, |s| s.median_ms);
        let (whole, pipeline) = (median("inspect"), median("pipeline"));
        print_line(&format!(
            "  all but decode and draw {whole:.3}; as infer runs it, decoding meanwhile: {pipeline:.3}, {images_per_s:.1} images/s"
        ))?;
        if *search_gflops == 0.0 {
            continue;
        }
        print_line(&format!(
            "  search: all products in the time of {search_gflops:.0} GFLOP/s, {:.0} % of the ceiling (eight-bit codes pass it)",
            100.0 * search_gflops / ceilings.matrix_gflops
        ))?;
    }
    Ok(())
}
