#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pcore_fuzz::let_decoders_panic(),
    |bytes: &[u8]| pcore_fuzz::read_image(bytes, &[b"BM"])
);
