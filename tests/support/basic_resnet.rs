//! The small ResNet whose weights `tests/golden/backbones/basic.*` hold.

use pcore::model::resnet::ResNetConfig;

pub(crate) fn basic() -> ResNetConfig {
    ResNetConfig {
        name: "basic".into(),
        bottleneck: false,
        blocks: [2, 1, 1, 1],
        stem: 6,
        planes: [6, 8, 12, 16],
        width: 1,
    }
}
