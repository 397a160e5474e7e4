//! Pictures: 8-bit RGB in memory, and as PNG.

mod canvas;
mod colour_map;
mod display;
mod font;
mod overlay;
mod resample;
mod unicode;

pub use canvas::{MAX_SIDE_PX, Picture};
pub use colour_map::{ColourScale, colour};
pub use display::{display_rgb, display_white};
pub use overlay::{Caption, Overlay, SourceImage, overlay};

pub(super) use canvas::text_width_px;
pub(super) use font::ASCENT;
pub(super) use overlay::shown;
