//! How image files are read.

use super::{Limits, ValueRange};
use std::num::NonZeroUsize;

/// How image files are read: what they may ask for, and what they do not say of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The most a file may ask for.
    pub limits: Limits,
    /// The stored values that become 0 and 1; `None` for the whole range of integers, and for floats as they are.
    pub range: Option<ValueRange>,
    /// Which full-resolution page of a TIFF, from 1; `None` where it has only one.
    pub page: Option<NonZeroUsize>,
}

impl From<Limits> for Reading {
    fn from(limits: Limits) -> Self {
        Reading { limits, range: None, page: None }
    }
}
