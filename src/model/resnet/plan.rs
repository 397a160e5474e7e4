//! The convolutions of a residual network in the order in which they run.

use super::config::ResNetConfig;
use crate::model::weights::Parameter;

/// One convolution and the batch normalisation after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConvPlan {
    /// Name of the convolution, e.g. `layer1.0.conv2`.
    pub(super) name: String,
    /// Name of its batch normalisation, e.g. `layer1.0.bn2`.
    pub(super) norm: String,
    /// Channels in and out.
    pub(super) channels: [usize; 2],
    /// Side of the square kernel; the padding is half of it.
    pub(super) kernel: usize,
    /// Step.
    pub(super) stride: usize,
}

/// One residual block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockPlan {
    /// The main path.
    pub(super) convs: Vec<ConvPlan>,
    /// The projection on the shortcut, where extents or channels change.
    pub(super) downsample: Option<ConvPlan>,
}

/// A network up to a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The 7 x 7 convolution before the pooling.
    pub(super) stem: ConvPlan,
    /// Stages of blocks.
    pub(super) stages: Vec<Vec<BlockPlan>>,
}

impl ConvPlan {
    /// Extents of the kernel.
    pub(super) fn shape(&self) -> [usize; 4] {
        [self.channels[1], self.channels[0], self.kernel, self.kernel]
    }

    /// Tensors of this convolution: with its normalisation, or with the bias that folding leaves.
    pub(super) fn parameters(&self, folded: bool) -> Vec<Parameter> {
        let mut parameters = vec![Parameter::new(format!("{}.weight", self.name), &self.shape())];
        let per_channel = [self.channels[1]];
        if folded {
            parameters.push(Parameter::new(format!("{}.bias", self.name), &per_channel));
        } else {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                parameters.push(Parameter::new(format!("{}.{part}", self.norm), &per_channel));
            }
        }
        parameters
    }
}

impl Plan {
    /// The first `depth` stages (at most 4) of a network.
    pub(super) fn new(config: &ResNetConfig, depth: usize) -> Self {
        let conv =
            |name: String, norm: String, channels, kernel, stride| ConvPlan { name, norm, channels, kernel, stride };
        let stem = conv("conv1".to_owned(), "bn1".to_owned(), [3, config.stem], 7, 2);
        let mut input = config.stem;
        let mut stages = Vec::new();
        for stage in 0..depth.min(4) {
            let mut blocks = Vec::new();
            for block in 0..config.blocks[stage] {
                let at = format!("layer{}.{block}", stage + 1);
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                let (planes, output) = (config.planes[stage], config.dim(stage));
                let steps: Vec<([usize; 2], usize, usize)> = if config.bottleneck {
                    let inner = planes * config.width;
                    vec![([input, inner], 1, 1), ([inner, inner], 3, stride), ([inner, output], 1, 1)]
                } else {
                    vec![([input, planes], 3, stride), ([planes, output], 3, 1)]
                };
                let convs = steps
                    .into_iter()
                    .zip(1..)
                    .map(|((channels, kernel, stride), i)| {
                        conv(format!("{at}.conv{i}"), format!("{at}.bn{i}"), channels, kernel, stride)
                    })
                    .collect();
                let downsample = (stride != 1 || input != output).then(|| {
                    conv(format!("{at}.downsample.0"), format!("{at}.downsample.1"), [input, output], 1, stride)
                });
                input = output;
                blocks.push(BlockPlan { convs, downsample });
            }
            stages.push(blocks);
        }
        Self { stem, stages }
    }

    /// All convolutions: the stem, then block by block the main path and the projection.
    pub(super) fn convs(&self) -> impl Iterator<Item = &ConvPlan> {
        let blocks = self.stages.iter().flatten();
        std::iter::once(&self.stem).chain(blocks.flat_map(|block| block.convs.iter().chain(&block.downsample)))
    }

    /// All tensors.
    pub(super) fn parameters(&self, folded: bool) -> Vec<Parameter> {
        self.convs().flat_map(|conv| conv.parameters(folded)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the convolutions and normalisations of the whole network, without the classifier.
    fn count(name: &str) -> usize {
        let plan = Plan::new(&ResNetConfig::named(name).unwrap(), 4);
        let trained = plan.parameters(false).into_iter().filter(|p| !p.name.contains("running"));
        trained.map(|p| p.shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn parameter_counts_are_the_published_ones() {
        // torchvision's num_params less the classifier (features * 1000 + 1000).
        assert_eq!(count("resnet18"), 11_689_512 - 513_000);
        assert_eq!(count("resnet34"), 21_797_672 - 513_000);
        assert_eq!(count("resnet50"), 25_557_032 - 2_049_000);
        assert_eq!(count("resnet101"), 44_549_160 - 2_049_000);
        assert_eq!(count("wide_resnet50_2"), 68_883_240 - 2_049_000);
        assert_eq!(count("wide_resnet101_2"), 126_886_696 - 2_049_000);
    }
}
