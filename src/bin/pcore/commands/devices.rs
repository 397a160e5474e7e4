//! `pcore devices`: where this binary can run, and with which networks.

use crate::Outcome;
use crate::args::DevicesArgs;
use crate::console::{print_json, print_line};
use crate::message::as_typed;
use anyhow::Result;
use pcore::model::{self, DeviceChoice, OpenDevice, Precision};
use serde::Serialize;

#[derive(Serialize)]
struct Devices {
    devices: Vec<Device>,
    adapters: Vec<Adapter>,
    /// What `--device auto` takes here.
    auto: String,
    backbones: Vec<Network>,
}

#[derive(Serialize)]
struct Device {
    /// For `--device`.
    name: String,
    available: bool,
    /// What it is, or why it is not available.
    description: String,
}

#[derive(Serialize)]
struct Adapter {
    description: String,
    precisions: &'static [&'static str],
}

/// A network inside this binary.
#[derive(Serialize)]
struct Network {
    name: &'static str,
    layers: &'static [&'static str],
}

pub(crate) fn run(args: &DevicesArgs) -> Result<Outcome> {
    let found = find()?;
    if args.json {
        print_json(&found)?;
        return Ok(Outcome::Done);
    }
    for Device { name, available, description } in &found.devices {
        let not = if *available { "" } else { "not available: " };
        print_line(&format!("{name:8} {not}{description}"))?;
    }
    for Adapter { description, precisions } in &found.adapters {
        let half = if precisions.len() > 1 { "f32 and f16" } else { "only f32" };
        print_line(&format!("adapter  {description}: {half}"))?;
    }
    print_line(&format!("auto     {}\n", found.auto))?;
    for Network { name, layers } in &found.backbones {
        print_line(&format!("backbone {name}: layers {}", layers.join(", ")))?;
    }
    Ok(Outcome::Done)
}

fn find() -> Result<Devices> {
    let choices = [
        DeviceChoice::Cpu,
        DeviceChoice::Flex,
        DeviceChoice::Ndarray,
        DeviceChoice::Wgpu(None),
        DeviceChoice::Cuda(None),
    ];
    let device = |choice: DeviceChoice| match OpenDevice::open(choice) {
        Ok(device) => (true, device.description().to_owned()),
        Err(error) => (false, as_typed(error.to_string()).into_owned()),
    };
    let devices = choices
        .into_iter()
        .map(|choice| {
            let (available, description) = device(choice);
            Device { name: choice.to_string(), available, description }
        })
        .collect();
    let adapters = model::adapters()
        .into_iter()
        .map(|adapter| {
            let description = adapter.description().to_owned();
            let half = adapter.with_precision(Precision::F16).is_ok();
            Adapter { description, precisions: if half { &["f32", "f16"] } else { &["f32"] } }
        })
        .collect();
    let backbones = model::available().into_iter().map(|(name, layers)| Network { name, layers }).collect();
    let auto = OpenDevice::open(DeviceChoice::Auto)?.description().to_owned();
    Ok(Devices { devices, adapters, auto, backbones })
}
