//! Results to the files of other programs.

use super::place::{prepare_folder, read_at_most, write_bytes};
use super::{Context, JobError};
use crate::bundle::Contents;
use crate::eval::Evaluation;
use crate::image::{self, Limits, Mask};
use crate::report::export::{
    Coco, EventFile, ExportImage, ExportRun, LABEL_CONFIG, LabelStudio, Marked, ResultTable, Spot, bundle_events,
    events_name, figure_events, result_events, wall_time,
};
use crate::report::{EvaluationJson, GalleryPick, PastRun, ReportError, ReportImage, ResultRow};
use crate::score::VERDICT_TOLERANCE;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The largest file of results that is read, and the largest picture.
const MAX_RESULT_BYTES: u64 = 2 << 30;
const MAX_PICTURE_BYTES: u64 = 256 << 20;
/// Overlays of a run's highest scores that TensorBoard gets.
const N_PICTURES: usize = 8;

/// A format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// `tasks.json` and `labels.xml`: tasks of Label Studio with predictions.
    LabelStudio,
    /// `coco.json`.
    Coco,
    /// `images.parquet` and `regions.parquet`.
    Parquet,
    /// `summary.csv`.
    Csv,
    /// An event file for each run, in a folder of the run's name.
    TensorBoard,
}

/// What to export, and where to.
#[derive(Clone, Copy)]
pub struct ExportJob<'a> {
    /// Folders of results.
    pub results: &'a [PathBuf],
    /// To what.
    pub format: ExportFormat,
    /// The folder to write into.
    pub out: &'a Path,
    /// What Label Studio finds an image by, before its path in the results.
    pub prefix: &'a str,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportDone {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Images in them.
    pub n_images: usize,
    /// Images without pixels that could be marked: not inspected, or of an older pcore that did not write their size.
    pub n_left_out: usize,
}

/// Reads what runs of [`inspect()`](super::inspect()) and [`evaluate()`](super::evaluate()) left, and writes it in another
/// format; nothing is scored. Regions are the parts of a stored map (`maps/NAME.tiff`) above its pixel threshold, to the pixel;
/// without maps they are the outlines of the results, filled.
///
/// # Errors
/// Results that are not there, broken, or of a run that did not end; a map that can't be read; what can't be written.
pub fn export(job: &ExportJob<'_>, context: &Context<'_>) -> Result<ExportDone, JobError> {
    prepare_folder(job.out)?;
    let runs: Vec<Results> = job.results.iter().map(|folder| Results::read(folder)).collect::<Result<_, _>>()?;
    context.progress.begin("exporting", runs.iter().map(|run| run.rows.len()).sum());
    let mut writing = Writing { job, context, done: ExportDone::default() };
    match job.format {
        ExportFormat::LabelStudio => {
            let mut tasks = LabelStudio::new(job.prefix);
            writing.each(&runs, |image| tasks.add(image))?;
            writing.file("tasks.json", tasks.finish().as_bytes())?;
            writing.file("labels.xml", LABEL_CONFIG.as_bytes())?;
        }
        ExportFormat::Coco => {
            let mut coco = Coco::default();
            writing.each(&runs, |image| {
                coco.add(image);
                Ok(())
            })?;
            writing.made("coco.json", coco.finish().map(String::into_bytes))?;
        }
        ExportFormat::Parquet => {
            let table = writing.table(&runs);
            writing.made("images.parquet", table.images())?;
            writing.made("regions.parquet", table.regions())?;
        }
        ExportFormat::Csv => {
            let table = writing.table(&runs);
            writing.made("summary.csv", table.csv())?;
        }
        ExportFormat::TensorBoard => runs.iter().try_for_each(|run| writing.events(run))?,
    }
    context.progress.end();
    Ok(writing.done)
}

/// Writes a fit as an event file of TensorBoard into the folder; says which.
///
/// # Errors
/// It can't be written.
pub fn export_fit(contents: &Contents, out: &Path) -> Result<PathBuf, JobError> {
    prepare_folder(out)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut file = EventFile::new(now);
    bundle_events(&mut file, contents);
    let path = out.join(events_name(now));
    write_bytes(&path, &file.finish())?;
    Ok(path)
}

