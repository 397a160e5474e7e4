//! Memory of a task that the next task on the same thread uses again: fresh memory is slow, and this stays in its cache.

use std::cell::RefCell;

/// Values kept between tasks; more is given back.
const KEPT: usize = 4 << 20;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` values that hold anything.
pub(super) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(std::mem::take);
    if scratch.len() < len {
        scratch = vec![0.0; len];
    }
    let result = f(&mut scratch[..len]);
    if scratch.len() <= KEPT {
        SCRATCH.set(scratch);
    }
    result
}
