//! How images become patch descriptors, as a bundle holds it.

use serde::{Deserialize, Serialize};

use super::exact;

/// The network the descriptors come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneEntry {
    /// Name under which the network is registered.
    pub name: String,
    /// The tapped layers, in the order in which they are concatenated; at least one.
    pub layers: Vec<String>,
    /// SHA-256 of the weight file, 64 lower-case hex digits.
    pub weights_sha256: String,
    /// The numbers the network computed with when the bank and the thresholds were made: `f32`, `f16`.
    #[serde(default = "single_precision")]
    pub precision: String,
    /// The instruction set of the processor then; `None` where nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction_set: Option<String>,
}

/// How an image becomes the input of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessingEntry {
    /// The stored values that become 0 and 1, as `MIN:MAX`; `None`, and left out of the file, for the whole range of
    /// integers and for floats as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Which full-resolution page of a TIFF, from 1; `None`, and left out of the file, where files have only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<std::num::NonZeroUsize>,
    /// Name of the resize rule: `stretch-bilinear`, `stretch-nearest`, `fit-pad`, `shortest-crop`.
    pub resize: String,
    /// How large images are cut, each tile filling the input; `None`, and left out of the file, where the whole image does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiles: Option<TilesEntry>,
    /// Height of the network input, pixels.
    pub height_px: usize,
    /// Width of the network input, pixels.
    pub width_px: usize,
    /// Subtracted from each channel (red, green, blue) after scaling to 0..1.
    #[serde(with = "exact")]
    pub mean: [f32; 3],
    /// Divides each channel after the mean is subtracted; above 0.
    #[serde(with = "exact")]
    pub std: [f32; 3],
}

/// How large images are cut; see [`Tiles`](crate::image::Tiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TilesEntry {
    /// Side of a tile, source pixels.
    pub size_px: usize,
    /// What two neighbours share, source pixels; below the side.
    pub overlap_px: usize,
    /// Tiles begin and end at multiples of so many pixels of the scaled image; a divisor of the network input's sides.
    pub step_px: usize,
}

/// How feature maps become patch descriptors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptorEntry {
    /// Side of the square of patches averaged into one descriptor; 1 averages nothing.
    pub neighbourhood: usize,
    /// Names of the context parts appended to a descriptor; empty when there are none.
    pub context: Vec<String>,
    /// Threshold of the first principal component above which a patch shows the object; `None`, and left out of the file, where
    /// all patches count.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact")]
    pub foreground: Option<f32>,
    /// Numbers per descriptor.
    pub dim: usize,
    /// Rows of the patch grid of one image.
    pub grid_rows: usize,
    /// Columns of the patch grid of one image.
    pub grid_cols: usize,
}

/// How images become patch descriptors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesEntry {
    /// The network the descriptors come from.
    pub backbone: BackboneEntry,
    /// How an image becomes the input of the network.
    pub preprocessing: PreprocessingEntry,
    /// How feature maps become patch descriptors.
    pub descriptor: DescriptorEntry,
}

/// What there was before there was a choice.
fn single_precision() -> String {
    "f32".to_owned()
}
