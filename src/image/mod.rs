//! Image files to network input, and small image files back.
//!
//! A pixel's way: [`read`] decodes a file into an [`Image`] of `f32` values, the level kept as it
//! is (integers divided by their full scale, floats untouched, nothing clipped, nothing stretched
//! per image); [`Preprocessing::apply`] resizes and normalises it. Fitting and inference call the
//! same `apply` with the same stored [`Preprocessing`]; [`Preprocessing::placement`] says where a
//! source pixel lies in the result.
//!
//! Read are PNG (all depths, palettes), JPEG, BMP, TIFF (one full-resolution page; grey, RGB, RGBA, palettes; `u8` `u16`
//! `u32` `f16` `f32` `f64`; both byte orders, strips and tiles, uncompressed, LZW, Deflate, PackBits, BigTIFF), WebP, PNM,
//! PFM, QOI, GIF, TGA, `OpenEXR`, Radiance HDR, farbfeld, DDS and ICO. The format is told from the content, not from the file
//! name (except TGA and ICO, which have no mark). Alpha is dropped. Of several pages one has to be chosen; previews and
//! masks inside a TIFF are never read; animations are refused.
//!
//! An orientation noted in the file (EXIF, TIFF) is applied: rows and columns are those of the picture as it is shown.
//! Colour profiles and gamma are ignored.
//!
//! Integers are divided by the full scale of their type, or by what a file says of its own: `MaxSampleValue` or
//! `SMaxSampleValue` of a TIFF of more than 8 bits where it is 2^n - 1 (other values describe one image, not the camera),
//! `sBIT` of a PNG whose samples are not scaled up. A [`ValueRange`] overrules both.
//!
//! Everything a file claims is checked against named [`Limits`] before memory is taken for it, and a NaN, an infinity or a
//! value beyond [`MAX_VALUE`] among the pixels is refused with its position.

mod bounds;
mod caught;
mod chunks;
mod claim;
mod decode;
mod error;
mod exr;
mod foreign;
mod format;
mod jpeg;
mod levels;
mod limits;
mod mask;
mod orient;
mod pfm;
mod picture;
mod pixel_box;
mod placement;
mod preprocess;
mod read_mask;
mod reading;
mod resample;
mod resize;
mod roi;
mod taken;
mod tiff;
mod tiles;
mod turn;
mod value_range;
mod write;

pub use bounds::{MAX_INPUT_PX, MAX_VALUE};
pub use caught::is_decoding;
pub(crate) use claim::{decoding_bytes, n_pixels};
pub use decode::{decode, decode_as, read, read_as};
pub(crate) use decode::{decode_file, read_bytes};
pub use error::ImageError;
pub use format::{EXTENSIONS, is_image, is_image_path};
pub use levels::{Levels, Unusual};
pub use limits::{Limits, MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_HEIGHT_PX, MAX_PIXELS, MAX_WIDTH_PX};
pub use mask::Mask;
pub use picture::Image;
pub use pixel_box::PixelBox;
pub use placement::Placement;
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, Preprocessing};
pub use read_mask::{MAX_CLASSES, read_mask, read_mask_of};
pub use reading::Reading;
pub use resize::{Resize, SHORTEST_PX};
pub use roi::{Length, Roi, RoiArea, RoiError, RoiShape};
pub use taken::taken_at;
pub use tiles::Tiles;
pub use value_range::ValueRange;
pub use write::{write_png_grey8, write_png_rgb8, write_tiff_f32};
