//! What can go wrong between a file and pixels.

use super::PixelBox;
use std::path::{Path, PathBuf};

/// Why an image could not be read, prepared or written.
///
/// Rows and columns count from 0, from the top left corner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Any other error, with the file it happened in.
    #[error("{}: {cause}", path.display())]
    InFile {
        /// The file as it was given.
        path: PathBuf,
        /// What went wrong. Part of the message, hence not an error source.
        cause: Box<ImageError>,
    },
    /// The operating system refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was attempted, e.g. `open the file`.
        action: &'static str,
        /// The refusal.
        source: std::io::Error,
    },
    /// Neither a file nor a link to one (folder, pipe, device).
    #[error("not a regular file; give an image file, or a folder of them where a folder is taken")]
    NotAFile,
    /// The first bytes belong to no format that is read here.
    #[error(
        "no image of a format that is read here (it starts with {first_bytes:02x?}); convert it to PNG, TIFF or another that is"
    )]
    UnknownFormat {
        /// At most the first eight bytes.
        first_bytes: Vec<u8>,
    },
    /// A picture format that is not read here.
    #[error("this is {name} file, which is not read here; save it as 8 or 16-bit PNG, or as plain grey or RGB TIFF")]
    OtherFormat {
        /// Its name with an article.
        name: &'static str,
    },
    /// Nothing to read.
    #[error("the file is empty (0 bytes); copy or export it again")]
    EmptyFile,
    /// What a clone without Git LFS leaves in place of a large file.
    #[error("this is a Git LFS pointer, not the image itself: run `git lfs pull` in its repository")]
    LfsPointer,
    /// More than one picture, and nothing says which is meant.
    #[error(
        "it holds {n_pages} pages; choose the one to inspect with `Preprocessing::page` 1 to `Preprocessing::page` {n_pages}, or save it as a file of its own"
    )]
    SeveralPages {
        /// Full-resolution pages.
        n_pages: usize,
    },
    /// A page that is not there.
    #[error("page {page} was asked for, the file has {n_pages}; choose one it has")]
    NoSuchPage {
        /// What was asked for, from 1.
        page: usize,
        /// Full-resolution pages.
        n_pages: usize,
    },
    /// An animation.
    #[error("this {format} file is an animation of {n_frames} frames; save the one to inspect as a file of its own")]
    SeveralFrames {
        /// Name of the format.
        format: &'static str,
        /// Frames it says it has.
        n_frames: usize,
    },
    /// A format that is read here, a flavour of it that is not.
    #[error("unsupported {format} file: {found}; save it as 8 or 16-bit PNG, or as plain grey or RGB TIFF")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// The flavour.
        found: String,
    },
    /// The bytes contradict the format.
    #[error("damaged {format} file: {reason}; copy or export it again")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
    /// A mask whose sides have another ratio than those of its image.
    #[error(
        "the mask has {} x {} pixels, its image {} x {}: scaling does not make them match; export the mask from the uncropped, unturned image",
        mask.1, mask.0, image.1, image.0
    )]
    MaskFrame {
        /// Rows and columns of the mask.
        mask: (usize, usize),
        /// Rows and columns of the image.
        image: (usize, usize),
    },
    /// A rectangle that is not inside its image.
    #[error(
        "the rectangle {} x {} at column {}, row {} is not inside the image of {width_px} x {height_px} pixels",
        found.width_px, found.height_px, found.left_px, found.top_px
    )]
    Box {
        /// The rectangle.
        found: PixelBox,
        /// Rows of the image.
        height_px: usize,
        /// Columns of the image.
        width_px: usize,
    },
    /// The file is larger, or claims to be larger, than the limits allow.
    #[error("{what} is {found}, the limit is {limit}; cut the image into pieces, or scale it down")]
    Limit {
        /// What was measured, with its unit.
        what: &'static str,
        /// The measure.
        found: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// A decoder would need more memory than allowed.
    #[error("decoding this {format} file takes more than {limit} bytes; cut the image into pieces, or scale it down")]
    DecoderMemory {
        /// Name of the format.
        format: &'static str,
        /// Bytes allowed.
        limit: u64,
    },
    /// An image that takes more than the memory allowed for all of them.
    #[error(
        "reading this image takes {needed_mib} MiB of memory, and {room_mib} MiB are left for images; allow more (`Pace::memory_bytes`), cut the image into pieces, or scale it down"
    )]
    Room {
        /// What it takes, with the work on it.
        needed_mib: u64,
        /// What all images together may take.
        room_mib: u64,
    },
    /// A NaN or an infinity among the pixels.
    #[error(
        "pixel at row {row}, column {column}, channel {channel} is {value}; only finite values can be scored, repair or leave out the image"
    )]
    NotFinite {
        /// Row from the top, from 0.
        row: usize,
        /// Column from the left, from 0.
        column: usize,
        /// Channel, from 0.
        channel: usize,
        /// `NaN`, `inf` or `-inf`.
        value: f32,
    },
    /// A pixel too large for the arithmetic behind it.
    #[error(
        "pixel at row {row}, column {column}, channel {channel} is {value:e}, beyond {max:e}, where the network's arithmetic would overflow; repair or leave out the image, or give the range of its values", max = super::bounds::MAX_VALUE
    )]
    TooLarge {
        /// Row from the top, from 0.
        row: usize,
        /// Column from the left, from 0.
        column: usize,
        /// Channel, from 0.
        channel: usize,
        /// Its value, in units of full scale.
        value: f32,
    },
    /// A range of values that is none.
    #[error("{found} is no range of values; give MIN:MAX, such as 0:4095, with MIN below MAX")]
    UnknownRange {
        /// The text given.
        found: String,
    },
    /// An image whose features or score are no finite numbers.
    #[error(
        "the image can't be scored: {reason}; look at its values, which are from {min} to {max} in units of full scale"
    )]
    Unscorable {
        /// What happened.
        reason: String,
        /// Its smallest value.
        min: f32,
        /// Its largest value.
        max: f32,
    },
    /// A buffer whose length does not belong to its stated size.
    #[error(
        "{found} values given for {height_px} x {width_px} pixels with {n_channels} channels, which need {expected}"
    )]
    Length {
        /// Rows stated.
        height_px: usize,
        /// Columns stated.
        width_px: usize,
        /// Channels stated.
        n_channels: usize,
        /// `height_px * width_px * n_channels`, saturated.
        expected: usize,
        /// Length of the buffer.
        found: usize,
    },
    /// No rows or no columns.
    #[error("the image has {height_px} rows and {width_px} columns; at least one of each is needed")]
    Empty {
        /// Rows stated.
        height_px: usize,
        /// Columns stated.
        width_px: usize,
    },
    /// A channel count other than grey or RGB.
    #[error("{found} channels; an image has 1 (grey) or 3 (RGB)")]
    Channels {
        /// Channels stated.
        found: usize,
    },
    /// A decoder stopped at one of its own checks.
    #[error("damaged {format} file: its decoder gave up ({reason}); copy or export it again")]
    DecoderPanicked {
        /// Name of the format.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A resize mode that does not exist.
    #[error(
        "unknown resize `{found}`; choose stretch-bilinear, stretch-nearest, fit-pad, shortest-crop or shortest-crop:PIXELS"
    )]
    UnknownResize {
        /// The text given.
        found: String,
    },
    /// A text that says nothing of tiles.
    #[error("unknown tiles `{text}`; expected SIZE or SIZE:OVERLAP in pixels of the image, the overlap below the size")]
    Tiles {
        /// The text given.
        text: String,
    },
    /// A preprocessing that cannot be applied to any image.
    #[error("preprocessing: {reason}")]
    Preprocessing {
        /// What is wrong, with the way out.
        reason: String,
    },
    /// Normalisation left the range of `f32`.
    #[error(
        "after resizing and normalising, channel {channel} holds a value beyond the range of 32-bit floats; the image's values are too large"
    )]
    Overflow {
        /// Network channel, 0 to 2.
        channel: usize,
    },
    /// Pixels could not be turned into a file.
    #[error("cannot encode {format}: {reason}")]
    Encode {
        /// Name of the format.
        format: &'static str,
        /// The encoder's words.
        reason: String,
    },
}

impl ImageError {
    /// The same error, naming the file it happened in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        ImageError::InFile { path: path.to_path_buf(), cause: Box::new(self) }
    }
}
