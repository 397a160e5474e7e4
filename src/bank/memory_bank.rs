//! The memory bank: normal patch descriptors, and the search among them.

use super::BankError;
use crate::kernel::{self, PreparedRows};
use crate::model::OpenDevice;

pub use crate::kernel::Neighbours;

/// Where a row of the bank comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankRow {
    /// Index of its condition.
    pub condition: u32,
    /// Index of its image.
    pub source: u32,
    /// Index of its patch in that image's grid, row-major.
    pub position: u32,
}

/// Normal patch descriptors, never empty, with their origin.
#[derive(Debug)]
pub struct MemoryBank {
    rows: PreparedRows,
    origins: Vec<BankRow>,
    #[cfg(any(feature = "gpu", feature = "cuda"))]
    device: Option<super::device_search::DeviceSearch>,
}

impl MemoryBank {
    /// Takes rows `[n_rows, dim]` and the origin of each, to be searched on `device`; by cosine always on the CPU.
    ///
    /// # Errors
    /// [`BankError::Empty`] without rows; [`BankError::Shape`] when rows and origins differ in number.
    pub fn new(
        rows: Vec<f32>,
        dim: usize,
        origins: Vec<BankRow>,
        metric: kernel::Metric,
        device: &OpenDevice,
    ) -> Result<Self, BankError> {
        if rows.is_empty() || dim == 0 {
            return Err(BankError::Empty);
        }
        if rows.len() != origins.len() * dim {
            return Err(BankError::Shape {
                what: "values of the bank's rows",
                expected: origins.len() * dim,
                found: rows.len(),
            });
        }
        #[cfg(any(feature = "gpu", feature = "cuda"))]
        let search = (!device.is_cpu() && metric == kernel::Metric::Euclidean)
            .then(|| super::device_search::DeviceSearch::new(&rows, dim, device));
        #[cfg(not(any(feature = "gpu", feature = "cuda")))]
        let _ = device;
        Ok(Self {
            rows: PreparedRows::new(rows, dim, metric)?,
            origins,
            #[cfg(any(feature = "gpu", feature = "cuda"))]
            device: search,
        })
    }

    /// Rows, at least one.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// Values per row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.rows.dim()
    }

    /// How queries are compared with rows.
    #[must_use]
    pub fn metric(&self) -> kernel::Metric {
        self.rows.metric()
    }

    /// All rows, `[n_rows, dim]`.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        self.rows.values()
    }

    /// One row's values.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.rows.values()[index * self.dim()..][..self.dim()]
    }

    /// Where each row comes from.
    #[must_use]
    pub fn origins(&self) -> &[BankRow] {
        &self.origins
    }

    /// The `k` nearest rows (at most all) of each query `[n_queries, dim]`: distances ascending, ties to the lower row.
    /// On the CPU the answer for a query does not depend on the others, bit for bit.
    ///
    /// # Errors
    /// [`BankError::DimMismatch`] for queries of another descriptor; [`BankError::Kernel`] for values that are not finite.
    pub fn nearest(&self, queries: &[f32], k: usize) -> Result<Neighbours, BankError> {
        if !queries.len().is_multiple_of(self.dim()) {
            return Err(BankError::DimMismatch { expected: self.dim(), found: queries.len() });
        }
        let k = k.clamp(1, self.n_rows());
        #[cfg(any(feature = "gpu", feature = "cuda"))]
        if let Some(device) = &self.device {
            return device.nearest(&self.rows, queries, k);
        }
        Ok(self.rows.nearest(queries, k)?)
    }
}
