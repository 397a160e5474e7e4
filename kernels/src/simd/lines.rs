//! Memory that starts at a cache line.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes from which on memory is asked for in huge pages: walking through it by small ones costs more than reading it.
const HUGE: usize = 2 << 20;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Numbers that any bits are a value of.
pub trait Plain: Copy + private::Sealed {}

mod private {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($t:ty)*) => {$(
        impl private::Sealed for $t {}
        impl Plain for $t {}
    )*};
}
plain!(i8 u8 u16 i32 f32);

/// A slice that starts at a cache line: tiles that straddle lines take several times as long to load.
#[derive(Clone, Debug)]
pub struct Lines<T> {
    lines: Vec<Line>,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Plain> Lines<T> {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { lines: filled(len.div_ceil(LINE / size_of::<T>()), Line([0; LINE])), len, of: PhantomData }
    }
}

impl<T: Plain> Lines<T> {
    /// The first `len` values, whatever they hold; in new memory where there are fewer.
    pub fn at_least(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: vec![], len: 0, of: PhantomData }
    }
}

/// `len` zeros, in huge pages where they are many and the system has such pages.
#[must_use]
pub fn zeros(len: usize) -> Vec<f32> {
    filled(len, 0.0)
}

fn filled<T: Copy>(len: usize, value: T) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    // Before the first write, which is what fetches the pages.
    ask_for_huge_pages(&mut values);
    values.resize(len, value);
    values
}

fn ask_for_huge_pages<T>(values: &mut Vec<T>) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if values.capacity() * size_of::<T>() >= HUGE {
        const PAGE: usize = 4096;
        const MADV_HUGEPAGE: i32 = 14;
        unsafe extern "C" {
            fn madvise(start: *mut core::ffi::c_void, len: usize, advice: i32) -> i32;
        }
        let start = values.as_mut_ptr().cast::<u8>();
        let skip = start.align_offset(PAGE);
        let len = (values.capacity() * size_of::<T>() - skip) / PAGE * PAGE;
        // SAFETY: whole pages inside the vector's memory, and the advice changes no value. It may be refused, which is no
        // error: the memory is as good, only slower.
        unsafe { madvise(start.wrapping_add(skip).cast(), len, MADV_HUGEPAGE) };
    }
}

impl<T: Plain> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold `len` values (see `zeros`), any bits are a value of `T`, and lines are aligned for all.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_zero_and_as_long_as_asked_for() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut values = Lines::<f32>::zeros(len);
            assert_eq!(values.len(), len);
            assert!(values.iter().all(|x| *x == 0.0));
            assert_eq!(values.as_ptr().align_offset(LINE), 0);
            values.fill(1.0);
            assert_eq!(values.clone().iter().sum::<f32>(), len as f32);
        }
    }
}