/// Writes an evaluation, with pictures of the images that are worth a look, as an event file into the folder.
pub(super) fn export_evaluation(
    out: &Path,
    began: &str,
    (images, evaluation): (&[ReportImage], &Evaluation),
    notable: &[(GalleryPick, Vec<u8>)],
) -> Result<(), JobError> {
    prepare_folder(out)?;
    let began = wall_time(began);
    let path = out.join(events_name(began));
    let mut file = EventFile::new(began);
    let rows: Vec<ResultRow> = images.iter().map(|image| image.row.clone()).collect();
    result_events(&mut file, &rows);
    let failed = |error: serde_json::Error| JobError::report(&path)(error.into());
    figure_events(&mut file, &serde_json::to_value(EvaluationJson::from(evaluation)).map_err(failed)?);
    for (GalleryPick { group, image_idx }, png) in notable {
        let tag = format!("{}/{}", group.title(), rows[*image_idx].path);
        file.image(0, &tag, png).map_err(JobError::report(&path))?;
    }
    write_bytes(&path, &file.finish())
}

/// What is written, and with which counts.
struct Writing<'a> {
    job: &'a ExportJob<'a>,
    context: &'a Context<'a>,
    done: ExportDone,
}

impl Writing<'_> {
    /// Every image whose size is known, with its regions.
    fn each(
        &mut self,
        runs: &[Results],
        mut add: impl FnMut(&ExportImage<'_>) -> Result<(), ReportError>,
    ) -> Result<(), JobError> {
        for run in runs {
            for row in &run.rows {
                self.context.progress.advance(1);
                let (Some(width), Some(height)) = (row.width, row.height) else {
                    self.done.n_left_out += 1;
                    continue;
                };
                let marked = run.marked(row, (height, width))?;
                let image = ExportImage { run: &run.run, row, size: (height, width), marked: &marked };
                add(&image).map_err(JobError::report(self.job.out))?;
                self.done.n_images += 1;
            }
        }
        Ok(())
    }

    fn table(&mut self, runs: &[Results]) -> ResultTable {
        let mut table = ResultTable::default();
        for run in runs {
            for row in &run.rows {
                table.add(&ExportImage { run: &run.run, row, size: (0, 0), marked: &[] });
                self.context.progress.advance(1);
                self.done.n_images += 1;
            }
        }
        table
    }

    /// Scores, figures where the run has them, and overlays of the highest scores where it has those.
    fn events(&mut self, run: &Results) -> Result<(), JobError> {
        let began = wall_time(&run.run.began);
        let mut file = EventFile::new(began);
        result_events(&mut file, &run.rows);
        let figures = run.folder.join("evaluation.json");
        if run.past.command == "eval" && figures.is_file() {
            let bytes = read_at_most(&figures, MAX_RESULT_BYTES)?;
            let figures: serde_json::Value =
                serde_json::from_slice(&bytes).map_err(|error| JobError::report(&figures)(error.into()))?;
            figure_events(&mut file, &figures);
        }
        let margin = |row: &ResultRow| row.score.unwrap_or(f32::MIN) - row.threshold.unwrap_or_default();
        let mut drawn: Vec<&ResultRow> = run.rows.iter().filter(|row| row.overlay.is_some()).collect();
        drawn.sort_by(|a, b| margin(b).total_cmp(&margin(a)));
        for row in drawn.into_iter().take(N_PICTURES) {
            let path = run.folder.join(row.overlay.as_deref().unwrap_or_default());
            let png = read_at_most(&path, MAX_PICTURE_BYTES)?;
            file.image(0, &format!("overlays/{}", row.path), &png).map_err(JobError::report(&path))?;
        }
        self.context.progress.advance(run.rows.len());
        self.done.n_images += run.rows.len();
        self.file(&format!("{}/{}", run.run.name, events_name(began)), &file.finish())
    }

    fn made(&mut self, name: &str, made: Result<Vec<u8>, ReportError>) -> Result<(), JobError> {
        let bytes = made.map_err(JobError::report(&self.job.out.join(name)))?;
        self.file(name, &bytes)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), JobError> {
        let path = self.job.out.join(name);
        write_bytes(&path, bytes)?;
        self.done.files.push(path);
        Ok(())
    }
}

