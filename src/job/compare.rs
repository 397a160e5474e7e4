//! Two systems on the same images, side by side.

use super::pictures::{PictureNames, write_bytes};
use super::place::{prepare_folder, read_at_most, write_made, write_text};
use super::{Context, JobError, Opened};
use crate::dataset::{Label, Listing, Sample, mark_output, path_text};
use crate::eval::{Agreement, MayReplace, PairedVerdict};
use crate::infer::{Calibration, inspect_all};
use crate::report::compare::{CompareRow, compare_page};
use crate::report::{DrawStyle, ResultRow, csv_quoted, draw_inspection, json_text};
use crate::score::Verdict;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The largest file of results that is read.
const MAX_RESULT_BYTES: u64 = 2 << 30;
/// Flips that are drawn.
const MOST_DRAWN: usize = 50;

/// One side of a comparison.
pub enum Side<'a> {
    /// A bundle, which inspects the images.
    Bundle(&'a Opened),
    /// What another system, or an earlier run, said of them: a folder of results, a `results.jsonl`, or a CSV with a column `path` and
    /// `verdict`, or `score` and `threshold`.
    Results(PathBuf),
}

/// What to compare.
pub struct CompareJob<'a> {
    /// The system that is, and the one that may come.
    pub sides: [Side<'a>; 2],
    /// The images; labels count where the layout tells them.
    pub listing: &'a Listing,
    /// Folder for `compare.html`, `compare.json`, `flips.csv` and pictures of the flips, if anything is written.
    pub out: Option<&'a Path>,
}

/// A comparison.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compared {
    /// The figures.
    pub agreement: Agreement,
    /// Whether the second may take the place of the first.
    pub may_replace: MayReplace,
    /// Images with different verdicts.
    pub flips: Vec<CompareRow>,
    /// Images that one side says nothing of.
    pub n_unpaired: usize,
}

/// What a side says of an image.
#[derive(Clone, Copy)]
struct Said {
    is_anomalous: bool,
    score: Option<f32>,
}

/// Compares, and writes what is asked for.
///
/// # Errors
/// [`JobError::Compare`] for results that say nothing of the images; whatever an inspection refuses, and what can't be written.
pub fn compare(job: &CompareJob<'_>, context: &Context<'_>) -> Result<Compared, JobError> {
    let samples = &job.listing.samples;
    if let Some(folder) = job.out {
        prepare_folder(folder)?;
        mark_output(folder, &["pictures"]).map_err(JobError::file("writing into", folder))?;
    }
    let mut said = vec![];
    for side in &job.sides {
        said.push(match side {
            Side::Bundle(opened) => inspected(opened, samples, context)?,
            Side::Results(path) => read(path, samples)?,
        });
    }
    let (mut pairs, mut flips, mut n_unpaired) = (vec![], vec![], 0);
    for (at, sample) in samples.iter().enumerate() {
        let (Some(first), Some(second)) = (said[0][at], said[1][at]) else {
            n_unpaired += 1;
            continue;
        };
        let truth = sample.label.map(|label| label == Label::Anomalous);
        let verdicts = [first.is_anomalous, second.is_anomalous];
        pairs.push(PairedVerdict { verdicts, scores: [first.score, second.score], truth });
        if verdicts[0] != verdicts[1] {
            let (path, defect) = (path_text(&sample.path), sample.defect.clone());
            let scores = [first.score, second.score];
            flips.push((
                at,
                CompareRow { path, verdicts, scores, truth, defect, pictures: [None, None], pngs: [None, None] },
            ));
        }
    }
    let agreement = Agreement::of(&pairs);
    let may_replace = agreement.may_replace(&pairs);
    if let Some(folder) = job.out {
        for (at, flip) in flips.iter_mut().take(MOST_DRAWN) {
            draw(job, &samples[*at], folder, flip)?;
            crate::detect::go_on(context.progress)?;
        }
    }
    let flips = flips.into_iter().map(|(_, flip)| flip).collect();
    let compared = Compared { agreement, may_replace, flips, n_unpaired };
    if let Some(folder) = job.out {
        write(folder, &compared, job)?;
    }
    Ok(compared)
}

fn inspected(opened: &Opened, samples: &[Sample], context: &Context<'_>) -> Result<Vec<Option<Said>>, JobError> {
    let mut said = Vec::with_capacity(samples.len());
    let (pace, progress) = (&context.pace, context.progress);
    inspect_all(&opened.inspector, samples, None, Calibration::default(), pace, progress, |item| {
        said.push(match &item.outcome {
            Ok((_, found)) => {
                Some(Said { is_anomalous: found.verdict == Verdict::Anomalous, score: Some(found.calibrated_score) })
            }
            Err(error) => {
                progress.warn(&format!("left out: {error}"));
                None
            }
        });
        Ok::<_, JobError>(())
    })?;
    Ok(said)
}

