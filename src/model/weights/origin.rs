//! How a network's tensor is made from the tensors of a file.

use super::{NamedTensors, WeightsError};

/// Where a tensor comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One tensor as it is.
    Same(String),
    /// Several tensors one after the other along the first dimension.
    Joined(Vec<String>),
}

impl Origin {
    /// Extents of the result; `None` where a part is missing or the parts do not fit together.
    pub(crate) fn shape(&self, tensors: &NamedTensors) -> Option<Vec<usize>> {
        match self {
            Self::Same(name) => tensors.shape(name).map(<[usize]>::to_vec),
            Self::Joined(names) => {
                let mut whole: Option<Vec<usize>> = None;
                for name in names {
                    let (first, rest) = tensors.shape(name)?.split_first()?;
                    whole = match whole {
                        None => Some([&[*first], rest].concat()),
                        Some(shape) if shape[1..] == *rest => Some([&[shape[0].checked_add(*first)?], rest].concat()),
                        Some(_) => return None,
                    };
                }
                whole
            }
        }
    }

    /// Values in row-major order. The caller has checked the shape.
    pub(crate) fn values(&self, tensors: &NamedTensors) -> Result<Vec<f32>, WeightsError> {
        match self {
            Self::Same(name) => tensors.values(name),
            Self::Joined(names) => {
                let parts: Vec<Vec<f32>> = names.iter().map(|name| tensors.values(name)).collect::<Result<_, _>>()?;
                Ok(parts.concat())
            }
        }
    }

    /// Names in the file.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Same(name) => std::slice::from_ref(name),
            Self::Joined(names) => names,
        }
    }
}

/// Exchanges rows and columns of a row-major matrix of `n_cols` columns.
pub(crate) fn transposed(values: &[f32], n_cols: usize) -> Vec<f32> {
    let n_rows = values.len() / n_cols.max(1);
    let mut out = vec![0.0; values.len()];
    // Blocks keep both the reads and the writes within the cache.
    const BLOCK: usize = 32;
    for row in (0..n_rows).step_by(BLOCK) {
        for col in (0..n_cols).step_by(BLOCK) {
            for r in row..(row + BLOCK).min(n_rows) {
                for c in col..(col + BLOCK).min(n_cols) {
                    out[c * n_rows + r] = values[r * n_cols + c];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_gives_the_matrix_back() {
        let values: Vec<f32> = (0..35 * 67).map(|i| i as f32).collect();
        let turned = transposed(&values, 67);
        assert_eq!(turned[1], values[67]);
        assert_eq!(transposed(&turned, 35), values);
    }
}
