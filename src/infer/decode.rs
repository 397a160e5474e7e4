//! Files decoded ahead of the work on them.

use crate::image::{self, Image, ImageError, Reading};
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

/// Threads that decode, at most: more would be ahead of every network.
const MOST_DECODERS: usize = 8;

/// A file's pixels, or why there are none.
pub(crate) struct Decoded {
    pub(crate) image: Result<Image, ImageError>,
    /// Time of its decoding, milliseconds.
    pub(crate) ms: f64,
}

/// Hands the images of `paths`, read as `reading` says, to `work`, `batch` at a time, in order, while threads of their own decode those that follow:
/// at most one batch ahead, and one image in each thread.
///
/// # Errors
/// The first that `work` returns; nothing is handed to it after that.
pub(crate) fn in_batches<E>(
    paths: &[&Path],
    reading: Reading,
    batch: usize,
    mut work: impl FnMut(Range<usize>, Vec<Decoded>) -> Result<(), E>,
) -> Result<(), E> {
    let batch = batch.max(1);
    let n_threads = rayon::current_num_threads().min(MOST_DECODERS).min(paths.len()).max(1);
    thread::scope(|scope| {
        // Thread t decodes the images t, t + n_threads, ..: taking from one queue after the other keeps their order.
        let queues: Vec<_> = (0..n_threads)
            .map(|first| {
                let (done, queue) = sync_channel(batch.div_ceil(n_threads));
                let reading = &reading;
                scope.spawn(move || {
                    for path in paths.iter().skip(first).step_by(n_threads) {
                        let start = Instant::now();
                        let image = image::read_as(path, reading);
                        let decoded = Decoded { image, ms: start.elapsed().as_secs_f64() * 1e3 };
                        // Nobody listens any more where the work has failed.
                        if done.send(decoded).is_err() {
                            break;
                        }
                    }
                });
                queue
            })
            .collect();
        for start in (0..paths.len()).step_by(batch) {
            let range = start..(start + batch).min(paths.len());
            // A queue ends early only where its thread panicked; leaving the scope passes that on.
            let decoded: Vec<Decoded> = range.clone().map_while(|i| queues[i % n_threads].recv().ok()).collect();
            if decoded.len() < range.len() {
                break;
            }
            work(range, decoded)?;
        }
        Ok(())
    })
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

    #[test]
    fn images_come_in_order_whatever_the_batch_and_the_threads() {
        let (_folder, paths) = files(23);
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for batch in [0, 1, 3, 8, 23, 100] {
                let mut widths = vec![];
                let collect = |range: Range<usize>, decoded: Vec<Decoded>| {
                    assert_eq!((range.start, range.len()), (widths.len(), decoded.len()));
                    assert!(decoded.len() <= batch.max(1));
                    widths.extend(decoded.iter().map(|d| d.image.as_ref().map_or(0, |image| image.width_px())));
                    Ok::<_, ()>(())
                };
                pool.install(|| in_batches(&paths, Reading::default(), batch, collect)).unwrap();
                let expected: Vec<usize> = (0..23).map(|i| if i == 7 { 0 } else { i + 1 }).collect();
                assert_eq!(widths, expected, "{threads} threads, batch {batch}");
            }
        }
    }

    #[test]
    fn an_error_stops_the_work_and_the_threads() {
        let (_folder, paths) = files(23);
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let mut n_calls = 0;
        let failed = in_batches(&paths, Reading::default(), 2, |range, _| {
            n_calls += 1;
            if range.start >= 4 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((failed, n_calls), (Err("enough"), 3));
        assert_eq!(in_batches(&[], Reading::default(), 2, |_, _| Err("called")), Ok(()));
    }
}
