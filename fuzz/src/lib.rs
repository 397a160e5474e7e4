//! What the fuzz targets share: what is done with each kind of file, and an allocator that turns a disproportionate
//! request for memory into a finding.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::sync::atomic::{AtomicBool, Ordering};

use pcore::image::Limits;
use pcore::model::OpenDevice;
use pcore::model::dinov2::{DinoV2, DinoV2Config};
use pcore::model::resnet::{ResNet, ResNetConfig};
use pcore::model::weights::NamedTensors;

/// Most bytes one request may ask for. Inputs are at most some hundred kilobytes, and the image limits below allow 16 MiB.
const MAX_REQUEST_BYTES: usize = 64 << 20;

/// The system's allocator with a limit per request.
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

// SAFETY: every call goes to the system's allocator unchanged, or ends the process.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

fn check(bytes: usize) {
    static REPORTING: AtomicBool = AtomicBool::new(false);
    // The report takes memory itself.
    if bytes > MAX_REQUEST_BYTES && !REPORTING.swap(true, Ordering::Relaxed) {
        eprintln!("a file asked for {bytes} bytes of memory at once\n{}", Backtrace::force_capture());
        std::process::abort();
    }
}

/// The smallest residual network: one channel, one block per stage.
#[must_use]
pub fn smallest_resnet() -> ResNetConfig {
    ResNetConfig { name: "smallest".into(), bottleneck: false, blocks: [1; 4], stem: 1, planes: [1; 4], width: 1 }
}

/// The smallest transformer: two numbers per token, one block, four registers.
#[must_use]
pub fn smallest_dinov2() -> DinoV2Config {
    DinoV2Config { name: "smallest".into(), dim: 2, depth: 1, n_heads: 1, n_registers: 4, patch: 14 }
}

/// Reads a weight file, every tensor in it, and the networks it may hold.
pub fn read_weights(bytes: &[u8]) {
    let Ok(tensors) = NamedTensors::from_bytes(bytes.to_vec()) else { return };
    let names: Vec<String> = tensors.names().map(str::to_owned).collect();
    for name in names {
        let count = tensors.shape(&name).map(|shape| shape.iter().product::<usize>());
        if let Ok(values) = tensors.values(&name) {
            assert_eq!(Some(values.len()), count);
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
    let device = OpenDevice::cpu();
    let _ = ResNet::load(&smallest_resnet(), &tensors, &["layer3".to_owned()], &device);
    let _ = DinoV2::load(&smallest_dinov2(), &tensors, &["blocks.0".to_owned()], &device);
}

/// Decodes an image file that starts with one of `magics`, so that a target stays with its format, below limits that an
/// input of this size can't exceed honestly.
pub fn read_image(bytes: &[u8], magics: &[&[u8]]) {
    if !magics.iter().any(|magic| bytes.starts_with(magic)) {
        return;
    }
    let limits = Limits { max_pixels: 1 << 20, max_decoded_bytes: 16 << 20, ..Limits::default() };
    if let Ok(image) = pcore::image::decode(bytes, &limits) {
        assert_eq!(image.pixels().len(), image.height_px() * image.width_px() * image.n_channels());
        assert!(image.pixels().iter().all(|value| value.is_finite()));
    }
}

/// A decoder's panic is caught by pcore and reported as an error, so it is no finding here; libFuzzer's own hook would
/// end the process before it is caught. A panic that pcore does not catch still ends the process.
pub fn let_decoders_panic() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// A zip archive as `torch.save` lays it out: stored entries `x/NAME`.
#[must_use]
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let name = format!("x/{name}");
        let start = file.len() as u32;
        let sizes = [content.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        file.extend(b"PK\x03\x04");
        file.extend([0; 14]);
        file.extend(&sizes);
        file.extend(&lengths);
        file.extend(name.as_bytes());
        file.extend(*content);
        directory.extend(b"PK\x01\x02");
        directory.extend([0; 16]);
        directory.extend(&sizes);
        directory.extend(&lengths);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06");
    file.extend([0; 4]);
    file.extend([entries.len() as u16; 2].map(u16::to_le_bytes).concat());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}
