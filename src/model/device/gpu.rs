//! The GPU path through wgpu: Vulkan, Metal, DX12.

use super::choice::DeviceChoice;
use super::opened::OpenDevice;
use crate::model::{ModelError, failure};
use burn::tensor::{Device, DeviceType, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Memory that an adapter must have to spare for [`DeviceChoice::Auto`](super::DeviceChoice::Auto) to take it: the weights of WideResNet-50-2 and a batch of
/// eight 256 x 256 images in it, with the pages that burn's allocator keeps beside them. No graphics interface tells what is
/// free, so it is asked for and given back.
const SPARE_PIECES: usize = 8;
/// One of those pieces, 128 MiB: the largest buffer that every adapter must be able to bind.
const PIECE_VALUES: usize = 32 << 20;

/// What can be opened.
struct Adapter {
    device: OpenDevice,
    /// Runs on the CPU, as Mesa's lavapipe does.
    is_software: bool,
}

/// Every adapter there is, cards before software.
pub(super) fn adapters() -> Vec<OpenDevice> {
    list().into_iter().map(|adapter| adapter.device).collect()
}

/// Opens every adapter, leaving out those whose driver fails.
fn list() -> Vec<Adapter> {
    // burn opens adapters at first use, and panics where a driver does not play along.
    let found = catch_unwind(|| Device::enumerate(DeviceType::Wgpu).into_vec()).unwrap_or_default();
    let mut adapters: Vec<Adapter> = found.into_iter().filter_map(open).collect();
    adapters.sort_by_key(|adapter| adapter.is_software);
    for (index, adapter) in adapters.iter_mut().enumerate() {
        let kind = if adapter.is_software { ", a software adapter" } else { "" };
        adapter.device.description = format!("wgpu:{index} ({}{kind})", adapter.device.description);
    }
    adapters
}

/// A device that answers, described by its name.
fn open(device: Device) -> Option<Adapter> {
    let identity = catch_unwind(AssertUnwindSafe(|| device.identity())).ok()??;
    let device = OpenDevice::on(device, identity.name, true);
    Some(Adapter { device, is_software: identity.physical.is_none() })
}

/// A graphics card with memory to spare, or the CPU and why.
pub(super) fn auto() -> OpenDevice {
    choose(list(), |device| spare(device, SPARE_PIECES, PIECE_VALUES))
}

/// The first card of `adapters` with memory to `spare`, or the CPU and why.
fn choose(adapters: Vec<Adapter>, spare: impl Fn(&Device) -> Result<(), String>) -> OpenDevice {
    let mut reasons = Vec::new();
    for Adapter { device, is_software } in adapters {
        if is_software {
            reasons.push(format!("{} is slower", device.description));
            continue;
        }
        match spare(&device.device) {
            Ok(()) => return device,
            Err(error) => reasons.push(format!("{} has too little memory to spare ({error})", device.description)),
        }
    }
    if reasons.is_empty() {
        reasons.push("no GPU adapter was found".to_owned());
    }
    let cpu = OpenDevice::cpu();
    OpenDevice { description: format!("{}, as {}", cpu.description, reasons.join(" and ")), ..cpu }
}

/// Whether so many pieces of so many `f32` can be had, tried by filling them.
fn spare(device: &Device, n_pieces: usize, n_values: usize) -> Result<(), String> {
    let fill = || -> Result<(), String> {
        let mut pieces: Vec<Tensor<1>> = Vec::with_capacity(n_pieces);
        for value in 0..n_pieces {
            let piece = Tensor::full([n_values], value as f32, device);
            // Reading a value makes the device do what it put off.
            #[allow(clippy::single_range_in_vec_init, reason = "one range per dimension, and there is one")]
            let last = piece.clone().slice([n_values - 1..n_values]);
            last.try_into_data().map_err(|error| failure::one_line(&format!("{error:?}")))?;
            pieces.push(piece);
        }
        Ok(())
    };
    let answer = catch_unwind(AssertUnwindSafe(fill)).unwrap_or_else(|_| Err("its driver gave up".to_owned()));
    // A driver that just failed may fail again; what counts is what it said first.
    let _ = catch_unwind(AssertUnwindSafe(|| device.memory_cleanup()));
    answer
}

pub(super) fn wgpu(index: Option<usize>) -> Result<OpenDevice, ModelError> {
    let adapters = adapters();
    let found: Vec<&str> = adapters.iter().map(|adapter| adapter.description.as_str()).collect();
    let found = if found.is_empty() {
        "no GPU adapter; it needs a driver for Vulkan, Metal or DX12".to_owned()
    } else {
        found.join(", ")
    };
    let missing = || ModelError::Device { reason: format!("no {}: found {found}", DeviceChoice::Wgpu(index)) };
    adapters.into_iter().nth(index.unwrap_or(0)).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, is_software: bool) -> Adapter {
        Adapter { device: OpenDevice::on(Device::flex(), name.to_owned(), true), is_software }
    }

    #[test]
    fn auto_takes_the_first_card_with_memory_to_spare() {
        let adapters = || vec![adapter("first", false), adapter("soft", true)];
        assert_eq!(choose(adapters(), |_| Ok(())).description(), "first");
        let full = choose(adapters(), |_| Err("full".to_owned()));
        assert!(full.kernels && full.description().starts_with("cpu"), "{}", full.description());
    }

    #[test]
    fn auto_says_why_it_takes_the_cpu() {
        let because =
            |adapters, spare: Result<(), String>| choose(adapters, |_| spare.clone()).description().to_owned();
        assert!(because(vec![], Ok(())).ends_with("as no GPU adapter was found"));
        assert!(because(vec![adapter("soft", true)], Ok(())).ends_with("as soft is slower"));
        let text = because(vec![adapter("card", false), adapter("soft", true)], Err("full".to_owned()));
        assert!(text.ends_with("as card has too little memory to spare (full) and soft is slower"), "{text}");
    }

    #[test]
    fn memory_that_is_there_is_found_and_memory_that_is_not_is_missed() {
        let Some(found) = list().into_iter().next() else {
            skipped!("no GPU adapter, not even a software one (apt-get install mesa-vulkan-drivers)");
            return;
        };
        spare(&found.device.device, 2, 1 << 20).unwrap();
        let error = spare(&found.device.device, 1, 1 << 42).unwrap_err();
        println!("{error}");
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }
}
