//! `pcore devices`: where this binary can run, and with which networks.

use crate::Outcome;
use anyhow::Result;
use pcore::model::{self, DeviceChoice, OpenDevice};

pub(crate) fn run() -> Result<Outcome> {
    for choice in [DeviceChoice::Cpu, DeviceChoice::Ndarray, DeviceChoice::Wgpu(None), DeviceChoice::Cuda(None)] {
        match OpenDevice::open(choice) {
            Ok(device) => println!("{choice:8} {}", device.description()),
            Err(error) => println!("{choice:8} not available: {error}"),
        }
    }
    println!("auto     {}", OpenDevice::open(DeviceChoice::Auto)?.description());
    println!();
    for (name, layers) in model::available() {
        println!("backbone {name}: layers {}", layers.join(", "));
    }
    Ok(Outcome::Done)
}
