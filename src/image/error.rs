//! What can go wrong between a file and pixels.

use std::path::{Path, PathBuf};

/// Why an image could not be read, prepared or written.
///
/// Rows and columns count from 0, from the top left corner.
#[derive(Debug, thiserror::Error)]
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
    #[error("not a PNG, JPEG, BMP or TIFF file (it starts with {first_bytes:02x?}); convert it to one of these")]
    UnknownFormat {
        /// At most the first eight bytes.
        first_bytes: Vec<u8>,
    },
    /// A format that is read here, a flavour of it that is not.
    #[error("{format} with {found} is not supported; save it as 8 or 16-bit PNG, or as plain grey or RGB TIFF")]
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
    /// The file is larger, or claims to be larger, than the limits allow.
    #[error("{what} is {found}, the limit is {limit}; raise the limit if the file is trusted")]
    Limit {
        /// What was measured, with its unit.
        what: &'static str,
        /// The measure.
        found: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// A decoder would need more memory than allowed.
    #[error("decoding this {format} file takes more than {limit} bytes; raise the limit if the file is trusted")]
    DecoderMemory {
        /// Name of the format.
        format: &'static str,
        /// Bytes allowed.
        limit: u64,
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
    #[error("damaged {format} file: its decoder gave up; copy or export it again")]
    DecoderPanicked {
        /// Name of the format.
        format: &'static str,
    },
    /// A resize mode that does not exist.
    #[error(
        "unknown resize `{found}`; choose stretch-bilinear, stretch-nearest, fit-pad, shortest-crop or shortest-crop:PIXELS"
    )]
    UnknownResize {
        /// The text given.
        found: String,
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