/// What results say of these images, told by their paths, or by the ends of them.
fn read(path: &Path, samples: &[Sample]) -> Result<Vec<Option<Said>>, JobError> {
    let place = if path.is_dir() { path.join("results.jsonl") } else { path.to_owned() };
    let text = String::from_utf8_lossy(&read_at_most(&place, MAX_RESULT_BYTES)?).into_owned();
    let is_table = place.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let refused = |why: String| JobError::Compare { path: place.clone(), why };
    let rows = if is_table {
        table(&text).map_err(refused)?
    } else {
        let rows = ResultRow::read_all(&text).map_err(JobError::report(&place))?;
        let said = |row: ResultRow| {
            let said = row.verdict.map(|v| Said { is_anomalous: v == Verdict::Anomalous, score: row.score });
            (row.path, said)
        };
        rows.into_iter().map(said).collect()
    };
    let mut by_end: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, (path, _)) in rows.iter().enumerate() {
        for end in ends(path) {
            by_end.entry(end).or_default().push(at);
        }
    }
    // The longest end that only one row has.
    let of = |sample: &Sample| {
        let found =
            ends(&path_text(&sample.path)).into_iter().find_map(|end| match by_end.get(&end).map(Vec::as_slice) {
                Some([only]) => Some(*only),
                _ => None,
            });
        found.and_then(|at| rows[at].1)
    };
    let said: Vec<Option<Said>> = samples.iter().map(of).collect();
    if said.iter().all(Option::is_none) {
        let why = format!("none of its {} rows is of one of the {} images", rows.len(), samples.len());
        return Err(JobError::Compare { path: place, why });
    }
    Ok(said)
}

/// A path and its ends, the longest first: `a/b/c.png`, `b/c.png`, `c.png`.
fn ends(path: &str) -> Vec<String> {
    let path = path.replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (0..parts.len()).map(|from| parts[from..].join("/")).collect()
}

/// The rows of a table with the columns `path` and `verdict`, or `path`, `score` and `threshold`.
fn table(text: &str) -> Result<Vec<(String, Option<Said>)>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let heads = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| heads.iter().position(|head| head.trim().eq_ignore_ascii_case(name));
    let path = column("path").ok_or("a column path is needed")?;
    let (verdict, score, threshold) = (column("verdict"), column("score"), column("threshold"));
    if verdict.is_none() && (score.is_none() || threshold.is_none()) {
        return Err("a column verdict (normal or anomalous) is needed, or score and threshold".to_owned());
    }
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).map(str::trim).filter(|cell| !cell.is_empty());
        let number = |at| cell(at).and_then(|cell| cell.parse::<f32>().ok());
        let own = number(score);
        let is_anomalous = match cell(verdict) {
            Some("anomalous" | "Anomalous" | "defect" | "NG" | "1" | "true") => Some(true),
            Some("normal" | "Normal" | "good" | "OK" | "0" | "false") => Some(false),
            Some(other) => return Err(format!("verdict '{other}': expected normal or anomalous")),
            None => own.zip(number(threshold)).map(|(score, threshold)| score > threshold),
        };
        let said = is_anomalous.map(|is_anomalous| Said { is_anomalous, score: own });
        rows.push((cell(Some(path)).unwrap_or_default().trim_start_matches('\'').to_owned(), said));
    }
    Ok(rows)
}

/// The overlays of the sides that are bundles, beside the page and in it.
fn draw(job: &CompareJob<'_>, sample: &Sample, folder: &Path, flip: &mut CompareRow) -> Result<(), JobError> {
    let names = PictureNames::of(&job.listing.samples);
    for (at, side) in job.sides.iter().enumerate() {
        let Side::Bundle(opened) = side else { continue };
        let inspector = &opened.inspector;
        // An image that has gone since just has no picture.
        let Ok(image) = crate::image::read_as(&sample.path, &inspector.reading()) else { continue };
        let place = names.place(["pictures/a", "pictures/b"][at], sample, "png");
        for inspection in inspector.inspect(&[&image], &[None], Calibration::default())? {
            let pixel_threshold = inspector.manifest().pixel_threshold;
            let style = DrawStyle { pixel_threshold, max_side_px: Some(480), ..DrawStyle::default() };
            let png = draw_inspection(&image, &inspection, &style).and_then(|picture| picture.png());
            let png = png.map_err(JobError::report(&folder.join(&place)))?;
            write_bytes(folder, &place, &png)?;
            (flip.pictures[at], flip.pngs[at]) = (Some(place.clone()), Some(png));
        }
    }
    Ok(())
}

fn write(folder: &Path, compared: &Compared, job: &CompareJob<'_>) -> Result<(), JobError> {
    let names = job.sides.each_ref().map(|side| match side {
        Side::Bundle(opened) => opened.path.display().to_string(),
        Side::Results(path) => path.display().to_string(),
    });
    let mut table = "path,a,b,score_a,score_b,label,defect\n".to_owned();
    for flip in &compared.flips {
        let word = |is: bool| if is { "anomalous" } else { "normal" };
        let number = |score: Option<f32>| score.map_or_else(String::new, |score| score.to_string());
        table += &format!(
            "{},{},{},{},{},{},{}\n",
            csv_quoted(&flip.path),
            word(flip.verdicts[0]),
            word(flip.verdicts[1]),
            number(flip.scores[0]),
            number(flip.scores[1]),
            flip.truth.map_or("", word),
            csv_quoted(flip.defect.as_deref().unwrap_or(""))
        );
    }
    write_text(&folder.join("flips.csv"), &table)?;
    write_made(
        &folder.join("compare.json"),
        json_text(&crate::report::compare::CompareJson::of(
            &compared.agreement,
            compared.may_replace,
            &compared.flips,
            compared.n_unpaired,
        )),
    )?;
    write_text(
        &folder.join("compare.html"),
        &compare_page(&names, &compared.agreement, compared.may_replace, &compared.flips),
    )
}
