#![no_main]

use pcore::bundle::Contents;
use serde_json::Value;

#[path = "../../tests/bundle/sample.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "written for the tests of the bundle, which use all of it")]
mod sample;

// As it is; and as a forger would hand it in, with both checksums made to fit.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    if let Some(forged) = forged(bytes) {
        read(&forged);
    }
});

fn read(bytes: &[u8]) {
    let Ok(contents) = Contents::from_bytes(bytes) else { return };
    let again = contents.to_bytes().expect("what was read can be written");
    let second = Contents::from_bytes(&again).expect("what was written can be read");
    assert_eq!(second.to_bytes().expect("twice"), again);
}

fn forged(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let header = bytes.get(8..)?.get(..length)?;
    let header: Value = serde_json::from_slice(header).ok()?;
    let manifest = header.get("__metadata__")?.get("pcore")?.as_str()?;
    let mut manifest: Value = serde_json::from_str(manifest).ok()?;
    manifest.as_object_mut()?.insert("tensors_sha256".into(), "".into());
    let mut parts = sample::Parts { header, manifest, data: bytes[8 + length..].to_vec() };
    let text = parts.header_text();
    Some(sample::forge(&text, &parts.data))
}
