//! Folders to samples: which images there are, and what their place says about them.
//!
//! A data set may be laid out as the public ones are (MVTec AD, AD 2, 3D and LOCO, VisA, BTAD, anomalib Folder, Kolektor,
//! Real-IAD, DAGM, HDMAP), be a tree of several products, or a flat folder; `docs/layouts.md` shows them. [`LayoutHints`] say what names do not.
//!
//! HDMAP trees may also be turned round (`train/domain_C/`). [`normals()`] lists what to fit on,
//! [`labelled()`] what to evaluate on, [`inputs()`] whatever is to be inspected; each has a twin (`normals_as`) that takes hints. A [`ConditionTable`]
//! adds the named condition of each image from a CSV file.
//!
//! Every listing is sorted bytewise by [`Sample::name`], so that it is the same on every machine.
//! Links are followed, each folder and each file is taken once however often it is reached. A file
//! is an image by its extension or, where that says nothing, by its first bytes. Whatever is left out
//! is kept in [`Listing::skipped`] with the reason ([`Why`]). Images are listed, not decoded: a
//! damaged one is found, and named, when it is read.

mod apart;
mod boxes;
mod conditions;
mod content;
mod domains;
mod error;
mod inputs;
mod labelled;
mod layout;
mod listing;
mod look_at;
mod names;
mod normals;
mod output;
mod place;
mod references;
mod sample;
mod seen;
mod shown;
mod skipped;
mod sorting;
mod unicode;
mod walk;

pub(crate) use apart::renamed_apart;
pub use boxes::BoxTable;
pub use conditions::{ConditionTable, MAX_TABLE_BYTES};
pub use error::DatasetError;
pub use inputs::{inputs, inputs_as};
pub use labelled::{defects_as, labelled, labelled_as};
pub use layout::{Layout, LayoutHints};
pub use look_at::look_at;
pub use names::{path_from_text, path_text};
pub use normals::{normals, normals_as};
pub use output::{OUTPUT_MARK, mark_output};
pub use references::references;
pub use sample::{Label, Listing, Notes, Product, Sample};
pub use shown::Shown;
pub use skipped::{Skipped, SkippedGroup, Why, skipped_groups};
pub use unicode::composed;
pub use walk::MAX_FILES;
