//! Memory of a task that the next task on the same thread uses again: fresh memory is slow, and this stays in its cache.

use super::simd::Lines;
use std::cell::Cell;

/// Values kept between tasks; more is given back.
const KEPT: usize = 4 << 20;

thread_local! {
    static SCRATCH: Cell<Option<Lines<f32>>> = const { Cell::new(None) };
    static PARTS: Cell<Option<Lines<u16>>> = const { Cell::new(None) };
}

/// Calls `f` with `len` values that hold anything.
pub(super) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let held = SCRATCH.take().filter(|scratch| scratch.len() >= len);
    let mut scratch = held.unwrap_or_else(|| Lines::zeros(len));
    let result = f(&mut scratch[..len]);
    if scratch.len() <= KEPT {
        SCRATCH.set(Some(scratch));
    }
    result
}

/// Calls `f` with `len` values that hold anything and start at a cache line.
pub(super) fn with_parts<R>(len: usize, f: impl FnOnce(&mut [u16]) -> R) -> R {
    let held = PARTS.take().filter(|parts| parts.len() >= len);
    let mut parts = held.unwrap_or_else(|| Lines::zeros(len));
    let result = f(&mut parts[..len]);
    if parts.len() <= 2 * KEPT {
        PARTS.set(Some(parts));
    }
    result
}
