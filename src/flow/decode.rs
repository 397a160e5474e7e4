//! Images on their way to the work on them: files decoded ahead, within a budget of memory, and those in memory as they are.
//!
//! An image takes its share of the budget before a byte of it is read: what the file is long, then what its header claims. Shares
//! are taken in the order of the images, so that the one that is waited for is never the one that waits: where the budget
//! is short, what is decoded is worked on in a smaller batch, and gives its share back. What is made of an image does not
//! depend on its batch.

use super::room::{Room, Share};
use crate::dataset::Sample;
use crate::image::{self, Image, ImageError, Limits, Reading, Roi, RoiArea};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that decode, at most: more would be ahead of every network.
const MOST_DECODERS: usize = 8;

/// Where the pixels of an image are.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// In a file, to be decoded; another file may say what is looked at.
    File(&'a Path, Option<&'a Path>),
    /// In memory that somebody else holds.
    Memory(&'a Image),
}

impl<'a> Origin<'a> {
    /// The files of a sample.
    pub(crate) fn of(sample: &'a Sample) -> Self {
        Self::File(&sample.path, sample.roi.as_deref())
    }
}

/// An image's pixels, or why there are none.
pub(crate) struct Decoded<'a> {
    pub(crate) image: Result<Cow<'a, Image>, ImageError>,
    /// Time of its decoding, milliseconds.
    pub(crate) ms: f64,
    /// Held as long as the image is.
    pub(crate) share: Option<Share>,
    /// Bytes of the budget that it took while it was decoded.
    pub(crate) peak_bytes: u64,
}

/// Images decoded, or lent by who holds them.
pub(crate) type Pixels<'a> = Vec<Cow<'a, Image>>;

impl<'a> Decoded<'a> {
    /// The pixels of all, and their shares to hold as long, for work that can't do without any of them.
    ///
    /// # Errors
    /// The first reason why there are none.
    pub(crate) fn whole(all: Vec<Self>) -> Result<(Pixels<'a>, Vec<Option<Share>>), ImageError> {
        let (images, shares): (Vec<_>, Vec<_>) = all.into_iter().map(|decoded| (decoded.image, decoded.share)).unzip();
        Ok((images.into_iter().collect::<Result<_, _>>()?, shares))
    }
}

impl Decoded<'_> {
    /// The same of which only what a mask marks is looked at.
    fn looked_at(self, mask: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let image = self.image?.into_owned();
        let inside = vec![RoiArea::Mask(image::read_mask_of(mask, &image, limits)?)];
        Ok(Self { image: Ok(Cow::Owned(image.with_roi(Roi { inside, ignored: vec![] }))), ..self })
    }
}

/// Bytes for each pixel of an image that a mask of it takes, while it is read.
const MASK_BYTES: u64 = 16;

/// How files are read for the work on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) reading: Reading,
    /// Images that are handed over at a time, at most.
    pub(crate) batch: usize,
    /// What the process held before, and what the network takes for a batch, in bytes.
    pub(crate) work_bytes: u64,
    /// Bytes that all images in flight may take.
    pub(crate) room_bytes: u64,
    /// Bytes that the work takes for each image as long as it holds it, beside its pixels.
    pub(crate) image_bytes: u64,
    /// The same for each of its pixels.
    pub(crate) pixel_bytes: u64,
}

impl Flow {
    /// Without a budget.
    #[cfg(test)]
    pub(crate) fn unbounded(reading: Reading, batch: usize) -> Self {
        Self { reading, batch, work_bytes: 0, room_bytes: u64::MAX, image_bytes: 0, pixel_bytes: 0 }
    }
}

/// Where the images are.
#[derive(Default)]
struct State<'a> {
    /// The image that takes its share next.
    next: usize,
    /// Some thread takes that share.
    is_claiming: bool,
    /// The image that waits for others to give their shares back.
    short: Option<usize>,
    /// Images handed over so far.
    n_handed: usize,
    done: BTreeMap<usize, Decoded<'a>>,
    is_stopped: bool,
}

#[derive(Default)]
struct Queue<'a> {
    state: Mutex<State<'a>>,
    changed: Condvar,
}