/// The rows of a folder of results.
pub(super) fn read_rows(folder: &Path) -> Result<Vec<ResultRow>, JobError> {
    Ok(Results::read(folder)?.rows)
}

/// The results of a run.
struct Results {
    folder: PathBuf,
    past: PastRun,
    run: ExportRun,
    rows: Vec<ResultRow>,
}

impl Results {
    fn read(folder: &Path) -> Result<Self, JobError> {
        let text = |name: &str| {
            let path = folder.join(name);
            let bytes = read_at_most(&path, MAX_RESULT_BYTES)?;
            let broken = |error| JobError::file("reading", &path)(io::Error::new(io::ErrorKind::InvalidData, error));
            String::from_utf8(bytes).map_err(broken)
        };
        let past = PastRun::read(&text("run.json")?).map_err(JobError::unread(&folder.join("run.json")))?;
        if !past.complete {
            return Err(JobError::Incomplete { folder: folder.to_owned() });
        }
        let rows =
            ResultRow::read_all(&text("results.jsonl")?).map_err(JobError::unread(&folder.join("results.jsonl")))?;
        let name =
            fs::canonicalize(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let bundle = Path::new(&past.bundle).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let data = past.data_fingerprint.get(..8).unwrap_or_default();
        let run = ExportRun {
            name: name.unwrap_or_else(|| "results".to_owned()),
            model_version: format!("pcore {} {} {data}", past.pcore_version, bundle.unwrap_or_default()),
            began: past.began.clone(),
        };
        Ok(Self { folder: folder.to_owned(), past, run, rows })
    }

    /// Where an image of this size is anomalous.
    fn marked(&self, row: &ResultRow, size: (usize, usize)) -> Result<Vec<Marked>, JobError> {
        let has_maps = self.past.maps.iter().any(|kind| kind == "tiff");
        let map = row.overlay.as_deref().and_then(|overlay| overlay.strip_prefix("overlays/")?.strip_suffix(".png"));
        if let (true, Some(name), Some(threshold)) = (has_maps, map, self.past.pixel_threshold) {
            return above(&self.folder.join(format!("maps/{name}.tiff")), threshold, size);
        }
        let marked = |region| Marked { spot: Spot::of_region(region, size), peak: region.peak };
        Ok(row.regions.iter().flatten().map(marked).filter(|marked| marked.spot.n_pixels() > 0).collect())
    }
}

/// The parts of a stored map above a threshold, the one with the largest value first.
fn above(path: &Path, threshold: f32, (height_px, width_px): (usize, usize)) -> Result<Vec<Marked>, JobError> {
    let map = image::read(path, &Limits::default())?;
    let found = (map.height_px(), map.width_px(), map.n_channels());
    if found != (height_px, width_px, 1) {
        let why = format!("{found:?} rows, columns and channels, its image has {height_px} x {width_px} pixels");
        return Err(JobError::file("reading", path)(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    // As in `Region::find`; what was not looked at is 0.
    let limit = (threshold + VERDICT_TOLERANCE * threshold.abs()).max(0.0);
    let values = map.pixels();
    let mask = Mask { values: values.iter().map(|value| *value > limit).collect(), height_px, width_px };
    let with_peak = |spot: Spot| {
        let peak = spot.pixels().map(|(row, column)| values[row * width_px + column]).fold(f32::MIN, f32::max);
        Marked { spot, peak }
    };
    let mut marked: Vec<Marked> = Spot::all_in(&mask).into_iter().map(with_peak).collect();
    marked.sort_by(|a, b| b.peak.total_cmp(&a.peak));
    Ok(marked)
}
