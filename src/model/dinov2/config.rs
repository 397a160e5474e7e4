//! The dimensions of DINOv2 transformers.

/// The dimensions of a DINOv2 transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DinoV2Config {
    /// Name in messages and in the spec.
    pub name: String,
    /// Length of a token.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; divides `dim`.
    pub n_heads: usize,
    /// Register tokens: 0 or 4 in the published networks.
    pub n_registers: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
}

/// One requested layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tap {
    pub(super) block: usize,
    pub(super) normed: bool,
}

impl DinoV2Config {
    /// The configuration of a published network: `dinov2_vits14`, `dinov2_vitb14` or `dinov2_vitl14`, each also with
    /// `_reg` for four registers.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (size, n_registers) = match name.strip_suffix("_reg") {
            Some(size) => (size, 4),
            None => (name, 0),
        };
        let (dim, depth, n_heads) = match size {
            "dinov2_vits14" => (384, 12, 6),
            "dinov2_vitb14" => (768, 12, 12),
            "dinov2_vitl14" => (1024, 24, 16),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), dim, depth, n_heads, n_registers, patch: 14 })
    }

    /// Names of the layers that can be requested: `blocks.0`, ..., `norm:blocks.0`, ...
    #[must_use]
    pub fn layers(&self) -> Vec<String> {
        let plain = (0..self.depth).map(|block| format!("blocks.{block}"));
        plain.chain((0..self.depth).map(|block| format!("norm:blocks.{block}"))).collect()
    }
}