impl<'a> Queue<'a> {
    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State<'a>) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn wait_while(&self, is_early: impl FnMut(&mut State<'a>) -> bool) -> MutexGuard<'_, State<'a>> {
        self.changed.wait_while(self.lock(), is_early).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops everything when it goes: at the end of the work, at its failure, at the panic of a thread.
struct Stop<'q, 'a>(&'q Queue<'a>, &'q Room);

impl Drop for Stop<'_, '_> {
    fn drop(&mut self) {
        self.0.change(|state| state.is_stopped = true);
        self.1.close();
    }
}

/// Hands the images of `origins` to `work` in order, at most `flow.batch` at a time, while threads of their own decode those
/// that follow: at most one batch ahead, one image in each thread, and no more than the budget holds. A file that
/// takes more than the whole budget is one that can't be read. Of an image in memory only what the work takes is counted.
///
/// # Errors
/// The first that `work` returns; nothing is handed to it after that.
pub(crate) fn in_batches<'a, E>(
    origins: &[Origin<'a>],
    flow: &Flow,
    mut work: impl FnMut(Range<usize>, Vec<Decoded<'a>>) -> Result<(), E>,
) -> Result<(), E> {
    let has_masks = origins.iter().any(|origin| matches!(origin, Origin::File(_, Some(_))));
    let pixel_bytes = flow.pixel_bytes.saturating_add(if has_masks { MASK_BYTES } else { 0 });
    let flow = &Flow { pixel_bytes, ..*flow };
    let batch = flow.batch.max(1);
    let n_threads = rayon::current_num_threads().min(MOST_DECODERS).min(origins.len()).max(1);
    let (queue, room) = (Queue::default(), Arc::new(Room::new(flow.room_bytes)));
    thread::scope(|scope| {
        let stop = Stop(&queue, &room);
        for _ in 0..n_threads {
            scope.spawn(|| {
                // A thread that panics must not leave the others waiting; leaving the scope passes it on.
                let stop = Stop(&queue, &room);
                decode(origins, flow, batch + n_threads, &queue, &room);
                std::mem::forget(stop);
            });
        }
        let mut start = 0;
        while start < origins.len() {
            let decoded = next_batch(&queue, start..(start + batch).min(origins.len()));
            if decoded.is_empty() {
                break;
            }
            let range = start..start + decoded.len();
            start = range.end;
            work(range, decoded)?;
        }
        drop(stop);
        Ok(())
    })
}

/// The images of a range from its start on: all, or those before one that waits for them. None where a thread has panicked.
fn next_batch<'a>(queue: &Queue<'a>, range: Range<usize>) -> Vec<Decoded<'a>> {
    let mut state = queue.wait_while(|state| {
        let n_ready = range.clone().take_while(|i| state.done.contains_key(i)).count();
        let is_blocked = n_ready > 0 && state.short == Some(range.start + n_ready);
        n_ready < range.len() && !is_blocked && !state.is_stopped
    });
    let decoded: Vec<Decoded<'a>> = range.map_while(|index| state.done.remove(&index)).collect();
    state.n_handed += decoded.len();
    drop(state);
    queue.changed.notify_all();
    decoded
}

/// Decodes one image after the other until there is none left, at most so many ahead of the work.
fn decode<'a>(origins: &[Origin<'a>], flow: &Flow, ahead: usize, queue: &Queue<'a>, room: &Arc<Room>) {
    loop {
        let mut state = queue.wait_while(|s| {
            !s.is_stopped && (s.is_claiming || (s.next < origins.len() && s.next >= s.n_handed + ahead))
        });
        if state.is_stopped || state.next == origins.len() {
            return;
        }
        let index = state.next;
        state.is_claiming = true;
        drop(state);
        let short = |is_short: bool| queue.change(|s| s.short = is_short.then_some(index));
        let go_on = || queue.change(|state| (state.is_claiming, state.next) = (false, index + 1));
        let decoded = match origins[index] {
            Origin::File(path, mask) => {
                let opened = open(path, flow, room, &short);
                go_on();
                let decoded = opened.and_then(|opened| opened.decode(path, flow)).map_err(|error| error.in_file(path));
                match mask {
                    None => decoded,
                    Some(mask) => decoded.and_then(|decoded| decoded.looked_at(mask, &flow.reading.limits)),
                }
            }
            Origin::Memory(image) => {
                let lent = lend(image, flow, room, &short);
                go_on();
                lent
            }
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => Decoded { image: Err(error), ms: 0.0, share: None, peak_bytes: 0 },
        };
        queue.change(|state| state.done.insert(index, decoded));
    }
}

