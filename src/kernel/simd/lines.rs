//! Memory that starts at a cache line.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

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
        Self { lines: vec![Line([0; LINE]); len.div_ceil(LINE / size_of::<T>())], len, of: PhantomData }
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
