//! What can go wrong between feature maps and a memory bank.

/// Why a memory bank can't be built or searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BankError {
    /// No layer was given.
    #[error("a patch descriptor needs at least one feature map")]
    NoLayers,
    /// The layers do not describe the same images.
    #[error("the feature maps hold {expected} and {found} images: every layer must describe the same batch")]
    BatchMismatch {
        /// Images of the first layer.
        expected: usize,
        /// Images of the other.
        found: usize,
    },
    /// A bank must hold rows.
    #[error("a memory bank needs at least one row: no patch was left to choose from")]
    Empty,
    /// Rows and what is known of them do not fit.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Queries and rows are different descriptors.
    #[error(
        "the queries have {found} values each and the bank's rows {expected}: use the backbone, layers and context the bank was fitted with"
    )]
    DimMismatch {
        /// Values of a bank row.
        expected: usize,
        /// Values of a query.
        found: usize,
    },
    /// A coreset size that is none.
    #[error("`Options::coreset` {text}: expected a share above 0 and up to 1 (0.1), or a count of at least 1 (5000)")]
    CoresetSize {
        /// What was asked for.
        text: String,
    },
    /// A space for the coreset that is none.
    #[error("`Options::coreset_space` {text}: expected pca, none, or a number of random directions (128)")]
    CoresetSpace {
        /// What was asked for.
        text: String,
    },
    /// A context that is none.
    #[error(
        "`DescriptorSpec::context` {text}: expected h:, v: or hv: and up to 16 different radii from 1 to 64, such as h:2,3"
    )]
    Context {
        /// What was asked for.
        text: String,
    },
    /// A way to search that is none.
    #[error("`Options::index` {text}: expected exact or ivf")]
    IndexKind {
        /// What was asked for.
        text: String,
    },
    /// Rows that are not in memory can't be read.
    #[error("the patches can't be read back: {0}")]
    Rows(#[source] std::io::Error),
    /// A kernel refused its input.
    #[error(transparent)]
    Kernel(#[from] crate::kernel::KernelError),
}
