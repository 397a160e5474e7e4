//! Memory of a task that the next task on the same thread uses again: fresh memory is slow, and this stays in its cache.

use super::simd::{Lines, Plain};
use std::cell::Cell;
use std::thread::LocalKey;

/// Bytes kept between tasks; more is given back.
const KEPT: usize = 16 << 20;

type Kept<T> = Cell<Option<Lines<T>>>;

thread_local! {
    static SCRATCH: Kept<f32> = const { Cell::new(None) };
    static PARTS: Kept<u16> = const { Cell::new(None) };
}

/// Calls `f` with `len` values that hold anything and start at a cache line.
pub(super) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    with(&SCRATCH, len, f)
}

/// As [`with_scratch`], for parts of numbers.
pub(super) fn with_parts<R>(len: usize, f: impl FnOnce(&mut [u16]) -> R) -> R {
    with(&PARTS, len, f)
}

fn with<T: Plain, R>(kept: &'static LocalKey<Kept<T>>, len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    // Taken out while it is used: `f` may ask for more of it.
    let mut held = kept.take().unwrap_or_default();
    let result = f(held.at_least(len));
    if size_of_val(&*held) <= KEPT {
        kept.set(Some(held));
    }
    result
}
