//! The shape of a value, and the loop over its rows.

use rayon::prelude::*;

/// Shape of one image's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Shape {
    pub(super) fn len(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// Calls `f` with each chunk of `out` and its number, on the threads of the pool.
pub(super) fn chunks<T: Send>(out: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if rayon::current_num_threads() > 1 {
        out.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    } else {
        out.chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
}
