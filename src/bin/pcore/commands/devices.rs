//! `pcore devices`: where this binary can run, and with which networks.

use crate::Outcome;
use crate::console::print_line;
use anyhow::Result;
use pcore::model::{self, DeviceChoice, OpenDevice, Precision};

pub(crate) fn run() -> Result<Outcome> {
    let choices = [
        DeviceChoice::Cpu,
        DeviceChoice::Flex,
        DeviceChoice::Ndarray,
        DeviceChoice::Wgpu(None),
        DeviceChoice::Cuda(None),
    ];
    for choice in choices {
        let state = match OpenDevice::open(choice) {
            Ok(device) => device.description().to_owned(),
            Err(error) => format!("not available: {error}"),
        };
        print_line(&format!("{:8} {state}", choice.to_string()))?;
    }
    for adapter in model::adapters() {
        let half = if adapter.clone().with_precision(Precision::F16).is_ok() { "f32 and f16" } else { "only f32" };
        print_line(&format!("adapter  {}: {half}", adapter.description()))?;
    }
    print_line(&format!("auto     {}\n", OpenDevice::open(DeviceChoice::Auto)?.description()))?;
    for (name, layers) in model::available() {
        print_line(&format!("backbone {name}: layers {}", layers.join(", ")))?;
    }
    Ok(Outcome::Done)
}
