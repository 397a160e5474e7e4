//! What a pickle can describe.

use std::rc::Rc;

use crate::model::weights::WeightsError;
use crate::model::weights::stored::Dtype;

/// Deepest nesting of tuples.
const MAX_TUPLE_DEPTH: usize = 16;

/// A run of values in the file that tensors view.
#[derive(Debug)]
pub(super) struct StorageRef {
    /// Name in the file.
    pub(super) key: Rc<str>,
    /// Element type.
    pub(super) dtype: Dtype,
    /// Number of elements.
    pub(super) count: u64,
}

/// A tensor: a view of a storage.
#[derive(Debug)]
pub(super) struct TensorRef {
    /// What it views.
    pub(super) storage: Rc<StorageRef>,
    /// First element.
    pub(super) offset: u64,
    /// Extents.
    pub(super) shape: Vec<usize>,
    /// Steps in elements.
    pub(super) strides: Vec<usize>,
}

/// What a pickle can describe.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A float, a byte string: read past, never used.
    Opaque,
    /// An integer of more than 8 bytes, little-endian.
    Long(Rc<[u8]>),
    Text(Rc<str>),
    Tuple(Rc<Tuple>),
    /// Index into the machine's dictionaries; dictionaries are shared and change after they were memoised.
    Dict(usize),
    /// Index into the machine's lists.
    List(usize),
    /// Module and name.
    Class(Rc<(String, String)>),
    Storage(Rc<StorageRef>),
    Tensor(Rc<TensorRef>),
}

/// A tuple with its depth, bounded so that dropping one cannot overflow the call stack.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) items: Vec<Value>,
    depth: usize,
}

impl Value {
    /// A tuple.
    pub(super) fn tuple(items: Vec<Self>) -> Result<Self, WeightsError> {
        let depth = 1 + items.iter().map(|v| if let Self::Tuple(t) = v { t.depth } else { 0 }).max().unwrap_or(0);
        if depth > MAX_TUPLE_DEPTH {
            return Err(WeightsError::TooLarge {
                what: "nesting of tuples",
                limit: MAX_TUPLE_DEPTH as u64,
                found: depth as u64,
            });
        }
        Ok(Self::Tuple(Rc::new(Tuple { items, depth })))
    }
}
