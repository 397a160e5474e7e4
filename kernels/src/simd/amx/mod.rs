//! Intel's Advanced Matrix Extensions: products of whole tiles of 16 rows of 64 bytes.
//!
//! Their intrinsics are not stable, so the loops are written as inline assembly; each block of it leaves the tiles as it
//! found them, unused. The operating system hands out the tiles' registers on request, on Linux only.

mod bytes;
mod parts;
mod tiles;

pub(super) use bytes::{Bytes, bytes};
pub(super) use parts::{Split, split, split_pixels};
pub(super) use tiles::{TILE_ROWS, is_available};