/// An image that is there already, with its share of the budget: what the work on it takes.
fn lend<'a>(image: &'a Image, flow: &Flow, room: &Arc<Room>, short: &dyn Fn(bool)) -> Result<Decoded<'a>, ImageError> {
    let n_pixels = (image.height_px() * image.width_px()) as u64;
    let share = room.take(flow.image_bytes.saturating_add(flow.pixel_bytes.saturating_mul(n_pixels)), short)?;
    let peak_bytes = share.bytes();
    Ok(Decoded { image: Ok(Cow::Borrowed(image)), ms: 0.0, share: Some(share), peak_bytes })
}

/// A file in memory, with the share of the budget that its image will take.
struct Opened {
    bytes: Vec<u8>,
    share: Share,
    /// Time of reading, without the waiting.
    time: Duration,
}

/// Reads a file when there is room for it. `short` is told when that has to be waited for, and when no more.
fn open(path: &Path, flow: &Flow, room: &Arc<Room>, short: &dyn Fn(bool)) -> Result<Opened, ImageError> {
    // What can't be opened, or is longer than allowed, is refused in the reader's words.
    let n_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let n_bytes = if n_bytes > flow.reading.limits.max_file_bytes { 0 } else { n_bytes };
    let mut share = room.take(n_bytes, short)?;
    let start = Instant::now();
    let bytes = image::read_bytes(path, &flow.reading.limits)?;
    let decoding = image::decoding_bytes(&bytes, path, &flow.reading)?;
    // Another look at the header, where its answer counts.
    let n_pixels = if flow.pixel_bytes > 0 { image::n_pixels(&bytes, path, &flow.reading)? } else { 0 };
    let time = start.elapsed();
    let work = flow.image_bytes.saturating_add(flow.pixel_bytes.saturating_mul(n_pixels));
    share.grow(decoding.saturating_add(work), short)?;
    Ok(Opened { bytes, share, time })
}

