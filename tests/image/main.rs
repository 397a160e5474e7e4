//! Reading, resizing and refusing image files. `image_memory` is a program of its own.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic like tests")]

#[macro_use]
#[path = "../support/skips.rs"]
mod skips;

mod encodings;
#[path = "../support/exif.rs"]
mod exif;
mod formats;
mod hostile;
#[path = "../support/image_bytes.rs"]
mod image_bytes;
#[path = "../golden/resize/parity.rs"]
mod parity;
mod resize;
mod taken;
mod tiff_flavours;
