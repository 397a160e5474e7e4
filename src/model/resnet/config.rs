//! The dimensions of residual networks.

/// The dimensions of a residual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Name in messages and in the spec.
    pub name: String,
    /// Three convolutions per block (1 x 1, 3 x 3, 1 x 1) instead of two.
    pub bottleneck: bool,
    /// Blocks of each stage.
    pub blocks: [usize; 4],
    /// Channels of the first convolution.
    pub stem: usize,
    /// Channels of each stage; a bottleneck's output has four times as many.
    pub planes: [usize; 4],
    /// Factor on the inner channels of a bottleneck: 1, or 2 for the wide networks.
    pub width: usize,
}

impl ResNetConfig {
    /// The configuration of a published network: `resnet18`, `resnet34`, `resnet50`, `resnet101`, `wide_resnet50_2`
    /// or `wide_resnet101_2`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (bottleneck, blocks, width) = match name {
            "resnet18" => (false, [2, 2, 2, 2], 1),
            "resnet34" => (false, [3, 4, 6, 3], 1),
            "resnet50" => (true, [3, 4, 6, 3], 1),
            "resnet101" => (true, [3, 4, 23, 3], 1),
            "wide_resnet50_2" => (true, [3, 4, 6, 3], 2),
            "wide_resnet101_2" => (true, [3, 4, 23, 3], 2),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), bottleneck, blocks, stem: 64, planes: [64, 128, 256, 512], width })
    }

    /// Names of the layers that can be requested.
    #[must_use]
    pub fn layers(&self) -> Vec<String> {
        (1..=4).map(|stage| format!("layer{stage}")).collect()
    }

    /// Channels of a stage's output; `stage` counts from 0.
    #[must_use]
    pub fn dim(&self, stage: usize) -> usize {
        self.planes[stage] * if self.bottleneck { 4 } else { 1 }
    }
}
