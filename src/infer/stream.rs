//! Many files through one inspector.

use super::inspector::Keeps;
use super::{Calibration, ExplainPlan, Explanation, Inspection, Inspector};
use crate::dataset::{ConditionTable, Sample};
use crate::detect::{DetectError, Stage, StageClock};
use crate::flow::{Decoded, Origin, Pace, Share, in_batches};
use crate::image::{Image, ImageError};
use crate::progress::Progress;
use rayon::prelude::*;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// One file's outcome.
pub struct Item<'a> {
    /// The file.
    pub sample: &'a Sample,
    /// Its pixels and what pcore says of them, or why it could not be read.
    pub outcome: Result<(Image, Inspection), ImageError>,
    /// Time of its decoding, and its share of the time in which its batch was scored, in milliseconds.
    pub ms: f64,
    /// How much of it went where.
    pub stages: StageTimes,
    /// Why, where that was asked for.
    pub explanation: Option<Explanation>,
    /// Its part of the memory for images.
    _share: Option<Share>,
}

/// Where the time of an image goes, in milliseconds. Of a batch each image has its share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTimes {
    /// From the file to pixels.
    pub decoding_ms: f64,
    /// [`Stage::Network`].
    pub network_ms: f64,
    /// [`Stage::Comparing`].
    pub comparing_ms: f64,
}

/// Inspects `samples` in order, at `pace`, and hands each outcome to `receive`. A file that can't be read is an
/// outcome like any other and stops nothing. A condition found in `table` overrules the gate.
///
/// Three things happen at the same time: the next batch is decoded, one is scored, and the outcomes of the one before are
/// received, on a thread of their own. So the images of three batches are held, and one in each decoding thread, as long as
/// the memory of `pace` holds them; where it does not, batches are smaller, and an image that takes all of it is one that can't
/// be read.
///
/// ```no_run
/// use pcore::{Calibration, Contents, DetectError, Inspector, Item, OpenDevice, Pace, Silent};
///
/// let inspector = Inspector::open(Contents::read("part.pcore".as_ref())?, &OpenDevice::cpu())?;
/// let images = pcore::dataset::inputs(&["line1".into()], None)?.samples;
/// let say = |item: Item<'_>| {
///     match &item.outcome {
///         Ok((_image, found)) => println!("{}: {}", item.sample.name, found.verdict.as_str()),
///         Err(error) => println!("{}: {error}", item.sample.name),
///     }
///     Ok::<_, DetectError>(())
/// };
/// pcore::inspect_all(&inspector, &images, None, Calibration::default(), &Pace::default(), &Silent, say)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What `receive` returns, or what makes every image fail: a network or bank that refuses its input, or an input size for
/// which there is no memory ([`DetectError::Memory`], before the first image). [`DetectError::Cancelled`]
/// where `progress` says so; what was scored before has been received.
pub fn inspect_all<E: From<DetectError> + Send>(
    inspector: &Inspector,
    samples: &[Sample],
    table: Option<&ConditionTable>,
    calibration: Calibration,
    pace: &Pace,
    progress: &dyn Progress,
    mut receive: impl FnMut(Item<'_>) -> Result<(), E> + Send,
) -> Result<(), E> {
    let what = Inspecting { inspector, samples, table, calibration, explain: None, pools: false };
    inspect_and(what, pace, progress, |_| Ok(()), |item, ()| receive(item))
}

/// Images and how they are inspected.
#[derive(Clone, Copy)]
pub struct Inspecting<'a> {
    /// The detector, and what its scores mean.
    pub inspector: &'a Inspector,
    /// The files, in the order of their outcomes.
    pub samples: &'a [Sample],
    /// Known conditions, which overrule the gate.
    pub table: Option<&'a ConditionTable>,
    /// Which held-out normals an image is compared with.
    pub calibration: Calibration,
    /// How much is explained of each; an image is described once for both.
    pub explain: Option<ExplainPlan>,
    /// Whether inspections tell what images look like to the network ([`Inspection::pooled`]).
    pub pools: bool,
}