impl Opened {
    fn decode<'a>(mut self, path: &Path, flow: &Flow) -> Result<Decoded<'a>, ImageError> {
        let start = Instant::now();
        let image = image::decode_file(&self.bytes, path, &flow.reading)?;
        drop(self.bytes);
        let (n_pixels, peak_bytes) = ((image.height_px() * image.width_px()) as u64, self.share.bytes());
        self.share.keep(size_of_val(image.pixels()) as u64 + flow.image_bytes + flow.pixel_bytes * n_pixels);
        let ms = (self.time + start.elapsed()).as_secs_f64() * 1e3;
        Ok(Decoded { image: Ok(Cow::Owned(image)), ms, share: Some(self.share), peak_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Images whose width is their number; the seventh is none.
    fn files(n: usize) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::TempDir::new().unwrap();
        let paths: Vec<PathBuf> = (0..n).map(|i| folder.path().join(format!("{i}.png"))).collect();
        for (i, path) in paths.iter().enumerate() {
            if i == 7 {
                std::fs::write(path, "no image").unwrap();
            } else {
                image::write_png_grey8(path, &vec![i as u8; i + 1], 1, i + 1).unwrap();
            }
        }
        (folder, paths)
    }

    fn origins(paths: &[PathBuf]) -> Vec<Origin<'_>> {
        paths.iter().map(|path| Origin::File(path, None)).collect()
    }

    #[test]
    fn images_in_memory_come_in_their_place_among_files_and_are_not_copied() {
        let (_folder, paths) = files(6);
        let image = |width: usize| Image::new(vec![0.5; width], 1, width, 1).unwrap();
        let images: Vec<Image> = (0..6).map(|i| image(i + 1)).collect();
        let mixed =
            |i: usize| if i.is_multiple_of(2) { Origin::Memory(&images[i]) } else { Origin::File(&paths[i], None) };
        let mixed: Vec<Origin<'_>> = (0..6).map(mixed).collect();
        let flow = Flow { image_bytes: 10, pixel_bytes: 1, ..Flow::unbounded(Reading::default(), 4) };
        let mut widths = vec![];
        in_batches(&mixed, &flow, |range, decoded| {
            for (index, decoded) in range.zip(decoded) {
                let found = decoded.image.unwrap();
                assert_eq!(matches!(found, Cow::Borrowed(_)), index.is_multiple_of(2));
                widths.push(found.width_px());
                assert!(decoded.peak_bytes > 10);
            }
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(widths, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn images_come_in_order_whatever_the_batch_and_the_threads() {
        let (_folder, paths) = files(23);
        let origins = origins(&paths);
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for batch in [0, 1, 3, 8, 23, 100] {
                let mut widths = vec![];
                let collect = |range: Range<usize>, decoded: Vec<Decoded<'_>>| {
                    assert_eq!((range.start, range.len()), (widths.len(), decoded.len()));
                    assert!(decoded.len() <= batch.max(1));
                    widths.extend(decoded.iter().map(|d| d.image.as_ref().map_or(0, |image| image.width_px())));
                    Ok::<_, ()>(())
                };
                pool.install(|| in_batches(&origins, &Flow::unbounded(Reading::default(), batch), collect)).unwrap();
                let expected: Vec<usize> = (0..23).map(|i| if i == 7 { 0 } else { i + 1 }).collect();
                assert_eq!(widths, expected, "{threads} threads, batch {batch}");
            }
        }
    }

    #[test]
    fn an_error_stops_the_work_and_the_threads() {
        let (_folder, paths) = files(23);
        let origins = origins(&paths);
        let mut n_calls = 0;
        let failed = in_batches(&origins, &Flow::unbounded(Reading::default(), 2), |range, _| {
            n_calls += 1;
            if range.start >= 4 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((failed, n_calls), (Err("enough"), 3));
        assert_eq!(in_batches(&[], &Flow::unbounded(Reading::default(), 2), |_, _| Err("called")), Ok(()));
    }

    #[test]
    fn a_short_budget_makes_smaller_batches_and_refuses_what_never_fits() {
        let (_folder, paths) = files(23);
        let origins = origins(&paths);
        // A file has at most 100 bytes, and the image of 23 pixels takes 115 to decode.
        for (pixel_bytes, room_bytes, n_refused) in [(0, 500, 0), (10_000, 160_000, 8), (10_000, 200_000_000, 0)] {
            let flow = Flow { pixel_bytes, room_bytes, image_bytes: 100, ..Flow::unbounded(Reading::default(), 8) };
            let (mut n_seen, mut refused, mut largest) = (0, 0, 0);
            in_batches(&origins, &flow, |range, decoded| {
                assert_eq!(range.start, n_seen);
                n_seen = range.end;
                largest = largest.max(decoded.iter().filter(|d| d.image.is_ok()).count());
                let is_refused =
                    |d: &&Decoded<'_>| d.image.as_ref().is_err_and(|e| e.to_string().contains("`Pace::memory_bytes`"));
                refused += decoded.iter().filter(is_refused).count();
                Ok::<_, ()>(())
            })
            .unwrap();
            assert_eq!((n_seen, refused), (23, n_refused), "{room_bytes} bytes");
            assert_eq!(largest == 8, room_bytes == 200_000_000, "{largest} images at a time in {room_bytes} bytes");
        }
    }

    #[test]
    fn a_failure_ends_threads_that_wait_for_room() {
        let (_folder, paths) = files(23);
        let origins = origins(&paths);
        let flow = Flow { room_bytes: 300, ..Flow::unbounded(Reading::default(), 8) };
        let mut held = vec![];
        let failed = in_batches(&origins, &flow, |_, decoded| {
            held.extend(decoded);
            Err("enough")
        });
        assert_eq!(failed, Err("enough"));
    }
}
