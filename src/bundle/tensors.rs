//! The tensors of a detector by name.

use half::f16;
use std::collections::BTreeMap;

/// The name of a part's tensor among those of the whole.
pub(super) fn part_name(prefix: &str, index: usize, name: &str) -> String {
    format!("{prefix}{index}.{name}")
}

/// A tensor's values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Finite numbers.
    Numbers(Vec<f32>),
    /// Finite numbers of half precision.
    Halves(Vec<f16>),
    /// Indices.
    Indices(Vec<u32>),
}

impl Values {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Halves(values) => values.len(),
            Self::Indices(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tensors of a detector by name; empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(BTreeMap<String, Values>);

impl Tensors {
    /// Adds numbers.
    #[must_use]
    pub fn with_numbers(mut self, name: &str, values: Vec<f32>) -> Self {
        self.set(name, Values::Numbers(values));
        self
    }

    /// Adds numbers of half precision.
    #[must_use]
    pub fn with_halves(mut self, name: &str, values: Vec<f16>) -> Self {
        self.set(name, Values::Halves(values));
        self
    }

    /// The numbers of half precision of a tensor; none where there are none.
    #[must_use]
    pub fn halves(&self, name: &str) -> &[f16] {
        match self.0.get(name) {
            Some(Values::Halves(values)) => values,
            Some(Values::Numbers(_) | Values::Indices(_)) | None => &[],
        }
    }

    /// Adds indices.
    #[must_use]
    pub fn with_indices(mut self, name: &str, values: Vec<u32>) -> Self {
        self.set(name, Values::Indices(values));
        self
    }

    /// Sets, or with no values removes, a tensor.
    pub fn set(&mut self, name: &str, values: Values) {
        if values.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), values);
        }
    }

    /// One by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.0.get(name)
    }

    /// Takes numbers out; none where there are none.
    pub fn take_numbers(&mut self, name: &str) -> Vec<f32> {
        match self.0.remove(name) {
            Some(Values::Numbers(values)) => values,
            Some(Values::Halves(_) | Values::Indices(_)) | None => vec![],
        }
    }

    /// Takes indices out; none where there are none.
    pub fn take_indices(&mut self, name: &str) -> Vec<u32> {
        match self.0.remove(name) {
            Some(Values::Indices(values)) => values,
            Some(Values::Numbers(_) | Values::Halves(_)) | None => vec![],
        }
    }

    /// The numbers of a tensor; none where there are none.
    #[must_use]
    pub fn numbers(&self, name: &str) -> &[f32] {
        match self.0.get(name) {
            Some(Values::Numbers(values)) => values,
            Some(Values::Halves(_) | Values::Indices(_)) | None => &[],
        }
    }

    /// The indices of a tensor; none where there are none.
    #[must_use]
    pub fn indices(&self, name: &str) -> &[u32] {
        match self.0.get(name) {
            Some(Values::Indices(values)) => values,
            Some(Values::Numbers(_) | Values::Halves(_)) | None => &[],
        }
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes out the tensors of part `index`, under their own names.
    #[must_use]
    pub fn take_part(&mut self, index: usize) -> Self {
        let prefix = part_name("", index, "");
        let own: Vec<String> = self.0.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let taken = own.into_iter().filter_map(|name| {
            let values = self.0.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), values))
        });
        Self(taken.collect())
    }

    /// Adds the tensors of part `index`.
    pub fn put_part(&mut self, index: usize, part: Self) {
        self.0.extend(part.0.into_iter().map(|(name, values)| (part_name("", index, &name), values)));
    }
}

/// The tensors of a detector, or of one of its parts, by their own names.
#[derive(Clone, Copy, Debug)]
pub struct TensorsOf<'a> {
    pub(super) all: &'a Tensors,
    pub(super) prefix: &'a str,
}

impl<'a> TensorsOf<'a> {
    /// The numbers of a tensor; none where there are none.
    #[must_use]
    pub fn numbers(self, name: &str) -> &'a [f32] {
        self.all.numbers(&format!("{}{name}", self.prefix))
    }

    /// The indices of a tensor; none where there are none.
    #[must_use]
    pub fn indices(self, name: &str) -> &'a [u32] {
        self.all.indices(&format!("{}{name}", self.prefix))
    }
}