/// As [`inspect_all`]. What can be made of an outcome without regard to the others (a picture of it) `prepare` makes, for
/// several at once and in any order; `receive` gets it with the outcome.
///
/// # Errors
/// As [`inspect_all`], and what `prepare` returns.
pub fn inspect_and<P: Send, E: From<DetectError> + Send>(
    what: Inspecting<'_>,
    pace: &Pace,
    progress: &dyn Progress,
    prepare: impl Fn(&Item<'_>) -> Result<P, E> + Sync,
    mut receive: impl FnMut(Item<'_>, P) -> Result<(), E> + Send,
) -> Result<(), E> {
    let Inspecting { inspector, samples, .. } = what;
    let prepare = &prepare;
    let flow = inspector.flow(pace)?;
    let files: Vec<Origin<'_>> = samples.iter().map(Origin::of).collect();
    progress.begin("inspecting", samples.len());
    thread::scope(|scope| {
        // No room: the scored batch is handed over when the one before has been received.
        let (scored, queue) = sync_channel::<Vec<Item<'_>>>(0);
        let receiver = scope.spawn(move || -> Result<(), E> {
            for items in queue {
                let n = items.len();
                let prepared: Vec<Result<P, E>> = items.par_iter().map(prepare).collect();
                for (item, prepared) in items.into_iter().zip(prepared) {
                    receive(item, prepared?)?;
                }
                progress.advance(n);
            }
            Ok(())
        });
        // `None`: the receiver has stopped, and says why.
        let worked: Result<(), Option<E>> = in_batches(&files, &flow, |range, decoded| {
            if progress.is_cancelled() {
                return Err(Some(DetectError::Cancelled.into()));
            }
            let items = inspect_batch(Inspecting { samples: &samples[range], ..what }, decoded)
                .map_err(|error| Some(error.into()))?;
            scored.send(items).map_err(|_stopped| None)
        });
        drop(scored);
        receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        worked.or_else(|error| error.map_or(Ok(()), Err))
    })?;
    progress.end();
    Ok(())
}

fn inspect_batch<'a>(what: Inspecting<'a>, decoded: Vec<Decoded<'_>>) -> Result<Vec<Item<'a>>, DetectError> {
    let Inspecting { samples, table, .. } = what;
    let start = Instant::now();
    let readable: Vec<(&Sample, &Image)> =
        samples.iter().zip(&decoded).filter_map(|(s, d)| d.image.as_ref().ok().map(|image| (s, &**image))).collect();
    let conditions: Vec<Option<&str>> = readable.iter().map(|(s, _)| table.and_then(|t| t.get(s))).collect();
    let images: Vec<&Image> = readable.iter().map(|(_, image)| *image).collect();
    let clock = StageClock::default();
    let mut inspections = inspect_each(what, &images, &conditions, &clock)?.into_iter();
    let share_ms = |of: Duration| of.as_secs_f64() * 1e3 / samples.len() as f64;
    let shared_ms = share_ms(start.elapsed());
    let [network_ms, comparing_ms] = [Stage::Network, Stage::Comparing].map(|stage| share_ms(clock.spent(stage)));
    let items = samples.iter().zip(decoded).filter_map(|(sample, Decoded { image, ms, share, .. })| {
        let (outcome, explanation) = match image {
            Ok(image) => match inspections.next()? {
                Ok((inspection, explanation)) => (Ok((image.into_owned(), inspection)), explanation),
                Err(error) => (Err(error.in_file(&sample.path)), None),
            },
            Err(error) => (Err(error), None),
        };
        let stages = StageTimes { decoding_ms: ms, network_ms, comparing_ms };
        Some(Item { sample, outcome, ms: ms + shared_ms, stages, explanation, _share: share })
    });
    Ok(items.collect())
}

/// What is said of an image, and why where that was asked for; or the reason why it can't be scored.
type Said = Result<(Inspection, Option<Explanation>), ImageError>;

/// The inspection of each image, or why it has none: values that the network takes beyond all bounds are a matter of that
/// image alone.
fn inspect_each(
    what: Inspecting<'_>,
    images: &[&Image],
    conditions: &[Option<&str>],
    clock: &StageClock,
) -> Result<Vec<Said>, DetectError> {
    let Inspecting { inspector, calibration, explain, pools, .. } = what;
    let unscorable = |image: &Image, reason: String| {
        let [min, max] = image.extrema();
        ImageError::Unscorable { reason, min, max }
    };
    if images.is_empty() {
        return Ok(vec![]);
    }
    let keeps = Keeps { descriptors: false, pooled: pools || inspector.pools, clock: Some(clock) };
    let found = match explain {
        None => inspector
            .inspect_and_keep(images, conditions, calibration, keeps)
            .map(|all| all.into_iter().map(|inspection| (inspection, None)).collect::<Vec<_>>()),
        Some(plan) => inspector
            .explain_each(images, conditions, calibration, &plan, Some(clock))
            .map(|all| all.into_iter().map(|why| (why.inspection.clone(), Some(why))).collect()),
    };
    match found {
        Ok(found) => {
            let checked = found.into_iter().zip(images).map(|((inspection, why), image)| {
                let is_finite = inspection.raw_score.is_finite() && inspection.map.max().is_finite();
                let reason = || format!("its score is {}", inspection.raw_score);
                if is_finite { Ok((inspection, why)) } else { Err(unscorable(image, reason())) }
            });
            Ok(checked.collect())
        }
        Err(error) if !error.is_of_one_image() => Err(error),
        Err(error) if images.len() == 1 => Ok(vec![Err(unscorable(images[0], error.to_string()))]),
        Err(_) => {
            let alone = |i: usize| inspect_each(what, &images[i..=i], &conditions[i..=i], clock);
            let each: Vec<_> = (0..images.len()).map(alone).collect::<Result<_, _>>()?;
            Ok(each.into_iter().flatten().collect())
        }
    }
}
